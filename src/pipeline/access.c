/* access.c: when a new access token is due, who asks for it, and when it may be used. See access.h. */
#include "pipeline/access.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/point.h"
#include "base/time.h"
#include "http/scrub.h"
#include "pipeline/loop.h"

#define MARGIN_US (120 * SL_SECOND_US)   /* a token is renewed so long before its end */
#define MARGIN_PARTS 4                   /* ... but not before three quarters of its life */
#define POLL_US (SL_SECOND_US / 10)      /* somebody else renews it: look again */
#define PATIENCE_US (180 * SL_SECOND_US) /* longer than a request for tokens can take */
#define ASK_TIMEOUT_MS 60000
#define ANSWER_MAX ((size_t)1 << 20)
#define SAID_MAX ((size_t)400) /* bytes of what the source said, in a message */
#define SAVES_MAX 5            /* attempts to keep an answer */
#define FORM_TYPE "application/x-www-form-urlencoded"

enum access_state { ACCESS_NONE, ACCESS_ASKING, ACCESS_KEEPING, ACCESS_READY, ACCESS_FAILED };

struct sl_access {
    struct sl_loop *loop;
    enum access_state state;
    struct sl_oauth_client client;
    const struct sl_grant_store *store; /* NULL: nothing is kept */
    bool locked;
    struct sl_grant grant; /* as it is on disk; KEEPING: as it is to be */
    uint64_t serial;       /* of grant.access_token, in this loop; 0: there was none yet */
    bool stale;            /* the source refused grant.access_token */
    bool second_try;       /* ASKING: with grant.replaced */
    unsigned attempts, saves;
    int64_t not_before_us;    /* monotonic */
    int64_t waiting_since_us; /* monotonic: for the lock; 0: not */
    int64_t asked_before_us;  /* ASKING: grant.asked_us as it was before this request */
    struct sl_exchange exchange;
    struct sl_header headers[4];
    struct sl_buf form;
    char *authorization;
    struct sl_error error; /* FAILED: why */
};

/* ---- small things ---- */

static void wipe_request(struct sl_access *a)
{
    if (a->form.data) explicit_bzero(a->form.data, a->form.len);
    sl_buf_release(&a->form);
    if (a->authorization) explicit_bzero(a->authorization, strlen(a->authorization));
    sl_free(a->authorization);
    a->authorization = NULL;
}

static void unlock(struct sl_access *a)
{
    if (a->locked && a->store) a->store->unlock(a->store->ctx);
    a->locked = false;
}

void sl_access_free(struct sl_access *a)
{
    if (!a) return;
    if (a->state == ACCESS_ASKING) a->loop->world->ops->cancel(a->loop->world, &a->exchange);
    unlock(a);
    wipe_request(a);
    sl_grant_release(&a->grant);
    sl_oauth_client_release(&a->client);
    sl_free(a);
}

static enum sl_code save(struct sl_access *a, struct sl_error *error)
{
    return a->store ? a->store->save(a->store->ctx, a->client.seed, &a->grant, error) : SL_OK;
}

static enum sl_code fail(struct sl_access *a, const struct sl_error *why)
{
    unlock(a);
    wipe_request(a);
    a->error = *why;
    a->state = ACCESS_FAILED;
    return why->code;
}

static bool fresh(const struct sl_grant *grant, int64_t now_us)
{
    int64_t life_us = grant->expires_us - grant->obtained_us;
    int64_t margin_us = life_us / MARGIN_PARTS < MARGIN_US ? life_us / MARGIN_PARTS : MARGIN_US;

    if (!grant->access_token) return false;
    return grant->expires_us == INT64_MAX || now_us < grant->expires_us - margin_us;
}

/* What the source said, without any of our secrets: cut only then, because half a secret is not known
 * for what it is. */
