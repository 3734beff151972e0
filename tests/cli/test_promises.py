"""What must always hold, seen from the outside."""

import json
import shutil

import pytest

from harness import demo
from harness.compare import differences
from harness.program import Sluice
from harness.readers import polars


def versions(location):
    return sorted(p.name for p in (location / "_delta_log").glob("*.json"))


def test_a_run_makes_one_version_if_there_is_news_and_else_none(sluice, airtable, spec):
    demo.connect(sluice, airtable)
    pipeline = spec()
    sluice.run("run", pipeline)
    location = demo.location(sluice, "bronze_vendors")
    first = versions(location)
    sluice.run("run", pipeline)  # its cursor knows more than before, and may be kept for that
    before = versions(location)
    assert len(before) <= len(first) + 1
    sluice.run("run", pipeline)
    assert versions(location) == before
    airtable.control(op="create", table="Vendors", count=2)
    sluice.run("run", pipeline)
    assert len(versions(location)) == len(before) + 1
    table = polars(location)
    assert differences(table, demo.expected(airtable, "Vendors")) == []


def test_the_table_is_the_truth(home, shared, spec, tmp_path):
    """The whole home is lost; a new one with the same warehouse goes on where the table stood."""
    sluice = Sluice(home)
    demo.connect(sluice, shared)
    pipeline = spec()
    sluice.run("run", pipeline)
    warehouse = tmp_path / "warehouse"
    shutil.move(home / "warehouse", warehouse)
    shutil.rmtree(home)
    home.mkdir()
    shutil.move(warehouse, home / "warehouse")
    demo.connect(sluice, shared)
    sluice.run("run", pipeline)
    expected = demo.expected(shared, "Vendors")
    assert differences(polars(demo.location(sluice, "bronze_vendors")), expected) == []


def test_an_empty_source_table_becomes_a_table_with_a_schema(home, tmp_path):
    from harness.program import Simulator
    sluice = Sluice(home)
    with Simulator("airtable", "--rate", "-1", "--kind", "empty") as simulator:
        demo.connect(sluice, simulator)
        sluice.run("run", demo.write_specification(tmp_path / "pipeline.json"))
        for source, destination in demo.TABLES.items():
            expected = demo.expected(simulator, source)
            assert not expected.rows
            assert differences(polars(demo.location(sluice, destination)), expected) == []


def test_a_whole_schema_in_one_object(connected, shared, tmp_path):
    """The first thing anyone tries on their own base."""
    base = shared.connection()["base_id"]
    pipeline = tmp_path / "pipeline.json"
    pipeline.write_text(json.dumps({
        "name": "all", "ingestion_definition": {
            "connection_name": "airtable",
            "objects": [{"schema": {"source_schema": base, "destination_catalog": demo.CATALOG,
                                    "destination_schema": demo.SCHEMA}}]}}))
    connected.run("run", pipeline)
    for source, table in (("SKU Candidates", "sku_candidates"), ("Vendors", "vendors")):
        expected = demo.expected(shared, source)
        assert differences(polars(demo.location(connected, table)), expected) == []


def test_the_bare_form_of_a_specification(connected, shared, tmp_path):
    pipeline = tmp_path / "pipeline.json"
    pipeline.write_text(json.dumps({
        "connection_name": "airtable",
        "objects": [{"table": {"source_table": "Vendors", "destination_catalog": demo.CATALOG,
                               "destination_schema": demo.SCHEMA,
                               "destination_table": "vendors"}}]}))
    connected.run("run", pipeline)
    expected = demo.expected(shared, "Vendors")
    assert differences(polars(demo.location(connected, "vendors")), expected) == []


def test_validating_lands_nothing(connected, spec):
    connected.run("run", spec(), "--validate-only")
    assert not (connected.home / "warehouse" / demo.CATALOG).exists()


@pytest.mark.parametrize("table", ["bronze_vendors", "bronze_sku_candidates"])
def test_the_catalog_knows_what_was_landed(table, connected, spec):
    sources = {v: k for k, v in demo.TABLES.items()}
    connected.run("run", spec(tables={sources[table]: table}))
    info = connected.json("tables", "get", f"{demo.CATALOG}.{demo.SCHEMA}.{table}")
    assert info["full_name"] == f"{demo.CATALOG}.{demo.SCHEMA}.{table}"
    assert "_airtable_id" in {c["name"] for c in info["columns"]}
    frame = polars(demo.location(connected, table))
    answer = connected.json("sql", f"SELECT count(*) AS n FROM {demo.CATALOG}.{demo.SCHEMA}.{table}")
    assert str(frame.num_rows) in json.dumps(answer)
