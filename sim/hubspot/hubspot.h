/*
 * hubspot.h: a portal of HubSpot, as far as reading its CRM goes. docs/simulators.md has the routes.
 *
 *   hubspot.c  the app: routes, limits, tokens, errors
 *   data.c     objects, properties, records
 *   demo.c     what is in them
 *   list.c     lists, single records, batches by id
 *   search.c   the search, and its index that lags
 *   links.c    associations
 *   ops.c      operations, and what happens on a day
 *   show.c     records as JSON, and the truth
 */
#ifndef SIM_HUBSPOT_H
#define SIM_HUBSPOT_H

#include "sim/sim.h"

struct sl_doc;

#define HS_PORTAL "24242424"
#define HS_TYPES_MAX 20
#define HS_TARGETS_MAX 5
#define HS_OFFSET_US (INT64_C(-5) * 3600 * SL_SECOND_US) /* the portal's zone */
#define HS_BURST 100                                     /* calls in any ten seconds */
#define HS_BURST_US (10 * SL_SECOND_US)
#define HS_SEARCHES 5 /* in any second */
#define HS_TOKEN "pat-na1-00000000-demo"
#define HS_TOKENS_MAX 16

struct hs_property {
    char name[104], label[104], type[20], field_type[24];
    bool calculated, archived;
};

struct hs_edge {
    int type;
    int64_t id;
};

struct hs_record {
    int64_t id, created_us, updated_us;
    int64_t archived_us; /* 0: it lives */
    bool gone;           /* erased, or archived more than 90 days ago */
    int64_t merged_into;
    int64_t indexed_us, visible_us; /* the search shows it as of the former, until the latter */
    char **values;                  /* by property; NULL: null */
    size_t value_count;
    struct hs_edge *edges;
    size_t edge_count, edge_cap;
};

struct hs_type {
    char name[64], type_id[16], qualified[96]; /* qualified: of custom objects */
    const char *modified, *created;            /* properties */
    const char *scope;
    const char *targets[HS_TARGETS_MAX]; /* the connector's columns of associations */
    bool custom, forbidden, no_archive;
    struct hs_property *properties;
    size_t property_count, property_cap;
    struct hs_record **records; /* by id */
    size_t record_count, record_cap;
    int64_t next_id;
    int64_t bench; /* so many records that are not stored */
};

struct hs_token {
    char text[40];
    int64_t expires_us;
};

struct hubspot {
    uint64_t seed;
    struct hs_type types[HS_TYPES_MAX];
    int type_count;
    int64_t now_us, start_us;
    int owners, day;
    bool no_custom, revoked, unlimited;
    int64_t index_lag_us, daily_quota, page_twice, unsorted, rotate, lifetime_s;
    int64_t used_today, today;
    int64_t recent[HS_BURST]; /* a ring of the newest calls */
    size_t recent_at;
    char refresh_token[40];
    int refreshes;
    struct hs_token tokens[HS_TOKENS_MAX];
    struct hs_record scratch; /* of a benchmark */
    char *scratch_values[64];
    char scratch_text[64][48];
};

/* ---- data.c ---- */

struct hs_type *hs_type_of(struct hubspot *app, const char *name); /* name, id, qualified name */
int hs_index_of(const struct hubspot *app, const struct hs_type *type);
struct hs_type *hs_add_type(struct hubspot *app, const char *name, const char *type_id,
                            bool contacts);
bool hs_add_property(struct hs_type *type, const char *name, const char *label, const char *kind);
int hs_property_of(const struct hs_type *type, const char *name); /* -1 */
size_t hs_count(const struct hs_type *type);
/* Of a benchmark's table: good until the next call. */
struct hs_record *hs_at(struct hubspot *app, struct hs_type *type, size_t index);
struct hs_record *hs_find(struct hubspot *app, struct hs_type *type, int64_t id); /* or NULL */
struct hs_record *hs_new_record(struct hs_type *type, int64_t created_us);        /* or NULL */
bool hs_set(struct hs_type *type, struct hs_record *record, int property, const char *value);
/* What a property is right now; NULL: null. text: room for computed ones. */
const char *hs_get(const struct hs_type *type, const struct hs_record *record, int property,
                   char text[40]);
