"""The comparison itself: an expected table that somebody else wrote is equal through every reader,
and a changed value is noticed."""

import json

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from harness import truth
from harness.compare import differences
from harness.readers import READERS

EXAMPLE = r'''
{"table": {"id": "tblHarness0000001", "name": "Lamps", "fields": [
  {"id": "fldName0000000001", "name": "Name", "type": "singleLineText"},
  {"id": "fldTags0000000001", "name": "Tags", "type": "multipleSelects"},
  {"id": "fldTags0000000002", "name": "# tags", "type": "singleLineText"},
  {"id": "fldUnits000000001", "name": "Units", "type": "number", "options": {"precision": 0}},
  {"id": "fldStars000000001", "name": "Stars", "type": "rating"},
  {"id": "fldOk000000000001", "name": "Approved?", "type": "checkbox"},
  {"id": "fldStart000000001", "name": "Start", "type": "date"},
  {"id": "fldKick0000000001", "name": "KickoffAt", "type": "dateTime"},
  {"id": "fldOwner000000001", "name": "Owner", "type": "singleCollaborator"},
  {"id": "fldFiles000000001", "name": "Files", "type": "multipleAttachments"},
  {"id": "fldMargin00000001", "name": "Margin", "type": "formula",
   "options": {"isValid": true, "result": {"type": "number", "options": {"precision": 4}}}},
  {"id": "fldBroken00000001", "name": "Broken", "type": "formula",
   "options": {"isValid": false, "result": null}},
  {"id": "fldSpends00000001", "name": "Spends", "type": "multipleLookupValues",
   "options": {"isValid": true, "result": {"type": "currency"}}}]},
 "records": [
  {"id": "rec1", "createdTime": "2026-02-03T09:14:27.125Z", "fields": {
    "fldName0000000001": "Harbour lights \ud83d\udca1", "fldTags0000000001": ["eu, west", "VIP"],
    "fldUnits000000001": 9007199254740993, "fldStars000000001": 4, "fldOk000000000001": true,
    "fldStart000000001": "2026-03-01", "fldKick0000000001": "2026-03-01T08:30:00.000Z",
    "fldOwner000000001": {"id": "usr1", "name": "Mira Okafor"},
    "fldFiles000000001": [{"id": "att1", "url": "https://example.org/a", "filename": "a.png",
      "size": 112100, "type": "image/png", "thumbnails": {"small": {"url": "https://example.org/s",
      "width": 107, "height": 36}}}],
    "fldMargin00000001": 0.45299999999999996, "fldBroken00000001": {"error": "#ERROR!"},
    "fldSpends00000001": [1.5, {"specialValue": "NaN"}, 3]}},
  {"id": "rec2", "createdTime": "2026-02-03T09:15:00.000Z", "fields": {
    "fldName0000000001": " ", "fldUnits000000001": 0, "fldMargin00000001": {"specialValue": "NaN"},
    "fldStars000000001": 2.5, "fldSpends00000001": [{"error": "#ERROR!"}]}},
  {"id": "rec3", "createdTime": "2026-02-04T00:00:00.000Z", "fields": {}}]}
'''

ARROW = {"string": pa.string(), "double": pa.float64(), "bigint": pa.int64(),
         "boolean": pa.bool_(), "date": pa.date32(), "timestamp": pa.timestamp("us", "UTC")}


def arrow_type(text):
    if text.startswith("array<"):
        return pa.list_(arrow_type(text[6:-1]))
    if text.startswith("struct<"):
        return pa.struct([(k, arrow_type(v)) for k, v in truth.split_members(text[7:-1]).items()])
    return ARROW[text]


def arrow_table(expected, change=None):
    rows = []
    for row in expected.rows.values():
        row = {**row, "_ingested_at": 1_772_442_000_000_000}
        if row["_rescued_data"] is not None:
            row["_rescued_data"] = truth.json_text(row["_rescued_data"])
        rows.append(change(row) if change else row)
    columns = {}
    for name, type_ in expected.columns.items():
        values = [row[name] for row in rows]
        if type_ == "date":
            columns[name] = pa.array(values, pa.string()).cast(pa.date32())
        else:
            columns[name] = pa.array(values, arrow_type(type_))
    return pa.table(columns)


@pytest.fixture(scope="module")
def expected():
    return truth.expected_table(truth.load_json(EXAMPLE))


def test_the_example_is_decoded_as_the_documents_say(expected):
    assert list(expected.columns)[2:7] == ["name", "tags_000001", "tags_000002", "units", "stars"]
    first, second, third = expected.rows.values()
    assert first["kickoff_at"] == 1_772_353_800_000_000
    assert first["spends"][0] == 1.5 and first["spends"][2] == 3.0
    assert first["_rescued_data"].keys() == {"fldUnits000000001", "fldBroken00000001"}
    assert first["_rescued_data"]["fldUnits000000001"]["reason"] == "precision"
    assert second["margin"] != second["margin"], "NaN is a value"
    assert second["spends"] == [None]
    assert second["_rescued_data"].keys() == {"fldStars000000001", "fldSpends00000001"}
    assert third["approved"] is False and third["name"] is None


@pytest.mark.parametrize("reader", READERS)
def test_equal_through(reader, expected, tmp_path):
    write_deltalake(tmp_path / "t", arrow_table(expected))
    assert differences(READERS[reader](tmp_path / "t"), expected) == []


@pytest.mark.parametrize("column,value", [("name", "Harbour light"), ("units", 1.0),
                                          ("margin", None), ("approved", True),
                                          ("_rescued_data", "{}"), ("_airtable_id", "rec9")])
def test_a_change_is_noticed(column, value, expected, tmp_path):
    def change(row):
        return {**row, column: value} if row["_airtable_id"] == "rec2" else row

    write_deltalake(tmp_path / "t", arrow_table(expected, change))
    assert differences(READERS["polars"](tmp_path / "t"), expected) != []