static void say(const struct sl_access *a, const struct sl_oauth_answer *answer, struct sl_buf *out)
{
    struct sl_buf said = {0};
    const char *secrets[8] = {0};
    const char *const all[] = {a->client.secret, a->client.refresh_token, a->grant.access_token,
                               a->grant.refresh_token, a->grant.replaced};
    size_t n = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]) secrets[n++] = all[i];
    struct sl_scrub *scrub = sl_scrub_new(secrets);
    sl_buf_addf(&said, "%d%s%s%s%s", answer->status, answer->word ? " " : "",
                answer->word ? answer->word : "", answer->text ? ": " : "",
                answer->text ? answer->text : "");
    if (scrub && !sl_buf_failed(&said)) sl_scrub_add(scrub, said.data, said.len, out);
    if (out->len > SAID_MAX) out->data[out->len = SAID_MAX] = '\0';
    sl_scrub_free(scrub);
    if (said.data) explicit_bzero(said.data, said.len);
    sl_buf_release(&said);
}

static bool hide(struct sl_access *a)
{
    const char *const all[] = {a->grant.access_token, a->grant.refresh_token, a->grant.replaced};
    bool fine = true;

    for (size_t i = 0; i < 3; i++)
        fine = fine && (!all[i] || sl_world_hide(a->loop->world, all[i]));
    return fine;
}

/* ---- asking ---- */

static enum sl_code put_authorization(struct sl_access *a, struct sl_error *error)
{
    struct sl_buf pair = {0}, text = {0};

    sl_buf_addf(&pair, "%s:%s", a->client.id, a->client.secret);
    sl_buf_adds(&text, "Basic ");
    if (!sl_buf_failed(&pair)) sl_base64_add(pair.data, pair.len, &text);
    if (pair.data) explicit_bzero(pair.data, pair.len);
    bool fine = !sl_buf_failed(&pair);
    sl_buf_release(&pair);
    a->authorization = fine ? sl_buf_take(&text) : NULL;
    sl_buf_release(&text);
    return a->authorization ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for a request");
}

/* The lock is held, and the disk says that this is being asked. */
static enum sl_code send(struct sl_access *a, const char *refresh_token, struct sl_error *error)
{
    struct sl_loop *loop = a->loop;
    size_t n = 0;
    enum sl_code rc;

    assert(a->locked); /* (1) */
    wipe_request(a);
    rc = sl_oauth_form(loop, &a->client, refresh_token, &a->form, error);
    if (!rc && loop->connector->oauth->basic && a->client.secret) rc = put_authorization(a, error);
    if (rc) return rc;
    memset(a->headers, 0, sizeof a->headers);
    a->headers[n++] = (struct sl_header){"Content-Type", FORM_TYPE};
    a->headers[n++] = (struct sl_header){"Accept", "application/json"};
    if (a->authorization) a->headers[n++] = (struct sl_header){"Authorization", a->authorization};
    a->exchange = (struct sl_exchange){
        .method = "POST",
        .url = sl_buf_str(&a->client.url),
        .headers = a->headers,
        .body = a->form.data,
        .body_len = a->form.len,
        .timeout_ms = ASK_TIMEOUT_MS,
        .response_bytes_max = ANSWER_MAX,
        .credentials = true,
    };
    rc = loop->world->ops->start(loop->world, &a->exchange, error);
    if (!rc) a->state = ACCESS_ASKING;
    return rc;
}

static enum sl_code ask(struct sl_access *a, struct sl_error *error)
{
    enum sl_code rc;

    if (!a->client.refresh_token) {
        rc = SL_OK;
    } else if (!a->grant.refresh_token) {
        a->grant.refresh_token = sl_strdup(a->client.refresh_token);
        rc = a->grant.refresh_token ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for a token");
    } else {
        rc = SL_OK;
    }
    a->asked_before_us = a->grant.asked_us;
    a->grant.asked_us = sl_now_us(a->loop->world);
    a->second_try = false;
    if (!rc) rc = save(a, error); /* (3); and the disk takes what will have to be written */
    if (rc) return rc;
    SL_POINT("grant.ask");
    return send(a, a->client.refresh_token ? a->grant.refresh_token : NULL, error);
}

/* The lock is held: what does the disk say by now? */
static enum sl_code look(struct sl_access *a, struct sl_error *error)
{
    struct sl_grant found = {0};
    enum sl_code rc = SL_DONE;

