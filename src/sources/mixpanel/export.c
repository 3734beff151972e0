/*
 * export.c: the lines of an export, as they arrive; never more than a line and its neighbours.
 *
 * One event a line. What can be wrong, the status being 200 long since:
 *   - the server gave up: the last line says "terminated early". The request begins again;
 *   - the end is missing: the last line is half of one. The same;
 *   - an event in several lines: neighbours are joined until they make sense;
 *   - a line that makes none, joined or not: rejected, with its text, and counted.
 */
#include "mixpanel.h"

#include <stdio.h>
#include <string.h>

#include <sluice/hash.h>

#define PIECES_MAX 8
#define PIECES_BYTES_MAX ((size_t)4 << 20)
#define NOTICE_MAX 200    /* "export terminated early" is short */
#define NAME_STRAY_MAX 32 /* a name with stray bytes around it */

/* ------------------------------------------------------------------ one event */

/* The property as text: numbers with their own digits. */
static struct sl_text text_of(const struct sl_json *value)
{
    const char *text = sl_json_str(value);

    if (text) return (struct sl_text){text, sl_json_str_len(value)};
    text = sl_json_number_text(value);
    return (struct sl_text){text, text ? strlen(text) : 0};
}

/* Its name has been seen with stray bytes around it. */
static const struct sl_json *insert_id_of(const struct sl_json *properties)
{
    const struct sl_json *found = sl_json_get(properties, "$insert_id");

    if (found) return found;
    for (struct sl_json_each e = sl_json_each(properties); sl_json_next(&e);)
        if (sl_json_str_len(e.key) <= NAME_STRAY_MAX && strstr(sl_json_str(e.key), "$insert_id"))
            return e.value;
    return NULL;
}

/* What tells one event from another: what Mixpanel itself goes by when it counts. */
static void name_event(const struct sl_json *event, const struct sl_json *properties,
                       char key[SL_TEXT_KEY_MAX])
{
    struct sl_json_print print;
    struct sl_text parts[5] = {
        text_of(sl_json_get(event, "event")),
        text_of(sl_json_get(properties, "distinct_id")),
        text_of(sl_json_get(properties, "time")),
        text_of(insert_id_of(properties)),
    };
    size_t count = 4;

    if (parts[3].len == 0) {
        print = sl_json_print(properties);
        parts[count++] = (struct sl_text){(const char *)&print, sizeof print};
    }
    sl_text_key(parts, count, key);
}

static bool seconds_of(const struct sl_json *value, int64_t *seconds)
{
    double number;

    if (sl_json_i64(value, seconds))
        return *seconds > -(INT64_C(1) << 40) && *seconds < INT64_C(1) << 40;
    if (!sl_json_double(value, &number) || !(number > -1e12 && number < 1e12)) return false;
    *seconds = mixpanel_floor_div((int64_t)(number * 1000), 1000);
    return true;
}

/* Days come in runs: their text is made once for each. */
static const char *text_of_day(struct mixpanel *self, int64_t day)
{
    if (day < self->from) day = self->from;
    if (day > self->to) day = self->to;
    if (!self->day_text[0] || day != self->day) sl_date_format((int32_t)day, self->day_text);
    self->day = (int32_t)day;
    return self->day_text;
}

static enum sl_code emit(struct mixpanel *self, const struct sl_json *event, struct sl_out *out,
                         struct sl_error *error)
{
    const struct sl_json *properties = sl_json_get(event, "properties");
    char key[SL_TEXT_KEY_MAX], time_text[SL_TIME_TEXT_MAX];
    bool utc = mixpanel_is_utc(self);
    int64_t seconds;
    bool has_time = seconds_of(sl_json_get(properties, "time"), &seconds);
    /* `time` shows the project's clock, so its date is the day of the project's calendar. */
    struct sl_constant constants[] = {
        {"_event_key", key},
        {"_export_date",
         text_of_day(self, has_time ? mixpanel_floor_div(seconds, 86400) : self->from)},
        {"time", NULL},
    };

    name_event(event, properties, key);
    if (has_time && !utc)
        constants[2].text =
            sl_time_format_us(sl_zone_utc(&self->zone, seconds * SL_SECOND_US), time_text);
    return sl_out_rows(out, "events", event, constants, utc ? 2 : 3, (struct sl_sequence){0},
                       error);
}

static bool is_event(const struct sl_json *json)
{
    return sl_json_kind(sl_json_get(json, "event")) == SL_JSON_STRING &&
           sl_json_kind(sl_json_get(json, "properties")) == SL_JSON_OBJECT;
}

/* ------------------------------------------------------------------ pieces of lines */

void mixpanel_release_pieces(struct mixpanel_pieces *pieces)
{
    sl_json_writer_free(pieces->joined);
    sl_json_writer_free(pieces->escaped);
    sl_json_writer_free(pieces->raw);
    *pieces = (struct mixpanel_pieces){0};
}

static enum sl_code add_piece(struct mixpanel_pieces *pieces, const char *text, size_t len,
                              struct sl_error *error)
{
    struct sl_json_writer **all[] = {&pieces->joined, &pieces->escaped, &pieces->raw};
    static const char *const between[] = {"", "\\n", "\n"};

