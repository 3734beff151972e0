/* source_discover.c: the namespaces and tables of a source, as JSON. */
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/time.h"
#include "pipeline/plan.h"
#include "pipeline/run.h"
#include "table/schema.h"

static const char *const ingestions[] = {"snapshot", "append", "cdc", "cdc_with_deletes"};

struct space {
    const char *name, *id, *comment;
    int64_t tables;
};

struct listing {
    const char *wanted;       /* one table, or NULL */
    struct sl_json_writer *w; /* the array of tables */
    size_t found;
    struct sl_arena arena;
    struct space *spaces;
    size_t count, cap;
};

/* Where in a row's JSON the value of a column is, and how it is read. */
static void put_origin(struct sl_json_writer *w, const struct sl_column *column)
{
    static const char *const decodes[] = {
        [SL_DECODE_AUTO] = NULL,
        [SL_DECODE_JSON] = "json",
        [SL_DECODE_SECONDS] = "seconds",
        [SL_DECODE_MILLIS] = "millis",
        [SL_DECODE_ONE_OR_ARRAY] = "one_or_array",
        [SL_DECODE_REST] = "rest",
        [SL_DECODE_TEXT] = "text",
    };

    if (column->constant) {
        sl_json_kv_bool(w, "constant", true);
        return;
    }
    sl_json_key(w, "path");
    sl_json_begin_array(w);
    if (!column->path[0]) sl_json_put_str(w, column->name);
    for (size_t i = 0; i < SL_PATH_MAX && column->path[i]; i++) sl_json_put_str(w, column->path[i]);
    sl_json_end_array(w);
    if (decodes[column->decode]) sl_json_kv_str(w, "decode", decodes[column->decode]);
    if (column->fleeting) sl_json_kv_bool(w, "fleeting", true);
}

static void put_def(struct sl_json_writer *w, const struct sl_table_def *def,
                    const struct sl_schema *schema)
{
    struct sl_buf type = {0};

    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", def->name);
    sl_json_kv_str(w, "namespace", def->namespace_);
    sl_json_kv_str(w, "id", def->id);
    sl_json_kv_str(w, "comment", def->comment);
    sl_json_kv_str(w, "ingestion", ingestions[def->ingestion]);
    sl_json_kv_str(w, "cursor", def->cursor);
    if (def->excluded) sl_json_kv_str(w, "excluded", def->excluded);
    if (def->reconcile_us > 0)
        sl_json_kv_i64(w, "complete_read_every_s", def->reconcile_us / SL_SECOND_US);
    sl_json_key(w, "primary_key");
    sl_json_begin_array(w);
    for (const char *const *key = def->primary_key; key && *key; key++) sl_json_put_str(w, *key);
    sl_json_end_array(w);
    sl_json_key(w, "columns");
    sl_json_begin_array(w);
    for (size_t i = 0; i < schema->count; i++) {
        const struct sl_column *column = schema->columns[i].source;
        if (!column) continue;
        sl_buf_reset(&type);
        sl_type_sql(&column->type, &type);
        sl_json_begin_object(w);
        sl_json_kv_str(w, "name", column->name);
        sl_json_kv_str(w, "id", column->id);
        sl_json_kv_str(w, "type", sl_buf_str(&type));
        sl_json_kv_str(w, "source_type", column->source_type);
        sl_json_kv_str(w, "destination_name", schema->columns[i].name);
        put_origin(w, column);
        sl_json_kv_str(w, "comment", column->comment);
        sl_json_end_object(w);
    }
    sl_json_end_array(w);
    sl_json_end_object(w);
    sl_buf_release(&type);
}

/* ---- namespaces ---- */

static bool copy_text(struct sl_arena *arena, const char **to, const char *from)
{
    *to = from ? sl_arena_strdup(arena, from) : NULL;
    return !from || *to;
}

static enum sl_code add_space(struct listing *listing, const char *name, const char *id,
                              const char *comment, struct sl_error *error)
{
    struct space space = {0};

    if (listing->count == listing->cap) {
        size_t cap = listing->cap ? listing->cap * 2 : 16;
        void *spaces = sl_realloc(listing->spaces, cap * sizeof *listing->spaces);
        if (!spaces) return sl_fail(error, SL_NO_MEMORY, "no memory for the namespaces");
        listing->spaces = spaces;
        listing->cap = cap;
    }
    if (!copy_text(&listing->arena, &space.name, name) ||
        !copy_text(&listing->arena, &space.id, id) ||
        !copy_text(&listing->arena, &space.comment, comment))
        return sl_fail(error, SL_NO_MEMORY, "no memory for the namespaces");
    listing->spaces[listing->count++] = space;
    return SL_OK;
}

