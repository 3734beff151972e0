"""Bad days that other tools lost or doubled rows on, each from the outside. tests/README.md lists
them with those that are tested elsewhere."""

import json
import signal
import time

import pytest

from harness import demo
from harness.compare import rescued
from harness.landing import Kind, Landing
from harness.life import SETTLED_MS
from harness.outcome import AUTH, BAD_SPEC, BUSY, PARTIAL, SOURCE
from harness.program import PATIENCE_S, Simulator, Sluice
from harness.readers import polars

PLAIN = Kind("plain", {"scd_type": "SCD_TYPE_1"})
TABLE, DESTINATION = "SKU Candidates", "skus"
RECORDS = 230  # three pages


@pytest.fixture
def landing(tmp_path):
    """A table that was landed, and whose source has changed since."""
    with Simulator("airtable", "--rate", "-1") as simulator:
        landing = Landing(simulator, tmp_path, PLAIN, {TABLE: DESTINATION}, seed=3,
                          records=RECORDS)
        landing.run()
        yield landing


def operate(landing, *ops):
    """Changes the table's source, and lets them settle."""
    landing.life.operate(*({"table": TABLE, **op} for op in ops))
    landing.life.pass_time(SETTLED_MS)


def equal(landing):
    for reader in landing.kind.readers:
        assert landing.wrong(DESTINATION, reader) == []


def run_and_compare(landing):
    """What a run that asks for changes must bring, then what one that reads everything must."""
    landing.run(incremental=True)
    equal(landing)
    landing.reconcile()
    equal(landing)


def rows(landing):
    return {row["_airtable_id"]: row
            for row in polars(landing.location(DESTINATION)).to_pylist()}


# -- the source -----------------------------------------------------------------------------------

@pytest.mark.parametrize("fault", ["500:page=2,times=1000", "truncated:page=2,times=1000",
                                   "cut:page=1,times=1000", "html:page=1,times=1000"])
def test_a_run_that_fails_in_the_middle_asks_again(fault, landing):
    """The changes that the failed run did not bring are brought by the next one."""
    landing.life.operate(*({"op": "edit", "table": TABLE, "record": n} for n in range(RECORDS - 5)))
    landing.life.pass_time(SETTLED_MS)
    before = rows(landing)
    landing.simulator.control(fault=fault + f",table={TABLE}")
    failed = landing.sluice.run("run", landing.pipeline, code=None)
    assert failed.code in (PARTIAL, SOURCE), repr(failed)
    assert rows(landing).keys() == before.keys()
    landing.simulator.control(clear_faults=True)
    run_and_compare(landing)


def test_a_record_that_was_never_edited_has_no_modified_time(landing):
    operate(landing, {"op": "create", "count": 3})
    run_and_compare(landing)
    assert len(rows(landing)) == RECORDS + 3


def test_a_record_whose_every_cell_is_emptied(landing):
    fields = {f["id"]: None for f in landing.life.fields(TABLE)
              if f["type"] not in ("formula", "rollup", "lookup", "multipleLookupValues", "count",
                                   "autoNumber", "createdTime", "lastModifiedTime", "createdBy",
                                   "lastModifiedBy", "button")}
    operate(landing, {"op": "edit", "record": 4, "fields": fields})
    run_and_compare(landing)


def test_a_record_that_appears_late_behind_the_cursor(landing):
    """A change that the modified time does not show is found by the next complete read."""
    operate(landing, {"op": "edit", "record": 7, "quietly": True, "fields": {"SKU": "Late"}})
    landing.run(incremental=True)
    landing.reconcile()
    equal(landing)
    assert "Late" in [row["sku"] for row in rows(landing).values()]


def test_a_value_between_two_keystrokes(landing):
    """Edited once more while it is read, and in the same second."""
    operate(landing, {"op": "edit", "record": 1, "fields": {"SKU": "Har"}})
    fault = "edit:page=1,record=1,times=1"
    landing.simulator.control(fault=f"{fault},table={TABLE}")
    landing.run(incremental=True)
    landing.simulator.control(clear_faults=True)
    operate(landing, {"op": "edit", "record": 1, "fields": {"SKU": "Harbour"}})
    run_and_compare(landing)
    assert "Harbour" in [row["sku"] for row in rows(landing).values()]


def test_a_formula_is_a_number_one_day_and_an_error_the_next(landing):
    before = rows(landing)
    key, was = next((k, r["price_per_unit"]) for k, r in before.items()
                    if r["price_per_unit"] is not None)
    for text in ('{"error":"#ERROR!"}', '{"specialValue":"NaN"}', '{"specialValue":"Infinity"}',
                 json.dumps(was)):
        operate(landing, {"op": "edit", "record": key, "raw_fields": {"Price per unit": text}})
        run_and_compare(landing)
        row = rows(landing)[key]
        assert (row["price_per_unit"] is None) == ("error" in text), text
        field = next(f["id"] for f in landing.life.fields(TABLE) if f["name"] == "Price per unit")
        reason = (rescued(row["_rescued_data"]) or {}).get(field, {}).get("reason")
        assert reason == ("source_error" if "error" in text else None), text


