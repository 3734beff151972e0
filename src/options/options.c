#include "options/options.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "json/doc.h"
#include "json/list.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define VALUE_SHOWN_MAX 60 /* bytes of a value in a message */

/* One call of sl_options_parse(). */
struct parse {
    const char *where; /* "connection 'airtable': ", never NULL */
    void *state;
    struct sl_arena *arena;
    struct sl_error *error;
};

/* What was given for one option: text, or a JSON value that is not text. */
struct given {
    const struct sl_option *option;
    const char *text; /* NULL: json is a boolean, an array or an object */
    size_t len;
    const struct sl_json *json; /* NULL for a preset */
};

/* ------------------------------------------------------------------ errors */

static enum sl_code no_memory(const struct parse *parse, const struct sl_option *option)
{
    return sl_fail(parse->error, SL_NO_MEMORY, "%scould not keep option '%s'", parse->where,
                   option->name);
}

/* "option 'page_size': '500' is not ..." where the value is text, else "an array is not ...". */
static enum sl_code bad_value(const struct parse *parse, const struct given *given,
                              const char *is_not)
{
    const char *name = given->option->name;

    if (!given->text)
        return sl_fail(parse->error, SL_BAD_SPEC, "%soption '%s': a JSON %s is not %s",
                       parse->where, name, sl_json_kind_name(sl_json_kind(given->json)), is_not);
    int shown = given->len > VALUE_SHOWN_MAX ? VALUE_SHOWN_MAX : (int)given->len;
    return sl_fail(parse->error, SL_BAD_SPEC, "%soption '%s': '%.*s%s' is not %s", parse->where,
                   name, shown, given->text, given->len > VALUE_SHOWN_MAX ? "..." : "", is_not);
}

static enum sl_code bad_range(const struct parse *parse, const struct given *given)
{
    return sl_fail(parse->error, SL_BAD_SPEC, "%soption '%s': %.*s is not within %.15g and %.15g",
                   parse->where, given->option->name, given->len > 40 ? 40 : (int)given->len,
                   given->text, given->option->min, given->option->max);
}

/* ------------------------------------------------------------------ one value */

static void *target(const struct parse *parse, const struct sl_option *option)
{
    return (char *)parse->state + option->offset;
}

static bool text_is(const struct given *given, const char *word)
{
    return given->text && strlen(word) == given->len &&
           strncasecmp(given->text, word, given->len) == 0;
}

/* Text as a C string that outlives the JSON it came from; a preset is one already. */
static const char *keep(const struct parse *parse, const struct given *given)
{
    return given->json ? sl_arena_strndup(parse->arena, given->text, given->len) : given->text;
}

static enum sl_code put_string(const struct parse *parse, const struct given *given)
{
    if (!given->text || memchr(given->text, '\0', given->len))
        return bad_value(parse, given, "text");

    const char *text = keep(parse, given);
    if (!text) return no_memory(parse, given->option);
    *(const char **)target(parse, given->option) = text;
    return SL_OK;
}

static enum sl_code put_bool(const struct parse *parse, const struct given *given)
{
    bool *out = target(parse, given->option);

    if (sl_json_kind(given->json) == SL_JSON_BOOL)
        *out = sl_json_true(given->json);
    else if (text_is(given, "true"))
        *out = true;
    else if (text_is(given, "false"))
        *out = false;
    else
        return bad_value(parse, given, "true or false");
    return SL_OK;
}

/* The whole text must be one JSON number. doc is freed by the caller. */
static const struct sl_json *parse_number(const struct given *given, struct sl_doc **doc,
                                          enum sl_code *rc)
{
    const struct sl_json *number = NULL;
    struct sl_error ignored;

    *doc = sl_doc_new(0);
    *rc = *doc ? sl_doc_parse(*doc, given->text, given->len, &number, &ignored) : SL_NO_MEMORY;
    if (*rc == SL_NO_MEMORY) return NULL;
    *rc = SL_OK; /* not a number: the caller says so */
    return sl_json_kind(number) == SL_JSON_NUMBER ? number : NULL;
}