    if (a->store) rc = a->store->load(a->store->ctx, a->client.seed, &found, error);
    if (rc == SL_AUTH && !a->client.refresh_token) rc = SL_DONE; /* nothing is lost with it */
    if (rc == SL_DONE) return ask(a, error);
    if (rc) return rc;
    bool same = a->grant.access_token && found.access_token &&
                strcmp(a->grant.access_token, found.access_token) == 0;
    sl_grant_release(&a->grant);
    a->grant = found;
    if (!hide(a)) return sl_fail(error, SL_NO_MEMORY, "no memory for a token");
    if (!same) a->serial++, a->stale = false;
    if (a->stale || !fresh(&a->grant, sl_now_us(a->loop->world))) return ask(a, error);
    unlock(a);
    a->state = ACCESS_READY;
    return SL_OK;
}

/* SL_MORE: somebody else renews it. */
static enum sl_code take_lock(struct sl_access *a, int64_t now_us, struct sl_error *error)
{
    enum sl_code rc = a->store ? a->store->lock(a->store->ctx, error) : SL_OK;

    if (rc == SL_OK) {
        a->locked = true;
        a->waiting_since_us = 0;
    }
    if (rc != SL_BUSY) return rc;
    if (!a->waiting_since_us) a->waiting_since_us = now_us;
    if (now_us - a->waiting_since_us > PATIENCE_US) {
        sl_fail(error, SL_BUSY,
                "another sluice process has been renewing the tokens of connection "
                "'%s' for three minutes",
                a->loop->connection->name);
        sl_error_hint(error, "See whether one is stopped, end it, and run again.");
        return SL_BUSY;
    }
    a->not_before_us = now_us + POLL_US;
    return SL_MORE;
}

/* ---- keeping ---- */

/* The answer is in a->grant; it is used when it is on disk. */
static void keep(struct sl_access *a)
{
    struct sl_error error = {0};

    a->state = ACCESS_KEEPING;
    if (save(a, &error)) {
        a->not_before_us = a->loop->world->ops->monotonic_us(a->loop->world) + SL_SECOND_US;
        if (++a->saves < SAVES_MAX) return;
        sl_error_context(
            &error, "the source renewed the tokens of connection '%s', and they cannot be kept",
            a->loop->connection->name);
        fail(a, &error);
        return;
    }
    SL_POINT("grant.kept");
    unlock(a);
    a->saves = a->attempts = 0;
    a->stale = false;
    a->serial++;
    a->state = ACCESS_READY;
}

static void given(struct sl_access *a, const struct sl_oauth_answer *answer,
                  const struct sl_completion *completion)
{
    struct sl_grant *grant = &a->grant;
    const char *spent = a->second_try ? grant->replaced : grant->refresh_token;
    struct sl_grant next = {.obtained_us = completion->started_at_us, .expires_us = INT64_MAX};
    const char *refresh = answer->refresh_token ? answer->refresh_token : spent;
    bool rotated = spent && strcmp(refresh, spent) != 0;
    struct sl_error error = {0};

    SL_POINT("grant.answer");
    next.access_token = sl_strdup(answer->access_token);
    if (a->client.refresh_token) next.refresh_token = sl_strdup(refresh);
    if (rotated) next.replaced = sl_strdup(spent);
    if (answer->lifetime_us) next.expires_us = next.obtained_us + answer->lifetime_us;
    bool fine = next.access_token && (next.refresh_token || !a->client.refresh_token) &&
                (next.replaced || !rotated);
    sl_grant_release(grant);
    *grant = next;
    if (!fine || !hide(a)) {
        sl_fail(&error, SL_NO_MEMORY, "no memory for a token");
        fail(a, &error);
        return;
    }
    keep(a);
}

/* ---- refusals ---- */

static void say_lost(const struct sl_access *a, struct sl_error *error)
{
    char day[SL_TIME_TEXT_MAX];

    if (!a->asked_before_us) return;
    sl_time_format_ms(a->asked_before_us, day);
    day[16] = '\0';
    day[10] = ' ';
    sl_error_context(error,
                     "a request of %s (UTC) may have used up its refresh token: what the source "
                     "answered did not arrive, or was not kept",
                     day);
}

