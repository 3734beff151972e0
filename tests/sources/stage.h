/*
 * stage.h: a simulator, a world around it, and runs of its connector as the engine makes them:
 * discover, then the read of a table from its newest cursor. What each API has of its own is in
 * <api>_source.h.
 */
#ifndef STAGE_H
#define STAGE_H

#include <stdarg.h>

#include "base/buf.h"
#include "json/doc.h"
#include "sim/sim.h"
#include "sources/harvest.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct sl_error error = {0};                                                               \
        if (call) fail_msg("%s", error.message);                                                   \
    } while (0)

struct landed {
    char *key, *text;
    int64_t sequence;
    bool deleted;
};

struct stage {
    const char *connector; /* and the simulator's name */
    struct sim *sim;
    struct sl_world *world;
    struct sl_buf options;  /* of the connection */
    int64_t rest_s;         /* pass after each discover and each read */
    bool initial_alone;     /* an initial read is not told that it is full: the engine adds it */
    const char *namespace_; /* of all that follows, and these two too; NULL: any */
    const char *table_options;
    const char *columns;   /* those that are wanted, JSON; NULL: all */
    struct harvest tables; /* of the newest discover */
    char *cursor;          /* of the newest read */
    struct landed *rows;   /* what the table that is read would hold: see stage_apply() */
    size_t row_count;
};

/* kind: a data set, NULL: the first; records 0: its own size. */
void stage_open(struct stage *stage, const char *connector, const char *kind, int64_t records);
void stage_close(struct stage *stage);
void stage_pass(struct stage *stage, int64_t seconds);
void stage_control(struct stage *stage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void stage_vcontrol(struct stage *stage, const char *head, const char *format, va_list args,
                    const char *tail);

int64_t stage_discover(struct stage *stage); /* the calls that it took */
const struct harvest_table *stage_table(const struct stage *stage, const char *name);
/* A read, well or not; how: cursor, input, full, initial. Nothing is kept. */
void stage_read(struct stage *stage, const char *table, struct sl_job_options how,
                struct harvest *out);
void stage_keep(struct stage *stage, const struct harvest *h); /* its cursor */

/* Type 1 over what is held, which is of each key the row with the newest sequence. */
void stage_apply(struct stage *stage, const struct harvest *h);
/* Discover, then everything from nothing; then what changed. The rows are applied, the cursor is
 * kept. */
void stage_first_load(struct stage *stage, const char *table);
void stage_increment(struct stage *stage, const char *table, struct harvest *out);
void stage_increment_quietly(struct stage *stage, const char *table); /* and nothing but that */
size_t stage_rows_held(const struct stage *stage);
/* The row of this key as JSON text; NULL: none. */
const char *stage_row_held(const struct stage *stage, const char *key);

/* A page that the simulator has of itself. */
struct stage_page {
    struct sl_doc *doc;
    const struct sl_json *root;
};
void stage_ask(struct stage *stage, const char *path, const char *query, struct stage_page *page);
/* What the source holds of a table; more: further parameters, "&name=value", or "". */
void stage_ask_truth(struct stage *stage, const char *table, const char *more,
                     struct stage_page *page);
void stage_page_close(struct stage_page *page);
/* A number of a page, "requests" or "by_status.304"; 0: it is not there. */
int64_t stage_number(struct stage *stage, const char *path, const char *name);
int64_t stage_stat(struct stage *stage, const char *name); /* of the statistics */
/* How many rows the source has; and all of them are in h, unless that is NULL. */
size_t stage_truth(struct stage *stage, const char *table, const char *namespace_,
                   const char *key_member, const struct harvest *h);

#endif
