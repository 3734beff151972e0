"""HubSpot end to end: the example, what a quiet run costs, properties that change, and what moves no
date. That every table holds what the source does, after a first load and a week of changes, is in
test_sources.py."""

import json

import pytest

from harness.program import ROOT, Simulator, Sluice
from harness.readers import duckdb

EXAMPLE = ROOT / "examples/hubspot/pipeline.json"
TABLES = 17


class Stage:
    def __init__(self, folder, simulator):
        self.simulator, self.sluice = simulator, Sluice(folder / "home")
        options = {"sourceName": "hubspot", **simulator.connection()}
        self.sluice.run("connections", "create", "--json", "-", stdin=json.dumps(
            {"name": "hubspot", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
             "options": options}))

    def run(self, *options):
        self.simulator.control(reset_stats=True)
        return self.sluice.run("run", EXAMPLE, *options)

    def stats(self):
        return json.loads(self.simulator.request("/_sim/stats"))

    def table(self, name):
        return duckdb(self.sluice.home / "warehouse/main/hubspot" / f"bronze_{name}")

    def rows(self, name):
        return {row["id"]: row for row in self.table(name).to_pylist()}

    def versions(self):
        return len(list(self.sluice.home.glob("warehouse/main/hubspot/*/_delta_log/*.json")))

    def truth(self, name):
        page = self.simulator.request(f"/_sim/truth?table={name}")
        return {record["id"]: record for record in json.loads(page)["records"]}


@pytest.fixture
def stage(tmp_path):
    with Simulator("hubspot") as simulator:  # with its limits
        yield Stage(tmp_path, simulator)


def test_the_example_and_a_quiet_run(stage):
    stage.run()
    assert stage.rows("deals").keys() == stage.truth("deals").keys()
    versions = stage.versions()
    assert versions >= TABLES
    stage.run()
    # Discover, then two calls a table.
    assert stage.stats()["requests"] - stage.stats()["limited"] <= 20 + 2 * TABLES
    assert stage.versions() == versions


def test_properties_change(stage):
    stage.run("--refresh", "bronze_contacts")
    stage.simulator.control(ops=[
        {"op": "rename_property", "table": "contacts", "property": "firstname", "to": "Called"},
        {"op": "retype_property", "table": "contacts", "property": "score", "to": "string"},
        {"op": "add_property", "table": "contacts", "property": "shoe_size", "to": "number"},
        {"op": "edit", "table": "contacts", "record": 3,
         "properties": {"score": "high", "shoe_size": "43.5"}},
        {"op": "remove_property", "table": "contacts", "property": "phone"}])
    stage.simulator.control(advance_ms=60000)
    stage.run("--refresh", "bronze_contacts")
    rows, truth = stage.rows("contacts"), stage.truth("contacts")
    names = stage.table("contacts").schema.names
    assert {"firstname", "score", "score_string", "shoe_size", "phone"} <= set(names)
    assert "called" not in names
    changed = [row for row in rows.values() if row["shoe_size"] == 43.5]
    assert [row["score_string"] for row in changed] == ["high"]
    assert rows.keys() == truth.keys()
    assert all(row["score_string"] == (truth[id_]["properties"]["score"] or None)
               for id_, row in rows.items())


def test_what_moves_no_date_is_found_when_everything_is_read(stage):
    stage.run("--refresh", "bronze_companies")
    stage.simulator.control(ops=[
        {"op": "associate", "table": "companies", "record": 7, "to": "contacts", "count": 3},
        {"op": "erase", "table": "companies", "record": 9}])
    stage.simulator.control(advance_ms=60000)
    before = stage.rows("companies")
    stage.run("--refresh", "bronze_companies")
    assert stage.rows("companies") == before
    stage.run("--refresh", "bronze_companies", "--reconcile")
    rows, truth = stage.rows("companies"), stage.truth("companies")
    assert len(rows) == len(before) - 1
    assert {id_: row["contacts"] for id_, row in rows.items()} == {
        id_: record["contacts"] for id_, record in truth.items()}
