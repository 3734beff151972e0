/*
 * apply_scope.c: which rows a complete read speaks of: those with certain values in some columns.
 *
 * The values of all scopes become one batch, decoded as rows are, so that they hash and compare as
 * the values of the table do, whatever their type.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "json/doc.h"
#include "nanoarrow/nanoarrow.h"
#include "pipeline/apply_parts.h"
#include "table/cells.h"
#include "table/decode.h"

#define SCOPE_COLUMNS_MAX 8

struct scope {
    const struct sl_hash_key *secret;
    const struct sl_schema *table;
    size_t columns[SCOPE_COLUMNS_MAX];
    const char *names[SCOPE_COLUMNS_MAX]; /* as the scopes say them; in the text's document */
    size_t column_count;
    struct ArrowSchema schema; /* of `values` */
    struct ArrowArray values;  /* a row for each scope */
    struct sl_key128 *set;     /* of their hashes; all 0: empty */
    size_t mask;
    struct sl_key128 *hashes; /* of the rows of a batch */
    int64_t room;
};

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for the scopes of a read");
}

/* ---- columns ---- */

static size_t column_named(const struct sl_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (schema->columns[i].source && strcmp(schema->columns[i].source->name, name) == 0)
            return i;
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->columns[i].name, name) == 0) return i;
    return SL_NO_COLUMN;
}

static enum sl_code no_column(const struct sl_schema *schema, const char *name,
                              struct sl_error *error)
{
    for (size_t i = 0; i < schema->def->column_count; i++) {
        if (strcmp(schema->def->columns[i].name, name) != 0) continue;
        sl_fail(error, SL_BAD_SPEC,
                "column '%s' of '%s' is left out, and the source says by it which rows are gone",
                name, schema->def->name);
        sl_error_hint(error, "Take it into include_columns, or out of exclude_columns.");
        return SL_BAD_SPEC;
    }
    return sl_fail(error, SL_BUG, "a read of '%s' is complete for column '%s', which is not there",
                   schema->def->name, name);
}

/* The first scope says which columns there are. */
static enum sl_code read_columns(struct scope *scope, const struct sl_json *first,
                                 struct sl_error *error)
{
    for (struct sl_json_each e = sl_json_each(first); sl_json_next(&e);) {
        const char *name = sl_json_str(e.key);
        size_t column = column_named(scope->table, name ? name : "");
        if (column == SL_NO_COLUMN || !scope->table->columns[column].source)
            return no_column(scope->table, name ? name : "", error);
        if (scope->column_count == SCOPE_COLUMNS_MAX)
            return sl_fail(error, SL_BUG, "the scope of a read has more than %d columns",
                           SCOPE_COLUMNS_MAX);
        scope->names[scope->column_count] = name;
        scope->columns[scope->column_count++] = column;
    }
    return SL_OK;
}

/* ---- values ---- */

/* A column that rows get from constants takes texts as constants do. */
static int put_value(struct sl_decoder *decoder, struct sl_cells *cells,
                     const struct sl_column *column, const struct sl_json *value)
{
    const char *text = sl_json_str(value);
    int fit = text && column->constant ? sl_decode_text(decoder, cells, text)
                                       : sl_decode(decoder, cells, value);

    if (fit <= SL_FIT || !text || column->constant) return fit;
    sl_cells_pop(cells);
    return sl_decode_text(decoder, cells, text);
}

static enum sl_code put_column(const struct scope *scope, size_t i, const struct sl_json *scopes,
                               struct sl_cells *cells, struct sl_error *error)
{
    const struct sl_column *column = scope->table->columns[scope->columns[i]].source;
    struct sl_decoder decoder = {0};
    int fit = SL_FIT;

    sl_buf_init(&decoder.scratch, 0);
    for (struct sl_json_each e = sl_json_each(scopes); fit == SL_FIT && sl_json_next(&e);) {
        const struct sl_json *value = sl_json_get(e.value, scope->names[i]);
        if (!value || sl_json_len(e.value) != scope->column_count) {
            sl_decoder_release(&decoder);
            return sl_fail(error, SL_BUG, "the scopes of a read of '%s' have different columns",
                           scope->table->def->name);
        }
        fit = put_value(&decoder, cells, column, value);
    }
    sl_decoder_release(&decoder);
    if (fit == SL_FIT) return SL_OK;
    if (fit == SL_FIT_NO_MEMORY) return no_memory(error);
    return sl_fail(error, SL_BUG, "a scope of a read of '%s' has no value of column '%s'",
                   scope->table->def->name, scope->names[i]);
}

static enum sl_code move_column(const struct scope *scope, size_t i, const struct sl_json *scopes,
                                struct sl_error *error)
{
    const struct sl_schema_column *column = &scope->table->columns[scope->columns[i]];
    struct sl_cells cells = {0};
    enum sl_code rc;

    if (!sl_cells_init(&cells, column->type, column->source->decode)) {
        sl_cells_release(&cells);
        return no_memory(error);
    }
    rc = put_column(scope, i, scopes, &cells, error);
    if (!rc && !sl_cells_take(&cells, scope->values.children[i])) rc = no_memory(error);
    sl_cells_release(&cells);
    return rc;
}

