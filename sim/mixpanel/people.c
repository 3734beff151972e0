/* people.c: profiles and their queries, cohorts, annotations. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "sim/fault.h"
#include "sim/mixpanel/mixpanel.h"
#include "sim/text.h"

#define WHERE_MAX 400

/* ------------------------------------------------------------------ profiles */

/* "2026-03-02T09:00:00": the clock of the project. */
static void shown_time(const struct mx *app, int64_t us, char between, char out[SL_TIME_TEXT_MAX])
{
    sl_time_format_ms(sl_zone_wall(&app->zone, us), out);
    out[10] = between;
    out[19] = '\0';
}

void mx_put_person(const struct mx *app, const struct mx_person *person, struct sl_buf *out)
{
    char time[SL_TIME_TEXT_MAX];

    sl_buf_adds(out, "{\"$distinct_id\":");
    if (person->id_is_number)
        sl_buf_adds(out, person->id);
    else
        sim_json_text(out, person->id);
    sl_buf_addf(out, ",\"$properties\":{%s", person->more);
    if (person->last_seen_us) {
        shown_time(app, person->last_seen_us, 'T', time);
        sl_buf_addf(out, ",\"$last_seen\":\"%s\"", time);
    }
    sl_buf_adds(out, "}}");
}

bool mx_is_member(const struct mx_cohort *cohort, const struct mx_person *person)
{
    return !person->gone && !cohort->group && cohort->one_in &&
           sim_mix(person->serial, cohort->salt) % cohort->one_in == 0;
}

/* ------------------------------------------------------------------ where */

/* properties["$last_seen"]>"A" and properties["$last_seen"]<="B": the only filter there is. */
struct where {
    struct {
        char op[3], text[40];
    } terms[2];
    int count;
    bool unreadable;
};

static struct where read_where(const char *text)
{
    static const char name[] = "properties[\"$last_seen\"]";
    struct where where = {.count = 0};

    while (*text && where.count < 2 && !where.unreadable) {
        size_t op, len;

        while (*text == ' ') text++;
        where.unreadable = strncmp(text, name, sizeof name - 1) != 0;
        if (where.unreadable) break;
        text += sizeof name - 1;
        while (*text == ' ') text++;
        op = strspn(text, "<>=");
        where.unreadable = op < 1 || op > 2;
        if (where.unreadable) break;
        memcpy(where.terms[where.count].op, text, op);
        text += op;
        while (*text == ' ') text++;
        len = *text == '"' ? strcspn(text + 1, "\"") : 0;
        where.unreadable = len < 1 || len >= 40 || text[len + 1] != '"';
        if (where.unreadable) break;
        memcpy(where.terms[where.count++].text, text + 1, len);
        text += len + 2;
        while (*text == ' ') text++;
        if (strncmp(text, "and", 3) == 0) text += 3;
    }
    where.unreadable = where.unreadable || *text;
    return where;
}

static bool matches(const struct mx *app, const struct where *where, const struct mx_person *person)
{
    char time[SL_TIME_TEXT_MAX];

    if (where->count && !person->last_seen_us) return false;
    shown_time(app, person->last_seen_us, 'T', time);
    for (int i = 0; i < where->count; i++) {
        const char *op = where->terms[i].op;
        int order = strcmp(time, where->terms[i].text);
        bool equal = order == 0 && strchr(op, '=') != NULL;

        if (!equal && !(op[0] == '>' && order > 0) && !(op[0] == '<' && order < 0)) return false;
    }
    return true;
}

/* ------------------------------------------------------------------ sessions */

static struct mx_session *find_session(struct mx *app, const char *id)
{
    for (int i = 0; i < MX_SESSIONS_MAX; i++) {
        struct mx_session *session = &app->sessions[i];

        if (!session->id[0] || strcmp(session->id, id) != 0) continue;
        if (app->now_us - session->used_us > app->session_seconds * SL_SECOND_US) return NULL;
        return session;
    }
    return NULL;
}

/* A new one in the place of the one that was not used for longest; NULL: no memory. */
static struct mx_session *new_session(struct mx *app)
{
    struct mx_session *oldest = &app->sessions[0];

    for (int i = 1; i < MX_SESSIONS_MAX; i++)
        if (app->sessions[i].used_us < oldest->used_us) oldest = &app->sessions[i];
    sl_free(oldest->people);
    *oldest = (struct mx_session){.people = sl_calloc(app->people.count + 1, sizeof(size_t))};
    (void)snprintf(oldest->id, sizeof oldest->id, "17724-%016" PRIx64,
                   sim_mix(app->seed, ++app->serial + 77));
    return oldest->people ? oldest : NULL;
}

static bool param(const struct sim_request *request, const char *name, char *out, size_t cap)
{
    out[0] = '\0';
    return sim_query_get(request->body, name, out, cap) ||
           sim_query_get(request->query, name, out, cap);
}

static const struct mx_cohort *find_cohort(const struct mx *app, int64_t id)
{
    for (size_t i = 0; i < app->cohorts.count; i++)
        if (app->cohorts.at[i].id == id && !app->cohorts.at[i].gone) return &app->cohorts.at[i];
    return NULL;
}

/* The people that a new query finds. False: the reply says what is wrong. */
static bool run_query(struct mx *app, const struct sim_request *request, struct mx_session *session,
                      struct sim_reply *reply)
{
    char text[WHERE_MAX], all[8];
    const struct mx_cohort *cohort = NULL;
    struct where where;

