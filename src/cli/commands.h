/* commands.h: the tables of the commands, one for each cmd_*.c. Each ends with {0}. */
#ifndef SL_CLI_COMMANDS_H
#define SL_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct cli_command cli_demo_commands[];
extern const struct cli_command cli_sim_commands[];
extern const struct cli_command cli_connection_commands[];
extern const struct cli_command cli_source_commands[];
extern const struct cli_command cli_run_commands[];
extern const struct cli_command cli_pipeline_commands[];
extern const struct cli_command cli_catalog_commands[];
extern const struct cli_command cli_table_commands[];
extern const struct cli_command cli_table_care_commands[];
extern const struct cli_command cli_cursor_commands[];
extern const struct cli_command cli_sql_commands[];
extern const struct cli_command cli_new_commands[];
extern const struct cli_command cli_docs_commands[];

#define CLI_JSON_OPTION(what)                                                                      \
    {                                                                                              \
        .name = "json", .value = "TEXT|@FILE|-",                                                   \
        .help = what " as JSON: the text itself, @FILE, or - for standard input."                  \
    }

#endif
