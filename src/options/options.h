/*
 * options.h: parsing and printing of option tables (struct sl_option, connector.h).
 *
 * One table declares a connector's options; everything that parses, explains, documents or masks
 * them goes through here.
 */
#ifndef SL_OPTIONS_H
#define SL_OPTIONS_H

#include <sluice/connector.h>

struct sl_arena;
struct sl_buf;

/*
 * Puts the values of a JSON object into a state struct at the options' offsets, presets where there
 * is none; what has neither is not touched. Text and lists go to the arena (presets stay where they
 * are), so json may die. A JSON null is as good as nothing. Names in `others` (ends with NULL; may
 * be NULL) are passed over. where: for messages ("connection 'airtable'"), or NULL. json NULL: only
 * presets. partial: required options may be missing.
 *
 *   STRING       text; a number, as its text
 *   BOOL         true, false; as text in any case
 *   INT, DOUBLE  a number; as text; within min and max unless these are equal
 *   URL          slashes at its end are cut; a user name or password in it is refused
 *   LIST         an array of texts (and numbers); its JSON as text; a comma list
 *   ENUM         one of the values, in any case: the pointer is that of the table
 *   SECRET       its bool becomes true, whatever the value
 *
 * SL_BAD_SPEC  an unknown name (the message has the nearest valid one), one given twice, one that
 *              is missing, or a value that does not fit
 */
SL_MUST_USE enum sl_code sl_options_parse(const struct sl_option *options,
                                          const struct sl_json *json, const char *const *others,
                                          bool partial, const char *where, void *state,
                                          struct sl_arena *arena, struct sl_error *error);

/* The option with this name or alias, or NULL. */
const struct sl_option *sl_options_find(const struct sl_option *options, const char *name);
const char *sl_option_kind_name(enum sl_option_kind kind);

/* HELP: one line per option. MARKDOWN: a table with its head, nothing when there are no options.
 * JSON_SCHEMA: an object. */
enum sl_options_format { SL_OPTIONS_HELP, SL_OPTIONS_MARKDOWN, SL_OPTIONS_JSON_SCHEMA };
void sl_options_print(const struct sl_option *options, enum sl_options_format format,
                      struct sl_buf *out);

/* The candidate nearest to name, at most a third of its letters away (insertions, deletions,
 * replacements, swaps; case does not count), or NULL. candidates ends with NULL. */
const char *sl_nearest(const char *name, const char *const *candidates);

#endif
