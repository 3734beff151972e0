/* schema.c: a base is built from its declaration; the answer of the meta API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "sim/airtable/airtable.h"
#include "sim/text.h"

#define AT_TABLES_MAX 4096
#define AT_FIELDS_MAX 1024

bool at_set_text(char **to, const char *text)
{
    char *copy = text ? sl_strdup(text) : NULL;

    if (text && !copy) return false;
    sl_free(*to);
    *to = copy;
    return true;
}

/* ------------------------------------------------------------------ look-ups */

struct at_table *at_find_table(const struct airtable *app, const char *id_or_name)
{
    for (size_t i = 0; i < app->table_count; i++) {
        struct at_table *table = app->tables[i];

        if (table->removed) continue;
        if (strcmp(table->id, id_or_name) == 0 || strcmp(table->name, id_or_name) == 0)
            return table;
    }
    return NULL;
}

struct at_field *at_find_field(const struct at_table *table, const char *id_or_name)
{
    for (size_t i = 0; i < table->field_count; i++) {
        struct at_field *field = table->fields[i];

        if (field->removed) continue;
        if (strcmp(field->id, id_or_name) == 0 || strcmp(field->name, id_or_name) == 0)
            return field;
    }
    return NULL;
}

struct at_field *at_field_by_key(const struct at_table *table, const char *key)
{
    for (size_t i = 0; i < table->field_count; i++)
        if (strcmp(table->fields[i]->key, key) == 0) return table->fields[i];
    return NULL;
}

static struct at_table *table_by_key(const struct airtable *app, const char *key, size_t len)
{
    for (size_t i = 0; i < app->table_count; i++)
        if (strlen(app->tables[i]->key) == len && memcmp(app->tables[i]->key, key, len) == 0)
            return app->tables[i];
    return NULL;
}

/* ------------------------------------------------------------------ making */

/* Ids follow from names alone, so that they are the same for every seed. */
static uint64_t salt_of(const char *kind, const char *a, const char *b)
{
    return sim_mix(sim_mix(sim_hash(kind), sim_hash(a)), sim_hash(b));
}

static bool grow(void **list, size_t count, size_t max)
{
    if (count >= max) return false;
    if (count & (count - 1)) return true; /* room is made at each power of two */
    void *more = sl_realloc(*list, (count ? count * 2 : 1) * sizeof(void *));

    if (!more) return false;
    *list = more;
    return true;
}

static void field_free(struct at_field *field)
{
    if (!field) return;
    sl_free(field->name);
    sl_free(field->key);
    sl_free(field->type);
    sl_free(field->description);
    sl_free(field->options);
    sl_free(field->choices);
    sl_free(field);
}

enum sl_code at_add_field(struct airtable *app, struct at_table *table, const struct at_spec *spec,
                          const char *name, struct sl_error *error)
{
    struct at_field *field = sl_calloc(1, sizeof *field);

    (void)app;
    if (!field) goto no_memory;
    field->spec = spec;
    field->salt = salt_of("field", table->key, name);
    /* One that is made again under an old name is another one. */
    for (size_t i = 0; i < table->field_count; i++)
        if (strcmp(table->fields[i]->key, name) == 0) field->salt = sim_mix(field->salt, i + 1);
    sim_id(field->id, "fld", field->salt);
    field->gen = at_gen_of(spec->type, &field->computed);
    if (spec->gen) field->gen = spec->gen;
    if (!at_set_text(&field->name, name) || !at_set_text(&field->key, name) ||
        !at_set_text(&field->type, spec->type) ||
        !at_set_text(&field->description, spec->description) ||
        !at_set_text(&field->choices, spec->choices) ||
        !grow((void **)&table->fields, table->field_count, AT_FIELDS_MAX))
        goto no_memory;
    table->fields[table->field_count++] = field;
    return SL_OK;

no_memory:
    field_free(field);
    return sl_fail(error, SL_NO_MEMORY, "could not add field '%s'", name);
}

static void table_free(struct at_table *table)
{
    if (!table) return;
    for (size_t i = 0; i < table->field_count; i++) field_free(table->fields[i]);
    for (size_t i = 0; i < table->edit_count; i++) at_edit_free(table->edits[i]);
    sl_free(table->fields);
    sl_free(table->edits);
    sl_free(table->name);
    sl_free(table->key);
    sl_free(table->description);
    sl_free(table);
}

