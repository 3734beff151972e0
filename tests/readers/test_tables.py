"""The demo's six tables, which hold every type of Airtable's between them, through every reader."""

import pytest

from harness import demo
from harness.compare import differences
from harness.program import Simulator, Sluice
from harness.readers import READERS


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    """The demo, landed once: (locations, expected tables), by destination."""
    folder = tmp_path_factory.mktemp("demo")
    sluice = Sluice(folder / "home")
    with Simulator("airtable", "--rate", "-1") as simulator:
        demo.connect(sluice, simulator)
        sluice.run("run", demo.write_specification(folder / "pipeline.json"))
        expected = {destination: demo.expected(simulator, source)
                    for source, destination in demo.TABLES.items()}
    return {t: demo.location(sluice, t) for t in expected}, expected


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("table", demo.TABLES.values())
def test_equals_the_truth_through(table, reader, landed):
    locations, expected = landed
    assert differences(READERS[reader](locations[table]), expected[table]) == []


def test_the_demo_shows_what_is_hard(landed):
    """The comparison above is worth what the base holds: every type, and the unpleasant values."""
    _, expected = landed
    rows = [row for table in expected.values() for row in table.rows.values()]
    values = [v for row in rows for v in row.values()]
    kinds = {f["type"] for table in expected.values() for f in table.fields.values()}
    reasons = {why["reason"] for row in rows for why in (row["_rescued_data"] or {}).values()}
    assert not set(ALL_TYPES) - kinds, "a type is missing"
    assert kinds - set(ALL_TYPES), "no field of a type that nobody knows"
    assert len(rows) > 900
    assert any(isinstance(v, float) and v != v for v in values), "no NaN"
    assert any(isinstance(v, str) and any(ord(c) > 0xFFFF for c in v) for v in values), "no emoji"
    assert {"source_error", "precision", "bad_unicode"} <= reasons
    assert any(len(row) - list(row.values()).count(None) - list(row.values()).count(False) < 8
               for row in rows), "no blank row"
    assert any(name.rsplit("_", 1)[0] == other.rsplit("_", 1)[0] and name != other
               and len(name.rsplit("_", 1)[-1]) == 6
               for t in expected.values() for name in t.fields for other in t.fields), "no clash"


ALL_TYPES = """
singleLineText multilineText richText email url phoneNumber singleSelect multipleSelects
externalSyncSource singleCollaborator multipleCollaborators createdBy lastModifiedBy number percent
currency duration rating count autoNumber checkbox date dateTime createdTime lastModifiedTime
multipleRecordLinks multipleAttachments barcode button formula rollup multipleLookupValues lookup
aiText manualSort simpleText
""".split()
