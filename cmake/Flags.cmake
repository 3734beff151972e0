# sl_flags: how every line of our C is compiled. Foreign code is never linked with it.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
# A debugging build is still optimised a little: with sanitizers -O0 is too slow for the tests.
set(CMAKE_C_FLAGS_DEBUG "-g -O1")

add_library(sl_flags INTERFACE)
target_include_directories(sl_flags INTERFACE "${CMAKE_SOURCE_DIR}/include"
                           "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}")
target_compile_options(sl_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes
  -Wcast-qual -Wwrite-strings -Wpointer-arith -Wvla -Wformat=2 -Wimplicit-fallthrough
  -Wdouble-promotion
  $<$<C_COMPILER_ID:GNU>:-Wnull-dereference -Wduplicated-cond -Wduplicated-branches -Wlogical-op>
  $<$<BOOL:${SLUICE_WERROR}>:-Werror>
  # Paths in assertions and errors are those of the repository, wherever it was cloned to.
  -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
target_compile_definitions(sl_flags INTERFACE
  SLUICE_VERSION="${PROJECT_VERSION}"
  $<$<BOOL:${SLUICE_POINTS}>:SL_POINTS>)

# Code and data nobody calls is left out; the Rust archive brings a lot of it.
add_compile_options(-ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections)

if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  set(CMAKE_C_FLAGS_RELEASE "-O2 -g -DNDEBUG")
  add_compile_options(-fstack-protector-strong -fstack-clash-protection
                      $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>)
  add_compile_definitions(_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,--as-needed)
  # A position-independent program of this size has 38,000 addresses to fix when it starts; this
  # packs them (binutils 2.38, glibc 2.36).
  include(CheckLinkerFlag)
  check_linker_flag(C -Wl,-z,pack-relative-relocs SLUICE_HAS_RELR)
  if(SLUICE_HAS_RELR)
    add_link_options(-Wl,-z,pack-relative-relocs)
  endif()
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES C)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT sluice_lto OUTPUT sluice_lto_why LANGUAGES C)
  if(sluice_lto)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  else()
    message(STATUS "built without link-time optimisation: ${sluice_lto_why}")
  endif()
endif()
