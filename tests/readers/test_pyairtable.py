"""The simulator is honest: pyairtable, a client that is not ours, reads the base through it."""

import json
import urllib.parse

import pyairtable
import pytest
from pyairtable.formulas import match

from harness import demo
from harness.program import Simulator


@pytest.fixture(scope="module")
def simulator():
    with Simulator("airtable", "--rate", "-1") as running:
        yield running


@pytest.fixture(scope="module")
def base(simulator):
    options = simulator.connection()
    api = pyairtable.Api(options["token"], endpoint_url=options["base_url"])
    return api.base(options["base_id"], force=True)


def without_links(cell):
    """A cell without the signed URLs of its files, which differ in each listing."""
    if isinstance(cell, dict):
        return {key: without_links(value) for key, value in cell.items()
                if not (key == "url" and "airtableusercontent" in str(value))}
    return [without_links(one) for one in cell] if isinstance(cell, list) else cell


def truth(simulator, table):
    answer = json.loads(simulator.request("/_sim/truth?table=" + urllib.parse.quote(table)))
    return answer["table"], {r["id"]: (r["createdTime"], without_links(r["fields"]))
                             for r in answer["records"]}


def rows(records):
    return {r["id"]: (r["createdTime"], without_links(r["fields"])) for r in records}


def test_it_finds_the_base_by_its_token(simulator, base):
    assert base.api.whoami()["id"].startswith("usr")
    assert [b.id for b in base.api.bases()] == [base.id]


@pytest.mark.parametrize("name", demo.TABLES)
def test_it_reads_every_record(name, simulator, base):
    schema, expected = truth(simulator, name)
    records = base.table(name).all(use_field_ids=True)
    assert len(records) == len(expected) > 0
    assert rows(records) == expected
    by_name = {f["id"]: f["name"] for f in schema["fields"]}
    assert rows(base.table(schema["id"]).all(page_size=7)) == {
        id_: (created, {by_name[key]: value for key, value in fields.items()})
        for id_, (created, fields) in expected.items()}


@pytest.mark.parametrize("name", demo.TABLES)
def test_it_understands_the_schema(name, simulator, base):
    schema, _ = truth(simulator, name)
    seen = base.schema().table(name)
    assert seen.primary_field_id == schema["primaryFieldId"]
    assert [(f.id, f.name, f.type) for f in seen.fields] == [
        (f["id"], f["name"], f["type"]) for f in schema["fields"]]
    assert seen.views[0].type == "grid"


def test_it_reads_one_record_and_a_selection(simulator, base):
    _, expected = truth(simulator, "Vendors")
    table = base.table("Vendors")
    id_, (created, fields) = next(iter(expected.items()))
    assert rows([table.get(id_, use_field_ids=True)]) == {id_: (created, fields)}
    some = table.all(formula=match({"No.": (">", 80)}), fields=["Vendor", "No."], sort=["-No."])
    assert [r["fields"]["No."] for r in some] == list(range(90, 80, -1))
    assert all(set(r["fields"]) <= {"Vendor", "No."} for r in some)
    assert len(table.all(max_records=12, page_size=5)) == 12
    assert len(table.all(view="Every second")) == 45


def test_a_formula_too_long_for_a_url_is_posted(base):
    table = base.table("SKU Candidates")
    ids = [r["id"] for r in table.all(fields=["SKU"])]
    formula = "OR(" + ",".join(f"RECORD_ID()='{one}'" for one in ids + ["rec" + "0" * 14] * 400) + ")"
    assert len(formula) > 16_000
    assert {r["id"] for r in table.all(formula=formula)} == set(ids)


def test_it_reads_comments(simulator, base):
    table = base.table("SKU Candidates")
    counts = {r["id"]: r["commentCount"] for r in table.all(count_comments=True)}
    for id_, count in list(counts.items())[:12]:
        assert len(table.comments(id_)) == count
    assert max(counts.values()) > 100  # more than one page
