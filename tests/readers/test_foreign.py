"""Others write to our table between two runs, through Spark: the next run brings it back to what
the source holds, and what changed no row costs no complete read."""

import pytest

from harness.landing import VECTORS, Kind, Landing
from harness.program import Simulator
from harness.readers import spark_session

TABLE, DESTINATION = "Vendors", "vendors"
KINDS = {kind.name: kind for kind in (
    Kind("rewritten", {"scd_type": "SCD_TYPE_1"}),
    Kind("vectors", {"scd_type": "SCD_TYPE_1", "table_properties": VECTORS},
         ("duckdb", "delta-rs")),
)}

# What is done, and whether rows changed by it.
FOREIGN = {
    "optimize": ("OPTIMIZE {t}", False),
    "vacuum": ("VACUUM {t}", False),
    "a property": ("ALTER TABLE {t} SET TBLPROPERTIES ('note' = 'theirs')", False),
    "a column": ("ALTER TABLE {t} ADD COLUMNS (theirs STRING)", False),
    "a delete": ("DELETE FROM {t} WHERE score >= 3", True),
    "an update": ("UPDATE {t} SET vendor = 'somebody else' WHERE active", True),
    "a duplicate key": ("INSERT INTO {t} SELECT * FROM {t} LIMIT 3", True),
    "restore": ("RESTORE TABLE {t} TO VERSION AS OF 0", True),
}


@pytest.fixture(scope="module")
def simulator():
    with Simulator("airtable", "--rate", "-1") as simulator:
        yield simulator


def versions(landing):
    return len(list((landing.location(DESTINATION) / "_delta_log").glob("*.json")))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FOREIGN)
def test_between_two_runs(name, kind, simulator, tmp_path):
    statement, changes_rows = FOREIGN[name]
    landing = Landing(simulator, tmp_path, KINDS[kind], {TABLE: DESTINATION}, seed=8, records=130)
    landing.run()
    for _ in range(2):
        landing.life.change(deletes=False)
        landing.reconcile()
    before = versions(landing)
    spark_session().sql(statement.format(t=f"delta.`{landing.location(DESTINATION)}`"))
    result = landing.run(incremental=not changes_rows)
    landing.followers[DESTINATION].OWN = landing.followers[DESTINATION].OWN | {"theirs"}
    landing.ran(incremental=not changes_rows)
    for reader in landing.kind.readers:
        assert landing.wrong(DESTINATION, reader) == []
    assert ("everything is read again" in result.err) == changes_rows, result.err
    landing.life.change()
    landing.reconcile()
    for reader in landing.kind.readers:
        assert landing.wrong(DESTINATION, reader) == []
    assert versions(landing) > before
