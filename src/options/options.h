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
 * Puts the values of a JSON object into a state struct at the options' offsets. Text goes to the
 * arena (presets stay where they are). Numbers and booleans may be given as text. Names in `others`
 * (ends with NULL; may be NULL) are passed over; any other unknown name is SL_BAD_SPEC with the
 * nearest valid one. A SECRET sets its bool, whatever the value. where: for messages ("connection
 * 'airtable'"). json NULL: only presets. partial: required options may be missing.
 */
SL_MUST_USE enum sl_code sl_options_parse(const struct sl_option *options,
                                          const struct sl_json *json, const char *const *others,
                                          bool partial, const char *where, void *state,
                                          struct sl_arena *arena, struct sl_error *error);

/* The option with this name or alias, or NULL. */
const struct sl_option *sl_options_find(const struct sl_option *options, const char *name);
const char *sl_option_kind_name(enum sl_option_kind kind);

enum sl_options_format { SL_OPTIONS_HELP, SL_OPTIONS_MARKDOWN, SL_OPTIONS_JSON_SCHEMA };
void sl_options_print(const struct sl_option *options, enum sl_options_format format,
                      struct sl_buf *out);

/* The candidate nearest to name (edit distance, without case), or NULL when none is near. Ends with
 * NULL. */
const char *sl_nearest(const char *name, const char *const *candidates);

#endif
