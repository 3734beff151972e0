"""GitHub's repositories from the outside: what a quiet run costs, a repository that cannot be read, one
that is renamed, and a table that is read anew."""

import json

import pytest

from harness.program import Simulator, Sluice
from harness.readers import READERS

OWNER = "acme-invented"
TABLES = ["issues", "pull_requests", "comments", "reviews", "commits", "branches", "repositories"]


class Landed:
    def __init__(self, folder, simulator):
        self.simulator, self.sluice = simulator, Sluice(folder / "home")
        self.pipeline = folder / "pipeline.json"
        connection = {"name": "github", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
                      "options": {"sourceName": "github", **simulator.connection()}}
        self.sluice.run("connections", "create", "--json", "-", stdin=json.dumps(connection))
        objects = [{"table": {"source_schema": OWNER, "source_table": table}} for table in TABLES]
        self.pipeline.write_text(json.dumps({
            "name": "acme", "catalog": "main", "target": "github",
            "ingestion_definition": {"connection_name": "github", "objects": objects}}))

    def run(self, *more, code=0):
        """The calls of one run, by status."""
        self.simulator.control(reset_stats=True)
        self.result = self.sluice.run("run", self.pipeline, *more, code=code)
        return {int(k): int(v) for k, v in self.simulator.stats()["by_status"].items()}

    def path(self, table):
        return self.sluice.home / "warehouse/main/github" / table

    def rows(self, table):
        return READERS["delta-rs"](self.path(table)).to_pylist()

    def versions(self):
        return {t: len(list((self.path(t) / "_delta_log").glob("*.json"))) for t in TABLES}


@pytest.fixture
def landed(tmp_path):
    with Simulator("github", "--rate", "-1") as simulator:
        landed = Landed(tmp_path, simulator)
        landed.run()
        yield landed


def test_a_quiet_run_counts_for_nothing_and_writes_nothing(landed):
    landed.simulator.control(advance_ms=600_000)
    before = landed.versions()
    calls = landed.run()
    # discover: the user, the owner, its repositories; then one question a repository and table
    assert calls.pop(200) == 3
    assert calls.pop(304) >= 4 * (len(TABLES) - 1)
    assert set(calls) <= {409, 410}  # a repository without commits, one without issues
    assert landed.versions() == before


def test_a_repository_that_cannot_be_read_keeps_its_rows_and_the_others_land(landed):
    count = len(landed.rows("issues"))
    landed.simulator.control(ops=[{"op": "forbid", "repo": "guidance"},
                                  {"op": "create", "repo": "launchpad", "table": "issues"}])
    landed.simulator.control(advance_ms=600_000)
    landed.run(code=1)
    assert "acme-invented/guidance" in landed.result.out + landed.result.err
    assert len(landed.rows("issues")) == count + 1
    landed.simulator.control(ops=[{"op": "forbid", "repo": "guidance", "off": True},
                                  {"op": "create", "repo": "guidance", "table": "issues"}])
    landed.simulator.control(advance_ms=600_000)
    landed.run()
    assert len(landed.rows("issues")) == count + 2


def test_a_renamed_repository_keeps_its_rows_under_the_new_name(landed):
    before = {row["id"] for row in landed.rows("comments")}
    landed.simulator.control(ops=[{"op": "rename_repo", "repo": "guidance", "to": "steering"}])
    landed.simulator.control(advance_ms=600_000)
    landed.run()
    rows = landed.rows("comments")
    assert {row["id"] for row in rows} == before and len(rows) == len(before)
    names = {row["repository_name"] for row in rows}
    assert "steering" in names and "guidance" not in names


def test_a_deleted_branch_goes_with_the_next_run_and_a_full_refresh_changes_nothing(landed):
    count = len(landed.rows("branches"))
    landed.simulator.control(ops=[{"op": "delete", "repo": "guidance", "table": "branches",
                                   "index": 3}])
    landed.simulator.control(advance_ms=600_000)
    landed.run()
    rows = landed.rows("branches")
    assert len(rows) == count - 1
    landed.run("--full-refresh=branches")
    key = ("repository_id", "name")
    assert sorted([row[k] for k in key] for row in landed.rows("branches")) == \
        sorted([row[k] for k in key] for row in rows)
