/* put.c: members of an object, one by one; people. */
#include "sim/github/github.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "sim/text.h"

void gh_put_time(struct sl_buf *out, int64_t us)
{
    char text[SL_TIME_TEXT_MAX];

    sl_time_format_ms(us, text);
    sl_buf_addf(out, "\"%.19sZ\"", text);
}

void gh_put_key(struct sl_buf *out, const char *key)
{
    size_t len = out->len;

    if (len && out->data[len - 1] != '{') sl_buf_addc(out, ',');
    sl_buf_addf(out, "\"%s\":", key);
}

void gh_put_int(struct sl_buf *out, const char *key, int64_t number)
{
    gh_put_key(out, key);
    sim_json_int(out, number);
}

void gh_put_text(struct sl_buf *out, const char *key, const char *text)
{
    gh_put_key(out, key);
    if (text)
        sim_json_text(out, text);
    else
        sl_buf_adds(out, "null");
}

void gh_put_bool(struct sl_buf *out, const char *key, bool truth)
{
    gh_put_key(out, key);
    sl_buf_adds(out, truth ? "true" : "false");
}

void gh_put_when(struct sl_buf *out, const char *key, bool given, int64_t us)
{
    gh_put_key(out, key);
    if (given)
        gh_put_time(out, us);
    else
        sl_buf_adds(out, "null");
}

/* "<base>/repos/owner/name/<tail>" */
void gh_put_url(struct sl_buf *out, const char *key, const struct github *app,
                const struct gh_repo *repo, const char *tail)
{
    gh_put_key(out, key);
    sl_buf_addf(out, "\"%s/repos/%s/%s%s\"", app->base_url, app->owners[repo->owner].login,
                repo->name, tail);
}

void gh_put_page(struct sl_buf *out, const char *key, const struct github *app,
                 const struct gh_repo *repo, const char *tail)
{
    gh_put_key(out, key);
    sl_buf_addf(out, "\"https://github.example/%s/%s%s\"", app->owners[repo->owner].login,
                repo->name, tail);
}

void gh_put_node(struct sl_buf *out, const char *kind, int64_t id)
{
    gh_put_key(out, "node_id");
    sl_buf_addf(out, "\"%s_kwDO%llx\"", kind, (unsigned long long)id);
}

#define PEOPLE 7
static const char *const people[PEOPLE] = {"ada-invented",   "babbage-invented",
                                           "curie-invented", "darwin-invented",
                                           "euler-invented", "franklin-invented",
                                           "build-bot[bot]"};
void gh_put_login(struct sl_buf *out, const char *login, int64_t id, const char *type)
{
    static const char *const urls[] = {
        "url",       "html_url",    "followers_url",      "following_url",
        "gists_url", "starred_url", "subscriptions_url",  "organizations_url",
        "repos_url", "events_url",  "received_events_url"};

    gh_put_text(out, "login", login);
    gh_put_int(out, "id", id);
    gh_put_node(out, "U", id);
    gh_put_text(out, "avatar_url", "https://avatars.github.example/u/1?v=4");
    gh_put_text(out, "gravatar_id", "");
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        gh_put_key(out, urls[i]);
        sl_buf_addf(out, "\"https://api.github.example/users/%s\"", login);
    }
    gh_put_text(out, "type", type);
    gh_put_bool(out, "site_admin", false);
}

const char *gh_login(uint64_t pick)
{
    return people[pick % (PEOPLE - 1)]; /* not the bot */
}

void gh_put_person(struct sl_buf *out, uint64_t pick)
{
    size_t i = pick % PEOPLE;

    gh_put_login(out, people[i], 9000001 + (int64_t)i, i == PEOPLE - 1 ? "Bot" : "User");
}

/* One in nine is a deleted account: null. */
void gh_put_user(struct sl_buf *out, const char *key, uint64_t pick)
{
    gh_put_key(out, key);
    if (pick % 9 == 8) {
        sl_buf_adds(out, "null");
        return;
    }
    sl_buf_addc(out, '{');
    gh_put_person(out, pick);
    sl_buf_addc(out, '}');
}
