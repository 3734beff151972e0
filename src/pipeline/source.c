/* source.c: looking at a source without landing anything: check, and what discover and read share. */
#include <string.h>

#include "base/buf.h"
#include "pipeline/plan.h"
#include "pipeline/run.h"
#include "pipeline/tasks.h"

/* What one look collects. */
struct look {
    const struct sl_discovery *to; /* discover */
    struct sl_json_writer *w;      /* check */
    bool bad;
    enum sl_code code;
    struct sl_error error;
};

static void look_end(void *ctx, enum sl_code code, const char *cursor, const char *complete,
                     const struct sl_error *error)
{
    struct look *look = ctx;

    (void)cursor, (void)complete;
    look->code = code == SL_DONE ? SL_OK : code;
    if (look->code) look->error = *error;
}

static void look_note(void *ctx, enum sl_note level, const char *text)
{
    const struct look *look = ctx;

    if (look->to->note) look->to->note(look->to->ctx, level, text);
}

static enum sl_code look_table(void *ctx, const struct sl_table_def *table, struct sl_error *error)
{
    const struct look *look = ctx;

    return look->to->table ? look->to->table(look->to->ctx, table, error) : SL_OK;
}

static enum sl_code look_namespace(void *ctx, const char *name, const char *id, const char *comment,
                                   struct sl_error *error)
{
    const struct look *look = ctx;

    if (!look->to || !look->to->namespace_) return SL_OK;
    return look->to->namespace_(look->to->ctx, name, id, comment, error);
}

static enum sl_code look_check(void *ctx, const char *subject, bool good, const char *message,
                               const char *hint, struct sl_error *error)
{
    struct look *look = ctx;

    (void)error;
    sl_json_begin_object(look->w);
    sl_json_kv_str(look->w, "subject", subject);
    sl_json_kv_bool(look->w, "good", good);
    sl_json_kv_str(look->w, "message", message);
    sl_json_kv_str(look->w, "hint", hint);
    sl_json_end_object(look->w);
    if (!good) look->bad = true;
    return SL_OK;
}

#define SLOW_US INT64_C(2000000) /* from then on somebody who waits is told why */

/* What a look asks and tells while it runs. */
struct waiting {
    const struct sl_source *source;
    const struct sl_loop *loop;
    int64_t since_us;
    bool told;
};

static bool look_stopping(void *ctx)
{
    const struct sl_source *source = ((const struct waiting *)ctx)->source;

    return source->stopping && source->stopping(source->stopping_ctx);
}

static void look_tick(void *ctx)
{
    struct waiting *waiting = ctx;
    const struct sl_source *source = waiting->source;
    int64_t now_us = source->world->ops->monotonic_us(source->world);

    if (waiting->told || !source->slow || now_us - waiting->since_us < SLOW_US) return;
    const char *trouble = sl_loop_trouble(waiting->loop);
    source->slow(source->slow_ctx, trouble[0] ? trouble : "no answer yet");
    waiting->told = true;
}

static enum sl_code run_look(struct sl_loop *loop, const struct sl_source *source,
                             enum sl_job_kind kind, const char *namespace_,
                             const char *table_options, const struct sl_sink *sink,
                             struct look *look, struct sl_error *error)
{
    struct sl_job_options options = {.kind = kind,
                                     .namespace_ = namespace_,
                                     .table_options = table_options};
    struct waiting waiting = {.source = source,
                              .loop = loop,
                              .since_us = source->world->ops->monotonic_us(source->world)};
    struct sl_job *job;
    enum sl_code rc = sl_loop_add(loop, &options, sink, look, &job, error);

    if (rc) return rc;
    rc = sl_loop_run(loop, look_stopping, look_tick, &waiting, error);
    sl_job_forget(job);
    if (!rc && look->code) {
        *error = look->error;
        rc = look->code;
    }
    return rc;
}

enum sl_code sl_source_loop(const struct sl_source *source, struct sl_loop **out,
                            struct sl_error *error)
{
    enum sl_code rc = sl_loop_new(source->connection, source->world, out, error);

    if (!rc) sl_loop_share_budgets(*out, source->budgets);
    return rc;
}

enum sl_code sl_look_loop(const struct sl_source *source, struct sl_loop **out,
                          struct sl_error *error)
{
    enum sl_code rc = sl_source_loop(source, out, error);

    if (!rc) sl_loop_hurry(*out);
    return rc;
}

enum sl_code sl_discover(struct sl_loop *loop, const struct sl_source *source,
                         const char *namespace_, const char *table_options,
                         const struct sl_discovery *to, struct sl_error *error)
{
    static const struct sl_sink sink = {.table = look_table,
                                        .namespace_ = look_namespace,
                                        .note = look_note,
                                        .end = look_end};
    struct look look = {.to = to};

    return run_look(loop, source, SL_JOB_DISCOVER, namespace_, table_options, &sink, &look, error);
}

/* ---- check ---- */

enum sl_code sl_writer_out(struct sl_json_writer *w, struct sl_buf *out, struct sl_error *error)
{
    size_t len;
    const char *text = sl_json_writer_text(w, &len);

    if (!text) return sl_fail(error, SL_NO_MEMORY, "no memory for the answer");
    sl_buf_add(out, text, len);
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for the answer") : SL_OK;
}

/* Whether tokens are to be had is found out on the way. */
static void check_access(struct look *look, const struct sl_loop *loop,
                         const struct sl_connection *connection)
{
    struct sl_error why, ignored;

    if (!sl_loop_access(loop, &why)) return;
    (void)!look_check(look, "OAuth grant", !why.code,
                      why.code             ? why.message
                      : connection->grants ? "access tokens are given, and kept"
                                           : "access tokens are given",
                      why.code ? why.hint : NULL, &ignored);
}

enum sl_code sl_source_check(const struct sl_source *source, struct sl_buf *out,
                             struct sl_error *error)
{
    static const struct sl_sink sink = {.check = look_check,
                                        .namespace_ = look_namespace,
                                        .end = look_end};
    struct look look = {.w = sl_json_writer_new()};
    struct sl_loop *loop = NULL;
    enum sl_code rc;

    if (!look.w) return sl_fail(error, SL_NO_MEMORY, "no memory for a check");
    sl_json_begin_array(look.w);
    rc = sl_look_loop(source, &loop, error);
    if (!rc) rc = run_look(loop, source, SL_JOB_CHECK, NULL, NULL, &sink, &look, error);
    if (loop) check_access(&look, loop, source->connection);
    sl_json_end_array(look.w);
    enum sl_code written = sl_writer_out(look.w, out, rc ? &(struct sl_error){0} : error);
    if (!rc) rc = written;
    if (!rc && look.bad)
        rc = sl_fail(error, SL_PERMISSION, "the connection '%s' cannot do everything it needs to",
                     source->connection->name);
    sl_loop_free(loop);
    sl_json_writer_free(look.w);
    return rc;
}