bool hs_link(struct hubspot *app, struct hs_type *a, struct hs_record *x, struct hs_type *b,
             struct hs_record *y);
void hs_unlink(struct hubspot *app, struct hs_type *a, struct hs_record *x, struct hs_type *b,
               int64_t id);
void hs_type_release(struct hs_type *type);
static inline bool hs_lives(const struct hs_record *record)
{
    return !record->archived_us && !record->gone && !record->merged_into;
}
/* "2026-03-02T09:00:00.250Z", without a fraction where it is zero, as Java prints it. */
void hs_time(int64_t us, char text[40]);
/* The number at the start of a text; 0: none. */
int64_t hs_number(const char *text);

/* ---- demo.c ---- */

enum sl_code hs_fill(struct hubspot *app, const struct sim_options *options,
                     struct sl_error *error);
/* Values of all properties but computed ones. */
bool hs_invent(struct hubspot *app, struct hs_type *type, struct hs_record *record, uint64_t salt);
void hs_bench_record(struct hubspot *app, struct hs_type *type, size_t index);

/* ---- show.c ---- */

/* names: an array of them; NULL: the defaults. */
void hs_put_record(struct hubspot *app, const struct hs_type *type, const struct hs_record *record,
                   const char *const *names, size_t count, const char *associations,
                   struct sl_buf *out);
void hs_put_owner(const struct hubspot *app, int index, struct sl_buf *out);
void hs_put_pipelines(const struct hubspot *app, const char *object, struct sl_buf *out);
enum sl_code hs_truth(void *state, const struct sim_request *request, struct sl_buf *out,
                      struct sl_error *error);

/* ---- list.c, search.c, links.c ---- */

void hs_error(struct sim_reply *reply, int status, const char *category, const char *message);
/* A page of a list: limit and after from the query; false: a 400 was written. */
bool hs_list_query(const struct sim_request *request, int64_t most, int64_t *limit, int64_t *after,
                   struct sim_reply *reply);
void hs_put_next(struct sim_reply *reply, const struct sim_request *request, int64_t after);
void hs_list(struct hubspot *app, struct hs_type *type, const struct sim_request *request,
             struct sim_reply *reply);
void hs_single(struct hubspot *app, struct hs_type *type, const char *id,
               const struct sim_request *request, struct sim_reply *reply);
enum sl_code hs_batch_read(struct hubspot *app, struct hs_type *type,
                           const struct sim_request *request, struct sim_reply *reply,
                           struct sl_error *error);
enum sl_code hs_search(struct hubspot *app, struct hs_type *type, const struct sim_request *request,
                       struct sim_reply *reply, struct sl_error *error);
/* The ids that a record is linked to, sorted, each once; count of them. */
size_t hs_links(const struct hs_record *record, int target, int64_t *ids, size_t cap);
enum sl_code hs_links_batch(struct hubspot *app, struct hs_type *from, struct hs_type *to,
                            const struct sim_request *request, struct sim_reply *reply,
                            struct sl_error *error);
/* version 3 or 4 */
void hs_links_of(struct hubspot *app, struct hs_type *from, const char *id, struct hs_type *to,
                 int version, const struct sim_request *request, struct sim_reply *reply);
void hs_put_links(struct hubspot *app, const struct hs_type *type, const struct hs_record *record,
                  const char *names, struct sl_buf *out);

/* ---- ops.c ---- */

bool hs_has_op(const char *name);
enum sl_code hs_operate(void *state, const struct sl_json *op, int64_t now_us,
                        struct sl_error *error);

#endif
