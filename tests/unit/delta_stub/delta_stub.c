/*
 * delta_stub.c: src/delta/delta.h without Delta: tables live in memory, in their engine. A test
 * that is linked with this file is linked without the kernel, so that every line that runs in it is
 * our C: for allocations that fail and for ThreadSanitizer.
 *
 * What matters here is kept as it is: a version is whole or not there, a commit on an old snapshot
 * is a conflict, files are nobody's until a commit names them. Not kept: history, old versions (a
 * table is read as it is now), statistics.
 */
#include "delta_stub.h"

#include <stdio.h>

static const char *get(const struct setting *list, const char *key)
{
    for (; list; list = list->next)
        if (strcmp(list->key, key) == 0) return list->value;
    return NULL;
}

static void set(struct setting **list, const char *key, const char *value)
{
    while (*list && strcmp((*list)->key, key) != 0) list = &(*list)->next;
    if (*list) {
        char *old = (*list)->value;
        (*list)->value = copy_text(value); /* NULL: gone */
        free(old);
        return;
    }
    *list = need(sizeof **list);
    (*list)->key = copy_text(key);
    (*list)->value = copy_text(value);
}

static void settings_free(struct setting *list)
{
    while (list) {
        struct setting *next = list->next;
        free(list->key);
        free(list->value);
        free(list);
        list = next;
    }
}

enum sl_code sl_delta_engine_new(const struct sl_pair *options, size_t count,
                                 struct sl_delta_engine **out, struct sl_error *error)
{
    (void)options, (void)count, (void)error;
    *out = need(sizeof **out);
    return SL_OK;
}

void sl_delta_engine_free(struct sl_delta_engine *engine)
{
    while (engine && engine->logs) {
        struct log *log = engine->logs;
        engine->logs = log->next;
        for (size_t i = 0; i < log->count; i++) stub_data_drop(log->files[i]);
        free(log->files);
        free(log->location);
        free(log->schema);
        settings_free(log->properties);
        settings_free(log->domains);
        settings_free(log->apps);
        free(log);
    }
    while (engine && engine->asides) {
        struct aside *aside = engine->asides;
        engine->asides = aside->next;
        stub_data_drop(aside->data);
        free(aside);
    }
    free(engine);
}

static struct log *find(const struct sl_delta_engine *engine, const char *location)
{
    for (struct log *log = engine->logs; log; log = log->next)
        if (strcmp(log->location, location) == 0) return log;
    return NULL;
}

static struct sl_delta_table *handle(struct sl_delta_engine *engine, struct log *log)
{
    struct sl_delta_table *table = need(sizeof *table);

    table->engine = engine;
    table->log = log;
    table->version = log ? log->version : -1;
    table->location = copy_text(log ? log->location : NULL);
    table->schema = copy_text(log ? log->schema : NULL);
    return table;
}

enum sl_code sl_delta_open(struct sl_delta_engine *engine, const char *location, int64_t version,
                           struct sl_delta_table **out, struct sl_error *error)
{
    struct log *log = find(engine, location);

    *out = NULL;
    if (!log || (version >= 0 && version != log->version))
        return sl_fail(error, SL_NOT_FOUND, "there is no table at '%s'", location);
    *out = handle(engine, log);
    return SL_OK;
}

void sl_delta_table_free(struct sl_delta_table *table)
{
    if (!table) return;
    free(table->location);
    free(table->schema);
    free(table->text);
    free(table->live);
    settings_free(table->properties);
    free(table);
}

/* {"type":"struct","fields":[...]} with more fields. */
static char *schema_with(const char *schema, const char *add)
{
    char *out;

    if (!add) return copy_text(schema);
    out = need(strlen(schema) + strlen(add) + 2);
    sprintf(out, "%.*s,%.*s]}", (int)strlen(schema) - 2, schema, (int)strlen(add) - 2, add + 1);
    return out;
}

/* What goes. A file that loses rows is written again, so it has no dead ones. */
static void take_out(struct log *log, const struct sl_delta_gone *gone, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct data **file = &log->files[gone[i].file];
        struct data *left =
            gone[i].rows ? stub_data_without(*file, gone[i].rows, gone[i].count) : NULL;
        stub_data_drop(*file);
        *file = left;
    }
    for (size_t i = 0; i < log->count; i++)
        if (log->files[i]) log->files[kept++] = log->files[i];
    log->count = kept;
}

static void apply(struct log *log, const struct sl_delta_commit *commit)
{
    char number[32], *schema = schema_with(log->schema, commit->add_columns_json);

    free(log->schema);
    log->schema = schema;
    if (commit->app_id) {
        snprintf(number, sizeof number, "%lld", (long long)commit->app_version);
        set(&log->apps, commit->app_id, number);
    }
    for (size_t i = 0; i < commit->domains_count; i++)
        set(&log->domains, commit->domains[i].key, commit->domains[i].value);
    take_out(log, commit->gone, commit->gone_count);
    if (commit->remove_all) {
        for (size_t i = 0; i < log->count; i++) stub_data_drop(log->files[i]);
        log->count = 0;
    }
    log->files = realloc(log->files, (log->count + commit->add_count + 1) * sizeof *log->files);
    must(log->files != NULL);
    for (size_t i = 0; i < commit->add_count; i++) {
        log->files[log->count] = commit->add[i]->data;
        log->files[log->count++]->users++;
    }
}

static struct log *create(struct sl_delta_engine *engine, const char *location, const char *schema,
                          const struct sl_pair *properties, size_t count,
                          const struct sl_delta_commit *commit)
{
    struct log *log = need(sizeof *log);

    log->location = copy_text(location);
    log->schema = copy_text(schema);
    for (size_t i = 0; i < count; i++)
        set(&log->properties, properties[i].key, properties[i].value);
    apply(log, commit);
    log->next = engine->logs;
    engine->logs = log;
    return log;
}

