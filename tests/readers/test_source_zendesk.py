"""Zendesk from the outside: a first load in several runs, quiet runs, values of custom fields, deleted
rows, OAuth. That every table equals the truth, day after day, is test_sources.py's."""

import json
from decimal import Decimal

import pytest
from harness.program import Simulator, Sluice
from harness.readers import READERS

TABLES = ("tickets", "users", "ticket_comments", "brands")


@pytest.fixture
def zendesk():
    with Simulator("zendesk", "--rate", "-1", "--records", "2600") as simulator:
        yield simulator


def connect(sluice, simulator, **options):
    known = {**simulator.connection(), **options}
    sluice.run("connections", "create", "--json", "-", stdin=json.dumps({
        "name": "zendesk", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
        "options": {"sourceName": "zendesk", **{k: v for k, v in known.items() if v is not None}}}))


def specification(folder, *tables, configuration=None, **more):
    path = folder / "pipeline.json"
    path.write_text(json.dumps({
        "name": "zendesk", "catalog": "main", "target": "landed", **more,
        "ingestion_definition": {"connection_name": "zendesk", "objects": [{"table": {
            "source_table": t, "destination_table": t,
            "table_configuration": configuration or {}}} for t in tables]}}))
    return path


def rows(sluice, table):
    read = READERS["delta-rs"](sluice.home / "warehouse/main/landed" / table)
    return {row["id"]: row for row in read.to_pylist()}


def truth(simulator, table):
    answer = json.loads(simulator.request("/_sim/truth?table=" + table))
    return {record["id"]: record for record in answer["records"]}


def calls(simulator):
    return simulator.stats()["requests"]


def test_a_first_load_takes_as_many_runs_as_it_is_given_calls(sluice, zendesk, tmp_path):
    connect(sluice, zendesk)
    spec = specification(tmp_path, *TABLES, max_calls_per_run=9)
    codes = []
    while not codes or codes[-1] != 0:
        codes.append(sluice.run("run", spec, code=None).code)
        assert codes[-1] in (0, 1, 8) and len(codes) < 12
    assert len(codes) > 2
    for table in TABLES:
        assert rows(sluice, table).keys() == truth(zendesk, table).keys()


def test_a_quiet_run_is_a_call_a_table_and_writes_nothing(sluice, zendesk, tmp_path):
    connect(sluice, zendesk)
    spec = specification(tmp_path, *TABLES)
    sluice.run("run", spec)
    before, log = calls(zendesk), sluice.home / "warehouse/main/landed/tickets/_delta_log"
    versions = sorted(p.name for p in log.glob("*.json"))
    sluice.run("run", spec)
    assert calls(zendesk) - before == 5 + len(TABLES)  # five for fields and features
    assert sorted(p.name for p in log.glob("*.json")) == versions


def test_custom_fields_have_their_values(sluice, zendesk, tmp_path):
    connect(sluice, zendesk)
    sluice.run("run", specification(tmp_path, "tickets", "users"))
    landed, seen = rows(sluice, "tickets"), set()
    for id_, ticket in truth(zendesk, "tickets").items():
        field = {f["id"]: f["value"] for f in ticket["custom_fields"]}
        text, whole, decimal, box, date, _, several = field.values()
        row = landed[id_]
        assert row["custom_lamp_detail_9"] == text
        assert row["custom_lamp_detail_10"] == (None if whole is None else int(whole))
        assert row["custom_lamp_detail_11"] == (None if decimal is None else Decimal(decimal))
        assert row["custom_lamp_detail_12"] is box
        assert (row["custom_lamp_detail_13"] and str(row["custom_lamp_detail_13"])) == date
        assert row["custom_lamp_detail_15"] == several
        seen |= {name for name in row if row[name] is not None}
    assert {f"custom_lamp_detail_{n}" for n in range(9, 16)} <= seen
    assert 9007199254740993 in rows(sluice, "users")


@pytest.mark.parametrize("kept", [True, False])
def test_deleted_rows_stay_as_zendesk_shows_them_or_go(kept, sluice, zendesk, tmp_path):
    connect(sluice, zendesk)
    spec = specification(tmp_path, "tickets", "users", "organizations",
                         configuration={} if kept else {"deleted_rows": "delete"})
    sluice.run("run", spec)
    for table in ("tickets", "users", "organizations"):
        zendesk.control(op="delete", table=table, count=3)
    zendesk.control(advance_ms=120_000)
    sluice.run("run", spec)
    for table, gone in (("tickets", lambda r: r["status"] == "deleted"),
                        ("users", lambda r: not r["active"]),
                        ("organizations", lambda r: r["deleted_at"] is not None)):
        expected = truth(zendesk, table)
        landed = rows(sluice, table)
        assert landed.keys() == {i for i, r in expected.items() if kept or not gone(r)}
        assert any(gone(row) for row in landed.values()) == kept


def test_a_refresh_token_serves_once_and_is_replaced(sluice, zendesk, tmp_path):
    zendesk.control(op="behaviour", api_tokens_retired=1)
    connect(sluice, zendesk, email=None, api_token=None, client_id="sluice",
            client_secret="zd-client-secret", refresh_token="zd-refresh-0")
    spec = specification(tmp_path, "brands", "groups")
    assert "OAuth grant" in sluice.run("check", "zendesk").out
    for _ in range(3):
        sluice.run("run", spec)
        zendesk.control(op="token")  # revoked: the next run needs a new one, by the newest refresh token
    assert rows(sluice, "brands").keys() == truth(zendesk, "brands").keys()