    for (int i = 0; i < 3; i++) {
        if (!*all[i]) *all[i] = sl_json_writer_new();
        if (!*all[i]) return sl_fail(error, SL_NO_MEMORY, "no memory for half a line");
        if (!pieces->count) sl_json_writer_reset(*all[i]);
        if (pieces->count) sl_json_put_bytes(*all[i], between[i], strlen(between[i]));
        sl_json_put_bytes(*all[i], text, len);
        if (!sl_json_writer_text(*all[i], NULL))
            return sl_fail(error, SL_NO_MEMORY, "no memory for half a line");
    }
    pieces->count++;
    return SL_OK;
}

static enum sl_code reject_pieces(struct mixpanel_pieces *pieces, struct sl_out *out,
                                  struct sl_error *error)
{
    size_t len = 0;
    const char *raw = pieces->count ? sl_json_writer_text(pieces->raw, &len) : NULL;

    pieces->count = 0;
    return raw ? sl_out_reject(out, "events", raw, len, "a line of the export is not an event",
                               error)
               : SL_OK;
}

/* Do the pieces make an event by now? */
static enum sl_code try_pieces(struct mixpanel *self, struct sl_out *out, struct sl_error *error)
{
    struct mixpanel_pieces *pieces = &self->pieces;
    const struct sl_json_writer *ways[] = {pieces->joined, pieces->escaped};
    size_t len = 0;

    for (int i = 0; i < 2; i++) {
        const char *text = sl_json_writer_text(ways[i], &len);
        const struct sl_json *json = NULL;
        struct sl_error why = {0};
        enum sl_code rc = sl_out_parse(out, text, len, &json, &why);

        if (rc == SL_NO_MEMORY) {
            *error = why;
            return rc;
        }
        if (rc || !is_event(json)) continue;
        pieces->count = 0;
        return emit(self, json, out, error);
    }
    return pieces->count >= PIECES_MAX || len > PIECES_BYTES_MAX ? reject_pieces(pieces, out, error)
                                                                 : SL_OK;
}

/* ------------------------------------------------------------------ lines */

static bool is_blank(const char *text, size_t len)
{
    while (len && strchr(" \t\r", text[len - 1]) && text[len - 1]) len--;
    return len == 0;
}

static bool gave_up(const char *text, size_t len)
{
    static const char notice[] = "terminated early";

    for (size_t i = 0; len <= NOTICE_MAX && i + sizeof notice - 1 <= len; i++)
        if (memcmp(text + i, notice, sizeof notice - 1) == 0) return true;
    return false;
}

static enum sl_code begin_again(struct sl_error *error, const char *why)
{
    (void)sl_fail(error, SL_SOURCE, "events: %s", why);
    error->retryable = true;
    return SL_SOURCE;
}

static enum sl_code take_line(struct mixpanel *self, const char *text, size_t len,
                              struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *json = NULL;
    struct sl_error why = {0};
    enum sl_code rc;

    if (is_blank(text, len)) return SL_OK;
    rc = sl_out_parse(out, text, len, &json, &why);
    if (rc == SL_NO_MEMORY) {
        *error = why;
        return rc;
    }
    if (!rc && is_event(json)) {
        if (!self->pieces.count) return emit(self, json, out, error);
        rc = reject_pieces(&self->pieces, out, error);
        return rc ? rc : emit(self, json, out, error);
    }
    if (rc && gave_up(text, len)) return begin_again(error, "Mixpanel ended the export early");
    if (!rc && !self->pieces.count && sl_json_kind(json) == SL_JSON_OBJECT)
        return sl_out_reject(out, "events", text, len, "a line of the export is not an event",
                             error);
    rc = add_piece(&self->pieces, text, len, error);
    if (!rc && self->pieces.count > 1) rc = try_pieces(self, out, error);
    return rc;
}

/* The project is behind our calendar: its today is our yesterday. */
static enum sl_code today_is_earlier(struct mixpanel *self, const struct sl_response *response,
                                     struct sl_out *out, struct sl_error *error)
{
    sl_out_note(out, SL_NOTE_WARNING,
                "events: at Mixpanel it is still the day before: set project_timezone to the time "
                "zone of the project");
    if (self->to == self->from) return SL_DONE; /* nothing is said of a day that has not begun */
    mixpanel_keep_clock(self, response);
    self->to = mixpanel_today(self) < self->to ? mixpanel_today(self) : self->to - 1;
    if (self->to < self->from) return SL_DONE;
    return mixpanel_ask_export(self, 0, out, error);
}

enum sl_code mixpanel_read_lines(struct mixpanel *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    const char *at = response->body, *end = at + response->body_len;
    bool last = response->chunk & SL_CHUNK_LAST, cut = false;
    enum sl_code rc = SL_OK;

    if (response->status != 200) return today_is_earlier(self, response, out, error);
    while (!rc && response->body_len && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline ? newline : end) - at);

        cut = !newline;
        rc = take_line(self, at, len, out, error);
        at += len + 1;
    }
    if (rc || !last) return rc ? rc : SL_MORE;
    if (cut && self->pieces.count) return begin_again(error, "the export ended inside a line");
    rc = reject_pieces(&self->pieces, out, error);
    return rc ? rc : mixpanel_end_days(self, out, error);
}
