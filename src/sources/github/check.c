/* check.c: the token and what it may see, each tested, for the first repository of each owner. */
#include "github.h"

#include <stdio.h>
#include <string.h>

/* What is tested of a repository, and what it takes. */
static const struct sample {
    const char *path, *what, *permission;
} samples[] = {
    {"issues", "issues", "Issues: read"},
    {"pulls", "pull requests", "Pull requests: read"},
    {"commits", "commits", "Contents: read"},
    {"collaborators", "collaborators", "push access to the repository"},
};

static enum sl_code say(struct sl_out *out, bool good, struct sl_error *error, const char *subject,
                        const char *message, const char *hint)
{
    return sl_out_check(out, subject, good, message, good ? NULL : hint, error);
}

static enum sl_code next_owner(struct github *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_json_each e = sl_json_each(self->owners);

    self->sample = 0;
    for (size_t i = 0; sl_json_next(&e); i++) {
        if (i < self->owner_index) continue;
        self->owner_index++;
        return github_find_place(self, sl_json_str(e.value) ? sl_json_str(e.value) : "", out,
                                 error);
    }
    return SL_DONE;
}

/* A classic token says which scopes it has; a fine-grained one does not. */
static enum sl_code check_scopes(const struct sl_response *response, struct sl_out *out,
                                 struct sl_error *error)
{
    const char *scopes = sl_response_header(response, "x-oauth-scopes");
    bool repo = scopes && strstr(scopes, "repo");
    bool org = scopes && (strstr(scopes, "read:org") || strstr(scopes, "admin:org") ||
                          strstr(scopes, "write:org"));
    enum sl_code rc = SL_OK;

    if (!scopes || !*scopes) return SL_OK;
    rc = say(out, repo, error, "scope repo", repo ? "given" : "missing",
             "Give the token the scope repo, or only public data can be read.");
    if (rc) return rc;
    return say(out, org, error, "scope read:org", org ? "given" : "missing",
               "Give the token the scope read:org for organisations and teams.");
}

static enum sl_code user_answer(struct github *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    char message[GITHUB_NAME_MAX + 40];
    enum sl_code rc = github_take_user(self, response, error);

    if (rc) return rc;
    snprintf(message, sizeof message, self->self_id ? "accepted: %s" : "accepted: no user's own%s",
             self->self_login);
    rc = say(out, true, error, "token", message, NULL);
    if (!rc) rc = check_scopes(response, out, error);
    if (rc) return rc;
    return sl_json_len(self->owners) > 0 ? next_owner(self, out, error)
                                         : github_ask_orgs(self, out, error);
}

/* Without owners: the token's user is looked at. */
static enum sl_code orgs_answer(struct github *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    bool good = response->status == 200;
    char message[80];
    enum sl_code rc;

    snprintf(message, sizeof message, good ? "%zu listed" : "GitHub answered %zu",
             good ? sl_json_len(response->json) : (size_t)response->status);
    rc = say(out, good, error, "organisations", message,
             "Give the token the scope read:org, or name owners in the connection.");
    if (rc) return rc;
    if (!self->self_id) return SL_DONE;
    return github_find_place(self, self->self_login, out, error);
}

static enum sl_code ask_sample(struct github *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    /* Collaborators are left out where the token may not push: nothing is wrong with that. */
    if (self->sample < (int)COUNT(samples) && (self->place.flags & GITHUB_NO_PUSH) &&
        strcmp(samples[self->sample].path, "collaborators") == 0)
        self->sample++;
    if (self->sample == (int)COUNT(samples)) return next_owner(self, out, error);
    github_repo_url(self, &url);
    sl_url_path(&url, samples[self->sample].path);
    sl_url_query_i64(&url, "per_page", 1);
    return github_ask(self, GITHUB_SAMPLE, sl_url_text(&url), out, error);
}

static enum sl_code repos_answer(struct github *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    struct github_place repo;
    char subject[GITHUB_NAME_MAX + 40];
    struct sl_json_each e = sl_json_each(response->json);
    bool listed = response->status == 200;
    bool some = listed && sl_json_next(&e) && github_take_repo(e.value, &repo);
    enum sl_code rc;

    snprintf(subject, sizeof subject, "repositories of %s", self->place.owner);
    rc = say(out, listed, error, subject,
             some     ? "can be listed"
             : listed ? "there are none that the token sees"
                      : "cannot be listed",
             "Give the token access to the owner's repositories.");
    if (rc) return rc;
    if (!some) return next_owner(self, out, error);
    self->place = repo;
    return ask_sample(self, out, error);
}

static enum sl_code sample_answer(struct github *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    const struct sample *sample = &samples[self->sample++];
    /* An empty repository has no commits; issues may be switched off. */
    bool good = response->status == 200 || response->status == 409 || response->status == 410;
    char subject[3 * GITHUB_NAME_MAX], hint[200];
    enum sl_code rc;

    snprintf(subject, sizeof subject, "%s of %s/%s", sample->what, self->place.owner,
             self->place.name);
    snprintf(hint, sizeof hint, "Give the token the permission (%s).", sample->permission);
    rc = say(out, good, error, subject, good ? "can be read" : "cannot be read", hint);
    return rc ? rc : ask_sample(self, out, error);
}

static enum sl_code place_answer(struct github *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    char subject[2 * GITHUB_NAME_MAX + 2];
    enum sl_code rc;

    if (self->stage == GITHUB_ASK_OWNER && response->status != 200) {
        snprintf(subject, sizeof subject, "%s%s%s", self->place.owner,
                 self->place.name[0] ? "/" : "", self->place.name);
        rc = say(out, false, error, subject, "is not there, or the token may not see it",
                 "Correct the connection's option owners, or give the token access.");
        return rc ? rc : next_owner(self, out, error);
    }
    rc = github_place_answer(self, response, out, error);
    if (rc != SL_DONE) return rc;
    if (self->place.kind == GITHUB_REPO) return ask_sample(self, out, error);
    return github_ask_repos(self, 1, out, error);
}

enum sl_code github_check(void *task, const struct sl_response *response, struct sl_out *out,
                          struct sl_error *error)
{
    struct github *self = task;
    enum sl_code rc;

    self->checking = true;
    if (!response) return github_ask_user(self, out, error);
    rc = github_wait_for_hour(self, response, out, error);
    if (!rc) rc = github_take(self, response, out, error);
    if (rc) return rc;
    switch (self->stage) {
    case GITHUB_ASK_USER: return user_answer(self, response, out, error);
    case GITHUB_ASK_ORGS: return orgs_answer(self, response, out, error);
    case GITHUB_ASK_REPOS: return repos_answer(self, response, out, error);
    case GITHUB_SAMPLE: return sample_answer(self, response, out, error);
    default: return place_answer(self, response, out, error);
    }
}
