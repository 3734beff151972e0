/* session.h: what the commands that talk to a source share: a connection, a world, a spec. */
#ifndef SL_CLI_SESSION_H
#define SL_CLI_SESSION_H

#include "cli/cli.h"
#include "http/world.h"
#include "pipeline/run.h"
#include "pipeline/spec.h"

struct cli_session {
    struct sl_connection *connection;
    struct sl_world *world;
    struct sl_budgets *budgets;  /* the process's; NULL in a replay, whose clock is another */
    struct sl_spec *spec;        /* cli_session_pipeline() only */
    char pipeline_id[SL_ID_MAX]; /* "" when the catalog does not know it */
    char *name;                  /* of the pipeline */
    bool stored;                 /* the spec came from the catalog, not from a file */
};

#define CLI_RECORD_OPTIONS                                                                         \
    {.name = "record",                                                                             \
     .value = "DIR",                                                                               \
     .help = "Writes every exchange with the source to DIR, without secrets."},                    \
    {                                                                                              \
        .name = "replay", .value = "DIR",                                                          \
        .help = "Answers from such a recording, without a network."                                \
    }

/* Opens a connection and the world to use it in (--record, --replay). Ctrl-C is caught from here. */
SL_MUST_USE enum sl_code cli_session_open(struct cli *cli, const struct cli_call *call,
                                          const char *connection, struct cli_session *out,
                                          struct sl_error *error);
/* The source that this session reads from; borrowed. Whoever waits long for it is told why. */
struct sl_source cli_session_source(const struct cli *cli, const struct cli_session *session);
/*
 * Reads a specification: `what` is a file, "-" or a pipeline's name or id. Then as above with the
 * connection it names. Every mistake is a line on stderr.
 */
SL_MUST_USE enum sl_code cli_session_pipeline(struct cli *cli, const struct cli_call *call,
                                              const char *what, struct cli_session *out,
                                              struct sl_error *error);
/* Creates the session's pipeline in the catalog, or brings it up to date. */
SL_MUST_USE enum sl_code cli_session_store(struct cli *cli, struct cli_session *session,
                                           struct sl_error *error);
void cli_session_release(struct cli_session *session);

/* Checks a specification, with the options of the connector that its connection names. Mistakes go
 * to stderr, one a line. */
SL_MUST_USE enum sl_code cli_spec_check(struct cli *cli, const char *text, size_t len,
                                        struct sl_spec **out, struct sl_error *error);
/* The envelope of a spec in the bare form, or its own text: what the catalog keeps. */
SL_MUST_USE enum sl_code cli_spec_envelope(const struct sl_spec *spec, const char *name,
                                           struct sl_buf *out, struct sl_error *error);

#endif