/* The namespace that a table says it is in: its id, or its name; newest first, because a source
 * tells its namespaces one after the other. */
static struct space *space_of(const struct listing *listing, const char *namespace_)
{
    for (size_t i = listing->count; i > 0; i--) {
        struct space *space = &listing->spaces[i - 1];
        if (strcmp(space->id ? space->id : space->name, namespace_) == 0 ||
            strcmp(space->name, namespace_) == 0)
            return space;
    }
    return NULL;
}

static enum sl_code list_namespace(void *ctx, const char *name, const char *id, const char *comment,
                                   struct sl_error *error)
{
    struct listing *listing = ctx;

    /* One that a table was of before it was told. */
    if (space_of(listing, id ? id : name)) return SL_OK;
    return add_space(listing, name, id, comment, error);
}

static enum sl_code count_table(struct listing *listing, const struct sl_table_def *def,
                                struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    if (!def->namespace_) return SL_OK;
    if (!space_of(listing, def->namespace_))
        rc = add_space(listing, def->namespace_, def->namespace_id, NULL, error);
    if (!rc) space_of(listing, def->namespace_)->tables++;
    return rc;
}

static void put_spaces(const struct listing *listing, struct sl_json_writer *w)
{
    sl_json_begin_array(w);
    for (size_t i = 0; i < listing->count; i++) {
        const struct space *space = &listing->spaces[i];
        sl_json_begin_object(w);
        sl_json_kv_str(w, "name", space->name);
        sl_json_kv_str(w, "id", space->id);
        sl_json_kv_str(w, "comment", space->comment);
        sl_json_kv_i64(w, "tables", space->tables);
        sl_json_end_object(w);
    }
    sl_json_end_array(w);
}

/* ---- tables ---- */

static enum sl_code list_table(void *ctx, const struct sl_table_def *def, struct sl_error *error)
{
    struct listing *listing = ctx;
    const char *wanted = listing->wanted;
    struct sl_schema_options options = {0};
    struct sl_schema *schema = NULL;
    enum sl_code rc = count_table(listing, def, error);

    if (rc) return rc;
    if (wanted && strcmp(def->name, wanted) != 0 && !(def->id && strcmp(def->id, wanted) == 0))
        return SL_OK;
    listing->found++;
    rc = sl_schema_new(def, &options, &schema, error);
    if (!rc) put_def(listing->w, def, schema);
    sl_schema_free(schema);
    return rc;
}

enum sl_code sl_source_discover(const struct sl_source *source, const char *namespace_,
                                const char *table, struct sl_buf *out, struct sl_error *error)
{
    struct listing listing = {.wanted = table, .w = sl_json_writer_new()};
    struct sl_discovery to = {.table = list_table, .namespace_ = list_namespace, .ctx = &listing};
    struct sl_json_writer *w = sl_json_writer_new();
    struct sl_loop *loop = NULL;
    size_t len = 0;
    enum sl_code rc = w && listing.w ? sl_look_loop(source, &loop, error)
                                     : sl_fail(error, SL_NO_MEMORY, "no memory for a discovery");

    if (rc) goto out;
    sl_json_begin_array(listing.w);
    rc = sl_discover(loop, source, namespace_, NULL, &to, error);
    sl_json_end_array(listing.w);
    if (!rc && table && !listing.found)
        rc = sl_fail(error, SL_NOT_FOUND, "the source has no table '%s'", table);
    if (rc) goto out;
    const char *tables = sl_json_writer_text(listing.w, &len);
    sl_json_begin_object(w);
    sl_json_key(w, "namespaces");
    put_spaces(&listing, w);
    sl_json_key(w, "tables");
    if (tables) sl_json_put_raw(w, tables, len);
    sl_json_end_object(w);
    rc = tables ? sl_writer_out(w, out, error)
                : sl_fail(error, SL_NO_MEMORY, "no memory for a discovery");
out:
    sl_loop_free(loop);
    sl_json_writer_free(listing.w);
    sl_json_writer_free(w);
    sl_free(listing.spaces);
    sl_arena_release(&listing.arena);
    return rc;
}
