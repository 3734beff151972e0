"""Joined files, purged deletion vectors and vacuumed tables hold the same rows for everybody; and
what others do to keep a table healthy harms nothing of ours."""

import os
import shutil
import time

import pytest

from harness import demo
from harness.program import Simulator, Sluice
from harness.readers import READERS, spark_session

TABLE = "main.airtable.bronze_vendors"
AFTERWARDS = ["spark", "duckdb", "delta-rs", "polars"]


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    """A home with one landed table; each test takes a copy of it."""
    folder = tmp_path_factory.mktemp("care")
    sluice = Sluice(folder / "home")
    with Simulator("airtable", "--rate", "-1") as simulator:
        demo.connect(sluice, simulator)
        sluice.run("run", demo.write_specification(folder / "p.json",
                                                   {"Vendors": "bronze_vendors"}))
    return sluice, demo.location(sluice, "bronze_vendors"), folder / "original"


@pytest.fixture
def table(landed):
    sluice, path, original = landed
    if not original.exists():
        shutil.copytree(path, original)
    shutil.rmtree(path)
    shutil.copytree(original, path)
    yield sluice, path
    spark_session().catalog.clearCache()


def sql(text):
    return spark_session().sql(text)


def rows(reader, path):
    return sorted(str(sorted(row.items())) for row in READERS[reader](path).to_pylist())


def fragment(path, where):
    """Small files, changed by Spark."""
    for i in range(3):
        sql(f"INSERT INTO delta.`{path}` SELECT * FROM delta.`{path}` LIMIT {i + 2}")
    sql(f"DELETE FROM delta.`{path}` WHERE {where}")


def age(path, hours):
    then = time.time() - hours * 3600
    for file in path.rglob("*"):
        if file.is_file():
            os.utime(file, (then, then))


def optimize_and_vacuum(sluice, path):
    """Counts of files, and the rows that every reader sees before and after, are compared."""
    before = rows("spark", path)
    done = sluice.json("tables", "optimize", TABLE)
    assert done["num_files_removed"] > done["num_files_added"] >= 1
    for reader in AFTERWARDS:
        assert rows(reader, path) == before, reader
    age(path, 48)
    gone = sluice.json("tables", "vacuum", TABLE, "--retain-hours", "0")
    assert gone["num_files"] >= done["num_files_removed"]
    for reader in AFTERWARDS:
        assert rows(reader, path) == before, reader
    history = sluice.json("tables", "history", TABLE)
    assert history[0]["operation"] == "OPTIMIZE"
    return done


def test_small_files(table):
    sluice, path = table
    fragment(path, "no % 7 = 0")
    done = optimize_and_vacuum(sluice, path)
    assert done["num_rows_purged"] == 0
    sql(f"INSERT INTO delta.`{path}` SELECT * FROM delta.`{path}` LIMIT 1")  # Spark goes on
    assert len(rows("duckdb", path)) == done["num_rows"] + 1


def test_deletion_vectors(table):
    sluice, path = table
    sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES "
        "('delta.enableDeletionVectors' = 'true')")
    fragment(path, "no % 3 = 0")
    assert list(path.glob("deletion_vector_*.bin"))
    done = optimize_and_vacuum(sluice, path)
    assert done["num_rows_purged"] > 20
    assert not list(path.glob("deletion_vector_*.bin"))


def test_partitions(table):
    sluice, path = table
    copy = path.parent / "copy"
    shutil.move(path, copy)
    for i in range(3):
        (spark_session().read.format("delta").load(str(copy)).filter(f"no % 3 = {i}")
         .write.format("delta").mode("append").partitionBy("country").save(str(path)))
    shutil.rmtree(copy)
    before = {p.parent.name for p in path.glob("country=*/*.parquet")}
    optimize_and_vacuum(sluice, path)
    left = list(path.glob("country=*/*.parquet"))
    assert {p.parent.name for p in left} == before and len(left) == len(before)


def test_the_vacuum_of_others_leaves_files_beside_the_table(table):
    sluice, path = table
    fragment(path, "no % 7 = 0")
    beside = path / "_sluice" / "part-1.parquet"
    beside.parent.mkdir()
    beside.write_bytes(b"rows that readers must not see")
    age(path, 48)
    session = spark_session()
    session.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    before = len(list(path.glob("*.parquet")))
    sql(f"VACUUM delta.`{path}` RETAIN 0 HOURS")
    assert len(list(path.glob("*.parquet"))) < before
    assert beside.exists()
