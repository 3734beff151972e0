/*
 * cli.h: the command line.
 *
 * One row in a table declares a command: its words, arguments, options, examples and handler. The
 * parser, --help, the man page, the completions of bash and zsh, and docs/cli.md are made from
 * these rows; there is nothing else to keep in step.
 *
 *     main.c, cli.c      the process: streams, clock, catalog, errors and exit codes
 *     parse.c            words of the command line -> a command and its values
 *     help.c, docs.c, completion.c   the tables, printed
 *     cmd_<group>.c      the commands, one file a group
 *     input.c            --json TEXT | @FILE | - ; secrets in it are wiped
 *     text.c, show.c     aligned tables; JSON objects and lists for people
 *     print.c, cell.c    Arrow columns as table, JSON lines or CSV
 *     live.c, report.c   a run while it runs, and what became of it
 *     cancel.c           Ctrl-C
 *
 * Results go to stdout, everything else to stderr.
 */
#ifndef SL_CLI_H
#define SL_CLI_H

#include <stdio.h>

#include <sluice/error.h>
#include <sluice/json.h>

#include "base/buf.h"
#include "catalog/catalog.h"
#include "delta/delta.h"

#define CLI_ARGS_MAX 4
#define CLI_OPTIONS_MAX 16 /* of one command */

struct cli_option {
    const char *name;   /* "json": what is typed is --json */
    char letter;        /* 'o' for -o; 0: none */
    const char *value;  /* "N": what its value is called; NULL: a flag */
    bool optional;      /* the value may be left out, and then comes only after '=' */
    const char *values; /* "text|json": the completions offer these; NULL: anything */
    const char *help;   /* a sentence */
};

struct cli_example {
    const char *what;    /* a line above it */
    const char *command; /* without "sluice" */
};

struct cli;
struct cli_call;
typedef enum sl_code cli_handler(struct cli *cli, const struct cli_call *call,
                                 struct sl_error *error);

struct cli_command {
    const char *name; /* "connections create" */
    const char *args; /* "CONNECTION [TABLE]"; NULL: none */
    int args_min, args_max;
    const char *summary;                /* a sentence */
    const char *details;                /* paragraphs, or NULL */
    const struct cli_option *options;   /* ends with {0}, or NULL */
    const struct cli_example *examples; /* ends with {0}, or NULL */
    cli_handler *run;
};

/* A first word that several commands share. */
struct cli_group {
    const char *name, *summary;
};

extern const struct cli_command *const cli_tables[]; /* arrays that end with {0}; ends with NULL */
extern const struct cli_group cli_groups[];          /* ends with {0} */
extern const struct cli_option cli_global_options[]; /* accepted everywhere; ends with {0} */

/* for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;) in the order of the help */
const struct cli_command *cli_next(const struct cli_command *command);

/* ---- parse.c ---- */

struct cli_value {
    const struct cli_option *option;
    char *text; /* NULL: a flag, or without the optional value. Points into argv. */
};

struct cli_call {
    const struct cli_command *command; /* NULL: only help or version is wanted */
    const char *group;                 /* help of a group */
    char *args[CLI_ARGS_MAX];
    int arg_count;
    struct cli_value values[CLI_OPTIONS_MAX + 8];
    size_t value_count;
    bool help, version;
};

/* argv: the words after the program's name. SL_USAGE: the message says what, the hint what to do. */
SL_MUST_USE enum sl_code cli_parse(int argc, char **argv, struct cli_call *out,
                                   struct sl_error *error);
bool cli_given(const struct cli_call *call, const char *option);
char *cli_value(const struct cli_call *call, const char *option); /* NULL: not given */
/* A whole number within min and max; preset when the option is not given. */
SL_MUST_USE enum sl_code cli_number(const struct cli_call *call, const char *option, int64_t min,
                                    int64_t max, int64_t preset, int64_t *out,
                                    struct sl_error *error);
const char *cli_arg(const struct cli_call *call, int index); /* NULL: not given */

/* ---- cli.c ---- */

struct cli {
    bool json;                     /* --output json */
    bool out_tty, err_tty, colour; /* colour: of stderr and stdout alike, when both may have it */
    int columns, lines;            /* size of the terminal */
    const char *home;              /* --home, or NULL */
    struct sl_catalog *catalog;    /* NULL until cli_catalog() */
    struct sl_delta_engine *delta; /* NULL until cli_delta() */
    struct sl_budgets *budgets; /* of all that this process reads; NULL until the first session */
};

/* main() of the program: parses, runs, prints the error. Returns the exit code. */
int cli_main(int argc, char **argv);