enum sl_code at_add_table(struct airtable *app, const struct at_table_spec *spec, int64_t records,
                          struct at_table **out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;
    struct at_table *table = sl_calloc(1, sizeof *table);

    if (!table || !at_set_text(&table->name, spec->name) || !at_set_text(&table->key, spec->name) ||
        !at_set_text(&table->description, spec->description) ||
        !grow((void **)&app->tables, app->table_count, AT_TABLES_MAX)) {
        table_free(table);
        return sl_fail(error, SL_NO_MEMORY, "could not add table '%s'", spec->name);
    }
    table->salt = salt_of("table", app->base_name, spec->name);
    sim_id(table->id, "tbl", table->salt);
    sim_id(table->grid_view, "viw", table->salt + 1);
    sim_id(table->half_view, "viw", table->salt + 2);
    sim_id(table->form_view, "viw", table->salt + 3);
    table->records = table->total = records;
    table->shown_us = INT64_MAX;
    app->tables[app->table_count++] = table;
    for (const struct at_spec *field = spec->fields; field && field->name && !rc; field++)
        rc = at_add_field(app, table, field, field->name, error);
    if (out) *out = table;
    return rc;
}

void at_base_release(struct airtable *app)
{
    at_webhooks_release(app);
    at_iterators_release(app);
    for (size_t i = 0; i < app->table_count; i++) table_free(app->tables[i]);
    sl_free(app->tables);
    app->tables = NULL;
    app->table_count = 0;
}

/* ------------------------------------------------------------------ options */

static const char *const colours[] = {"blueLight2", "cyanLight2",   "tealLight2", "greenLight2",
                                      "redLight2",  "yellowLight2", "pinkLight2", "grayLight2"};

static void put_choices(const struct at_field *field, struct sl_buf *out)
{
    const char *at = field->choices;
    int i = 0;

    sl_buf_adds(out, "{\"choices\":[");
    while (*at) {
        size_t len = strcspn(at, "|");
        char id[AT_ID_MAX];

        sim_id(id, "sel", sim_mix(field->salt, (uint64_t)i + 1));
        sl_buf_addf(out, "%s{\"id\":\"%s\",\"name\":", i ? "," : "", id);
        sim_json_str(out, at, len);
        if (i != 2) sl_buf_addf(out, ",\"color\":\"%s\"", colours[i % 8]); /* colours may be off */
        sl_buf_addc(out, '}');
        at += len;
        if (*at) at++;
        i++;
    }
    sl_buf_adds(out, "]}");
}

/* One <T:table>, <F:field> or <F:table/field>; at is behind '<'. */
static bool put_reference(const struct airtable *app, const struct at_table *table, const char *at,
                          size_t len, struct sl_buf *out)
{
    const char *name = at + 2, *slash = memchr(name, '/', len - 2);
    char key[128];

    len -= 2;
    if (at[0] == 'T') {
        const struct at_table *other = table_by_key(app, name, len);

        if (other) sl_buf_adds(out, other->id);
        return other != NULL;
    }
    if (slash) {
        table = table_by_key(app, name, (size_t)(slash - name));
        len -= (size_t)(slash + 1 - name);
        name = slash + 1;
    }
    (void)snprintf(key, sizeof key, "%.*s", (int)len, name);
    const struct at_field *field = table ? at_field_by_key(table, key) : NULL;

    if (field) sl_buf_adds(out, field->id);
    return field != NULL;
}

static bool expand(const struct airtable *app, const struct at_table *table, const char *text,
                   struct sl_buf *out)
{
    for (; *text; text++) {
        bool reference = text[0] == '<' && (text[1] == 'T' || text[1] == 'F') && text[2] == ':';
        size_t len = reference ? strcspn(text + 1, ">") : 0;

        if (!reference) {
            sl_buf_addc(out, *text);
            continue;
        }
        if (!put_reference(app, table, text + 1, len, out)) return false;
        text += len + 1;
    }
    return true;
}

static void put_link_options(const struct at_field *field, struct sl_buf *out)
{
    sl_buf_addf(out,
                "{\"linkedTableId\":\"%s\",\"isReversed\":false,\"prefersSingleRecordLink\":%s",
                field->linked->id, field->offsets_count == 1 ? "true" : "false");
    if (field->mirror) sl_buf_addf(out, ",\"inverseLinkFieldId\":\"%s\"", field->mirror->id);
    sl_buf_addc(out, '}');
}

static enum sl_code make_options(const struct airtable *app, const struct at_table *table,
                                 struct at_field *field, struct sl_error *error)
{
    struct sl_buf out = {0};
    bool known = true;

