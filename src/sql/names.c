#include "sql/names.h"

#include <ctype.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "json/doc.h"
#include "options/options.h"

static enum sl_code load(struct sl_catalog *catalog, struct sl_names *names, struct sl_error *error)
{
    struct sl_buf list = {0};
    const struct sl_json *root;
    enum sl_code rc = sl_tables_list(catalog, NULL, NULL, &list, error);

    names->doc = sl_doc_new(0);
    if (!rc && !names->doc) rc = sl_fail(error, SL_NO_MEMORY, "no memory for names");
    if (!rc) rc = sl_doc_parse_copy(names->doc, sl_buf_str(&list), list.len, &root, error);
    sl_buf_release(&list);
    if (rc) return rc;
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
        struct sl_name *n = sl_calloc(1, sizeof *n);
        if (!n) return sl_fail(error, SL_NO_MEMORY, "no memory for names");
        n->catalog = sl_json_str(sl_json_get(e.value, "catalog_name"));
        n->schema = sl_json_str(sl_json_get(e.value, "schema_name"));
        n->table = sl_json_str(sl_json_get(e.value, "name"));
        n->location = sl_json_str(sl_json_get(e.value, "storage_location"));
        n->next = names->known;
        names->known = n;
    }
    return SL_OK;
}

/* ---- chains of names ---- */

#define PARTS_MAX 4

struct chain {
    char text[PARTS_MAX][256];
    const char *end[PARTS_MAX]; /* where the part ends in the statement */
    size_t count;
    bool keyword; /* one part, not quoted, that means something in SQL: ORDER, GROUP */
};

static bool name_start(unsigned char c)
{
    return isalpha(c) || c == '_' || c >= 0x80;
}

/* One part, plain or quoted. Returns its end, or NULL when there is none. */
static const char *part(const char *p, char out[256])
{
    size_t n = 0;

    if (*p == '"' || *p == '`' || *p == '[') {
        char quote = *p == '[' ? ']' : *p;
        p++;
        while (*p && (*p != quote || (quote != ']' && p[1] == quote))) {
            if (*p == quote) p++;
            if (n < 255) out[n++] = *p;
            p++;
        }
        if (!*p) return NULL;
        p++;
    } else if (name_start((unsigned char)*p)) {
        while (name_start((unsigned char)*p) || isdigit((unsigned char)*p)) {
            if (n < 255) out[n++] = *p;
            p++;
        }
    } else {
        return NULL;
    }
    out[n] = '\0';
    return p;
}

static const char *chain_at(const char *p, struct chain *chain)
{
    const char *start = p, *end = p;

    chain->count = 0;
    for (;;) {
        char more[256]; /* parts beyond the last that matters */
        const char *after = part(p, chain->count < PARTS_MAX ? chain->text[chain->count] : more);
        if (!after) break;
        end = after;
        if (chain->count < PARTS_MAX) chain->end[chain->count++] = after;
        if (*after != '.') break;
        p = after + 1;
    }
    chain->keyword = chain->count == 1 && name_start((unsigned char)*start) &&
                     sqlite3_keyword_check(start, (int)(end - start));
    return end;
}

