/* session.c: from words of the user to a connection, a world and a checked specification. */
#include "cli/session.h"

#include "http/budget.h"

#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "catalog/grant.h"
#include "json/doc.h"

#define SPEC_BYTES_MAX ((size_t)16 << 20)

/* ---- specifications ---- */

static void print_mistakes(const struct cli *cli, const char *mistakes)
{
    if (cli->json || !strchr(mistakes, '\n') || !strchr(strchr(mistakes, '\n') + 1, '\n')) return;
    for (const char *at = mistakes; *at;) {
        const char *end = strchr(at, '\n');
        size_t len = end ? (size_t)(end - at) : strlen(at);
        fprintf(stderr, "  %.*s\n", (int)len, at);
        at += len + (end != NULL);
    }
}

static enum sl_code parse(const struct cli *cli, const char *text, size_t len,
                          const struct sl_connector *connector, struct sl_spec **out,
                          struct sl_error *error)
{
    struct sl_buf mistakes = {0};
    enum sl_code rc = sl_spec_parse(text, len, connector, out, &mistakes, error);

    if (rc == SL_BAD_SPEC) print_mistakes(cli, sl_buf_str(&mistakes));
    sl_buf_release(&mistakes);
    return rc;
}

enum sl_code cli_spec_check(struct cli *cli, const char *text, size_t len, struct sl_spec **out,
                            struct sl_error *error)
{
    struct sl_buf source = {0};
    struct sl_spec *first = NULL;

    *out = NULL;
    enum sl_code rc = parse(cli, text, len, NULL, &first, error);
    if (!rc) rc = cli_catalog(cli, error);
    if (!rc) {
        rc = sl_connection_source(cli->catalog, first->connection_name, &source, error);
        if (rc) sl_error_context(error, "/connection_name");
    }
    if (!rc) {
        const struct sl_connector *connector = sl_connector_find(source.data);
        rc = connector
                 ? parse(cli, text, len, connector, out, error)
                 : sl_fail(error, SL_BAD_SPEC, "this sluice has no source named '%s'", source.data);
    }
    sl_spec_free(first);
    sl_buf_release(&source);
    return rc;
}

enum sl_code cli_spec_envelope(const struct sl_spec *spec, const char *name, struct sl_buf *out,
                               struct sl_error *error)
{
    static const char *const outer[] = {"catalog",           "schema",      "target", "memory",
                                        "max_calls_per_run", "quota_share", NULL};
    const struct sl_json *root = NULL;
    struct sl_doc *doc = NULL;
    struct sl_json_writer *w = NULL;
    enum sl_code rc;

    if (!spec->bare) {
        sl_buf_adds(out, spec->text);
        return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for a specification")
                                  : SL_OK;
    }
    doc = sl_doc_new(SPEC_BYTES_MAX);
    w = sl_json_writer_new();
    rc = doc && w ? sl_doc_parse_copy(doc, spec->text, strlen(spec->text), &root, error)
                  : sl_fail(error, SL_NO_MEMORY, "no memory for a specification");
    if (rc) goto out;
    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", name);
    for (const char *const *key = outer; *key; key++) {
        if (!sl_json_get(root, *key)) continue;
        sl_json_key(w, *key);
        sl_json_put_value(w, sl_json_get(root, *key));
    }
    sl_json_key(w, "ingestion_definition");
    sl_json_begin_object(w);
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
        const char *key = sl_json_str(e.key);
        bool out_there = strcmp(key, "name") == 0;
        for (const char *const *o = outer; *o; o++) out_there |= strcmp(key, *o) == 0;
        if (out_there) continue;
        sl_json_key(w, key);
        sl_json_put_value(w, e.value);
    }
    sl_json_end_object(w);
    sl_json_end_object(w);
    const char *text = sl_json_writer_text(w, NULL);
    if (text) sl_buf_adds(out, text);
    if (!text || sl_buf_failed(out))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a specification");