    if (field->spec->options)
        known = expand(app, table, field->spec->options, &out);
    else if (field->linked)
        put_link_options(field, &out);
    else if (field->choices)
        put_choices(field, &out);
    else
        return SL_OK;
    field->options = sl_buf_take(&out);
    sl_buf_release(&out);
    if (!known) return sl_fail(error, SL_BUG, "the options of '%s' name nothing", field->key);
    return field->options ? SL_OK : sl_fail(error, SL_NO_MEMORY, "could not build the base");
}

/* ------------------------------------------------------------------ references */

static void resolve_link(const struct airtable *app, const struct at_table *table,
                         struct at_field *field)
{
    const struct at_spec *spec = field->spec;

    if (spec->link) {
        const char *offsets = spec->offsets ? spec->offsets : "0";

        field->linked = table_by_key(app, spec->link, strlen(spec->link));
        for (char *end; *offsets && field->offsets_count < 4; offsets = *end ? end + 1 : end)
            field->offsets[field->offsets_count++] = (int)strtol(offsets, &end, 10);
    } else if (spec->inverse) {
        const char *slash = strchr(spec->inverse, '/');

        field->linked =
            slash ? table_by_key(app, spec->inverse, (size_t)(slash - spec->inverse)) : NULL;
        field->mirror = field->linked ? at_field_by_key(field->linked, slash + 1) : NULL;
        if (field->mirror && field->linked != table) field->mirror->mirror = field;
    }
}

static void resolve_targets(const struct at_table *table, struct at_field *field)
{
    const struct at_spec *spec = field->spec;
    const char *bar = spec->target ? strchr(spec->target, '|') : NULL;
    char key[128];

    if (spec->via) field->via = at_field_by_key(table, spec->via);
    if (!spec->target) return;
    (void)snprintf(key, sizeof key, "%.*s", bar ? (int)(bar - spec->target) : 127, spec->target);
    field->target = at_field_by_key(field->via ? field->via->linked : table, key);
    if (bar) field->target_b = at_field_by_key(table, bar + 1);
}

/* After the last table is there: names become pointers, options become text. */
enum sl_code at_resolve(struct airtable *app, struct sl_error *error)
{
    for (size_t i = 0; i < app->table_count; i++)
        for (size_t k = 0; k < app->tables[i]->field_count; k++)
            if (!app->tables[i]->fields[k]->linked)
                resolve_link(app, app->tables[i], app->tables[i]->fields[k]);
    for (size_t i = 0; i < app->table_count; i++) {
        struct at_table *table = app->tables[i];

        for (size_t k = 0; k < table->field_count; k++) {
            struct at_field *field = table->fields[k];

            resolve_targets(table, field);
            if ((field->spec->link || field->spec->inverse) && !field->linked)
                return sl_fail(error, SL_BUG, "field '%s' links to nothing", field->key);
            enum sl_code rc = field->options ? SL_OK : make_options(app, table, field, error);

            if (rc) return rc;
        }
    }
    return SL_OK;
}

/* ------------------------------------------------------------------ kinds of bases */

/* tables x fields of one column type after the other: for schemas of any size. */
static enum sl_code build_grid(struct airtable *app, int64_t tables, int64_t fields,
                               int64_t records, struct sl_error *error)
{
    static const char *const types[] = {"singleLineText", "number", "checkbox", "date",
                                        "multilineText",  "email",  "dateTime", "url"};
    static const struct at_spec none[] = {{0}};
    enum sl_code rc = SL_OK;
    char name[64];

    for (int64_t t = 0; t < tables && !rc; t++) {
        struct at_table_spec spec = {.name = name, .fields = none};
        struct at_table *table = NULL;

        (void)snprintf(name, sizeof name, "Table %lld", (long long)t + 1);
        rc = at_add_table(app, &spec, records, &table, error);
        for (int64_t f = 0; f < fields && !rc; f++) {
            (void)snprintf(name, sizeof name, "Field %lld", (long long)f + 1);
            rc = at_add_field(app, table, at_spec_of_type(types[f % 8]), name, error);
        }
    }
    return rc;
}

static enum sl_code build_bench(struct airtable *app, int64_t tables, int64_t records,
                                struct sl_error *error)
{
    enum sl_code rc = SL_OK;
    char name[32];

    for (int64_t t = 0; t < tables && !rc; t++) {
        struct at_table_spec spec = at_bench_table;

        (void)snprintf(name, sizeof name, "Bench %lld", (long long)t + 1);
        spec.name = name;
        rc = at_add_table(app, &spec, records, NULL, error);
    }
    return rc;
}

