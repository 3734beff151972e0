/*
 * mixpanel.h: a simulator of Mixpanel as far as reading goes: raw export, profiles, cohorts,
 * annotations. Events and people are evidently invented.
 *
 * Times are kept as UTC. What the API shows are times of the project: its zone may be changed
 * (behaviour "timezone"), as it was with projects made before 2023.
 */
#ifndef SIM_MIXPANEL_H
#define SIM_MIXPANEL_H

#include <sluice/zone.h>

#include "base/arena.h"
#include "sim/sim.h"

#define MX_PROJECT "2345678"
#define MX_USER "sluice-demo.a1b2c3.mp-service-account"
#define MX_SECRET "demo-service-secret"
#define MX_API_SECRET "demo-api-secret"
#define MX_SESSIONS_MAX 16
#define MX_PAGE_SIZE 1000
#define MX_PAGE_SIZE_MAX 100000
#define MX_DEMO_DAYS 12
#define MX_BENCH_DAYS 10

struct mx_event {
    const char *name, *distinct_id, *insert_id; /* insert_id NULL: it has none */
    const char *more;                           /* other properties: ,"$city":"Oslo",... */
    int64_t time_us, processed_us;
    int64_t shown_us; /* the export has it from then on */
    bool gone;
};

struct mx_person {
    const char *id;
    bool id_is_number;
    int64_t last_seen_us; /* 0: never */
    const char *more;     /* properties: "$name":"...",... without a comma at either end */
    bool gone;
    uint64_t serial; /* which cohorts it is in follows from it */
};

struct mx_cohort {
    int64_t id;
    const char *name, *description;
    int64_t created_us;
    uint64_t salt, one_in; /* a person in so many is a member; 0: none is */
    bool visible, group, gone;
};

struct mx_annotation {
    int64_t id, date_us;
    const char *description;
    bool gone;
};

struct mx_session { /* the result of a query, of which pages are asked for */
    char id[32];
    int64_t used_us;
    size_t *people;
    size_t count;
};

#define MX_LIST(type)                                                                              \
    struct {                                                                                       \
        type *at;                                                                                  \
        size_t count, cap;                                                                         \
    }

struct mx {
    struct sl_arena texts;
    MX_LIST(struct mx_event) events;
    MX_LIST(struct mx_person) people;
    MX_LIST(struct mx_cohort) cohorts;
    MX_LIST(struct mx_annotation) annotations;
    struct mx_session sessions[MX_SESSIONS_MAX];
    struct sl_doc *doc;
    struct sl_zone zone;
    char zone_name[64];
    uint64_t seed, serial;
    int64_t start_us, now_us;
    int64_t bench_events; /* in all, over MX_BENCH_DAYS days; -1: not that kind */
    int64_t day_count;    /* operation "day": how often */
    int64_t session_seconds, ingest_seconds;
    bool page_size_ignored, unlimited;
    char forbidden[64]; /* "export", "engage", ...: answers 403; "" none */
    char plan[64];      /* the same with 402 */
};

/* data.c */
enum sl_code mx_seed(struct mx *app, const struct sim_options *options, struct sl_error *error);
SL_MUST_USE enum sl_code mx_add_event(struct mx *app, const struct mx_event *event,
                                      struct sl_error *error);
SL_MUST_USE enum sl_code mx_add_person(struct mx *app, const struct mx_person *person,
                                       struct sl_error *error);
SL_MUST_USE enum sl_code mx_add_cohort(struct mx *app, const struct mx_cohort *cohort,
                                       struct sl_error *error);
SL_MUST_USE enum sl_code mx_add_annotation(struct mx *app, const struct mx_annotation *annotation,
                                           struct sl_error *error);
/* An invented event of that time; one person in so many wrote it. */
SL_MUST_USE enum sl_code mx_invent_event(struct mx *app, int64_t time_us, int64_t shown_us,
                                         struct sl_error *error);
SL_MUST_USE enum sl_code mx_invent_person(struct mx *app, int64_t last_seen_us,
                                          struct sl_error *error);
/* Properties of a person, made from dice. */
const char *mx_invent_properties(struct mx *app, uint64_t dice);
const char *mx_text(struct mx *app, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* export.c */
void mx_put_event(const struct mx *app, const struct mx_event *event, bool millis,
                  struct sl_buf *out);
int32_t mx_day(const struct mx *app, int64_t utc_us); /* of the project's calendar */
/* The connector's key of an event, and whether another one of the same key came later. */
void mx_event_key(struct mx *app, const struct mx_event *event, char out[33]);
void mx_export(struct mx *app, const struct sim_request *request, struct sim_reply *reply);
void mx_bench_export(const struct mx *app, int32_t from, int32_t to, struct sim_reply *reply);

/* people.c */
void mx_engage(struct mx *app, const struct sim_request *request, struct sim_reply *reply);
void mx_cohorts(const struct mx *app, struct sl_buf *out);
void mx_annotations(const struct mx *app, const struct sim_request *request,
                    struct sim_reply *reply);
void mx_put_person(const struct mx *app, const struct mx_person *person, struct sl_buf *out);
void mx_put_cohort(const struct mx *app, const struct mx_cohort *cohort, struct sl_buf *out);
void mx_put_annotation(const struct mx *app, const struct mx_annotation *annotation,
                       struct sl_buf *out);
bool mx_is_member(const struct mx_cohort *cohort, const struct mx_person *person);

/* ops.c */
bool mx_has_op(const char *name);
enum sl_code mx_operate(void *app, const struct sl_json *op, int64_t now_us,
                        struct sl_error *error);
enum sl_code mx_truth(void *app, const struct sim_request *request, struct sl_buf *out,
                      struct sl_error *error);

/* mixpanel.c */
void mx_error(struct sim_reply *reply, const struct sim_request *request, int status,
              const char *text);

#endif