static enum sl_code put_number(const struct parse *parse, const struct given *given)
{
    const struct sl_option *option = given->option;
    bool whole = option->kind == SL_OPTION_INT, good = false;
    const struct sl_json *number = NULL;
    struct sl_doc *doc = NULL;
    double real = 0;
    int64_t integer = 0;
    enum sl_code rc = SL_OK;

    if (sl_json_kind(given->json) == SL_JSON_NUMBER)
        number = given->json;
    else if (given->text)
        number = parse_number(given, &doc, &rc);
    if (rc) {
        rc = no_memory(parse, option);
        goto out;
    }

    good = sl_json_double(number, &real) && isfinite(real) &&
           (!whole || sl_json_i64(number, &integer));
    if (!good)
        rc = bad_value(parse, given, whole ? "a whole number" : "a number");
    else if (option->min < option->max && (real < option->min || real > option->max))
        rc = bad_range(parse, given);
    else if (whole)
        *(int64_t *)target(parse, option) = integer;
    else
        *(double *)target(parse, option) = real;
out:
    sl_doc_free(doc);
    return rc;
}

static bool has_prefix(const struct given *given, const char *prefix)
{
    size_t len = strlen(prefix);

    return given->len > len && strncasecmp(given->text, prefix, len) == 0;
}

static enum sl_code put_url(const struct parse *parse, const struct given *given)
{
    static const char what[] = "a URL that starts with https:// or http://";
    struct given url = *given;

    if (!url.text || !(has_prefix(&url, "https://") || has_prefix(&url, "http://")))
        return bad_value(parse, given, what);
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.text[i] <= ' ' || url.text[i] == 0x7F)
            return bad_value(parse, given, what);
    while (url.len > 0 && url.text[url.len - 1] == '/') url.len--;

    const char *host = strstr(url.text, "//") + 2; /* there is one: see has_prefix() */
    size_t host_len = strcspn(host, "/?#");
    if (host_len == 0) return bad_value(parse, given, what);
    if (memchr(host, '@', host_len))
        return sl_fail(parse->error, SL_BAD_SPEC,
                       "%soption '%s': a URL may not hold a user name or a password", parse->where,
                       given->option->name);

    const char *text = sl_arena_strndup(parse->arena, url.text, url.len);
    if (!text) return no_memory(parse, given->option);
    *(const char **)target(parse, given->option) = text;
    return SL_OK;
}

static enum sl_code put_enum(const struct parse *parse, const struct given *given)
{
    struct sl_buf names = {0};
    enum sl_code rc;

    for (const char *const *value = given->option->values; *value; value++)
        if (text_is(given, *value)) {
            *(const char **)target(parse, given->option) = *value;
            return SL_OK;
        }
    sl_buf_adds(&names, "one of ");
    for (const char *const *value = given->option->values; *value; value++)
        sl_buf_addf(&names, "%s%s", value == given->option->values ? "" : ", ", *value);
    rc = bad_value(parse, given, sl_buf_str(&names));
    if (sl_buf_failed(&names)) rc = no_memory(parse, given->option);
    sl_buf_release(&names);
    return rc;
}

/* ------------------------------------------------------------------ lists */

/* "a, b,c": blanks around an item and empty items are left out. */
static bool split_list(struct sl_list *list, const char *text, size_t len)
{
    const char *end = text + len;

    while (text < end) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *item_end = comma ? comma : end, *next = comma ? comma + 1 : end;

        while (text < item_end && strchr(" \t\r\n", *text)) text++;
        while (item_end > text && strchr(" \t\r\n", item_end[-1])) item_end--;
        if (item_end > text && !sl_list_add(list, text, (size_t)(item_end - text))) return false;
        text = next;
    }
    return true;
}

static enum sl_code put_array(const struct parse *parse, const struct given *given,
                              const struct sl_json *array)
{
    struct sl_list list;

    if (!sl_list_init(&list, parse->arena, sl_json_len(array)))
        return no_memory(parse, given->option);
    for (struct sl_json_each e = sl_json_each(array); sl_json_next(&e);) {
        const char *text = sl_json_str(e.value);
        size_t len = sl_json_str_len(e.value);

        if (!text && (text = sl_json_number_text(e.value))) len = strlen(text);
        if (!text || memchr(text, '\0', len)) return bad_value(parse, given, "a list of texts");
        if (!sl_list_add(&list, text, len)) return no_memory(parse, given->option);
    }
    *(const struct sl_json **)target(parse, given->option) = sl_list_json(&list);
    return SL_OK;
}

