"""Parts of a read that stand by themselves, from the outside: one fails, the others land."""

import json

import pytest

from harness.outcome import PARTIAL, SOURCE
from harness.program import Simulator, Sluice


@pytest.fixture
def metrics(tmp_path):
    """The example's table of many windows of time: its program, simulator and pipeline."""
    with Simulator("example", "--rate", "-1") as simulator:
        sluice = Sluice(tmp_path / "home")
        sluice.run("connections", "create", "--json", "-", stdin=json.dumps(
            {"name": "c", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
             "options": {"sourceName": "example", **simulator.connection()}}))
        path = tmp_path / "pipeline.json"
        path.write_text(json.dumps(
            {"name": "p", "connection_name": "c", "catalog": "main", "schema": "bronze",
             "objects": [{"table": {"source_table": "metrics", "table_configuration": {
                 "table_properties": {"sluice.window_seconds": "60"}}}}]}))
        yield sluice, simulator, path


def rows(sluice):
    return sluice.json("sql", "SELECT count(DISTINCT metric_id) AS n FROM main.bronze.metrics "
                              "HAVING count(*) = count(DISTINCT metric_id)")[0]["n"]


def test_one_part_fails_and_the_others_land(metrics):
    sluice, simulator, path = metrics
    simulator.control(fault="404:path=metrics,n=3")
    result = sluice.run("run", path, code=PARTIAL)
    assert "parts failed, the first: the time from 20" in result.out
    assert "What the other parts brought is in version" in result.out
    assert "stays as it was" not in result.out
    landed = rows(sluice)
    assert landed > 0
    simulator.control(fault="404:path=metrics,n=3")
    table = sluice.json("run", path, code=PARTIAL)["tables"][0]
    assert (table["state"], table["parts_failed"]) == ("FAILED", 1)
    assert table["parts"] > 1 and table["error"]["error_code"] == "PARTIAL"
    sluice.run("run", path)
    assert rows(sluice) >= landed


def test_all_parts_fail_as_the_first_of_them(metrics):
    sluice, simulator, path = metrics
    simulator.control(fault="404:path=metrics,n=2,times=1000")
    result = sluice.run("run", path, code=SOURCE)
    assert "parts failed, the first: the time from" in result.err + result.out
