"""What a run may spend: a cap of calls, a quota of a month, a pipeline's share of it."""

import json

import pytest

from harness import demo
from harness.program import Sluice

QUOTA = 8
TABLES = {"Vendors": "bronze_vendors", "SKU Candidates": "bronze_sku_candidates"}


def connect(home, simulator, **options):
    sluice = Sluice(home)
    demo.connect(sluice, simulator, **options)
    return sluice


def pipeline(tmp_path, tables=None, **more):
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps({**demo.specification(tables or TABLES, chains="1"), **more}))
    return path


@pytest.mark.parametrize("where", ["configuration", "key", "bare"])
def test_a_run_stops_at_its_cap(where, home, airtable, tmp_path):
    sluice = connect(home, airtable)
    if where == "configuration":
        path = pipeline(tmp_path, configuration={"sluice.max_calls_per_run": "3"})
    elif where == "key":
        path = pipeline(tmp_path, max_calls_per_run=3)
    else:
        whole = demo.specification(TABLES, chains="1")
        path = tmp_path / "pipeline.json"
        path.write_text(json.dumps({**whole.pop("ingestion_definition"), **whole,
                                    "max_calls_per_run": 3}))
    result = sluice.run("run", path, code=QUOTA)
    assert airtable.stats()["requests"] == 3
    assert "max_calls_per_run" in result.err and "Nothing is lost" in result.err
    # By its name, from the catalog, it is capped all the same.
    sluice.run("run", "demo", code=QUOTA)
    assert airtable.stats()["requests"] == 6


def test_what_was_complete_at_the_cap_is_committed(home, airtable, tmp_path):
    """Vendors is one page; the big table needs many."""
    sluice = connect(home, airtable)
    tables = {"Vendors": "bronze_vendors", "SKU Candidates": "bronze_sku_candidates"}
    sluice.run("run", pipeline(tmp_path, tables))
    whole = airtable.stats()["requests"]
    other = connect(tmp_path / "other", airtable)
    other.run("run", pipeline(tmp_path, tables, max_calls_per_run=whole - 1), code=QUOTA)
    assert len(list((tmp_path / "other/warehouse").rglob("_delta_log/*0.json"))) >= 1
    other.run("run", pipeline(tmp_path, tables))
    from harness.compare import differences
    from harness.readers import polars
    for source, table in tables.items():
        assert differences(polars(demo.location(other, table)), demo.expected(airtable, source)) == []


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", True])
def test_a_cap_that_is_no_number(value, home, airtable, tmp_path):
    sluice = connect(home, airtable)
    result = sluice.run("run", pipeline(tmp_path, max_calls_per_run=value), code=3)
    assert "max_calls_per_run" in result.err


def test_the_month_is_counted_over_runs(home, airtable, tmp_path):
    sluice = connect(home, airtable, monthly_quota="5")
    path = pipeline(tmp_path, {"Vendors": "bronze_vendors"})
    sluice.run("run", path)
    used = airtable.stats()["requests"]
    assert 0 < used <= 3
    for _ in range(5):
        result = sluice.run("run", path, code=None)
        if result.code:
            break
    assert result.code == QUOTA
    assert airtable.stats()["requests"] == 5
    assert "monthly_quota" in result.err and "in a month" in result.err and "-01 00:00" in result.err


def test_a_pipeline_takes_no_more_than_its_share(home, airtable, tmp_path):
    sluice = connect(home, airtable, monthly_quota="1000")
    path = pipeline(tmp_path, configuration={"sluice.quota_share": "0.003"})
    result = sluice.run("run", path, code=QUOTA)
    assert airtable.stats()["requests"] == 3
    assert "quota_share" in result.err
    sluice.run("run", pipeline(tmp_path, name="another"))  # has all of the rest


def test_a_share_of_nothing(connected, tmp_path):
    result = connected.run("run", pipeline(tmp_path, quota_share=0.5), code=3)
    assert "monthly_quota" in result.err
