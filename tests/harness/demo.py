"""The demo's pipeline from the outside: connection, specification, run, where its tables are."""

import json

from .program import Simulator, Sluice
from .truth import Table, expected_table

TABLES = {
    "SKU Candidates": "bronze_sku_candidates",
    "Launch Milestones": "bronze_launch_milestones",
    "Compliance Records": "bronze_compliance_records",
    "Packaging Tasks": "bronze_packaging_tasks",
    "Marketing Assets": "bronze_marketing_assets",
    "Vendors": "bronze_vendors",
}
CATALOG, SCHEMA = "main", "airtable"


def connection(simulator: Simulator, name="airtable", **options) -> dict:
    return {"name": name, "connection_type": "GENERIC_LAKEFLOW_CONNECT",
            "options": {"sourceName": "airtable", **simulator.connection(), **options}}


def connect(sluice: Sluice, simulator: Simulator, name="airtable", **options):
    """Creates the connection. Without a limit at the simulator, none at our side either."""
    options.setdefault("requests_per_second", "1000")
    text = json.dumps(connection(simulator, name, **options))
    sluice.run("connections", "create", "--json", "-", stdin=text)


def specification(tables=None, name="demo", **configuration) -> dict:
    tables = TABLES if tables is None else tables
    objects = [{"table": {
        "source_table": source, "destination_catalog": CATALOG, "destination_schema": SCHEMA,
        "destination_table": destination,
        **({"table_configuration": configuration} if configuration else {}),
    }} for source, destination in tables.items()]
    return {"name": name, "catalog": CATALOG, "schema": SCHEMA,
            "ingestion_definition": {"connection_name": "airtable", "objects": objects}}


def write_specification(path, *args, **more):
    path.write_text(json.dumps(specification(*args, **more)))
    return path


def location(sluice: Sluice, table: str):
    """Where a landed table is."""
    path = sluice.home / "warehouse" / CATALOG / SCHEMA / table
    assert (path / "_delta_log").is_dir(), f"{path} is not a Delta table"
    return path


def expected(simulator: Simulator, source_table: str) -> Table:
    return expected_table(simulator.truth(source_table))