static void hint_again(const struct sl_access *a, struct sl_error *error)
{
    const char *name = a->loop->connection->name;

    sl_error_hint(error,
                  "Authorise it again (docs/oauth.md says how), then: sluice connections update %s "
                  "--json '{\"options\":{\"%s\":{\"env\":\"NAME\"}}}'.",
                  name, a->loop->connector->oauth->refresh_token);
}

static void refused(struct sl_access *a, const struct sl_oauth_answer *answer, int status)
{
    const struct sl_oauth *oauth = a->loop->connector->oauth;
    struct sl_error error = {0}, ignored;
    struct sl_buf said = {0};

    say(a, answer, &said);
    if (answer->outcome == SL_OAUTH_SPENT && a->client.refresh_token) {
        sl_fail(&error, SL_AUTH,
                "connection '%s': the source takes its refresh token no longer (%s)",
                a->loop->connection->name, sl_buf_str(&said));
        say_lost(a, &error);
        hint_again(a, &error);
    } else {
        sl_fail(&error, SL_AUTH, "connection '%s': the source gives no access token (%s)",
                a->loop->connection->name, sl_buf_str(&said));
        sl_error_hint(&error,
                      "See whether '%s' and '%s' are right, and that the client may use "
                      "the grant %s.",
                      oauth->client_id, oauth->client_secret,
                      a->client.refresh_token ? "refresh_token" : "client_credentials");
    }
    error.http_status = status;
    a->grant.asked_us = a->asked_before_us; /* this request was answered */
    (void)!save(a, &ignored);
    sl_buf_release(&said);
    fail(a, &error);
}

static void again(struct sl_access *a, int64_t wait_ms, struct sl_error *why)
{
    struct sl_loop *loop = a->loop;
    int64_t delay_ms =
        sl_retry_delay_ms(loop->retry, ++a->attempts, wait_ms, loop->world->ops->dice(loop->world));

    unlock(a);
    wipe_request(a);
    snprintf(loop->trouble, sizeof loop->trouble, "POST %s: %.240s", sl_buf_str(&a->client.url),
             why->message);
    if (delay_ms < 0) {
        sl_error_context(why, "POST %s: after %u attempts to get an access token",
                         sl_buf_str(&a->client.url), a->attempts);
        if (!why->hint[0])
            sl_error_hint(why, "Nothing is lost, and what was landed stays: run again later.");
        fail(a, why);
        return;
    }
    a->state = ACCESS_NONE;
    a->not_before_us = loop->world->ops->monotonic_us(loop->world) + delay_ms * 1000;
}

/* The newest refresh token is refused. The one before it may still be good: a source that says no
 * to a successor it gave may never have made it. */
static bool try_replaced(struct sl_access *a)
{
    struct sl_error error = {0};

    if (a->second_try || !a->grant.replaced) return false;
    a->second_try = true;
    if (send(a, a->grant.replaced, &error)) fail(a, &error);
    return true;
}

bool sl_access_answer(struct sl_loop *loop, struct sl_completion *completion)
{
    struct sl_access *a = loop->access;
    struct sl_response response = {.status = completion->status,
                                   .headers = completion->headers,
                                   .received_at_us = completion->received_at_us,
                                   .server_date_us = SL_NO_TIME};
    struct sl_oauth_answer answer;
    struct sl_error error = {0};

    if (!a || completion->exchange != &a->exchange) return false;
    a->state = ACCESS_NONE;
    if (sl_failed(completion->code)) {
        if (completion->error.retryable)
            again(a, -1, &completion->error);
        else
            fail(a, &completion->error);
        return true;
    }
    enum sl_code rc =
        sl_doc_parse(loop->doc, completion->body, completion->body_len, &response.json, &error);
    if (completion->body_len) explicit_bzero(completion->body, completion->body_len);
    if (rc) response.json = NULL;
    sl_oauth_read(&response, &answer);
    switch (answer.outcome) {
    case SL_OAUTH_GIVEN: given(a, &answer, completion); break;
    case SL_OAUTH_AGAIN:
        sl_fail(&error, SL_SOURCE, "the source answered %d%s%s", answer.status,
                answer.word ? " " : "", answer.word ? answer.word : "");
        error.http_status = completion->status;
        again(a, answer.wait_ms, &error);
        break;
    case SL_OAUTH_SPENT:
        if (try_replaced(a)) break;
        refused(a, &answer, completion->status);
        break;
    case SL_OAUTH_REFUSED: refused(a, &answer, completion->status); break;
    }
    return true;
}

