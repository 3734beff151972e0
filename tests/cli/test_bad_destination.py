"""Destinations and homes that cannot take what is landed: what is there is never harmed."""

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest

from harness import demo
from harness.compare import differences
from harness.outcome import BAD_SPEC, DESTINATION, VENDORS, said
from harness.program import Sluice
from harness.readers import delta_rs, polars

# -- the destination ----------------------------------------------------------------------------

def place(sluice, table="bronze_vendors"):
    return sluice.home / "warehouse" / demo.CATALOG / demo.SCHEMA / table


def test_a_destination_that_holds_something_else(connected, spec):
    folder = place(connected)
    folder.mkdir(parents=True)
    (folder / "holiday.jpg").write_bytes(b"not a table")
    result = connected.run("run", spec(), code=BAD_SPEC)
    for words in (str(folder), "holiday.jpg", "no Delta table", "Choose an empty location"):
        assert words in said(result)
    assert [p.name for p in folder.iterdir()] == ["holiday.jpg"]
    assert (folder / "holiday.jpg").read_bytes() == b"not a table"


def test_a_destination_that_is_somebody_elses_table(connected, spec):
    from deltalake import write_deltalake
    folder = place(connected)
    theirs = pa.table({"lamp": ["red", "green"]})
    write_deltalake(str(folder), theirs)
    result = connected.run("run", spec(), code=BAD_SPEC)
    for words in (str(folder), "was not made by this flow", "another destination_table"):
        assert words in said(result)
    assert polars(folder).to_pydict() == theirs.to_pydict()


def test_a_file_in_the_way(connected, spec):
    folder = place(connected).parent
    folder.parent.mkdir(parents=True)
    folder.write_text("a file")
    result = connected.run("run", spec(), code=DESTINATION)
    assert str(folder) in said(result) and "is a file, not a directory" in said(result)
    assert folder.read_text() == "a file"


def test_a_destination_that_may_not_be_written(shared):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        sluice = Sluice(folder / "home")
        demo.connect(sluice, shared)
        sluice.run("catalogs", "create", demo.CATALOG, "--storage-root", folder / "lake")
        (folder / "lake").mkdir()
        (folder / "lake").chmod(0o555)
        pipeline = demo.write_specification(folder / "pipeline.json", VENDORS)
        if os.geteuid() == 0:  # whom no mode stops: another user runs it
            subprocess.run(["chown", "-R", "65534:65534", str(sluice.home)], check=True)
            program = folder / "sluice"
            shutil.copy(sluice.binary, program)
            wrapper = folder / "as_nobody"
            wrapper.write_text('#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 '
                               f'--clear-groups {program} "$@"\n')
            wrapper.chmod(0o755)
            sluice.binary = wrapper
        result = sluice.run("run", pipeline, code=DESTINATION)
        assert str(folder / "lake") in said(result) and "Permission denied" in said(result)
        assert "the right to write there" in said(result)
        (folder / "lake").chmod(0o777)
        sluice.run("run", pipeline)