def test_numbers_beyond_2_to_the_53rd(landing):
    raw = {"Units": "9007199254740993", "Unit price (€)": "0.1234567890123456789",
           "id?": "12345678901234567890123456789012345678"}
    operate(landing, {"op": "edit", "record": 2, "raw_fields": raw})
    run_and_compare(landing)
    kept = [rescued(row["_rescued_data"]) or {} for row in rows(landing).values()]
    texts = {str(why["value"]) for values in kept for why in values.values()}
    assert {"9007199254740993", "0.1234567890123456789"} <= texts


# -- names ----------------------------------------------------------------------------------------

def test_a_renamed_field_keeps_its_column(landing):
    operate(landing, {"op": "rename_field", "field": "Notes", "to": "Remarks"},
            {"op": "edit", "record": 5, "fields": {"Remarks": "after the renaming"}})
    run_and_compare(landing)
    assert "after the renaming" in [row["notes"] for row in rows(landing).values()]


def test_two_fields_swap_their_names(landing):
    operate(landing, {"op": "rename_field", "field": "Notes", "to": "Brief 2"},
            {"op": "rename_field", "field": "Brief", "to": "Notes"},
            {"op": "rename_field", "field": "Brief 2", "to": "Brief"},
            {"op": "edit", "record": 5, "fields": {"Notes": "was Brief", "Brief": "was Notes"}})
    run_and_compare(landing)
    row = next(row for row in rows(landing).values() if row["notes"] == "was Notes")
    assert row["brief"] == "was Brief"


def test_a_field_that_is_deleted_and_made_again_is_another_one(landing):
    before = {k: row["notes"] for k, row in rows(landing).items()}
    operate(landing, {"op": "remove_field", "field": "Notes"},
            {"op": "add_field", "name": "Notes", "type": "multilineText"},
            {"op": "edit", "record": 5, "fields": {"Notes": "the new one"}})
    run_and_compare(landing)
    after = rows(landing)
    column = next(c for c in landing.moments[DESTINATION].table.columns
                  if c.startswith("notes_"))
    assert "the new one" in [row[column] for row in after.values()]
    assert "notes" in next(iter(after.values())), "the old column stays"
    assert any(value is not None for value in before.values())


def test_a_new_field_whose_column_would_have_a_name_that_is_taken(landing):
    operate(landing, {"op": "add_field", "name": "notes!", "type": "singleLineText"},
            {"op": "edit", "record": 5, "fields": {"notes!": "a namesake"}})
    run_and_compare(landing)
    columns = [c for c in landing.moments[DESTINATION].table.columns if c.startswith("notes")]
    assert len(columns) == 2 and "notes" in columns


def test_a_renamed_table_is_the_same_table(landing):
    landing.life.operate({"op": "rename_table", "table": TABLE, "to": "SKU Archive"})
    landing.followers[DESTINATION].source = "SKU Archive"
    landing.life.pass_time(SETTLED_MS)
    landing.sluice.run("run", landing.pipeline)
    landing.ran(incremental=True)
    equal(landing)


# -- permissions ----------------------------------------------------------------------------------

@pytest.mark.parametrize("op", [
    {"op": "token", "revoke": True}, {"op": "token", "scopes": ["schema.bases:read"]},
    {"op": "forbid", "table": TABLE}, {"op": "vanish"}, {"op": "remove_table", "table": TABLE}],
    ids=["an expired token", "a lost scope", "a forbidden table", "no base", "an empty schema"])
def test_what_may_not_be_read_is_not_deleted(op, landing):
    before = repr(rows(landing))  # a NaN does not equal itself
    landing.life.operate(op)
    for how in ((), ("--reconcile",), ("--full-refresh",)):
        failed = landing.sluice.run("run", *how, landing.pipeline, code=None)
        assert failed.code in (PARTIAL, AUTH, SOURCE, BAD_SPEC), repr(failed)
        assert repr(rows(landing)) == before


# -- others ---------------------------------------------------------------------------------------

def test_a_zombie_commits_nothing(landing, tmp_path):
    """A run that sleeps while another one commits wakes up too late."""
    lake = landing.sluice.home / "warehouse" / demo.CATALOG
    other = Sluice(tmp_path / "other")
    demo.connect(other, landing.simulator)
    other.run("catalogs", "create", demo.CATALOG, "--storage-root", lake)
    operate(landing, {"op": "edit", "record": 3, "fields": {"SKU": "seen by the zombie"}})
    landing.simulator.control(latency_ms=500)
    asked = landing.simulator.stats()["requests"]
    zombie = landing.sluice.start("run", landing.pipeline)
    while landing.simulator.stats()["requests"] < asked + 2:
        assert zombie.poll() is None, zombie.communicate()
        time.sleep(0.02)  # polls the simulator's counter
    zombie.send_signal(signal.SIGSTOP)
    landing.simulator.control(latency_ms=0)
    operate(landing, {"op": "edit", "record": 3, "fields": {"SKU": "newer"}}, {"op": "create"})
    other.run("run", landing.pipeline)
    landing.ran(incremental=True)
    equal(landing)
    zombie.send_signal(signal.SIGCONT)
    out, err = zombie.communicate(timeout=PATIENCE_S)
    assert zombie.returncode == BUSY, out + err
    assert "another run has written" in err
    equal(landing)
