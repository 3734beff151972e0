/*
 * spec_keys.h: which keys a pipeline specification may have, and what each means here.
 * docs/pipeline-spec.md is printed from these tables. Private to src/pipeline, and to the printer.
 */
#ifndef SL_SPEC_KEYS_H
#define SL_SPEC_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#define SL_SPEC_NOTES_MAX 64

enum sl_spec_kind {
    SL_SPEC_STRING,
    SL_SPEC_BOOL,
    SL_SPEC_NUMBER,
    SL_SPEC_OBJECT,
    SL_SPEC_ARRAY,
    SL_SPEC_STRINGS, /* an array of strings; one string stands for an array of one */
    SL_SPEC_ANY,
};

struct sl_spec_key {
    const char *name;
    enum sl_spec_kind kind;
    const char *help;    /* what it does here; NULL: nothing, see the rest */
    bool ignored;        /* means something elsewhere; all such keys share one note */
    const char *note;    /* said once when it is given: what to do instead */
    bool note_if_true;   /* only when its value is true */
    bool own;            /* not the vendor's: table_properties["sluice.<name>"] is it too */
    const char *refused; /* why a specification with this key cannot be run */
};

extern const struct sl_spec_key sl_spec_pipeline_keys[]; /* each ends with {0} */
extern const struct sl_spec_key sl_spec_bare_keys[];
extern const struct sl_spec_key sl_spec_definition_keys[];
extern const struct sl_spec_key sl_spec_object_keys[];
extern const struct sl_spec_key sl_spec_table_keys[];
extern const struct sl_spec_key sl_spec_schema_keys[];
extern const struct sl_spec_key sl_spec_config_keys[];

/* docs/pipeline-spec.md: the tables above as Markdown. */
struct sl_buf;
void sl_spec_keys_print(struct sl_buf *out);

#endif
