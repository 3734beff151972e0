"""Several Airtable bases in one pipeline: listed, read, landed side by side, and kept where they are."""

import json

import pytest

from harness.program import Simulator, Sluice

BASES = ["Launch Control", "Sales", "Field Service"]
RECORDS = 7


@pytest.fixture
def account(tmp_path):
    """Three bases of six tables, a connection that reaches all of them, and the simulator."""
    with Simulator("airtable", "--rate", "-1", "--records", RECORDS) as simulator:
        for name in BASES[1:]:
            simulator.control(ops=[{"op": "add_base", "name": name, "records": RECORDS}])
        sluice = Sluice(tmp_path / "home")
        options = simulator.connection()
        del options["base_id"]
        sluice.run("connections", "create", "--json", "-", stdin=json.dumps(
            {"name": "airtable", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
             "options": {"sourceName": "airtable", **options}}))
        yield sluice, simulator, tmp_path


def pipeline(folder, *objects, **more):
    path = folder / "pipeline.json"
    path.write_text(json.dumps({"name": "bases", "catalog": "main", **more,
                                "ingestion_definition": {"connection_name": "airtable",
                                                         "objects": list(objects)}}))
    return path


def schema(destination, **more):
    return {"schema": {"destination_schema": destination, **more}}


def landed(sluice):
    """{"schema.table": rows}"""
    if not sluice.json("catalogs", "list"):
        return {}
    return {f"{t['schema_name']}.{t['name']}": t["statistics"]["num_rows"]
            for s in sluice.json("schemas", "list", "main")
            for t in sluice.json("tables", "list", f"main.{s['name']}")}


def schemas(sluice):
    return {name.split(".")[0] for name in landed(sluice)}


def ids(sluice):
    return {space["name"]: space["id"]
            for space in sluice.json("discover", "airtable")["namespaces"]}


def test_namespaces_are_listed_with_their_tables(account):
    sluice, _, _ = account
    found = sluice.json("discover", "airtable")
    assert {s["name"]: s["tables"] for s in found["namespaces"]} == {name: 12 for name in BASES}
    assert all(s["id"].startswith("app") for s in found["namespaces"])
    assert len(found["tables"]) == 36  # six tables with their comments, in each
    text = sluice.run("discover", "airtable").out
    for space in found["namespaces"]:
        assert f"{space['name']}" in text and space["id"] in text
    for wanted in ("Sales", ids(sluice)["Sales"]):
        one = sluice.json("discover", "airtable", "--namespace", wanted)
        assert [s["id"] for s in one["namespaces"]] == [ids(sluice)["Sales"]]
        assert len(one["tables"]) == 12
        assert {t["namespace"] for t in one["tables"]} == {ids(sluice)["Sales"]}
    missing = sluice.run("discover", "airtable", "--namespace", "Nothing", code=None)
    assert missing.code != 0 and "Nothing" in missing.err


def test_each_namespace_lands_in_a_schema_of_its_own(account):
    sluice, simulator, folder = account
    sluice.run("run", pipeline(folder, schema("bronze_{namespace}")))
    tables = landed(sluice)
    assert schemas(sluice) == {"bronze_launch_control", "bronze_sales", "bronze_field_service"}
    assert {n.split(".")[1] for n in tables} == {
        "sku_candidates", "launch_milestones", "compliance_records", "packaging_tasks",
        "marketing_assets", "vendors"}
    assert len(tables) == 18 and set(tables.values()) == {RECORDS}
    simulator.control(ops=[{"op": "create", "base": "Sales", "table": "Vendors"}])
    sluice.run("run", folder / "pipeline.json")
    again = landed(sluice)
    assert again == {**tables, "bronze_sales.vendors": RECORDS + 1}


def test_a_renamed_namespace_stays_where_it_is(account):
    """Its new tables come beside the old ones; a new namespace gets a schema of its own, also under
    the name that another one gave up."""
    sluice, simulator, folder = account
    path = pipeline(folder, schema("bronze_{namespace}"))
    sluice.run("run", path)
    before = landed(sluice)
    simulator.control(ops=[{"op": "rename_base", "base": "Sales", "to": "Revenue"},
                           {"op": "add_table", "base": "Revenue", "name": "Quotas", "records": 3},
                           {"op": "add_base", "name": "Archive", "records": 2}])
    sluice.run("run", path)
    after = landed(sluice)
    assert {name: after[name] for name in before} == before
    new = set(after) - set(before)
    assert "bronze_sales.quotas" in new
    assert {name.split(".")[0] for name in new} == {"bronze_sales", "bronze_archive"}


