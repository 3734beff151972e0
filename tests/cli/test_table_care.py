"""History, older versions, optimize and vacuum, from the command line."""

import os
import time

import pytest

from harness import demo
from harness.readers import polars

TABLE = "main.airtable.bronze_vendors"


@pytest.fixture
def twice(connected, spec):
    """A table that was written twice, and its rows as they were first."""
    pipeline = spec()
    connected.run("run", pipeline)
    first = connected.json("tables", "preview", TABLE, "--limit", "-1")
    connected.run("run", pipeline, "--full-refresh")
    return connected, first


def version(sluice):
    return sluice.json("tables", "history", TABLE)[0]["version"]


def data_files(sluice):
    return sorted(demo.location(sluice, "bronze_vendors").glob("*.parquet"))


def age(sluice, hours):
    """As if everything had been written some hours ago."""
    then = time.time() - hours * 3600
    for path in demo.location(sluice, "bronze_vendors").rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def test_history_is_newest_first_and_limited(twice):
    sluice, _ = twice
    history = sluice.json("tables", "history", TABLE)
    assert [h["version"] for h in history] == sorted((h["version"] for h in history), reverse=True)
    assert len(sluice.json("tables", "history", TABLE, "--limit", "1")) == 1
    assert "VERSION" in sluice.run("tables", "history", TABLE).out


def test_an_older_version_can_be_read(twice):
    sluice, first = twice
    rows = sluice.json("tables", "preview", TABLE, "--limit", "-1", "--at-version", "0")
    assert {r["_ingested_at"] for r in rows} == {r["_ingested_at"] for r in first}
    assert len(rows) == len(first)
    entry = sluice.json("tables", "get", TABLE, "--at-version", "0")
    assert entry["statistics"]["version"] == 0
    assert entry["statistics"]["num_rows"] == len(first)
    assert entry["full_name"] == TABLE
    now = sluice.json("tables", "get", TABLE)
    assert [c["name"] for c in entry["columns"]] == [c["name"] for c in now["columns"]]


@pytest.mark.parametrize("command", ["get", "preview"])
def test_a_version_that_is_not_there_is_told(command, twice):
    sluice, _ = twice
    result = sluice.run("tables", command, TABLE, "--at-version", "77", code=None)
    assert result.code != 0
    assert "no version 77" in result.err and "tables history" in result.err
    result = sluice.run("tables", command, TABLE, "--at-version", "old", code=2)
    assert "--at-version" in result.err


def test_one_file_needs_no_joining(twice):
    sluice, _ = twice
    before = version(sluice)
    done = sluice.json("tables", "optimize", TABLE)
    assert done["version"] is None and done["num_files_removed"] == 0
    assert "nothing to join" in sluice.run("tables", "optimize", TABLE).err
    assert version(sluice) == before


@pytest.mark.parametrize("size", ["", "0", "-1", "16 apples", "9999999999999TiB"])
def test_a_size_that_is_none_is_refused(size, twice):
    sluice, _ = twice
    result = sluice.run("tables", "optimize", TABLE, "--target-size", size, code=2)
    assert "--target-size" in result.err and "16MiB" in result.err


def test_vacuum_keeps_what_the_retention_needs(twice):
    sluice, first = twice
    assert len(data_files(sluice)) == 2
    done = sluice.json("tables", "vacuum", TABLE)
    assert done["num_files"] == 0 and done["num_files_kept"] == 2
    age(sluice, 48)
    assert sluice.json("tables", "vacuum", TABLE)["num_files"] == 0

    listed = sluice.run("tables", "vacuum", TABLE, "--retain-hours", "0", "--dry-run")
    assert "1 file" in listed.out and "would be deleted" in listed.out
    assert len(data_files(sluice)) == 2
    done = sluice.json("tables", "vacuum", TABLE, "--retain-hours", "0", "--dry-run")
    assert done["dry_run"] and len(done["files"]) == 1 and done["num_files"] == 1
    assert done["files"][0] in listed.out

    done = sluice.json("tables", "vacuum", TABLE, "--retain-hours", "0")
    assert done["num_files"] == 1 and not done["dry_run"]
    assert len(data_files(sluice)) == 1
    assert polars(demo.location(sluice, "bronze_vendors")).num_rows == len(first)


def test_vacuum_leaves_a_young_file(twice):
    sluice, _ = twice
    assert sluice.json("tables", "vacuum", TABLE, "--retain-hours", "0")["num_files"] == 0
    assert len(data_files(sluice)) == 2


@pytest.mark.parametrize("command", ["optimize", "vacuum", "history"])
def test_a_table_that_is_not_there_is_told(command, connected):
    result = connected.run("tables", command, "main.airtable.nothing", code=None)
    assert result.code != 0 and "nothing" in result.err
