/* place.c: which owner or repository is meant, and the list of an owner's repositories. */
#include "github.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum sl_code github_named(const struct github *self, char out[2 * GITHUB_NAME_MAX],
                          struct sl_error *error)
{
    const char *schema = self->task.namespace_;
    const char *owner = self->owner ? self->owner : self->org;
    int n = 0;

    out[0] = '\0';
    if (schema && strchr(schema, '/')) {
        n = snprintf(out, 2 * GITHUB_NAME_MAX, "%s", schema);
    } else if ((schema && *schema) || (owner && *owner)) {
        bool repo = self->repo && *self->repo;
        if (schema && *schema) owner = schema;
        n = snprintf(out, 2 * GITHUB_NAME_MAX, "%s%s%s", owner, repo ? "/" : "",
                     repo ? self->repo : "");
    } else if (self->repo) {
        sl_fail(error, SL_BAD_SPEC, "the option repo needs the option owner");
        sl_error_hint(error, "Or say both in source_schema: \"acme/widgets\".");
        return SL_BAD_SPEC;
    }
    if (self->owner && self->org && strcasecmp(self->owner, self->org) != 0)
        return sl_fail(error, SL_BAD_SPEC, "the options owner and org name two owners: give one");
    if (n >= 2 * GITHUB_NAME_MAX) return sl_fail(error, SL_BAD_SPEC, "the name is too long");
    return SL_OK;
}

/* ---- whose token ---- */

enum sl_code github_ask_user(struct github *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    sl_url_init(&url, self->base_url);
    sl_url_path(&url, "user");
    return github_ask(self, GITHUB_ASK_USER, sl_url_text(&url), out, error);
}

enum sl_code github_take_user(struct github *self, const struct sl_response *response,
                              struct sl_error *error)
{
    const char *login = sl_json_str(sl_json_get(response->json, "login"));

    self->self_known = true;
    if (response->status != 200) return SL_OK;
    if (!github_keep(self->self_login, sizeof self->self_login, login) ||
        !sl_json_i64(sl_json_get(response->json, "id"), &self->self_id))
        return sl_fail(error, SL_BAD_DATA, "GitHub did not say whose token it is");
    return SL_OK;
}

enum sl_code github_ask_orgs(struct github *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    sl_url_init(&url, self->base_url);
    sl_url_path(&url, "user");
    sl_url_path(&url, "orgs");
    sl_url_query_i64(&url, "per_page", GITHUB_PAGE_ROWS);
    return github_ask(self, GITHUB_ASK_ORGS, sl_url_text(&url), out, error);
}

/* ---- what a name is ---- */

static enum sl_code bad_name(const char *name, struct sl_error *error)
{
    sl_fail(error, SL_BAD_SPEC, "'%.100s' is neither an owner nor a repository", name);
    sl_error_hint(error, "An owner is \"acme\", a repository \"acme/widgets\".");
    return SL_BAD_SPEC;
}

static enum sl_code ask_place(struct github *self, struct sl_out *out, struct sl_error *error)
{
    bool repo = self->place.name[0] != '\0';
    struct sl_url url;

    sl_url_init(&url, self->base_url);
    sl_url_path(&url, repo ? "repos" : "users");
    sl_url_path(&url, self->place.owner);
    if (repo) sl_url_path(&url, self->place.name);
    return github_ask(self, GITHUB_ASK_OWNER, sl_url_text(&url), out, error);
}

enum sl_code github_find_place(struct github *self, const char *name, struct sl_out *out,
                               struct sl_error *error)
{
    const char *slash = strchr(name, '/');
    char owner[GITHUB_NAME_MAX];

    self->place = (struct github_place){0};
    snprintf(owner, sizeof owner, "%.*s", slash ? (int)(slash - name) : (int)strlen(name), name);
    if (!github_keep(self->place.owner, GITHUB_NAME_MAX, owner)) return bad_name(name, error);
    if (slash && (!github_keep(self->place.name, GITHUB_NAME_MAX, slash + 1) ||
                  strchr(self->place.name, '/')))
        return bad_name(name, error);
    /* A repository says itself who owns it; of one's own user there is more to see. */
    if (!slash && !self->self_known) return github_ask_user(self, out, error);
    return ask_place(self, out, error);
}

