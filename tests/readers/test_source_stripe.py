"""Stripe end to end: what the example lands, what a quiet run costs, and that test data and live data,
or two accounts, never come into one table. That every table holds what the source does, after a first
load and a week of changes, is in test_sources.py."""

import json
from decimal import Decimal

import pytest

from harness import history
from harness.program import ROOT, Simulator, Sluice
from harness.readers import duckdb

TABLES = 17  # sixteen, and the history of one
EXAMPLE = ROOT / "examples/stripe/pipeline.json"


class Stage:
    def __init__(self, folder, simulator):
        self.simulator, self.sluice = simulator, Sluice(folder / "home")
        self.connect(simulator.connection()["api_key"])

    def connect(self, key, verb="create"):
        options = {"sourceName": "stripe", **self.simulator.connection(), "api_key": key}
        connection = {"name": "stripe", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
                      "options": options}
        args = ["connections", verb] + (["stripe"] if verb == "update" else [])
        self.sluice.run(*args, "--json", "-", stdin=json.dumps(
            connection if verb == "create" else {"options": options}))

    def run(self, *options, code=0):
        self.simulator.control(reset_stats=True)
        return self.sluice.run("run", EXAMPLE, *options, code=code)

    def stats(self):
        return json.loads(self.simulator.request("/_sim/stats"))

    def answered(self):
        stats = self.stats()
        return stats["requests"] - stats["limited"]

    def location(self, table):
        return self.sluice.home / "warehouse/main/bronze" / f"stripe_{table}"

    def rows(self, table):
        return {row["id"]: row for row in duckdb(self.location(table)).to_pylist()}

    def versions(self):
        return {path.parent.parent.name: path.name
                for path in sorted(self.sluice.home.glob("warehouse/main/bronze/*/_delta_log/*.json"))}

    def truth(self, table):
        page = self.simulator.request(f"/_sim/truth?table={table}")
        return {r["id"]: r for r in json.loads(page)["records"]}


@pytest.fixture
def stage(tmp_path):
    with Simulator("stripe") as simulator:  # with its limits
        yield Stage(tmp_path, simulator)


def test_the_example(stage):
    stage.run()
    assert stage.stats()["by_status"].keys() <= {"200", "429"}

    prices, expected = stage.rows("prices"), stage.truth("prices")
    assert prices.keys() == expected.keys()
    for id_, price in prices.items():
        amount = expected[id_]["unit_amount_decimal"]
        assert price["unit_amount_decimal"] == (None if amount is None else Decimal(amount))
        assert price["_rescued_data"] is None
    assert any(price["tiers"] for price in prices.values())
    invoices, expected = stage.rows("invoices"), stage.truth("invoices")
    assert {id_: len(row["lines"]["data"]) for id_, row in invoices.items()} == \
        {id_: row["lines"]["total_count"] for id_, row in expected.items()}
    assert max(len(row["lines"]["data"]) for row in invoices.values()) == 130

    versions = stage.versions()
    stage.run()
    assert stage.answered() <= 2 + TABLES + 2  # who, live or test; invoice_items asks thrice
    assert stage.versions() == versions, "nothing changed, nothing was written"

    id_ = sorted(stage.rows("subscriptions"))[0]
    stage.simulator.control(ops=[
        {"op": "delete", "table": "customers", "record": 5},
        {"op": "delete", "table": "subscriptions", "record": 5, "count": 3},
        {"op": "create", "table": "charges", "count": 3}], advance_ms=120_000)
    stage.run()
    assert stage.answered() <= 2 + TABLES + 2
    for table in ("customers", "subscriptions", "charges", "payment_methods"):
        assert stage.rows(table).keys() == stage.truth(table).keys(), table
    assert id_ in stage.rows("subscriptions")
    past = duckdb(stage.location("subscriptions_history"))
    assert history.faults(past, "id") == []
    assert past.num_rows == len(stage.truth("subscriptions")) + 3
    canceled = [r for r in history.current(past).to_pylist() if r["status"] == "canceled"]
    assert len(canceled) == sum(r["status"] == "canceled"
                                for r in stage.truth("subscriptions").values())

    stage.run("--full-refresh=stripe_customers")
    assert stage.rows("customers").keys() == stage.truth("customers").keys()


def test_live_data_do_not_come_into_a_table_of_test_data(stage):
    stage.run("--refresh", "stripe_products")
    before = stage.rows("products")
    assert not any(row["livemode"] for row in before.values())
    stage.connect("sk_live_simulated", "update")
    result = stage.run("--refresh", "stripe_products", code=None)
    assert result.code != 0, result
    assert stage.rows("products") == before
