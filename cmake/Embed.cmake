# sl_embed(<file.c> <symbol> <files...>): C that holds these files of the repository, byte for byte,
# as an array of struct cli_file (src/cli/files.h). A changed file makes it anew.
function(sl_embed output symbol)
  set(arrays "")
  set(entries "")
  set(index 0)
  foreach(path IN LISTS ARGN)
    set(file "${CMAKE_SOURCE_DIR}/${path}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    file(READ "${file}" hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND arrays "static const unsigned char file_${index}[] = {${bytes}0};\n")
    string(APPEND entries
           "    {\"${path}\", (const char *)file_${index}, sizeof file_${index} - 1},\n")
    math(EXPR index "${index} + 1")
  endforeach()
  file(CONFIGURE OUTPUT "${output}" @ONLY CONTENT [=[
/* Made by cmake/Embed.cmake from files of the repository. */
#include "cli/files.h"

@arrays@
const struct cli_file @symbol@[] = {
@entries@    {0},
};
]=])
endfunction()

# Sets <out> to the paths below the repository that match, sorted.
function(sl_repository_files out)
  list(TRANSFORM ARGN PREPEND "${CMAKE_SOURCE_DIR}/" OUTPUT_VARIABLE patterns)
  file(GLOB files CONFIGURE_DEPENDS RELATIVE "${CMAKE_SOURCE_DIR}" ${patterns})
  list(SORT files)
  set(${out} "${files}" PARENT_SCOPE)
endfunction()