static enum sl_code put_list_text(const struct parse *parse, const struct given *given)
{
    struct sl_list list;
    size_t items_max = 1;

    for (size_t i = 0; i < given->len; i++) items_max += given->text[i] == ',';
    if (!sl_list_init(&list, parse->arena, items_max) ||
        !split_list(&list, given->text, given->len))
        return no_memory(parse, given->option);
    *(const struct sl_json **)target(parse, given->option) = sl_list_json(&list);
    return SL_OK;
}

/* An array; its JSON as text; or a comma list. */
static enum sl_code put_list(const struct parse *parse, const struct given *given)
{
    const struct sl_json *array = NULL;
    struct sl_doc *doc;
    enum sl_code rc;

    if (sl_json_kind(given->json) == SL_JSON_ARRAY) return put_array(parse, given, given->json);
    if (!given->text) return bad_value(parse, given, "a list of texts");
    if (given->len == 0 || given->text[0] != '[') return put_list_text(parse, given);

    doc = sl_doc_new(0);
    if (!doc) return no_memory(parse, given->option);
    rc = sl_doc_parse(doc, given->text, given->len, &array, parse->error);
    if (rc == SL_BAD_DATA || rc == SL_TOO_LARGE)
        rc = bad_value(parse, given, "a list of texts");
    else if (rc)
        rc = no_memory(parse, given->option);
    else
        rc = put_array(parse, given, array);
    sl_doc_free(doc);
    return rc;
}

/* ------------------------------------------------------------------ all values */

static enum sl_code put(const struct parse *parse, const struct given *given)
{
    switch (given->option->kind) {
    case SL_OPTION_STRING: return put_string(parse, given);
    case SL_OPTION_SECRET: *(bool *)target(parse, given->option) = true; return SL_OK;
    case SL_OPTION_BOOL: return put_bool(parse, given);
    case SL_OPTION_INT:
    case SL_OPTION_DOUBLE: return put_number(parse, given);
    case SL_OPTION_URL: return put_url(parse, given);
    case SL_OPTION_LIST: return put_list(parse, given);
    case SL_OPTION_ENUM: return put_enum(parse, given);
    }
    return sl_fail(parse->error, SL_BUG, "%soption '%s' has no kind", parse->where,
                   given->option->name);
}

static enum sl_code put_presets(const struct parse *parse, const struct sl_option *options)
{
    for (const struct sl_option *option = options; option->name; option++) {
        if (!option->preset) continue;

        struct given given = {option, option->preset, strlen(option->preset), NULL};
        enum sl_code rc = put(parse, &given);
        if (rc == SL_BAD_SPEC) {
            parse->error->code = SL_BUG; /* the table is wrong, not the user */
            return SL_BUG;
        }
        if (rc) return rc;
    }
    return SL_OK;
}

