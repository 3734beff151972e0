"""A disk or an object store that fails at every step of a run. Whatever happens, after a run that
nothing disturbs the table equals the source, and no row is there twice.

The faults are those of src/delta/maintain.h, which builds for tests take from SLUICE_FAULTS.
"""

import json

import pytest

from harness import demo
from harness.compare import differences
from harness.program import Simulator, Sluice
from harness.readers import polars

STEPS = {
    "a data file": {"op": "put", "path": "part-"},
    "a commit": {"op": "put_if_absent", "path": "_delta_log/0"},
    "a checkpoint": {"path": "checkpoint.parquet"},
    "a checksum": {"path": ".crc"},
    "a list": {"op": "list"},
    "a read": {"op": "get", "path": "_delta_log/0"},
}
FAULTS = {
    "a data file": ["full", "io", "short", "sync", "lost", "error", "unavailable", "slow"],
    "a commit": ["full", "io", "short", "sync", "lost", "error", "unavailable", "slow"],
    "a checkpoint": ["full", "short", "lost"],
    "a checksum": ["io", "lost"],
    "a list": ["error", "slow"],
    "a read": ["io", "unavailable"],
}
CASES = [(step, fault) for step, faults in FAULTS.items() for fault in faults]


@pytest.fixture(scope="module")
def simulator():
    with Simulator("airtable", "--rate", "-1") as running:
        yield running


@pytest.fixture(scope="module")
def expected(simulator):
    return demo.expected(simulator, "Vendors")


def plan(step, fault, **more):
    return json.dumps([{**STEPS[step], "fault": fault, "ms": 20, **more}])


@pytest.fixture
def tester(tmp_path, simulator):
    """The program as built for tests, with a connection and a pipeline that writes a checkpoint
    with every version."""
    sluice = Sluice(tmp_path / "home", points=True)
    demo.connect(sluice, simulator)
    pipeline = demo.write_specification(
        tmp_path / "pipeline.json", {"Vendors": "bronze_vendors"},
        table_properties={"delta.checkpointInterval": "1"})
    return sluice, pipeline


@pytest.mark.parametrize("step,fault", CASES)
def test_failing_at(step, fault, tester, expected):
    sluice, pipeline = tester
    codes = [sluice.run("run", pipeline, *more, code=None,
                        SLUICE_FAULTS=plan(step, fault)).code
             for more in ([], ["--full-refresh"])]
    assert all(code in (0, 1, 6) for code in codes), codes
    if fault == "slow" or step in ("a checkpoint", "a checksum"):
        assert codes == [0, 0]
    if step == "a commit" and fault in ("lost", "sync"):
        assert codes == [0, 0], "the commit is there, and that is found out"
    sluice.run("run", pipeline)
    table = polars(demo.location(sluice, "bronze_vendors"))
    assert differences(table, expected) == []


def test_a_full_disk_is_told(tester):
    sluice, pipeline = tester
    result = sluice.run("run", pipeline, code=None, SLUICE_FAULTS=plan("a data file", "full"))
    assert result.code == 6 or result.code == 1
    assert "disk is full" in result.out + result.err


def test_a_plan_that_is_none_is_refused(tester):
    sluice, pipeline = tester
    result = sluice.run("run", pipeline, code=None, SLUICE_FAULTS='[{"fault":"sulking"}]')
    assert result.code != 0 and "sulking" in result.err
