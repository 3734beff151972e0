"""The simulator is honest: githubkit, whose models are made from GitHub's own description of its API,
reads every list through it, follows its pages, and sees its refusals."""

import pytest
from githubkit import GitHub
from githubkit.exception import RequestFailed

from harness.program import Simulator

OWNER, REPO = "acme-invented", "launchpad"


@pytest.fixture(scope="module")
def simulator():
    with Simulator("github", "--rate", "-1") as running:
        yield running


@pytest.fixture(scope="module")
def github(simulator):
    options = simulator.connection()
    return GitHub(options["token"], base_url=options["base_url"] + "/", auto_retry=False,
                  http_cache=False)


def ids(simulator, table, name="id", namespace=f"{OWNER}/{REPO}"):
    rows = simulator.truth(table, namespace)["records"]
    return sorted(int(row[name]) if name == "id" else row[name] for row in rows)


def test_it_knows_the_user_its_organisations_and_repositories(simulator, github):
    assert github.rest.users.get_authenticated().parsed_data.login == "wile-invented"
    organisations = github.rest.orgs.list_for_authenticated_user().parsed_data
    assert [one.login for one in organisations] == [OWNER]
    repositories = github.rest.repos.list_for_org(OWNER, sort="created", direction="asc").parsed_data
    assert sorted(one.id for one in repositories) == ids(simulator, "repositories", namespace=OWNER)
    teams = github.rest.teams.list(OWNER).parsed_data
    assert sorted(one.id for one in teams) == ids(simulator, "teams", namespace=OWNER)


def test_every_list_is_what_github_says_it_is(simulator, github):
    rest, where = github.rest, dict(owner=OWNER, repo=REPO)
    lists = {
        "issues": (rest.issues.list_for_repo, dict(state="all")),
        "pull_requests": (rest.pulls.list, dict(state="all")),
        "comments": (rest.issues.list_comments_for_repo, {}),
        "review_comments": (rest.pulls.list_review_comments_for_repo, {}),
        "assignees": (rest.issues.list_assignees, {}),
        "collaborators": (rest.repos.list_collaborators, {}),
        "labels": (rest.issues.list_labels_for_repo, {}),
        "milestones": (rest.issues.list_milestones, dict(state="all")),
        "releases": (rest.repos.list_releases, {}),
    }
    for table, (method, more) in lists.items():
        found = [row.id for row in github.paginate(method, **where, **more, per_page=40)]
        assert sorted(found) == ids(simulator, table), table
    branches = github.paginate(rest.repos.list_branches, **where, per_page=40)
    assert sorted(row.name for row in branches) == ids(simulator, "branches", "name")
    tags = github.paginate(rest.repos.list_tags, **where, per_page=40)
    assert sorted(row.name for row in tags) == ids(simulator, "tags", "name")
    commits = github.paginate(rest.repos.list_commits, **where, per_page=40)
    assert sorted(row.sha for row in commits) == ids(simulator, "commits", "sha")


def test_reviews_belong_to_a_pull_request(simulator, github):
    for row in simulator.truth("pull_requests", f"{OWNER}/{REPO}")["records"][:5]:
        reviews = github.rest.pulls.list_reviews(OWNER, REPO, int(row["number"])).parsed_data
        assert reviews and all(one.state for one in reviews)


def test_an_unchanged_answer_is_a_304_that_does_not_count(github):
    first = github.rest.repos.list_branches(OWNER, REPO)
    before = github.rest.rate_limit.get().json()["resources"]["core"]["used"]
    again = github.request("GET", f"/repos/{OWNER}/{REPO}/branches",
                           headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    assert github.rest.rate_limit.get().json()["resources"]["core"]["used"] == before


def test_it_refuses_as_github_does(simulator, github):
    with pytest.raises(RequestFailed) as failed:
        github.rest.repos.get(OWNER, "never-was")
    assert failed.value.response.status_code == 404
    with pytest.raises(RequestFailed) as failed:
        github.rest.repos.list_commits(OWNER, "empty-pad")
    assert failed.value.response.status_code == 409
    stranger = GitHub("ghp_wrong", base_url=simulator.connection()["base_url"] + "/")
    with pytest.raises(RequestFailed) as failed:
        stranger.rest.users.get_authenticated()
    assert failed.value.response.status_code == 401


def test_a_renamed_repository_leads_to_its_new_name(simulator, github):
    simulator.control(ops=[{"op": "rename_repo", "repo": "guidance", "to": "steering"}])
    assert github.rest.repos.get(OWNER, "guidance").parsed_data.name == "steering"
