/* data.c: the data sets. */
#include "sim/github/github.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/text.h"

#define BENCH_REPOS 200
#define BENCH_ROWS 30

static void *grow(void *list, size_t count, size_t *cap, size_t size)
{
    if (count < *cap) return list;
    size_t wanted = *cap ? *cap * 2 : 16;
    void *more = sl_realloc(list, wanted * size);

    if (more) *cap = wanted;
    return more;
}

struct gh_repo *gh_add_repo(struct github *app, int owner, const char *name)
{
    struct gh_repo *list = grow(app->repos, app->repo_count, &app->repo_cap, sizeof *app->repos);

    if (!list) return NULL;
    app->repos = list;
    struct gh_repo *repo = &list[app->repo_count++];

    *repo = (struct gh_repo){.id = ++app->next_id, .owner = owner};
    snprintf(repo->name, sizeof repo->name, "%s", name);
    repo->created_us = app->start_us - 900 * SL_DAY_US + (int64_t)app->repo_count * SL_SECOND_US;
    repo->updated_us = repo->pushed_us = app->start_us - SL_DAY_US;
    return repo;
}

struct gh_row *gh_add_row(struct github *app, struct gh_repo *repo, enum gh_kind kind,
                          int64_t at_us)
{
    struct gh_rows *rows = &repo->rows[kind];
    struct gh_row *list = grow(rows->list, rows->count, &rows->cap, sizeof *list);

    if (!list) return NULL;
    rows->list = list;
    struct gh_row *row = &list[rows->count++];

    at_us -= at_us % SL_SECOND_US;
    *row = (struct gh_row){.id = ++app->next_id,
                           .number = (int64_t)rows->count,
                           .created_us = at_us,
                           .updated_us = at_us};
    return row;
}

struct gh_row *gh_add_issue(struct github *app, struct gh_repo *repo, bool pull, int64_t at_us)
{
    struct gh_row *issue = gh_add_row(app, repo, GH_ISSUES, at_us);

    if (!issue) return NULL;
    issue->number = ++repo->number;
    issue->pull = pull;
    if (!pull) return issue;
    struct gh_row *row = gh_add_row(app, repo, GH_PULLS, at_us);

    if (row) row->number = repo->number;
    return row;
}

/* n rows of a kind, the newest of yesterday; several share a second. */
static bool fill(struct github *app, struct gh_repo *repo, enum gh_kind kind, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at_us = app->start_us - SL_DAY_US - (n - i) / 3 * 3600 * SL_SECOND_US;
        bool issue = kind == GH_ISSUES || kind == GH_PULLS;
        struct gh_row *row = issue ? gh_add_issue(app, repo, kind == GH_PULLS, at_us)
                                   : gh_add_row(app, repo, kind, at_us);

        if (!row) return false;
        if (i % 4 == 0) row->closed = issue || kind == GH_MILESTONES;
        if (kind == GH_COMMENTS) row->parent = repo->number ? i % repo->number + 1 : 1;
        if (issue && i % 5 == 0) row->updated_us += (i % 7) * 600 * SL_SECOND_US;
    }
    return true;
}

/* `per` reviews and comments on them for each pull request. */
static bool fill_reviews(struct github *app, struct gh_repo *repo, int per, bool comments)
{
    for (size_t i = 0; i < repo->rows[GH_PULLS].count; i++)
        for (int k = 0; k < per; k++) {
            int64_t number = repo->rows[GH_PULLS].list[i].number;
            int64_t at_us = repo->rows[GH_PULLS].list[i].updated_us;
            struct gh_row *row = gh_add_row(app, repo, GH_REVIEWS, at_us);

            if (!row) return false;
            row->parent = number;
            row = comments ? gh_add_row(app, repo, GH_REVIEW_COMMENTS, at_us) : row;
            if (!row) return false;
            row->parent = number;
        }
    return true;
}

