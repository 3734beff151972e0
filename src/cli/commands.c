/* commands.c: all commands, in the order in which the help shows them. */
#include "cli/commands.h"

const struct cli_command *const cli_tables[] = {
    cli_demo_commands,       cli_sim_commands,
    cli_connection_commands, cli_source_commands,
    cli_run_commands,        cli_pipeline_commands,
    cli_catalog_commands,    cli_table_commands,
    cli_table_care_commands, cli_cursor_commands,
    cli_sql_commands,        cli_new_commands,
    cli_docs_commands,       NULL,
};

const struct cli_group cli_groups[] = {
    {"connections", "Sources and their credentials: create, list, get, describe, update, ..."},
    {"pipelines", "Which tables are landed where; their runs and events."},
    {"catalogs", "Catalogs: list, get, create."},
    {"schemas", "Schemas of a catalog: list, get, create."},
    {"tables", "Landed tables: list, get, preview, history, optimize, vacuum, ..."},
    {"cursor", "Where a table stands: show, reset."},
    {0},
};

const struct cli_option cli_global_options[] = {
    {.name = "output",
     .letter = 'o',
     .value = "text|json",
     .values = "text|json",
     .help = "How results are printed: for people, or as JSON."},
    {.name = "home", .value = "DIR", .help = "The home directory, instead of SLUICE_HOME."},
    {.name = "help", .letter = 'h', .help = "What this command does and takes."},
    {.name = "version", .help = "The version of this program."},
    {0},
};