out:
    sl_json_writer_free(w);
    sl_doc_free(doc);
    return rc;
}

/* ---- sessions ---- */

void cli_session_release(struct cli_session *session)
{
    cli_cancel_remove();
    sl_world_free(session->world);
    sl_connection_free(session->connection);
    sl_spec_free(session->spec);
    sl_free(session->name);
    *session = (struct cli_session){0};
}

static void slow(void *ctx, const char *text)
{
    cli_note(ctx, "still waiting for the source: %s", text);
}

struct sl_source cli_session_source(const struct cli *cli, const struct cli_session *session)
{
    return (struct sl_source){.connection = session->connection,
                              .world = session->world,
                              .budgets = session->budgets,
                              .stopping = cli_cancelled,
                              .slow = slow,
                              .slow_ctx = (struct cli *)(uintptr_t)cli};
}

/* A recording holds no token, and a replay must keep none: any text will do. */
static enum sl_code replayed_grant(void *ctx, const char *seed, struct sl_grant *out,
                                   struct sl_error *error)
{
    (void)ctx, (void)seed;
    *out = (struct sl_grant){.access_token = sl_strdup("replayed"), .expires_us = INT64_MAX};
    return out->access_token ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for a token");
}

static enum sl_code replay_keeps(void *ctx, const char *seed, const struct sl_grant *grant,
                                 struct sl_error *error)
{
    (void)ctx, (void)seed, (void)grant, (void)error;
    return SL_OK;
}

static enum sl_code replay_locks(void *ctx, struct sl_error *error)
{
    (void)ctx, (void)error;
    return SL_OK;
}

static void replay_unlocks(void *ctx)
{
    (void)ctx;
}

static const struct sl_grant_store replay_store = {.load = replayed_grant,
                                                   .save = replay_keeps,
                                                   .lock = replay_locks,
                                                   .unlock = replay_unlocks};

#define SECRETS_MAX 64

static enum sl_code world_open(const struct cli_call *call, struct cli_session *session,
                               struct sl_error *error)
{
    const char *record = cli_value(call, "record"), *replay = cli_value(call, "replay");
    const char *secrets[SECRETS_MAX + 1] = {0};
    struct sl_world *world = NULL;

    if (record && replay)
        return sl_fail(error, SL_USAGE, "--record and --replay do not go together");
    if (replay) session->connection->grants = &replay_store;
    if (replay) return sl_world_replay(replay, &session->world, error);
    enum sl_code rc = sl_world_new(&(struct sl_http_options){0}, &session->world, error);
    if (rc || !record) return rc;
    for (size_t i = 0; i < SECRETS_MAX && session->connection->secrets[i].option; i++)
        secrets[i] = session->connection->secrets[i].value;
    rc = sl_world_record(session->world, record, secrets, &world, error);
    if (!rc) session->world = world; /* which owns the other */
    return rc;
}

static void budgets_note(void *ctx, const char *text)
{
    cli_note(ctx, "%s", text);
}

/* The limits of this process, shared with all others of this user; what counts for longer than a
 * day is kept in the home. */
static enum sl_code budgets_open(struct cli *cli, struct sl_error *error)
{
    char directory[SL_BUDGETS_PLACE_MAX], epoch[SL_BUDGETS_PLACE_MAX];
    struct sl_buf durable = {0};

    if (cli->budgets) return SL_OK;
    cli->budgets = sl_budgets_new();
    sl_buf_addf(&durable, "%s/limits", sl_catalog_home(cli->catalog));
    if (!cli->budgets || sl_buf_failed(&durable)) {
        sl_buf_release(&durable);
        return sl_fail(error, SL_NO_MEMORY, "no memory for limits");
    }
    bool place = sl_budgets_place(directory, epoch);
    if (!place)
        cli_note(cli, "this system does not say when it was booted: limits of the source "
                      "are not shared with other sluice processes");
    struct sl_budgets_places places = {.directory = place ? directory : NULL,
                                       .epoch = epoch,
                                       .durable = durable.data,
                                       .note = budgets_note,
                                       .ctx = cli};
    sl_budgets_share(cli->budgets, &places);
    sl_buf_release(&durable);
    return SL_OK;
}