enum sl_code sl_delta_create(struct sl_delta_engine *engine, const char *location,
                             const char *schema_json, const struct sl_pair *properties,
                             size_t properties_count, const struct sl_delta_commit *commit,
                             struct sl_delta_table **out, struct sl_error *error)
{
    *out = NULL;
    if (find(engine, location))
        return sl_fail(error, SL_EXISTS, "there is a table at '%s'", location);
    *out =
        handle(engine, create(engine, location, schema_json, properties, properties_count, commit));
    return SL_OK;
}

enum sl_code sl_delta_draft(struct sl_delta_engine *engine, const char *location,
                            const char *schema_json, const struct sl_pair *properties,
                            size_t properties_count, struct sl_delta_table **out,
                            struct sl_error *error)
{
    *out = NULL;
    if (find(engine, location))
        return sl_fail(error, SL_EXISTS, "there is a table at '%s'", location);
    *out = handle(engine, NULL);
    (*out)->location = copy_text(location);
    (*out)->schema = copy_text(schema_json);
    for (size_t i = 0; i < properties_count; i++)
        set(&(*out)->properties, properties[i].key, properties[i].value);
    return SL_OK;
}

enum sl_code sl_delta_commit(struct sl_delta_table *table, const struct sl_delta_commit *commit,
                             struct sl_error *error)
{
    if (!table->log) {
        if (find(table->engine, table->location))
            return sl_fail(error, SL_EXISTS, "there is a table at '%s'", table->location);
        table->log = create(table->engine, table->location, table->schema, NULL, 0, commit);
        table->log->properties = table->properties;
        table->properties = NULL;
        table->version = 0;
        return SL_OK;
    }
    if (table->version != table->log->version)
        return sl_fail(error, SL_CONFLICT, "'%s' changed underneath", table->location);
    apply(table->log, commit);
    table->version = ++table->log->version;
    free(table->schema);
    table->schema = copy_text(table->log->schema);
    return SL_OK;
}

int64_t sl_delta_version(const struct sl_delta_table *table)
{
    return table->version;
}

const char *sl_delta_location(const struct sl_delta_table *table)
{
    return table->location;
}

const char *sl_delta_schema_json(const struct sl_delta_table *table)
{
    return table->schema;
}

const char *sl_delta_property(const struct sl_delta_table *table, const char *key)
{
    return get(table->log ? table->log->properties : table->properties, key);
}

enum sl_code sl_delta_properties_json(struct sl_delta_table *table, const char **out,
                                      struct sl_error *error)
{
    size_t size = 16, len = 1;

    (void)error;
    for (const struct setting *s = table->log ? table->log->properties : NULL; s; s = s->next)
        size += strlen(s->key) + strlen(s->value) + 8;
    free(table->text);
    table->text = need(size);
    strcpy(table->text, "{");
    for (const struct setting *s = table->log ? table->log->properties : NULL; s; s = s->next)
        len += (size_t)sprintf(table->text + len, "%s\"%s\":\"%s\"", len > 1 ? "," : "", s->key,
                               s->value);
    strcpy(table->text + len, "}");
    *out = table->text;
    return SL_OK;
}

enum sl_code sl_delta_domain(struct sl_delta_table *table, const char *domain, const char **json,
                             struct sl_error *error)
{
    (void)error;
    *json = table->log ? get(table->log->domains, domain) : NULL;
    return SL_OK;
}

enum sl_code sl_delta_app_version(struct sl_delta_table *table, const char *app_id,
                                  int64_t *version, struct sl_error *error)
{
    const char *text = table->log ? get(table->log->apps, app_id) : NULL;

    (void)error;
    *version = text ? strtoll(text, NULL, 10) : -1;
    return SL_OK;
}

enum sl_code sl_delta_totals(struct sl_delta_table *table, struct sl_delta_totals *out,
                             struct sl_error *error)
{
    (void)error;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; table->log && i < table->log->count; i++) {
        out->files++;
        out->rows += table->log->files[i]->rows;
        out->bytes += table->log->files[i]->rows * 100;
    }
    return SL_OK;
}

enum sl_code sl_delta_history(struct sl_delta_table *table, int64_t limit, const char **json,
                              struct sl_error *error)
{
    (void)table, (void)limit, (void)error;
    *json = "[]";
    return SL_OK;
}

enum sl_code sl_delta_alter(struct sl_delta_table *table, const struct sl_delta_alter *alter,
                            struct sl_error *error)
{
    const struct sl_delta_commit commit = {.app_id = alter->app_id,
                                           .app_version = alter->app_version,
                                           .domains = alter->domains,
                                           .domains_count = alter->domains_count};
    enum sl_code rc = sl_delta_commit(table, &commit, error);

    if (rc) return rc;
    for (size_t i = 0; i < alter->set_count; i++)
        set(&table->log->properties, alter->set[i].key, alter->set[i].value);
    if (alter->schema_json) {
        free(table->schema);
        free(table->log->schema);
        table->schema = copy_text(alter->schema_json);
        table->log->schema = copy_text(alter->schema_json);
    }
    return SL_OK;
}

/* Nobody else writes here. */
enum sl_code sl_delta_changes_since(struct sl_delta_table *table, int64_t version,
                                    const char **json, struct sl_error *error)
{
    (void)table, (void)version, (void)error;
    *json = "[]";
    return SL_OK;
}

enum sl_code sl_delta_checkpoint(struct sl_delta_table *table, struct sl_error *error)
{
    (void)table, (void)error;
    return SL_OK;
}

int64_t sl_delta_commits_since_checkpoint(const struct sl_delta_table *table)
{
    (void)table;
    return 0;
}
