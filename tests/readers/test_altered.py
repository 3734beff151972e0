"""Tables whose schema was changed by us, as others read them."""

import subprocess

import pytest

from harness import readers
from harness.program import binary, environment

ROWS = [(1, "n1"), (3, "n3"), (4, "n4"), (7, "n7")]
NAMES = ["id", "The name, in full"]


@pytest.fixture(scope="module")
def altered(tmp_path_factory):
    """What a unit test leaves: a plain table that got deletion vectors and column mapping, then lost
    a row, and has a column under a new name."""
    folder = tmp_path_factory.mktemp("altered")
    subprocess.run([binary(points=True).parent / "tests/test_delta_alter"], check=True,
                   capture_output=True,
                   env=environment(SLUICE_TEST_TMP=folder, SLUICE_TEST_KEEP=1))
    found = [table for table in folder.glob("delta-*/table")
             if len(list(table.glob("_delta_log/*.json"))) == 6]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("name", ["delta-rs", "duckdb", "spark"])
def test_a_renamed_column_keeps_its_rows(altered, name):
    table = readers.READERS[name](altered)
    assert table.column_names == NAMES
    assert sorted(zip(*table.to_pydict().values())) == ROWS


@pytest.mark.parametrize("name", ["polars"])
def test_who_does_not_know_column_mapping_says_so(altered, name):
    with pytest.raises(Exception, match="(?i)column.?mapping"):
        readers.READERS[name](altered)


def test_spark_goes_on_with_it(altered):
    spark = readers.spark_session()
    spark.sql(f"INSERT INTO delta.`{altered}` VALUES (8, 'n8')")
    spark.sql(f"ALTER TABLE delta.`{altered}` RENAME COLUMN `The name, in full` TO name")
    spark.sql(f"UPDATE delta.`{altered}` SET name = 'x' WHERE id = 1")
    rows = spark.sql(f"SELECT id, name FROM delta.`{altered}`").collect()
    assert sorted(map(tuple, rows)) == [(1, "x"), *ROWS[1:], (8, "n8")]