/* ---- the loop's side ---- */

static enum sl_code begin(struct sl_loop *loop, struct sl_error *error)
{
    struct sl_access *a = sl_calloc(1, sizeof *a);

    if (!a) return sl_fail(error, SL_NO_MEMORY, "no memory for access tokens");
    a->loop = loop;
    a->store = loop->connection->grants;
    loop->access = a;
    enum sl_code rc = sl_oauth_client_init(loop, &a->client, error);
    return rc ? fail(a, error) : SL_OK;
}

enum sl_code sl_access_token(struct sl_loop *loop, int64_t now_us, const char **token,
                             uint64_t *serial, int64_t *at_us, struct sl_error *error)
{
    struct sl_access *a;
    enum sl_code rc = loop->access ? SL_OK : begin(loop, error);

    if (rc) return rc;
    a = loop->access;
    *at_us = INT64_MAX;
    if (a->state == ACCESS_READY && (a->stale || !fresh(&a->grant, sl_now_us(loop->world))))
        a->state = ACCESS_NONE;
    if (a->state == ACCESS_NONE || a->state == ACCESS_KEEPING) {
        if (now_us < a->not_before_us) {
            *at_us = a->not_before_us;
            return SL_MORE;
        }
        if (a->state == ACCESS_KEEPING) {
            keep(a);
        } else {
            rc = take_lock(a, now_us, error);
            if (!rc) rc = look(a, error);
            if (sl_failed(rc)) return fail(a, error);
        }
    }
    switch (a->state) {
    case ACCESS_READY:
        assert(!a->locked && a->grant.access_token); /* (1) */
        *token = a->grant.access_token;
        *serial = a->serial;
        return SL_OK;
    case ACCESS_FAILED: *error = a->error; return error->code;
    case ACCESS_ASKING: return SL_MORE;
    default: *at_us = a->not_before_us; return SL_MORE;
    }
}

void sl_access_refused(struct sl_loop *loop, uint64_t serial)
{
    if (loop->access && loop->access->serial == serial) loop->access->stale = true;
}

/* It is good, so that nobody needs its predecessor any more. Not urgent: when somebody else is busy
 * with the grant, the next answer says it again. */
void sl_access_worked(struct sl_loop *loop, uint64_t serial)
{
    struct sl_access *a = loop->access;
    struct sl_grant found = {0};
    struct sl_error ignored;

    if (!a || a->state != ACCESS_READY || a->serial != serial || !a->grant.replaced) return;
    if (a->store && a->store->lock(a->store->ctx, &ignored)) return;
    a->locked = true;
    enum sl_code rc =
        a->store ? a->store->load(a->store->ctx, a->client.seed, &found, &ignored) : SL_DONE;
    bool same =
        rc == SL_OK && found.access_token && strcmp(found.access_token, a->grant.access_token) == 0;
    sl_grant_release(&found);
    explicit_bzero(a->grant.replaced, strlen(a->grant.replaced));
    sl_free(a->grant.replaced);
    a->grant.replaced = NULL;
    if (same) (void)!save(a, &ignored);
    unlock(a);
    SL_POINT("grant.worked");
}

bool sl_loop_access(const struct sl_loop *loop, struct sl_error *why)
{
    const struct sl_access *a = loop->access;

    *why = (struct sl_error){0};
    if (a && a->state == ACCESS_FAILED) *why = a->error;
    return a && (a->state == ACCESS_FAILED || a->serial > 0);
}

void sl_access_settle(struct sl_loop *loop)
{
    struct sl_world *world = loop->world;
    struct sl_access *a = loop->access;

    while (a && (a->state == ACCESS_ASKING || a->state == ACCESS_KEEPING)) {
        int64_t now_us = world->ops->monotonic_us(world);
        struct sl_completion completion = {0};
        if (a->state == ACCESS_KEEPING && now_us >= a->not_before_us)
            keep(a);
        else if (world->ops->wait(world, now_us + SL_SECOND_US, &completion))
            (void)sl_access_answer(loop, &completion);
    }
}