    param(request, "where", text, sizeof text);
    where = read_where(text);
    if (where.unreadable) {
        mx_error(reply, request, 400, "Invalid selector: where");
        return false;
    }
    if (param(request, "filter_by_cohort", text, sizeof text)) {
        const char *id = strstr(text, "\"id\":");

        cohort = find_cohort(app, id ? strtoll(id + 5, NULL, 10) : 0);
        if (!cohort || cohort->group) {
            mx_error(reply, request, 400, cohort ? "Missing Datagroup" : "Cohort not found");
            return false;
        }
    }
    bool profiles_only =
        param(request, "include_all_users", all, sizeof all) && strcmp(all, "false") == 0;

    (void)profiles_only; /* everybody in this project has a profile */
    for (size_t i = 0; i < app->people.count; i++) {
        const struct mx_person *person = &app->people.at[i];

        if (person->gone || !matches(app, &where, person)) continue;
        if (cohort && !mx_is_member(cohort, person)) continue;
        session->people[session->count++] = i;
    }
    return true;
}

/* ------------------------------------------------------------------ engage */

static void put_page(const struct mx *app, const struct mx_session *session, int64_t page,
                     int64_t size, bool ids_only, struct sl_buf *out)
{
    size_t from = (size_t)(page * size), end = from + (size_t)size;

    sl_buf_addf(out, "{\"page\":%" PRId64 ",\"page_size\":%" PRId64 ",\"session_id\":\"%s\",", page,
                size, session->id);
    if (page == 0) sl_buf_addf(out, "\"total\":%zu,", session->count);
    sl_buf_adds(out, "\"status\":\"ok\",\"results\":[");
    for (size_t i = from; i < session->count && i < end; i++) {
        struct mx_person person = app->people.at[session->people[i]];

        if (i > from) sl_buf_addc(out, ',');
        if (ids_only) person.more = "";
        if (ids_only) person.last_seen_us = 0;
        mx_put_person(app, &person, out);
    }
    sl_buf_adds(out, "]}");
}

void mx_engage(struct mx *app, const struct sim_request *request, struct sim_reply *reply)
{
    char text[WHERE_MAX];
    int64_t page = param(request, "page", text, sizeof text) ? strtoll(text, NULL, 10) : 0;
    int64_t size = MX_PAGE_SIZE;
    struct mx_session *session;

    if (!app->page_size_ignored && param(request, "page_size", text, sizeof text))
        size = strtoll(text, NULL, 10);
    if (size < 100 || size > MX_PAGE_SIZE_MAX) size = MX_PAGE_SIZE;
    if (param(request, "session_id", text, sizeof text)) {
        session = find_session(app, text);
        if (!session) {
            mx_error(reply, request, 400, "request for page in uncached query for params");
            return;
        }
    } else if (page) {
        mx_error(reply, request, 400, "request for page in uncached query for params");
        return;
    } else {
        session = new_session(app);
        if (!session) {
            mx_error(reply, request, 500, "out of memory");
            return;
        }
        if (!run_query(app, request, session, reply)) {
            session->id[0] = '\0';
            return;
        }
    }
    session->used_us = app->now_us;
    put_page(app, session, page, size, param(request, "output_properties", text, sizeof text),
             reply->body);
}

/* ------------------------------------------------------------------ cohorts */

void mx_put_cohort(const struct mx *app, const struct mx_cohort *cohort, struct sl_buf *out)
{
    char time[SL_TIME_TEXT_MAX];
    int64_t count = 0;

    for (size_t i = 0; i < app->people.count; i++)
        count += mx_is_member(cohort, &app->people.at[i]);
    shown_time(app, cohort->created_us, ' ', time);
    sl_buf_addf(out, "{\"id\":%" PRId64 ",\"name\":", cohort->id);
    sim_json_text(out, cohort->name);
    sl_buf_adds(out, ",\"description\":");
    sim_json_text(out, cohort->description);
    sl_buf_addf(out,
                ",\"count\":%" PRId64
                ",\"is_visible\":%d,\"created\":\"%s\",\"project_id\":" MX_PROJECT "}",
                cohort->group ? 3 : count, cohort->visible, time);
}

void mx_cohorts(const struct mx *app, struct sl_buf *out)
{
    const char *comma = "";

    sl_buf_addc(out, '[');
    for (size_t i = 0; i < app->cohorts.count; i++) {
        if (app->cohorts.at[i].gone) continue;
        sl_buf_adds(out, comma);
        mx_put_cohort(app, &app->cohorts.at[i], out);
        comma = ",";
    }
    sl_buf_addc(out, ']');
}

/* ------------------------------------------------------------------ annotations */

void mx_put_annotation(const struct mx *app, const struct mx_annotation *annotation,
                       struct sl_buf *out)
{
    char time[SL_TIME_TEXT_MAX];

    shown_time(app, annotation->date_us, ' ', time);
    sl_buf_addf(out, "{\"id\":%" PRId64 ",\"date\":\"%s\",\"description\":", annotation->id, time);
    sim_json_text(out, annotation->description);
    sl_buf_adds(out, ",\"user\":{\"id\":77,\"first_name\":\"Ada\",\"last_name\":\"Lantern\"},"
                     "\"tags\":[{\"id\":9,\"name\":\"menu\"}]}");
}

void mx_annotations(const struct mx *app, const struct sim_request *request,
                    struct sim_reply *reply)
{
    const char *comma = "";

    (void)request;
    sl_buf_adds(reply->body, "{\"status\":\"ok\",\"results\":[");
    for (size_t i = 0; i < app->annotations.count; i++) {
        if (app->annotations.at[i].gone) continue;
        sl_buf_adds(reply->body, comma);
        mx_put_annotation(app, &app->annotations.at[i], reply->body);
        comma = ",";
    }
    sl_buf_adds(reply->body, "]}");
}
