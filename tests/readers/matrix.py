#!/usr/bin/env python3
"""Which reader opens which kind of table with equal values: prints docs/readers.md.

    build/venv/bin/python tests/readers/matrix.py > docs/readers.md
"""

import importlib.metadata
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.landing import MAPPING, VECTORS, Kind, Landing  # noqa: E402
from harness.program import Simulator  # noqa: E402
from harness.readers import READERS, spark_session  # noqa: E402

TABLES = {"SKU Candidates": "skus", "Vendors": "vendors"}
RECORDS = 130
SEED = 5

ALL = tuple(READERS)
LEAST = ("delta-rs", "duckdb", "spark")  # they open deletion vectors and column mapping, too


# -- lives ----------------------------------------------------------------------------------------

def first_load(landing):
    landing.run()


def fifty_upserts(landing):
    landing.run()
    for _ in range(50):
        landing.life.change()
        landing.run(incremental=True)
    landing.reconcile()


def new_and_removed_fields(landing):
    landing.run()
    for _ in range(10):
        landing.life.change()
        landing.life.alter()
        landing.run(incremental=True)
    landing.reconcile()


def cared_for(landing):
    landing.care("optimize")
    landing.age()
    landing.care("vacuum", "--retain-hours", "0")


@dataclass(frozen=True, eq=False)
class Shape:
    """A kind of table after a life. readers: those that must open it with equal values. goes_on:
    what the shape before it left behind lives on."""
    name: str
    kind: Kind
    life: object
    readers: tuple = ALL
    goes_on: bool = False


PLAIN = Kind("plain", {"scd_type": "SCD_TYPE_1"})
VECTORED = Kind("vectors", {"scd_type": "SCD_TYPE_1", "table_properties": VECTORS})
HISTORY = Kind("history", {"scd_type": "SCD_TYPE_2"}, history=True)
VECTORED_HISTORY = Kind("history, vectors", {"scd_type": "SCD_TYPE_2", "table_properties": VECTORS},
                        history=True)
MAPPED = Kind("mapped", {"scd_type": "SCD_TYPE_1", "table_properties": MAPPING}, renames="follow")

SHAPES = (
    Shape("plain, after its first load", PLAIN, first_load),
    Shape("plain, after 50 runs with changes", PLAIN, fifty_upserts),
    Shape("plain, after 50 runs, optimize and vacuum", PLAIN, cared_for, goes_on=True),
    Shape("plain, fields renamed, added and removed in the source", PLAIN, new_and_removed_fields),
    Shape("history (SCD_TYPE_2), after 50 runs with changes", HISTORY, fifty_upserts),
    Shape("history, after 50 runs, optimize and vacuum", HISTORY, cared_for, goes_on=True),
    Shape("deletion vectors, after 50 runs with changes", VECTORED, fifty_upserts, LEAST),
    Shape("deletion vectors, after 50 runs, optimize and vacuum", VECTORED, cared_for, LEAST,
          goes_on=True),
    Shape("history with deletion vectors, after 50 runs with changes", VECTORED_HISTORY,
          fifty_upserts, LEAST),
    Shape("column mapping, renames followed", MAPPED, new_and_removed_fields, LEAST),
    Shape("column mapping, optimize and vacuum", MAPPED, cared_for, LEAST, goes_on=True),
)


# -- the matrix -----------------------------------------------------------------------------------

def matrix() -> dict:
    """{shape: {reader: sentences on what is wrong}}; a reader that refuses says why."""
    found = {}
    with Simulator("airtable", "--rate", "-1") as simulator, \
            tempfile.TemporaryDirectory(prefix="sluice-readers-") as folder:
        for number, shape in enumerate(SHAPES):
            if not shape.goes_on:
                home = Path(folder) / str(number)
                home.mkdir()
                landing = Landing(simulator, home, shape.kind, TABLES, seed=SEED, records=RECORDS)
            shape.life(landing)
            found[shape] = {reader: wrong(landing, reader) for reader in READERS}
    return found


def wrong(landing, reader) -> list:
    sentences = []
    for destination in TABLES.values():
        try:
            sentences += landing.wrong(destination, reader)
        except BaseException as error:  # a panic of a Rust library is no Exception
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            sentences.append(f"refused: {type(error).__name__}: {error}")
    return sentences


def versions() -> str:
    packages = {"Polars": "polars", "delta-rs": "deltalake", "Daft": "daft", "DuckDB": "duckdb",
                "DuckDB's delta extension": "duckdb-extension-delta", "Spark": "pyspark",
                "Delta": "delta-spark"}
    return ", ".join(f"{name} {importlib.metadata.version(package)}"
                     for name, package in packages.items())


def mark(sentences) -> str:
    if not sentences:
        return "equal"
    return "refuses" if all(s.startswith("refused:") for s in sentences) else "**differs**"


def markdown(found) -> str:
    return "\n".join([
        "# Who reads which table", "",
        "Printed by `tests/readers/matrix.py`, and compared by a test: every table is landed from "
        "a simulated base, lives as the row says, and is read by programs that are not ours. "
        "*equal*: every row, value and type is what the source holds. *refuses*: the reader says "
        "that it cannot read such a table; no data comes out.", "",
        "| table | " + " | ".join(READERS) + " |",
        "|---|" + "---|" * len(READERS),
        *[f"| {shape.name} | " + " | ".join(mark(cells[r]) for r in READERS) + " |"
          for shape, cells in found.items()], "",
        f"Versions: {versions()}.", "",
        "Deletion vectors and column mapping are asked for (`table_properties`); nobody gets them "
        "by default. The cursor is in the domain `sluice.cursor.<flow>` of the table's log, which "
        "is a writer's feature: no reader minds, Spark shows it, and delta-rs reads such a table "
        "but does not write it.", ""])


if __name__ == "__main__":
    print(markdown(matrix()), end="")
    spark_session().stop()