static bool same(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

/* The table that the first parts of a chain name; *parts says how many. A name that several tables
 * have is nobody's. */
static struct sl_name *find(struct sl_names *names, const struct chain *c, size_t *parts)
{
    struct sl_name *two = NULL, *one = NULL;
    size_t twos = 0, ones = 0;

    if (c->keyword) return NULL;
    for (struct sl_name *n = names->known; n; n = n->next) {
        if (c->count >= 3 && same(c->text[0], n->catalog) && same(c->text[1], n->schema) &&
            same(c->text[2], n->table)) {
            *parts = 3;
            return n;
        }
        if (c->count >= 2 && same(c->text[0], n->schema) && same(c->text[1], n->table))
            two = n, twos++;
        if (same(c->text[0], n->table)) one = n, ones++;
    }
    *parts = twos ? 2 : 1;
    return twos == 1 ? two : twos == 0 && ones == 1 ? one : NULL;
}

static enum sl_code use(struct sl_names *names, struct sl_name *found, struct sl_error *error)
{
    struct sl_name *n;
    struct sl_buf name = {0};

    if (found->sql_name) return SL_OK;
    sl_buf_adds(&name, found->table);
    for (n = names->used; n; n = n->next)
        if (same(n->table, found->table)) break;
    if (n) { /* two tables of one name in a statement: the second is called in full */
        sl_buf_reset(&name);
        sl_buf_addf(&name, "%s.%s.%s", found->catalog, found->schema, found->table);
    }
    found->sql_name = sl_buf_take(&name);
    struct sl_name *copy = sl_calloc(1, sizeof *copy);
    if (!copy || !found->sql_name) {
        sl_buf_release(&name);
        sl_free(copy);
        return sl_fail(error, SL_NO_MEMORY, "no memory for names");
    }
    *copy = *found;
    copy->next = names->used;
    names->used = copy;
    return SL_OK;
}

/* Two quotes side by side would be one name. */
static void keep_apart(struct sl_buf *sql, char next)
{
    if (next == '"' && sql->len > 0 && sql->data[sql->len - 1] == '"') sl_buf_addc(sql, ' ');
}

static void put_name(struct sl_buf *sql, const char *name)
{
    keep_apart(sql, '"');
    sl_buf_addc(sql, '"');
    for (; *name; name++) {
        if (*name == '"') sl_buf_addc(sql, '"');
        sl_buf_addc(sql, *name);
    }
    sl_buf_addc(sql, '"');
}

static void put_unknown(struct sl_buf *sql, const struct chain *chain)
{
    struct sl_buf name = {0};

    for (size_t i = 0; i < chain->count; i++)
        sl_buf_addf(&name, "%s%s", i ? "." : "", chain->text[i]);
    if (sl_buf_failed(&name)) sql->failed = true;
    put_name(sql, sl_buf_str(&name));
    sl_buf_release(&name);
}

/* The end of a string or comment; NULL when there is none at p. */
static const char *skip(const char *p)
{
    const char *end;

    if (*p == '\'') {
        for (end = p + 1; *end && (*end != '\'' || end[1] == '\''); end++)
            if (*end == '\'') end++;
        return *end ? end + 1 : end;
    }
    if (p[0] == '-' && p[1] == '-') return p + strcspn(p, "\n");
    if (p[0] == '/' && p[1] == '*') {
        end = strstr(p + 2, "*/");
        return end ? end + 2 : p + strlen(p);
    }
    return NULL;
}

enum sl_code sl_names_resolve(struct sl_catalog *catalog, const char *text, struct sl_names *out,
                              struct sl_error *error)
{
    enum sl_code rc = load(catalog, out, error);
    const char *p = text;

    while (!rc && *p) {
        const char *end = skip(p);
        struct chain chain;
        size_t parts = 0;
        if (end) {
            sl_buf_add(&out->sql, p, (size_t)(end - p));
            p = end;
            continue;
        }
        end = chain_at(p, &chain);
        if (chain.count == 0 && strchr("\"`[", *p)) { /* a quote that does not end */
            sl_buf_adds(&out->sql, p);
            break;
        }
        if (chain.count == 0) {
            sl_buf_addc(&out->sql, *p++);
            if (isdigit((unsigned char)p[-1])) /* 1e5: the e begins no name */
                while (isalnum((unsigned char)*p) || *p == '_') sl_buf_addc(&out->sql, *p++);
            continue;
        }
        struct sl_name *found = find(out, &chain, &parts);
        if (found) {
            rc = use(out, found, error);
            if (rc) break;
            put_name(&out->sql, found->sql_name);
            sl_buf_add(&out->sql, chain.end[parts - 1], (size_t)(end - chain.end[parts - 1]));
        } else if (chain.count >= 3) { /* SQLite knows no such names, and is to say which */
            put_unknown(&out->sql, &chain);
        } else {
            sl_buf_add(&out->sql, p, (size_t)(end - p));
        }
        p = end;
        keep_apart(&out->sql, *p);
    }
    if (!rc && sl_buf_failed(&out->sql)) rc = sl_fail(error, SL_NO_MEMORY, "no memory for names");
    return rc;
}

void sl_names_release(struct sl_names *names)
{
    for (struct sl_name *n = names->known, *next; n; n = next) {
        next = n->next;
        sl_free(n->sql_name);
        sl_free(n);
    }
    for (struct sl_name *n = names->used, *next; n; n = next) {
        next = n->next;
        sl_free(n);
    }
    sl_doc_free(names->doc);
    sl_buf_release(&names->sql);
    memset(names, 0, sizeof *names);
}

/* What SQLite does not know; NULL: that is not its complaint. */
static const char *unknown_table(const char *message)
{
    static const char mark[] = "no such table: ";
    const char *at = strstr(message, mark);

    return at ? at + sizeof mark - 1 : NULL;
}

bool sl_names_ambiguous(const struct sl_names *names, const char *message)
{
    const char *at = unknown_table(message), *dot = at ? strchr(at, '.') : NULL;
    size_t count = 0;

    for (const struct sl_name *n = at ? names->known : NULL; n; n = n->next)
        count += dot ? same(dot + 1, n->table) && strlen(n->schema) == (size_t)(dot - at) &&
                           strncasecmp(at, n->schema, (size_t)(dot - at)) == 0
                     : same(at, n->table);
    return count > 1;
}

const char *sl_names_nearest(const struct sl_names *names, const char *message)
{
    const char *at = unknown_table(message), *best = NULL;
    size_t count = 0, i = 0;

    if (!at) return NULL;
    const char *dot = strrchr(at, '.');
    for (const struct sl_name *n = names->known; n; n = n->next) count++;
    const char **all = sl_calloc(count + 1, sizeof *all);
    for (const struct sl_name *n = names->known; all && n; n = n->next) all[i++] = n->table;
    if (all) best = sl_nearest(dot ? dot + 1 : at, all);
    sl_free(all);
    return best;
}
