# The libraries that are not ours. Debian packages come through pkg-config; yyjson and nanoarrow,
# which Debian 12 lacks, come from the system where it has them, else from pinned, hash-checked
# source archives of the Python package index (cmake/fetch_sources.py), kept in build/deps for all
# presets. Nothing of theirs is committed.
find_package(PkgConfig REQUIRED)

function(sl_pkg prefix module)
  pkg_check_modules(${prefix} IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${prefix}_FOUND)
    message(FATAL_ERROR "the library ${module} is missing: scripts/bootstrap.sh installs it")
  endif()
endfunction()

sl_pkg(CURL "libcurl>=7.88")
sl_pkg(SQLITE "sqlite3>=3.38")
sl_pkg(SODIUM "libsodium>=1.0.18")
sl_pkg(MHD "libmicrohttpd>=0.9.73")
sl_pkg(ISAL "libisal>=2.30")
if(SLUICE_TESTS)
  sl_pkg(CMOCKA "cmocka>=1.1.5")
endif()

set(SLUICE_DEPS_DIR "${CMAKE_SOURCE_DIR}/build/deps" CACHE PATH "Where fetched sources are kept")

# Foreign C as a library of its own: no warnings, no link-time surprises, its headers are SYSTEM.
function(sl_foreign_library target include_dir)
  add_library(${target} STATIC ${ARGN})
  target_compile_options(${target} PRIVATE -w)
  target_include_directories(${target} SYSTEM PUBLIC ${include_dir})
endfunction()

# Sets <out> to the folder of one pinned source archive, which it fetches when it is not there yet.
function(sl_fetch out package)
  set(folder "${SLUICE_DEPS_DIR}/${package}")
  if(NOT EXISTS "${folder}/PKG-INFO")
    find_package(Python3 COMPONENTS Interpreter REQUIRED)
    file(MAKE_DIRECTORY "${SLUICE_DEPS_DIR}")
    file(LOCK "${SLUICE_DEPS_DIR}/lock" GUARD FUNCTION TIMEOUT 600)
    message(STATUS "fetching ${package} into ${SLUICE_DEPS_DIR}")
    execute_process(
      COMMAND "${Python3_EXECUTABLE}" "${CMAKE_SOURCE_DIR}/cmake/fetch_sources.py"
              "${SLUICE_DEPS_DIR}" "${package}"
      RESULT_VARIABLE failed)
    if(failed)
      message(FATAL_ERROR "could not fetch the sources of ${package} (see above)")
    endif()
  endif()
  set(${out} "${folder}" PARENT_SCOPE)
endfunction()

# -- yyjson: JSON -------------------------------------------------------------------------------
pkg_check_modules(YYJSON QUIET IMPORTED_TARGET GLOBAL "yyjson>=0.10")
if(YYJSON_FOUND)
  add_library(sl_yyjson INTERFACE)
  target_link_libraries(sl_yyjson INTERFACE PkgConfig::YYJSON)
else()
  sl_fetch(yyjson_dir yyjson-4.0.6)
  # A folder that holds this one header, so that nothing else of the archive can be included.
  file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/foreign/yyjson")
  file(COPY_FILE "${yyjson_dir}/yyjson/yyjson.h" "${CMAKE_BINARY_DIR}/foreign/yyjson/yyjson.h"
       ONLY_IF_DIFFERENT)
  sl_foreign_library(sl_yyjson "${CMAKE_BINARY_DIR}/foreign/yyjson" "${yyjson_dir}/yyjson/yyjson.c")
endif()

# -- nanoarrow: Arrow columns -------------------------------------------------------------------
# Four files; its own CMakeLists would ask for a C++ compiler and add itself to our installation.
find_package(nanoarrow 0.6 QUIET CONFIG)
if(nanoarrow_FOUND)
  add_library(sl_nanoarrow INTERFACE)
  target_link_libraries(sl_nanoarrow INTERFACE nanoarrow::nanoarrow)
else()
  sl_fetch(nanoarrow_dir nanoarrow-0.9.0)
  set(nanoarrow_src "${nanoarrow_dir}/subprojects/arrow-nanoarrow/src")
  set(NANOARROW_VERSION 0.9.0)
  set(NANOARROW_VERSION_MAJOR 0)
  set(NANOARROW_VERSION_MINOR 9)
  set(NANOARROW_VERSION_PATCH 0)
  set(NANOARROW_NAMESPACE_DEFINE "// no prefix: the program exports no symbols")
  configure_file("${nanoarrow_src}/nanoarrow/nanoarrow_config.h.in"
                 "${CMAKE_BINARY_DIR}/foreign/nanoarrow/nanoarrow/nanoarrow_config.h")
  sl_foreign_library(sl_nanoarrow
    "${nanoarrow_src};${CMAKE_BINARY_DIR}/foreign/nanoarrow"
    "${nanoarrow_src}/nanoarrow/common/array.c" "${nanoarrow_src}/nanoarrow/common/schema.c"
    "${nanoarrow_src}/nanoarrow/common/array_stream.c"
    "${nanoarrow_src}/nanoarrow/common/utils.c")
endif()