static bool is_among(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

/* All names that would have been right; NULL-terminated; from the arena. */
static const char **all_names(const struct parse *parse, const struct sl_option *options,
                              const char *const *others)
{
    size_t count = 0, max = 1;

    for (const struct sl_option *option = options; option->name; option++) max += 2;
    for (const char *const *other = others; other && *other; other++) max++;

    const char **names = SL_ARENA_ARRAY(parse->arena, const char *, max);
    if (!names) return NULL;
    for (const struct sl_option *option = options; option->name; option++) {
        names[count++] = option->name;
        if (option->alias) names[count++] = option->alias;
    }
    for (const char *const *other = others; other && *other; other++) names[count++] = *other;
    assert(count < max);
    return names;
}

static enum sl_code unknown_option(const struct parse *parse, const struct sl_option *options,
                                   const char *const *others, const char *name)
{
    const char **names = all_names(parse, options, others);
    struct sl_buf hint = {0};

    if (!names)
        return sl_fail(parse->error, SL_NO_MEMORY, "%scould not keep its options", parse->where);
    const char *near = sl_nearest(name, names);
    if (near)
        sl_fail(parse->error, SL_BAD_SPEC, "%sthere is no option '%.*s': did you mean '%s'?",
                parse->where, VALUE_SHOWN_MAX, name, near);
    else
        sl_fail(parse->error, SL_BAD_SPEC, "%sthere is no option '%.*s'", parse->where,
                VALUE_SHOWN_MAX, name);

    for (const struct sl_option *option = options; option->name; option++)
        sl_buf_addf(&hint, "%s%s", option == options ? "" : ", ", option->name);
    if (hint.len > 0)
        sl_error_hint(parse->error, "Options are %s.", sl_buf_str(&hint));
    else
        sl_error_hint(parse->error, "There are no options here.");
    sl_buf_release(&hint);
    return SL_BAD_SPEC;
}

/* One member of the JSON object. */
static enum sl_code put_member(const struct parse *parse, const struct sl_option *option,
                               const struct sl_json *value, bool *seen)
{
    struct given given = {.option = option, .json = value};

    if (*seen)
        return sl_fail(parse->error, SL_BAD_SPEC, "%soption '%s' is given twice", parse->where,
                       option->name);
    if (sl_json_kind(value) == SL_JSON_NULL) return SL_OK; /* as if it were not there */
    *seen = true;
    if (sl_json_kind(value) == SL_JSON_STRING) {
        given.text = sl_json_str(value);
        given.len = sl_json_str_len(value);
    } else if (sl_json_kind(value) == SL_JSON_NUMBER) {
        given.text = sl_json_number_text(value);
        given.len = strlen(given.text);
    }
    return put(parse, &given);
}

static enum sl_code put_members(const struct parse *parse, const struct sl_option *options,
                                const struct sl_json *json, const char *const *others, bool *seen)
{
    enum sl_code rc = SL_OK;

    if (json && sl_json_kind(json) != SL_JSON_OBJECT)
        return sl_fail(parse->error, SL_BAD_SPEC, "%soptions must be a JSON object, not %s",
                       parse->where, sl_json_kind_name(sl_json_kind(json)));
    for (struct sl_json_each e = sl_json_each(json); !rc && sl_json_next(&e);) {
        const char *name = sl_json_str(e.key);
        const struct sl_option *option = sl_options_find(options, name);

        if (option)
            rc = put_member(parse, option, e.value, &seen[option - options]);
        else if (!is_among(others, name))
            rc = unknown_option(parse, options, others, name);
    }
    return rc;
}

enum sl_code sl_options_parse(const struct sl_option *options, const struct sl_json *json,
                              const char *const *others, bool partial, const char *where,
                              void *state, struct sl_arena *arena, struct sl_error *error)
{
    struct parse parse = {"", state, arena, error};
    size_t count = 0;
    enum sl_code rc;

    while (options[count].name) count++;
    bool *seen = SL_ARENA_ARRAY(arena, bool, count + 1);
    if (where) parse.where = sl_arena_printf(arena, "%s: ", where);
    if (!seen || !parse.where)
        return sl_fail(error, SL_NO_MEMORY, "could not keep the options of %s",
                       where ? where : "a connector");

    rc = put_presets(&parse, options);
    if (!rc) rc = put_members(&parse, options, json, others, seen);
    for (size_t i = 0; !rc && !partial && i < count; i++) {
        if (!options[i].required || seen[i]) continue;
        rc = sl_fail(error, SL_BAD_SPEC, "%soption '%s' is missing", parse.where, options[i].name);
        if (options[i].help) sl_error_hint(error, "%s: %s", options[i].name, options[i].help);
    }
    return rc;
}

const struct sl_option *sl_options_find(const struct sl_option *options, const char *name)
{
    for (const struct sl_option *option = options; name && option->name; option++)
        if (strcmp(option->name, name) == 0 || (option->alias && strcmp(option->alias, name) == 0))
            return option;
    return NULL;
}
