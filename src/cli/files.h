/* files.h: files of the repository that are in the program, and writing files for the user. */
#ifndef SL_CLI_FILES_H
#define SL_CLI_FILES_H

#include <stddef.h>
#include <sys/types.h>

#include <sluice/error.h>

/* Made by the build (cmake/Embed.cmake). */
struct cli_file {
    const char *path; /* in the repository: "examples/airtable/pipeline.json" */
    const char *text; /* ends with NUL */
    size_t len;       /* without it */
};

extern const struct cli_file cli_files_examples[];  /* examples/; ends with {0} */
extern const struct cli_file cli_files_templates[]; /* the tutorial's connector; ends with {0} */

extern const struct cli_file cli_files_costs[]; /* docs/connectors-cost.json; ends with {0} */

/* examples/SOURCE/NAME, or NULL. */
const struct cli_file *cli_example_file(const char *source, const char *name);

/* Writes a file; create_only: never over one that is there. */
SL_MUST_USE enum sl_code cli_file_write(const char *path, const char *text, size_t len, mode_t mode,
                                        bool create_only, struct sl_error *error);
/* Makes the folders that a path needs, the last part of it excepted. */
SL_MUST_USE enum sl_code cli_folders_make(const char *path, struct sl_error *error);

#endif