static enum sl_code read_values(struct scope *scope, const struct sl_json *scopes,
                                struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    ArrowSchemaInit(&scope->schema);
    if (ArrowSchemaSetTypeStruct(&scope->schema, (int64_t)scope->column_count) != NANOARROW_OK)
        return no_memory(error);
    for (size_t i = 0; i < scope->column_count; i++) {
        const struct sl_schema_column *column = &scope->table->columns[scope->columns[i]];
        ArrowSchemaRelease(scope->schema.children[i]);
        if (!sl_cells_schema(column->type, column->name, true, scope->schema.children[i]))
            return no_memory(error);
    }
    if (ArrowArrayInitFromSchema(&scope->values, &scope->schema, NULL) != NANOARROW_OK)
        return no_memory(error);
    for (size_t i = 0; i < scope->column_count && !rc; i++)
        rc = move_column(scope, i, scopes, error);
    scope->values.length = (int64_t)sl_json_len(scopes);
    if (!rc && ArrowArrayFinishBuildingDefault(&scope->values, NULL) != NANOARROW_OK)
        rc = no_memory(error);
    return rc;
}

/* ---- the set ---- */

/* Where the hash is, or the empty place where it would be. */
static struct sl_key128 *place_of(const struct scope *scope, struct sl_key128 hash)
{
    for (size_t i = hash.a & scope->mask;; i = (i + 1) & scope->mask) {
        struct sl_key128 *at = &scope->set[i];
        if ((at->a == 0 && at->b == 0) || (at->a == hash.a && at->b == hash.b)) return at;
    }
}

static enum sl_code hash_rows(struct scope *scope, const struct ArrowSchema *schema,
                              const struct ArrowArray *batch, const size_t *children,
                              struct sl_error *error)
{
    if (batch->length > scope->room) {
        struct sl_key128 *more =
            sl_realloc(scope->hashes, (size_t)batch->length * sizeof *scope->hashes);
        if (!more) return no_memory(error);
        scope->hashes = more;
        scope->room = batch->length;
    }
    return sl_hash_keys(scope->secret, schema, batch, children, scope->column_count, scope->hashes,
                        error);
}

static enum sl_code fill_set(struct scope *scope, struct sl_error *error)
{
    size_t children[SCOPE_COLUMNS_MAX], room = 64;
    enum sl_code rc;

    for (size_t i = 0; i < scope->column_count; i++) children[i] = i;
    while (room < (size_t)scope->values.length * 2) room *= 2;
    scope->set = sl_calloc(room, sizeof *scope->set);
    if (!scope->set) return no_memory(error);
    scope->mask = room - 1;
    rc = hash_rows(scope, &scope->schema, &scope->values, children, error);
    for (int64_t i = 0; i < scope->values.length && !rc; i++)
        *place_of(scope, scope->hashes[i]) = scope->hashes[i];
    return rc;
}

/* ---- life ---- */

static enum sl_code read_scopes(struct scope *scope, const struct sl_json *scopes,
                                struct sl_error *error)
{
    struct sl_json_each e = sl_json_each(scopes);
    enum sl_code rc = SL_OK;

    if (sl_json_next(&e)) rc = read_columns(scope, e.value, error);
    if (rc || scope->column_count == 0) return rc;
    rc = read_values(scope, scopes, error);
    return rc ? rc : fill_set(scope, error);
}

enum sl_code sl_scope_new(const char *json, const struct sl_schema *schema,
                          const struct sl_hash_key *secret, struct scope **out,
                          struct sl_error *error)
{
    const struct sl_json *scopes = NULL;
    struct scope *scope = NULL;
    struct sl_doc *doc;
    enum sl_code rc;

    *out = NULL;
    if (!json) return SL_OK;
    doc = sl_doc_new(strlen(json) + 1);
    if (doc) scope = sl_calloc(1, sizeof *scope);
    rc = scope ? sl_doc_parse_copy(doc, json, strlen(json), &scopes, error) : no_memory(error);
    if (!rc) {
        scope->secret = secret;
        scope->table = schema;
        rc = read_scopes(scope, scopes, error);
    }
    sl_doc_free(doc);
    if (rc || scope->column_count == 0)
        sl_scope_free(scope);
    else
        *out = scope;
    return rc;
}

void sl_scope_free(struct scope *scope)
{
    if (!scope) return;
    if (scope->values.release) scope->values.release(&scope->values);
    if (scope->schema.release) scope->schema.release(&scope->schema);
    sl_free(scope->set);
    sl_free(scope->hashes);
    sl_free(scope);
}

/* ---- questions ---- */

size_t sl_scope_count(const struct scope *scope)
{
    return scope ? scope->column_count : 0;
}

size_t sl_scope_column(const struct scope *scope, size_t i)
{
    return scope->columns[i];
}

const struct ArrowArray *sl_scope_values(const struct scope *scope, size_t i,
                                         const struct ArrowSchema **type)
{
    *type = scope->schema.children[i];
    return scope->values.children[i];
}

enum sl_code sl_scope_inside(struct scope *scope, const struct ArrowSchema *schema,
                             const struct ArrowArray *batch, const size_t *child_of,
                             unsigned char *inside, struct sl_error *error)
{
    size_t children[SCOPE_COLUMNS_MAX];
    enum sl_code rc;

    for (size_t i = 0; i < scope->column_count; i++) children[i] = child_of[scope->columns[i]];
    rc = hash_rows(scope, schema, batch, children, error);
    for (int64_t i = 0; i < batch->length && !rc; i++) {
        const struct sl_key128 *at = place_of(scope, scope->hashes[i]);
        inside[i] = at->a != 0 || at->b != 0;
    }
    return rc;
}