int64_t cli_now_us(void *ctx); /* UTC; ctx is not used */
SL_MUST_USE enum sl_code cli_catalog(struct cli *cli, struct sl_error *error);
SL_MUST_USE enum sl_code cli_delta(struct cli *cli, struct sl_error *error);
/* Opens a registered table's Delta table: "catalog.schema.table". info gets its TableInfo. */
SL_MUST_USE enum sl_code cli_open_table(struct cli *cli, const char *full_name, struct sl_buf *info,
                                        struct sl_delta_table **out, struct sl_error *error);
/* The same at an older version; -1: the newest. SL_NOT_FOUND: that version is not there. */
SL_MUST_USE enum sl_code cli_open_table_at(struct cli *cli, const char *full_name, int64_t version,
                                           struct sl_buf *info, struct sl_delta_table **out,
                                           struct sl_error *error);
/* One line on stderr: "note: ..." and "warning: ...". */
void cli_note(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_warn(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_print_error(const struct cli *cli, const struct sl_error *error);
/* Escape sequences when colours are wanted, else "". */
const char *cli_bold(const struct cli *cli);
const char *cli_dim(const struct cli *cli);
const char *cli_red(const struct cli *cli);
const char *cli_green(const struct cli *cli);
const char *cli_yellow(const struct cli *cli);
const char *cli_plain(const struct cli *cli);

/* ---- cancel.c ---- */

struct sl_world;
/* From now on SIGINT and SIGTERM set a flag and wake the world; the second one ends at once. */
void cli_cancel_install(struct sl_world *world);
void cli_cancel_remove(void);
bool cli_cancelled(void *ctx);

/* ---- input.c ---- */

/* A JSON text given by the user, parsed. */
struct cli_input {
    struct sl_buf text; /* wiped on release */
    struct sl_buf copy; /* what the parser used up; wiped too */
    struct sl_doc *doc;
    const struct sl_json *root;
    bool inline_text; /* it stood on the command line */
};
/* argument: the text itself, @FILE or -. The argument is overwritten with stars where it is text,
 * because every user may read the command lines of all processes. */
SL_MUST_USE enum sl_code cli_input_json(char *argument, struct cli_input *out,
                                        struct sl_error *error);
void cli_input_release(struct cli_input *input);
/* The bytes of a file ("-": stdin), at most max. */
SL_MUST_USE enum sl_code cli_read_file(const char *path, size_t max, struct sl_buf *out,
                                       struct sl_error *error);

/* ---- text.c: aligned columns ---- */

struct cli_grid;                               /* cells, row after row */
struct cli_grid *cli_grid_new(size_t columns); /* NULL: no memory */
void cli_grid_free(struct cli_grid *grid);
void cli_grid_head(struct cli_grid *grid, size_t column, const char *title, bool right);
void cli_grid_cell(struct cli_grid *grid, const char *text); /* the next one; NULL: empty */
/* Prints it with titles; cells wider than width_max are cut with an ellipsis (0: never). */
SL_MUST_USE enum sl_code cli_grid_print(const struct cli_grid *grid, const struct cli *cli,
                                        FILE *file, size_t width_max, struct sl_error *error);
/* Columns of a terminal that a text takes. */
size_t cli_width(const char *text, size_t len);
/* "1,234,567", "12.3 MiB", "1m 05s" into out. */
#define CLI_NUMBER_MAX 32
char *cli_count(int64_t number, char out[CLI_NUMBER_MAX]);
char *cli_bytes(int64_t bytes, char out[CLI_NUMBER_MAX]);
char *cli_duration(int64_t us, char out[CLI_NUMBER_MAX]);

/* ---- show.c: the catalog's JSON for people and programs ---- */

enum cli_kind { CLI_TEXT, CLI_COUNT, CLI_BYTES, CLI_TIME_MS, CLI_LENGTH /* of an array */ };
struct cli_column {
    const char *title;
    const char *path[3]; /* keys; ends with NULL */
    enum cli_kind kind;
};
/* json: an array of objects. As JSON (indented) or as a grid of these columns; empty: a note. */
SL_MUST_USE enum sl_code cli_show_list(struct cli *cli, const struct sl_buf *json,
                                       const struct cli_column *columns, const char *nothing,
                                       struct sl_error *error);
/* json: one object. As JSON, or "key  value" lines. */
SL_MUST_USE enum sl_code cli_show_object(struct cli *cli, const struct sl_buf *json,
                                         struct sl_error *error);
SL_MUST_USE enum sl_code cli_print_json(const struct sl_buf *json, FILE *file,
                                        struct sl_error *error);

/* ---- help.c, docs.c, completion.c ---- */

void cli_help(const struct cli *cli, const struct cli_call *call, FILE *file);
void cli_docs_markdown(struct sl_buf *out);
void cli_docs_man(struct sl_buf *out);
void cli_completion_bash(struct sl_buf *out);
void cli_completion_zsh(struct sl_buf *out);

#endif
