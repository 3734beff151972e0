"""Mixpanel in whole runs: first loads in parts, days that change after they were read, the clock of an
old project, lines that are broken. Tables are read by DuckDB and compared with the simulator's truth."""

import json

import duckdb
import pytest

from harness.landing import Kind
from harness.readers import READERS
from harness.source import SourceLanding, simulator

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def project():
    with simulator("mixpanel") as running:
        yield running


def landed(project, folder, *tables, **options):
    kind = Kind("mixpanel", {"scd_type": "SCD_TYPE_1"}, ("duckdb",), history=False,
                source="mixpanel")
    return SourceLanding(project, folder, kind, only=set(tables), options=options)


def exports(project):
    return project.stats()["keys"].get("export", {"requests": 0})["requests"]


def specify(landing, **members):
    spec = json.loads(landing.pipeline.read_text())
    landing.pipeline.write_text(json.dumps(spec | members))


def rows(landing, what, table="events", more=""):
    landed_rows = READERS["duckdb"](landing.location(table))  # noqa: F841  (DuckDB finds it)
    return duckdb.sql(f"SELECT {what} FROM landed_rows {more}").fetchall()


def test_a_first_load_goes_on_where_a_cap_ended_it(project, tmp_path):
    landing = landed(project, tmp_path, "events")
    specify(landing, max_calls_per_run=6)
    assert [landing.sluice.run("run", landing.pipeline, code=None).code for _ in range(3)] == [8, 8, 0]
    landing.ran()
    assert landing.all_wrong("duckdb") == []
    assert exports(project) == 12  # each day once


def test_days_that_changed_are_replaced(project, tmp_path):
    landing = landed(project, tmp_path, "events")
    landing.run()
    project.control(advance_ms=DAY_MS, ops=[
        {"op": "track", "count": 3, "days_ago": 4, "id": "late"},
        {"op": "track", "count": 2, "id": "visitor"}, {"op": "duplicate", "count": 2}])
    project.control(advance_ms=DAY_MS)
    landing.run()
    assert landing.all_wrong("duckdb") == []
    assert rows(landing, "count(*) FILTER (distinct_id IN ('late', 'visitor'))") == [(5,)]
    project.control(ops=[{"op": "merge_identity", "id": "visitor", "to": "user-001"},
                         {"op": "compact"}, {"op": "forget", "id": "late"}])
    landing.run()
    assert landing.all_wrong("duckdb") == []
    assert rows(landing, "count(*) FILTER (distinct_id IN ('late', 'visitor'))") == [(0,)]
    before = exports(project)
    landing.run()
    assert exports(project) - before == 1  # nothing new costs one


def test_what_changed_further_back_takes_a_complete_read(project, tmp_path):
    landing = landed(project, tmp_path, "events")
    landing.run()
    (old, *_), *_ = rows(landing, "first(distinct_id ORDER BY time)")
    project.control(op="merge_identity", id=old, to="user-after-login")
    landing.run()
    assert landing.all_wrong("duckdb") != []
    landing.reconcile()
    assert landing.all_wrong("duckdb") == []


def test_an_old_project_goes_by_its_own_clock(project, tmp_path):
    project.control(op="behaviour", timezone="US/Pacific")
    landing = landed(project, tmp_path, "events", "engage", "cohorts", "annotations",
                     project_timezone="US/Pacific", start_date="2026-02-17")
    landing.run()
    assert landing.all_wrong("duckdb") == []
    project.control(advance_ms=6 * DAY_MS)  # the clocks are set on March 8
    for _ in range(4):
        project.control(advance_ms=7 * 3600 * 1000, ops=[
            {"op": "track", "count": 5}, {"op": "edit", "count": 1}, {"op": "annotate"}])
    landing.run()
    assert landing.all_wrong("duckdb") == []


def test_a_broken_line_is_kept_beside_the_table(project, tmp_path):
    landing = landed(project, tmp_path, "events")
    project.control(fault="broken_line:path=export,n=2")
    landing.run()
    assert rows(landing, "count(*)") == [(239,)]
    (raw,), = rows(landing, "_raw", "events__rejected")
    assert raw.startswith('{"event":')
    project.control(clear_faults=True)
    landing.sluice.run("run", "--reconcile", landing.pipeline)
    assert rows(landing, "count(*)") == [(240,)]


def test_days_that_cannot_be_exported_do_not_stop_the_others(project, tmp_path):
    landing = landed(project, tmp_path, "events")
    project.control(fault="400:path=export,n=3,text=This day is not to be had")
    result = landing.sluice.run("run", landing.pipeline, code=1)
    assert "This day is not to be had" in result.out + result.err
    assert 0 < rows(landing, "count(*)")[0][0] < 240
    project.control(clear_faults=True)
    landing.run()
    assert landing.all_wrong("duckdb") == []
    assert exports(project) == 13


def test_a_cohort_that_cannot_be_read_keeps_its_members(project, tmp_path):
    landing = landed(project, tmp_path, "cohort_members")
    landing.run()
    before = dict(rows(landing, "cohort_id, count(*)", "cohort_members", "GROUP BY ALL"))
    project.control(op="delete", count=30, fault="403:path=engage,n=1")
    result = landing.sluice.run("run", landing.pipeline, code=1)
    assert "cohort 'Regulars'" in result.out + result.err
    after = dict(rows(landing, "cohort_id, count(*)", "cohort_members", "GROUP BY ALL"))
    assert after[1001] == before[1001]
    assert after[1004] < before[1004]
    project.control(clear_faults=True)
    landing.run()
    assert landing.all_wrong("duckdb") == []
