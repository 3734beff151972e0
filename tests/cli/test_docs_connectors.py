"""docs/connectors.md says of every source which tables it has, and by which limits it is read."""

import json
import re

import pytest

from harness.program import ROOT

SOURCES = sorted(path.name for path in (ROOT / "src/sources").iterdir() if path.is_dir())
INGESTIONS = {"snapshot", "append", "cdc", "cdc_with_deletes"}


@pytest.fixture
def sections(sluice):
    page = sluice.run("docs", "connectors").out
    return {re.search(r"^`sourceName`: `(\w+)`", part, re.M)[1]: part
            for part in re.split(r"^## ", page, flags=re.M)[1:]}


def rows(section, title):
    """The cells of the table under this head."""
    after = section.split(f"| {title} |", 1)[1]
    lines = after.split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_source_is_there(sections):
    assert sorted(sections) == SOURCES
    for name, section in sections.items():
        tables = rows(section, "table")
        assert tables, name
        names = [row[0] for row in tables]
        assert len(set(names)) == len(names), name
        for row in tables:
            assert row[1] in INGESTIONS, (name, row)
            assert row[2] or row[1] == "append", (name, row)  # a key
            assert row[4], (name, row)                        # what becomes of deletes
        for row in rows(section, "limit"):
            assert re.search(r"\d", row[1]), (name, row)


def test_the_tables_of_the_tutorial(sections):
    tables = {row[0].strip("`"): row[1:5] for row in rows(sections["example"], "table")}
    assert tables == {
        "products": ["snapshot", "`product_id`", "", "found by each read"],
        "events": ["append", "", "`created_at`", "never happen"],
        "users": ["cdc", "`user_id`", "`updated_at`", "found by complete reads"],
        "orders": ["cdc_with_deletes", "`order_id`", "`updated_at`", "told by the source"],
        "metrics": ["cdc", "`metric_id`", "`updated_at`", "found by complete reads"]}
    assert rows(sections["example"], "limit")[0][:2] == ["`example`", "50 a second"]


def test_what_was_measured_is_printed(sections):
    """Each figure of docs/connectors-cost.json is in the line of its table."""
    costs = json.loads((ROOT / "docs/connectors-cost.json").read_text())
    for source, tables in costs.items():
        printed = {row[0].split("`")[1]: row[5].strip("| ") for row in rows(sections[source], "table")}
        for table, calls in tables.items():
            assert printed[table] == str(calls), (source, table)
