/*
 * spec_parse.h: a specification that is being read. Private to spec*.c.
 */
#ifndef SL_SPEC_PARSE_H
#define SL_SPEC_PARSE_H

#include "base/buf.h"
#include "pipeline/spec.h"
#include "pipeline/spec_keys.h"

struct sl_spec_parse {
    struct sl_spec *spec;
    struct sl_doc *doc;
    const struct sl_connector *connector;
    struct sl_buf *mistakes;
    size_t count; /* of mistakes */
    char first[1024];
    const char *notes[SL_SPEC_NOTES_MAX + 1];
    size_t note_count;
    struct sl_buf ignored; /* names of keys that mean nothing here */
    bool no_memory;
};

void sl_spec_mistake(struct sl_spec_parse *p, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sl_spec_note(struct sl_spec_parse *p, const char *text); /* once */
void sl_spec_note_ignored(struct sl_spec_parse *p, const char *name);
/* pointer + "/" + key, with JSON pointer escapes. */
const char *sl_spec_at(struct sl_spec_parse *p, const char *pointer, const char *key);

/* Does a value mean nothing? null, and "" as the vendor's tools send for absent fields. */
bool sl_spec_is_absent(const struct sl_json *value);
/* A string member, or NULL when it is missing, empty or no string. */
const char *sl_spec_text(const struct sl_json *object, const char *key);
/*
 * Checks every member of an object: known, once, of the right kind. options: more names that are
 * allowed (checked elsewhere). open: any other name is allowed too. False: it is no object.
 */
bool sl_spec_check_object(struct sl_spec_parse *p, const struct sl_json *object,
                          const struct sl_spec_key *keys, const struct sl_option *options,
                          bool open, const char *pointer);
const struct sl_spec_key *sl_spec_find_key(const struct sl_spec_key *keys, const char *name);
/* own: of the keys, only those of our own are meant. */
void sl_spec_unknown_key(struct sl_spec_parse *p, const struct sl_spec_key *keys, bool own,
                         const struct sl_option *options, const char *pointer, const char *name);

/* spec_caps.c: max_calls_per_run, quota_share. */
void sl_spec_parse_caps(struct sl_spec_parse *p, const struct sl_json *root);

/* table_configuration */
struct sl_spec_layers {
    const struct sl_json *items[3]; /* weakest first; NULLs are passed over */
};
void sl_spec_check_config(struct sl_spec_parse *p, const struct sl_json *config,
                          const char *pointer);
/* extra: connector_options. */
void sl_spec_resolve_config(struct sl_spec_parse *p, const struct sl_spec_layers *layers,
                            const struct sl_json *extra, const char *pointer,
                            struct sl_table_config *out);

#endif