def test_namespaces_of_one_name_get_their_ids(account):
    sluice, simulator, folder = account
    simulator.control(ops=[{"op": "add_base", "name": "SALES!", "records": 2}])
    sluice.run("run", pipeline(folder, schema("{namespace}")))
    known = ids(sluice)
    tails = {"sales_" + known[name][-6:].lower() for name in ("Sales", "SALES!")}
    found = schemas(sluice)
    assert found - {"launch_control", "field_service"} == {
        name for name in found if name.startswith("sales_")} and len(found) == 4
    assert {name.replace("_", "") for name in found if name.startswith("sales_")} == {
        tail.replace("_", "") for tail in tails}
    assert sorted(landed(sluice).values()) == [2] * 6 + [RECORDS] * 18


def test_one_schema_for_all_gives_clashing_tables_their_ids(account):
    sluice, _, folder = account
    sluice.run("run", pipeline(folder, schema("bronze")))
    tables = landed(sluice)
    assert len(tables) == 18 and schemas(sluice) == {"bronze"}
    assert len([name for name in tables if name.startswith("bronze.vendors_")]) == 3


def test_tables_by_name_from_several_namespaces(account):
    sluice, simulator, folder = account
    path = pipeline(folder, *({"table": {"source_schema": base, "source_table": "Vendors",
                                         "destination_table": "{namespace}_vendors"}}
                              for base in BASES), schema="bronze")
    sluice.run("run", path)
    assert set(landed(sluice)) == {"bronze.launch_control_vendors", "bronze.sales_vendors",
                                   "bronze.field_service_vendors"}
    simulator.control(ops=[{"op": "rename_table", "base": "Sales", "table": "Vendors",
                            "to": "Suppliers"},
                           {"op": "create", "base": "Sales", "table": "Suppliers"}])
    said = sluice.run("run", path)
    assert "is called 'Suppliers' in the source now" in said.out + said.err
    assert landed(sluice)["bronze.sales_vendors"] == RECORDS + 1
    plan = sluice.json("plan", path)
    assert {t["destination"].split(".")[2] for t in plan["tables"]} == {
        "launch_control_vendors", "sales_vendors", "field_service_vendors"}


def test_a_table_of_several_namespaces_must_say_which(account):
    sluice, _, folder = account
    path = pipeline(folder, {"table": {"source_table": "Vendors",
                                       "destination_schema": "bronze_{namespace}"}})
    result = sluice.run("run", path, code=None)
    assert result.code != 0 and "Say which with source_schema" in result.err
    assert landed(sluice) == {}


def test_a_table_named_beside_its_schema_is_landed_once(account):
    """The table object and the schema object come to the same place for that base alone."""
    sluice, _, folder = account
    sluice.run("run", pipeline(
        folder, schema("bronze_{namespace}"),
        {"table": {"source_schema": "Sales", "source_table": "Vendors",
                   "destination_schema": "bronze_{namespace}", "destination_table": "people"}}))
    tables = landed(sluice)
    assert len(tables) == 18
    assert "bronze_sales.people" in tables and "bronze_sales.vendors" not in tables
    assert "bronze_field_service.vendors" in tables


def test_another_text_is_another_place(account):
    sluice, _, folder = account
    sluice.run("run", pipeline(folder, schema("bronze_{namespace}")))
    sluice.run("run", pipeline(folder, schema("{namespace}")))
    assert schemas(sluice) == {"bronze_launch_control", "bronze_sales", "bronze_field_service",
                               "launch_control", "sales", "field_service"}
    assert set(landed(sluice).values()) == {RECORDS}


@pytest.mark.parametrize("key, text, says", [
    ("destination_schema", "bronze_{base}", "what may stand in braces is {namespace}"),
    ("destination_schema", "{namespace}_{namespace}", "may stand there once"),
    ("destination_catalog", "{namespace}", "may stand in destination_schema"),
])
def test_other_marks_are_refused(account, key, text, says):
    sluice, _, folder = account
    path = pipeline(folder, {"schema": {"destination_schema": "bronze", key: text}})
    result = sluice.run("run", path, code=3)
    assert says in result.err and f"/objects/0/schema/{key}" in result.err


def test_a_source_without_namespaces_says_so(tmp_path):
    with Simulator("example", "--rate", "-1") as simulator:
        sluice = Sluice(tmp_path / "home")
        sluice.run("connections", "create", "--json", "-", stdin=json.dumps(
            {"name": "airtable", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
             "options": {"sourceName": "example", **simulator.connection()}}))
        result = sluice.run("run", pipeline(tmp_path, schema("bronze_{namespace}")), code=3)
        assert "there is no namespace to put in" in result.err
        assert "Write the name out" in result.err
        assert landed(sluice) == {}
