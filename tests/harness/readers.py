"""Six readers of Delta tables that are not ours. Each takes a folder and gives a pyarrow table."""

import functools
from pathlib import Path

import pyarrow as pa

from .program import ROOT


def polars(path):
    import polars as pl
    return pl.scan_delta(str(path)).collect().to_arrow()


def delta_rs(path):
    """delta-rs through its query engine."""
    from deltalake import DeltaTable, QueryBuilder
    result = QueryBuilder().register("t", DeltaTable(str(path))).execute("SELECT * FROM t")
    return pa.table(result.read_all())


def delta_rs_pandas(path):
    """delta-rs to pandas, with Arrow types behind it: plain pandas has no NULL beside NaN."""
    import pandas as pd
    from deltalake import DeltaTable
    frame = DeltaTable(str(path)).to_pandas(types_mapper=pd.ArrowDtype)
    return pa.Table.from_pandas(frame, preserve_index=False)


def daft(path):
    import daft as df
    return df.read_deltalake(str(path)).to_arrow()


@functools.cache
def duckdb_connection():
    import duckdb
    import duckdb_extension_delta
    folder = Path(duckdb_extension_delta.__file__).parent
    extension = next(folder.rglob("delta.duckdb_extension"))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute(f"LOAD '{extension}'")
    return connection


def duckdb(path):
    return duckdb_connection().execute(f"SELECT * FROM delta_scan('{path}')").to_arrow_table()


@functools.cache
def spark_session():
    import sys

    from pyspark.sql import SparkSession
    jars = sorted((ROOT / "build/jars").glob("*.jar"))
    assert jars, "the Delta jars are missing: run scripts/get_jars.sh"
    builder = SparkSession.builder.master("local[2]").appName("sluice-tests")
    for key, value in {
        "spark.jars": ",".join(map(str, jars)),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(ROOT / "build/spark-warehouse"),
        "spark.driver.memory": "1g",
        "spark.pyspark.python": sys.executable,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def spark(path):
    return spark_session().read.format("delta").load(str(path)).toArrow()


READERS = {"polars": polars, "delta-rs": delta_rs, "delta-rs pandas": delta_rs_pandas,
           "daft": daft, "duckdb": duckdb, "spark": spark}