static bool fill_repo(struct github *app, struct gh_repo *repo, int64_t n, int64_t pulls)
{
    bool good = fill(app, repo, GH_LABELS, n < 40 ? n : 40) &&
                fill(app, repo, GH_MILESTONES, n < 20 ? n : 20) && fill(app, repo, GH_ISSUES, n) &&
                fill(app, repo, GH_PULLS, pulls) &&
                fill_reviews(app, repo, 1 + (int)(repo->id % 2), true) &&
                fill(app, repo, GH_COMMENTS, n) && fill(app, repo, GH_COMMITS, n) &&
                fill(app, repo, GH_BRANCHES, n) && fill(app, repo, GH_TAGS, n) &&
                fill(app, repo, GH_ASSIGNEES, n) && fill(app, repo, GH_COLLABORATORS, n) &&
                fill(app, repo, GH_RELEASES, n);

    return good;
}

static struct gh_owner *add_owner(struct github *app, const char *login, bool organization)
{
    struct gh_owner *owner = &app->owners[app->owner_count++];

    *owner = (struct gh_owner){.id = 9000100 + app->owner_count,
                               .organization = organization,
                               .created_us = app->start_us - 1000 * SL_DAY_US,
                               .teams = organization ? 3 : 0};
    snprintf(owner->login, sizeof owner->login, "%s", login);
    return owner;
}

static bool seed_demo(struct github *app, int64_t records)
{
    static const struct {
        int owner;
        const char *name;
        int64_t rows, pulls;
    } repos[] = {{1, "launchpad", 230, 24}, {1, "guidance", 12, 4}, {1, "empty-pad", 0, 0},
                 {1, "old-notes", 5, 1},    {0, "dotfiles", 6, 2},  {0, "paint-tunnels", 3, 0}};

    for (size_t i = 0; i < sizeof repos / sizeof *repos; i++) {
        bool big = i == 0, alone = records > 0;
        struct gh_repo *repo;

        if (alone && i != 0 && i != 2) continue;
        repo = gh_add_repo(app, repos[i].owner, repos[i].name);
        if (!repo || !fill_repo(app, repo, big && alone ? records : repos[i].rows,
                                big && alone ? 1 + records / 8 : repos[i].pulls))
            return false;
        repo->private_ = i == 4;
        repo->archived = repo->no_issues = i == 3;
        repo->fork = i == 5;
    }
    return true;
}

static bool seed_bench(struct github *app, int64_t records)
{
    char name[GH_NAME_MAX];
    int64_t rows = records ? records : BENCH_ROWS;

    for (int i = 0; i < BENCH_REPOS; i++) {
        snprintf(name, sizeof name, "part-%03d", i + 1);
        struct gh_repo *repo = gh_add_repo(app, 1, name);

        if (!repo || !fill_repo(app, repo, rows, rows < 4 ? rows : 4)) return false;
    }
    return true;
}

enum sl_code gh_seed(struct github *app, const struct sim_options *options, struct sl_error *error)
{
    const char *kind = options->kind ? options->kind : "demo";
    bool good = true;

    app->seed = options->seed;
    app->start_us = app->now_us = options->start_us;
    app->next_id = 700000000 + (int64_t)(sim_mix(options->seed, 1) % 1000) * 1000000;
    app->unlimited = options->rate < 0;
    app->limit = app->unlimited ? 1000000000 : 5000;
    snprintf(app->token, sizeof app->token, "ghp_invented");
    snprintf(app->base_url, sizeof app->base_url, "http://sim.test");
    add_owner(app, "wile-invented", false);
    add_owner(app, "acme-invented", true);
    if (strcmp(kind, "bench") == 0)
        good = seed_bench(app, options->records);
    else if (strcmp(kind, "demo") == 0)
        good = seed_demo(app, options->records);
    else if (strcmp(kind, "empty") != 0)
        return sl_fail(error, SL_USAGE, "github has the kinds demo, empty and bench, not '%s'",
                       kind);
    return good ? SL_OK : sl_fail(error, SL_NO_MEMORY, "could not make the data");
}

void gh_release(struct github *app)
{
    for (size_t i = 0; i < app->repo_count; i++)
        for (int k = 0; k < GH_KINDS; k++) {
            struct gh_rows *rows = &app->repos[i].rows[k];

            for (size_t r = 0; r < rows->count; r++) sl_free(rows->list[r].text);
            sl_free(rows->list);
        }
    sl_free(app->repos);
}