bool github_take_repo(const struct sl_json *object, struct github_place *out)
{
    *out = (struct github_place){.kind = GITHUB_REPO};
    if (sl_json_true(sl_json_get(object, "archived"))) out->flags |= GITHUB_ARCHIVED;
    if (sl_json_true(sl_json_get(object, "fork"))) out->flags |= GITHUB_FORK;
    if (sl_json_kind(sl_json_path(object, "permissions", "push", NULL)) == SL_JSON_BOOL &&
        !sl_json_true(sl_json_path(object, "permissions", "push", NULL)))
        out->flags |= GITHUB_NO_PUSH;
    return sl_json_i64(sl_json_get(object, "id"), &out->id) &&
           github_keep(out->name, sizeof out->name, sl_json_str(sl_json_get(object, "name"))) &&
           github_keep(out->owner, sizeof out->owner,
                       sl_json_str(sl_json_path(object, "owner", "login", NULL)));
}

static enum sl_code take_owner(struct github *self, const struct sl_json *object,
                               struct sl_error *error)
{
    struct github_place *place = &self->place;
    bool organization = sl_json_eq(sl_json_get(object, "type"), "Organization");

    if (!sl_json_i64(sl_json_get(object, "id"), &place->id) ||
        !github_keep(place->owner, sizeof place->owner, sl_json_str(sl_json_get(object, "login"))))
        return sl_fail(error, SL_BAD_DATA, "GitHub did not say who '%s' is", place->owner);
    place->kind = organization                                       ? GITHUB_ORG
                  : self->self_id != 0 && place->id == self->self_id ? GITHUB_SELF
                                                                     : GITHUB_USER;
    return SL_DONE;
}

enum sl_code github_place_answer(struct github *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc;

    if (self->stage == GITHUB_ASK_USER) {
        rc = github_take_user(self, response, error);
        return rc ? rc : ask_place(self, out, error);
    }
    if (!self->place.name[0]) return take_owner(self, response->json, error);
    if (!github_take_repo(response->json, &self->place))
        return sl_fail(error, SL_BAD_DATA, "GitHub's answer does not describe a repository");
    return SL_DONE;
}

/* ---- an owner's repositories ---- */

void github_repos_url(const struct github *self, int64_t rows, struct sl_url *url)
{
    const struct github_place *place = &self->place;

    sl_url_init(url, self->base_url);
    if (place->kind == GITHUB_REPO) {
        sl_url_path(url, "repos");
        sl_url_path(url, place->owner);
        sl_url_path(url, place->name);
        return;
    }
    if (place->kind == GITHUB_SELF) { /* /users/{login}/repos has the public ones only */
        sl_url_path(url, "user");
    } else {
        sl_url_path(url, place->kind == GITHUB_ORG ? "orgs" : "users");
        sl_url_path(url, place->owner);
    }
    sl_url_path(url, "repos");
    if (place->kind == GITHUB_SELF)
        sl_url_query(url, "affiliation", "owner");
    else
        sl_url_query(url, "type", place->kind == GITHUB_ORG ? "all" : "owner");
    sl_url_query(url, "sort", "created"); /* a new one comes last */
    sl_url_query(url, "direction", "asc");
    sl_url_query_i64(url, "per_page", rows);
}

enum sl_code github_ask_repos(struct github *self, int64_t rows, struct sl_out *out,
                              struct sl_error *error)
{
    struct sl_url url;

    self->listing_repos = true;
    github_repos_url(self, rows, &url);
    return github_ask(self, GITHUB_ASK_REPOS, sl_url_text(&url), out, error);
}

/* ---- in a table's state ---- */

static const char *const kinds[] = {"", "self", "user", "org", "repo"};

void github_put_place(const struct github *self, struct sl_json_writer *w)
{
    const struct github_place *place = &self->place;

    sl_json_kv_str(w, "kind", kinds[place->kind]);
    if (place->kind == GITHUB_NOWHERE) return;
    sl_json_kv_str(w, "owner", place->owner);
    sl_json_kv_i64(w, "id", place->id);
    if (place->kind == GITHUB_REPO) sl_json_kv_str(w, "name", place->name);
}

bool github_state_place(struct github *self)
{
    const struct sl_json *state = self->task.state;
    struct github_place *place = &self->place;

    *place = (struct github_place){0};
    for (size_t i = GITHUB_SELF; i < COUNT(kinds); i++)
        if (sl_json_eq(sl_json_get(state, "kind"), kinds[i]))
            place->kind = (enum github_place_kind)i;
    if (place->kind == GITHUB_NOWHERE) return false;
    return sl_json_i64(sl_json_get(state, "id"), &place->id) &&
           github_keep(place->owner, GITHUB_NAME_MAX, sl_json_str(sl_json_get(state, "owner"))) &&
           (place->kind != GITHUB_REPO ||
            github_keep(place->name, GITHUB_NAME_MAX, sl_json_str(sl_json_get(state, "name"))));
}