enum sl_code cli_session_open(struct cli *cli, const struct cli_call *call, const char *connection,
                              struct cli_session *out, struct sl_error *error)
{
    enum sl_code rc = cli_catalog(cli, error);

    if (!rc) rc = sl_connection_open(cli->catalog, connection, &out->connection, error);
    if (!rc) rc = world_open(call, out, error);
    if (!rc && !cli_value(call, "replay")) {
        rc = budgets_open(cli, error);
        out->budgets = cli->budgets;
    }
    if (!rc) cli_cancel_install(out->world);
    return rc;
}

/* Is this a file, rather than the name of a pipeline? */
static bool is_file(const char *what)
{
    struct stat info;
    size_t len = strlen(what);

    return strcmp(what, "-") == 0 || strchr(what, '/') ||
           (len > 5 && strcmp(what + len - 5, ".json") == 0) ||
           (stat(what, &info) == 0 && !S_ISDIR(info.st_mode));
}

/* "examples/airtable/bare.json" -> "bare". */
static char *name_of_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');

    if (strcmp(path, "-") == 0) return sl_strdup("stdin");
    return sl_strndup(name, dot && dot != name ? (size_t)(dot - name) : strlen(name));
}

static enum sl_code spec_read(struct cli *cli, const char *what, struct sl_buf *text,
                              struct cli_session *out, struct sl_error *error)
{
    enum sl_code rc = cli_catalog(cli, error);

    if (rc) return rc;
    if (is_file(what)) return cli_read_file(what, SPEC_BYTES_MAX, text, error);
    rc = sl_pipeline_find(cli->catalog, what, out->pipeline_id, error);
    if (rc == SL_NOT_FOUND && !error->hint[0])
        sl_error_hint(error, "Give a pipeline's name or id, or a file with a specification.");
    out->stored = true;
    return rc ? rc : sl_pipeline_spec(cli->catalog, out->pipeline_id, text, error);
}

enum sl_code cli_session_pipeline(struct cli *cli, const struct cli_call *call, const char *what,
                                  struct cli_session *out, struct sl_error *error)
{
    struct sl_buf text = {0};
    enum sl_code rc = spec_read(cli, what, &text, out, error);

    if (!rc) rc = cli_spec_check(cli, sl_buf_str(&text), text.len, &out->spec, error);
    sl_buf_release(&text);
    if (rc) return rc;
    out->name = out->spec->name ? sl_strdup(out->spec->name) : name_of_file(what);
    if (!out->name) return sl_fail(error, SL_NO_MEMORY, "no memory for a name");
    return cli_session_open(cli, call, out->spec->connection_name, out, error);
}

enum sl_code cli_session_store(struct cli *cli, struct cli_session *session, struct sl_error *error)
{
    struct sl_buf text = {0}, old = {0};
    struct sl_error missing = {0};

    if (session->stored) return SL_OK;
    enum sl_code rc = cli_spec_envelope(session->spec, session->name, &text, error);
    if (rc) goto out;
    rc = sl_pipeline_find(cli->catalog, session->name, session->pipeline_id, &missing);
    if (rc == SL_NOT_FOUND) {
        rc =
            sl_pipeline_create(cli->catalog, session->name, text.data, session->pipeline_id, error);
    } else if (rc) {
        *error = missing;
    } else {
        rc = sl_pipeline_spec(cli->catalog, session->pipeline_id, &old, error);
        if (!rc && strcmp(sl_buf_str(&old), text.data) != 0)
            rc = sl_pipeline_update(cli->catalog, session->pipeline_id, session->name, text.data,
                                    error);
    }

out:
    sl_buf_release(&text);
    sl_buf_release(&old);
    return rc;
}
