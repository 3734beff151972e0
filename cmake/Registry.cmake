# The lists of connectors and of simulators are made by the build: a folder with C in it under
# src/sources/ is a connector and exports sl_connector_<folder>; a folder under sim/ is a
# simulator and exports sim_app_<folder>. Adding one needs no other edit.

# Sets <out> to the sorted names of the folders below <parent> that hold C files.
function(sl_folders_with_code out parent)
  file(GLOB sources CONFIGURE_DEPENDS RELATIVE "${parent}" "${parent}/*/*.c")
  set(names)
  foreach(source IN LISTS sources)
    string(REGEX REPLACE "/.*" "" name "${source}")
    list(APPEND names "${name}")
  endforeach()
  list(REMOVE_DUPLICATES names)
  list(SORT names)
  set(${out} "${names}" PARENT_SCOPE)
endfunction()

# Writes <file> from the pieces, only when it changed.
function(sl_write_registry file include type symbol list finder names)
  set(declarations "")
  set(entries "")
  foreach(name IN LISTS names)
    string(APPEND declarations "extern const struct ${type} ${symbol}_${name};\n")
    string(APPEND entries "    &${symbol}_${name},\n")
  endforeach()
  file(CONFIGURE OUTPUT "${file}" @ONLY CONTENT [=[
/* Made by cmake/Registry.cmake from the folders that exist. */
#include <string.h>

#include @include@

@declarations@
const struct @type@ *const @list@[] = {
@entries@    NULL,
};

const struct @type@ *@finder@(const char *name)
{
    for (size_t i = 0; @list@[i]; i++)
        if (strcmp(@list@[i]->name, name) == 0) return @list@[i];
    return NULL;
}
]=])
endfunction()

macro(sl_registry_targets)
  if(TARGET sl_sources AND NOT TARGET sl_registry)
    sl_folders_with_code(connectors "${CMAKE_SOURCE_DIR}/src/sources")
    sl_write_registry("${CMAKE_BINARY_DIR}/registry.c" "<sluice/connector.h>" sl_connector
                      sl_connector sl_connectors sl_connector_find "${connectors}")
    add_library(sl_registry STATIC "${CMAKE_BINARY_DIR}/registry.c")
    target_link_libraries(sl_registry PRIVATE sl_flags PUBLIC sl_sources)
  endif()
  if(TARGET sl_sim AND NOT TARGET sl_sim_registry)
    sl_folders_with_code(simulators "${CMAKE_SOURCE_DIR}/sim")
    sl_write_registry("${CMAKE_BINARY_DIR}/sim_registry.c" "\"sim/sim.h\"" sim_app
                      sim_app sim_apps sim_find "${simulators}")
    add_library(sl_sim_registry STATIC "${CMAKE_BINARY_DIR}/sim_registry.c")
    target_link_libraries(sl_sim_registry PRIVATE sl_flags PUBLIC sl_sim)
  endif()
endmacro()