enum sl_code at_base_build(struct airtable *app, const char *kind, const char *name, int64_t tables,
                           int64_t fields, int64_t records, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    at_base_release(app);
    if (strcmp(kind, "demo") == 0 || strcmp(kind, "empty") == 0) {
        bool empty = kind[0] == 'e';

        if (!at_set_text(&app->base_name, name ? name : "Launch Control")) rc = SL_NO_MEMORY;
        for (const struct at_table_spec *spec = at_demo_tables; spec->name && !rc; spec++)
            rc = at_add_table(app, spec,
                              empty     ? 0
                              : records ? records
                                        : spec->records,
                              NULL, error);
    } else if (strcmp(kind, "bench") == 0) {
        if (!at_set_text(&app->base_name, name ? name : "Bench"))
            rc = SL_NO_MEMORY;
        else
            rc = build_bench(app, tables ? tables : 1, records ? records : 10000, error);
    } else if (strcmp(kind, "grid") == 0) {
        if (!at_set_text(&app->base_name, name ? name : "Grid"))
            rc = SL_NO_MEMORY;
        else
            rc = build_grid(app, tables ? tables : 1, fields ? fields : 500, records ? records : 50,
                            error);
    } else {
        return sl_fail(error, SL_USAGE, "there is no base of kind '%s': demo, empty, bench, grid",
                       kind);
    }
    if (rc == SL_NO_MEMORY) return sl_fail(error, SL_NO_MEMORY, "could not build the base");
    if (!rc) rc = at_resolve(app, error);
    if (!rc && !at_set_text(&app->kind, kind))
        rc = sl_fail(error, SL_NO_MEMORY, "could not build the base");
    sim_id(app->base_id, "app", sim_hash(app->base_name ? app->base_name : ""));
    return rc;
}

/* ------------------------------------------------------------------ the meta API */

static void put_field(const struct at_field *field, struct sl_buf *out)
{
    sl_buf_addf(out, "{\"id\":\"%s\",\"name\":", field->id);
    sim_json_text(out, field->name);
    sl_buf_adds(out, ",\"type\":");
    sim_json_text(out, field->type);
    if (field->description) {
        sl_buf_adds(out, ",\"description\":");
        sim_json_text(out, field->description);
    }
    if (field->options) {
        sl_buf_adds(out, ",\"options\":");
        sl_buf_adds(out, field->options);
    }
    sl_buf_addc(out, '}');
}

static void put_fields(const struct at_table *table, bool ids_only, struct sl_buf *out)
{
    bool first = true;

    for (size_t i = 0; i < table->field_count; i++) {
        if (table->fields[i]->removed) continue;
        if (!first) sl_buf_addc(out, ',');
        first = false;
        if (ids_only)
            sl_buf_addf(out, "\"%s\"", table->fields[i]->id);
        else
            put_field(table->fields[i], out);
    }
}

void at_put_table(const struct airtable *app, const struct at_table *table, bool visible_fields,
                  struct sl_buf *out)
{
    (void)app;
    sl_buf_addf(out, "{\"id\":\"%s\",\"name\":", table->id);
    sim_json_text(out, table->name);
    if (table->description) {
        sl_buf_adds(out, ",\"description\":");
        sim_json_text(out, table->description);
    }
    sl_buf_addf(out, ",\"primaryFieldId\":\"%s\",\"fields\":[",
                table->field_count ? table->fields[0]->id : "");
    put_fields(table, false, out);
    sl_buf_addf(out, "],\"views\":[{\"id\":\"%s\",\"name\":\"Grid view\",\"type\":\"grid\"",
                table->grid_view);
    if (visible_fields) {
        sl_buf_adds(out, ",\"visibleFieldIds\":[");
        put_fields(table, true, out);
        sl_buf_addc(out, ']');
    }
    sl_buf_addf(out,
                "},{\"id\":\"%s\",\"name\":\"Every second\",\"type\":\"gallery\"},"
                "{\"id\":\"%s\",\"name\":\"Intake\",\"type\":\"form\"}]}",
                table->half_view, table->form_view);
}

void at_put_schema(const struct airtable *app, bool visible_fields, struct sl_buf *out)
{
    bool first = true;

    sl_buf_adds(out, "{\"tables\":[");
    for (size_t i = 0; i < app->table_count; i++) {
        if (app->tables[i]->removed) continue;
        if (!first) sl_buf_addc(out, ',');
        first = false;
        at_put_table(app, app->tables[i], visible_fields, out);
    }
    sl_buf_adds(out, "]}");
}
