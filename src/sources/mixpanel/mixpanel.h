/*
 * mixpanel.h: the Mixpanel connector from the inside.
 *
 *   mixpanel.c  options, the connector itself
 *   ask.c       requests, limits, the project's clock
 *   classify.c  what answers mean
 *   check.c     is the connection good
 *   tables.c    the tables
 *   plan.c      events: which days are to be read, in which requests
 *   export.c    events: the lines of an export
 *   engage.c    pages of a query of profiles: engage, and the members of a cohort
 *   lists.c     cohorts, annotations, which cohorts have members to be read
 */
#ifndef MIXPANEL_H
#define MIXPANEL_H

#include <sluice/connector.h>
#include <sluice/paging.h>
#include <sluice/zone.h>

#define MIXPANEL_ID_MAX 24 /* a project, a workspace: digits */
#define MIXPANEL_SESSION_MAX 200
#define MIXPANEL_CURSOR_VERSION 1

enum mixpanel_stage {
    MIXPANEL_NONE,
    MIXPANEL_ME,
    MIXPANEL_EXPORT,
    MIXPANEL_COHORTS,
    MIXPANEL_ENGAGE,
    MIXPANEL_ANNOTATIONS,
};

/* A line that is not JSON, and those after it, in the hope that they are one. */
struct mixpanel_pieces {
    struct sl_json_writer *joined;  /* as if the end of line had never been */
    struct sl_json_writer *escaped; /* as if it had been a line break in a text */
    struct sl_json_writer *raw;     /* as they came */
    int count;
};

/* Pages of one query of profiles. */
struct mixpanel_query {
    char session[MIXPANEL_SESSION_MAX];
    int64_t page, page_size, total; /* total -1: unknown */
    int64_t expired;                /* how often the session was lost */
    struct sl_pages pages;
    char since[SL_TIME_TEXT_MAX];  /* $last_seen from then on; "": everything */
    char newest[SL_TIME_TEXT_MAX]; /* the latest $last_seen that came; "": none */
    int64_t cohort;                /* members of this cohort; 0: profiles */
};

struct mixpanel {
    struct sl_task task; /* first */

    /* options of the connection */
    const char *username, *project_id, *workspace_id, *region, *project_timezone, *base_url;
    const char *start_date;
    bool secret, api_secret;
    int64_t historical_days, requests_per_hour;
    /* options of a table */
    int64_t lookback_days, days_per_request, page_size, max_records_per_batch;

    enum mixpanel_stage stage;
    bool checking;
    struct sl_zone zone;
    char project[MIXPANEL_ID_MAX + 16]; /* in the names of limits */

    int64_t now_us;   /* by Mixpanel's clock, where it is known */
    int32_t from, to; /* events: the days of this request, both included */
    int32_t day;      /* of the newest row */
    char day_text[SL_TIME_TEXT_MAX];
    struct mixpanel_pieces pieces;

    struct mixpanel_query query;
};

/* ask.c */
/* The project's zone and id, looked at before anything else. */
enum sl_code mixpanel_begin(struct mixpanel *self, struct sl_error *error);
bool mixpanel_is_account(const struct mixpanel *self); /* or it is an API secret */
bool mixpanel_is_utc(const struct mixpanel *self);
enum sl_code mixpanel_ask_me(struct mixpanel *self, struct sl_out *out, struct sl_error *error);
/* limit 0: all events */
enum sl_code mixpanel_ask_export(struct mixpanel *self, int64_t limit, struct sl_out *out,
                                 struct sl_error *error);
enum sl_code mixpanel_ask_cohorts(struct mixpanel *self, struct sl_out *out,
                                  struct sl_error *error);
enum sl_code mixpanel_ask_engage(struct mixpanel *self, struct sl_out *out, struct sl_error *error);
enum sl_code mixpanel_ask_annotations(struct mixpanel *self, struct sl_out *out,
                                      struct sl_error *error);
/* Of times before 1970, too. b > 0 */
static inline int64_t mixpanel_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Goes by the clock of this answer from here on. */
void mixpanel_keep_clock(struct mixpanel *self, const struct sl_response *response);
/* The project's calendar: its today. */
int32_t mixpanel_today(const struct mixpanel *self);
/* A time as the API writes it, of the project's clock where it names no zone, as UTC. NULL: it is
 * none. What is no time is returned as it is. */
const char *mixpanel_utc(const struct mixpanel *self, const struct sl_json *value,
                         char out[SL_TIME_TEXT_MAX]);

/* classify.c */
void mixpanel_classify(const void *task, const struct sl_response *response,
                       struct sl_verdict *verdict);
/* What the source said, "" when nothing. */
void mixpanel_said(const struct sl_response *response, char *out, size_t cap);
bool mixpanel_is_later_than_today(const struct sl_response *response);
bool mixpanel_has_no_members(const struct sl_response *response);

/* check.c, tables.c */
sl_step_fn mixpanel_check;
sl_step_fn mixpanel_discover;

/* plan.c */
enum sl_code mixpanel_plan_events(struct mixpanel *self, struct sl_out *out,
                                  struct sl_error *error);
enum sl_code mixpanel_begin_days(struct mixpanel *self, struct sl_out *out, struct sl_error *error);
/* A part of a first load that goes on: was it read before? It says so again, for the run after. */
bool mixpanel_is_done(const struct mixpanel *self);
enum sl_code mixpanel_say_done(struct sl_out *out, struct sl_error *error);
/* Everything of these days was emitted. */
enum sl_code mixpanel_end_days(struct mixpanel *self, struct sl_out *out, struct sl_error *error);

/* export.c */
enum sl_code mixpanel_read_lines(struct mixpanel *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error);
void mixpanel_release_pieces(struct mixpanel_pieces *pieces);

/* engage.c, lists.c */
enum sl_code mixpanel_read_engage(struct mixpanel *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error);
enum sl_code mixpanel_read_cohorts(struct mixpanel *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error);
enum sl_code mixpanel_read_members(struct mixpanel *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error);
enum sl_code mixpanel_read_annotations(struct mixpanel *self, const struct sl_response *response,
                                       struct sl_out *out, struct sl_error *error);
/* The array of cohorts in an answer, bare or in an object; NULL: there is none. */
const struct sl_json *mixpanel_cohorts_of(const struct sl_json *json);

#endif