def unshare():
    """How to get a mount of one's own; None: not on this machine."""
    words = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    probe = subprocess.run([*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    return words if probe.returncode == 0 else None


def test_a_full_disk(sluice, shared, tmp_path, spec):
    """Exit code 6, and with some more room the next run is right."""
    words = unshare()
    if not words:
        return  # in a container without rights: the limit of the next test stands in
    demo.connect(sluice, shared)
    tables = {"SKU Candidates": "bronze_sku_candidates"}
    lake, copy = tmp_path / "lake", tmp_path / "copy"
    lake.mkdir()
    sluice.run("catalogs", "create", demo.CATALOG, "--storage-root", lake)
    wrapper = tmp_path / "on_a_small_disk"
    wrapper.write_text(f"""#!/bin/sh
mount -t tmpfs -o size=24k tmpfs {lake} || exit 99
{sluice.binary} "$@"
first=$?
mount -o remount,size=64m {lake} || exit 99
{sluice.binary} "$@" >/dev/null 2>&1 || exit 98
cp -r {lake} {copy}
exit $first
""")
    wrapper.chmod(0o755)
    sluice.binary = words[0]
    result = sluice.run(*words[1:], wrapper, "run", spec(tables=tables), code=DESTINATION)
    assert str(lake) in said(result) and "No space left on device" in said(result)
    assert "free some space there" in said(result)
    table = polars(copy / demo.SCHEMA / "bronze_sku_candidates")
    assert differences(table, demo.expected(shared, "SKU Candidates")) == []


def test_files_that_may_not_grow(sluice, airtable, tmp_path):
    airtable.control(op="base", kind="bench", tables=1, records=20000)
    demo.connect(sluice, airtable)
    source, = [t["name"] for t in airtable.truth()["tables"]]
    pipeline = demo.write_specification(tmp_path / "pipeline.json", {source: "bronze_bench"})
    program, wrapper = sluice.binary, tmp_path / "limited"
    wrapper.write_text(f'#!/bin/bash\ntrap "" XFSZ\nulimit -f 1024\nexec {program} "$@"\n')
    wrapper.chmod(0o755)
    sluice.binary = wrapper
    result = sluice.run("run", pipeline, code=DESTINATION)
    assert str(place(sluice, "bronze_bench")) in said(result) and "File too large" in said(result)
    assert not list(place(sluice, "bronze_bench").glob("*.parquet")), "half a file was left"
    sluice.binary = program
    sluice.run("run", pipeline)
    assert polars(demo.location(sluice, "bronze_bench")).num_rows == 20000


# Somebody else's commits, as their programs write them.

def log(folder):
    return sorted((folder / "_delta_log").glob("*.json"))


def newest(folder, kind):
    actions = [json.loads(line) for path in log(folder) for line in path.read_text().splitlines()]
    return [action[kind] for action in actions if kind in action][-1]


def commit(folder, *actions):
    told = {"commitInfo": {"timestamp": 1772442000000, "operation": "WRITE",
                           "engineInfo": "another program"}}
    path = folder / "_delta_log" / f"{len(log(folder)):020}.json"
    path.write_text("".join(json.dumps(action) + "\n" for action in (told, *actions)))


def alter_fields(folder, change):
    meta = newest(folder, "metaData")
    schema = json.loads(meta["schemaString"])
    schema["fields"] = change(schema["fields"])
    meta["schemaString"] = json.dumps(schema)
    commit(folder, {"metaData": meta})


def alter_properties(folder, **properties):
    meta = newest(folder, "metaData")
    meta["configuration"] |= {name.replace("__", "."): value for name, value in properties.items()}
    commit(folder, {"metaData": meta})


def add_column(folder):
    alter_fields(folder, lambda fields: [*fields, {"name": "note", "type": "string",
                                                   "nullable": True, "metadata": {}}])


def drop_column(folder):
    alter_fields(folder, lambda fields: [f for f in fields if f["name"] != "country"])


def own_properties(folder):
    alter_properties(folder, delta__logRetentionDuration="interval 5 days", owner__team="lamps")


def lose_properties(folder):
    meta = newest(folder, "metaData")
    commit(folder, {"metaData": {**meta, "configuration": {}}})


def delete_rows(folder):
    path = newest(folder, "add")["path"]
    commit(folder, {"remove": {"path": path, "deletionTimestamp": 1772442000000,
                               "dataChange": True}})


@pytest.mark.parametrize("alter", [add_column, drop_column, own_properties, lose_properties,
                                   delete_rows], ids=lambda f: f.__name__)
def test_a_table_that_somebody_altered_is_brought_up_to_date(alter, connected, shared, spec):
    """Our columns and rows are right again; what others added stays."""
    pipeline = spec()
    connected.run("run", pipeline)
    folder = place(connected)
    alter(folder)
    connected.run("run", pipeline)
    expected = demo.expected(shared, "Vendors")
    for reader in (polars, delta_rs):
        table = reader(folder)
        assert differences(table.select(list(expected.columns)), expected) == []
        assert ("note" in table.column_names) == (alter is add_column)
    if alter is own_properties:
        kept = newest(folder, "metaData")["configuration"]
        assert kept["owner.team"] == "lamps" and "delta.logRetentionDuration" in kept


def test_a_table_that_lost_a_file_is_made_anew_only_when_asked(connected, shared, spec):
    """What the file held cannot be known: nothing is committed until somebody says that it may go."""
    pipeline = spec()
    connected.run("run", pipeline)
    folder = place(connected)
    for path in folder.glob("*.parquet"):
        path.unlink()
    before = len(log(folder))
    result = connected.run("run", "--reconcile", pipeline, code=DESTINATION)
    assert "a file of the table cannot be read" in said(result) and "not found" in said(result)
    assert len(log(folder)) == before
    connected.run("run", pipeline, "--full-refresh=bronze_vendors")
    assert differences(polars(folder), demo.expected(shared, "Vendors")) == []


def other_type(folder):
    alter_fields(folder, lambda fields: [
        {**f, "type": "string"} if f["name"] == "spend" else f for f in fields])


def test_files_that_are_not_of_the_type_the_table_has_are_left_alone(connected, spec):
    """Ours gets a column of its own beside theirs; rows that cannot be read are not replaced."""
    pipeline = spec()
    connected.run("run", pipeline)
    folder = place(connected)
    other_type(folder)
    before, files = len(log(folder)), sorted(folder.glob("*.parquet"))
    result = connected.run("run", pipeline, code=DESTINATION)
    assert "a file of the table cannot be read" in said(result)
    for path in log(folder)[before:]:
        assert not any({"add", "remove"} & json.loads(line).keys()
                       for line in path.read_text().splitlines())
    assert set(files) <= set(folder.glob("*.parquet"))


def not_null_column(folder):
    alter_fields(folder, lambda fields: [*fields, {"name": "note", "type": "string",
                                                   "nullable": False, "metadata": {}}])


def may_only_grow(folder):
    alter_properties(folder, delta__appendOnly="true")


def feed_of_changes(folder):
    protocol = newest(folder, "protocol")
    protocol["writerFeatures"] = [*protocol["writerFeatures"], "changeDataFeed"]
    meta = newest(folder, "metaData")
    meta["configuration"]["delta.enableChangeDataFeed"] = "true"
    commit(folder, {"protocol": protocol}, {"metaData": meta})


def newer_protocol(folder):
    commit(folder, {"protocol": {"minReaderVersion": 99, "minWriterVersion": 99}})


def foreign_feature(folder):
    protocol = newest(folder, "protocol")
    protocol["writerFeatures"] = [*protocol["writerFeatures"], "generatedColumns"]
    commit(folder, {"protocol": protocol})


def lose_our_cursor(folder):
    commit(folder, {"domainMetadata": {**newest(folder, "domainMetadata"), "removed": True}})


def cut_the_log(folder):
    path = log(folder)[-1]
    path.write_text(path.read_text()[:40])


def hole_in_the_log(folder):
    commit(folder)
    commit(folder)
    log(folder)[1].unlink()
    for path in (folder / "_delta_log").glob("*.crc"):
        path.unlink()


REFUSED = {  # exit code, what the message says
    not_null_column: (DESTINATION, ["'note' does not take NULL", "DROP NOT NULL"]),
    may_only_grow: (BAD_SPEC, ["delta.appendOnly=true", "another destination_table"]),
    feed_of_changes: (BAD_SPEC, ["delta.enableChangeDataFeed=true", "TBLPROPERTIES"]),
    newer_protocol: (BAD_SPEC, ["version 99", "Another program"]),
    foreign_feature: (BAD_SPEC, ["generatedColumns", "DROP FEATURE"]),
    lose_our_cursor: (BAD_SPEC, ["was not made by this flow", "another destination_table"]),
    cut_the_log: (DESTINATION, ["_delta_log", "restore it from a backup"]),
    hole_in_the_log: (DESTINATION, ["version 1 is missing", "restore it from a backup"]),
}


@pytest.mark.parametrize("alter", REFUSED, ids=lambda f: f.__name__)
def test_a_table_that_cannot_be_written_any_more_is_left_alone(alter, connected, spec):
    pipeline = spec()
    connected.run("run", pipeline)
    folder = place(connected)
    alter(folder)
    before = {path.name: path.read_bytes() for path in log(folder)}
    files = sorted(folder.glob("*.parquet"))
    code, says = REFUSED[alter]
    result = connected.run("run", pipeline, code=code)
    for words in ["bronze_vendors", *says]:
        assert words in said(result), words
    assert {path.name: path.read_bytes() for path in log(folder)} == before
    assert set(files) <= set(folder.glob("*.parquet"))


# -- the home -----------------------------------------------------------------------------------

def test_a_home_of_a_newer_version(connected, spec):
    db = sqlite3.connect(connected.home / "catalog.db")
    version, = db.execute("PRAGMA user_version").fetchone()
    db.execute(f"PRAGMA user_version = {version + 1}")
    db.close()
    before = (connected.home / "catalog.db").read_bytes()
    for words in (("connections", "list"), ("run", spec())):
        result = connected.run(*words, code=BAD_SPEC)
        for words in (str(connected.home), "newer sluice", "Use the newer program"):
            assert words in said(result)
    assert (connected.home / "catalog.db").read_bytes() == before


def test_a_damaged_catalog(connected):
    for name in ("catalog.db", "catalog.db-wal", "catalog.db-shm"):
        (connected.home / name).unlink(missing_ok=True)
    (connected.home / "catalog.db").write_bytes(b"no database " * 1000)
    result = connected.run("connections", "list", code=DESTINATION)
    for words in ("catalog.db", "damaged", "Move it away"):
        assert words in said(result)


def test_a_home_that_is_a_file(sluice):
    sluice.home.write_text("a file")
    result = sluice.run("connections", "list", code=DESTINATION)
    assert str(sluice.home) in said(result) and "SLUICE_HOME" in said(result)
