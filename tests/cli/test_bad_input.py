"""Mistakes of every kind: the exit code says whose they are, the message what to do."""

import json
import os
import signal
import time

import pytest

from harness import demo
from harness.program import Simulator, Sluice

USAGE, BAD_SPEC, AUTH, SOURCE, DESTINATION, BUSY, CANCELLED = 2, 3, 4, 5, 6, 7, 130


def said(result) -> str:
    return result.err + result.out


# -- the command line ---------------------------------------------------------------------------

def test_an_unknown_command_offers_the_nearest(sluice):
    assert "connections" in said(sluice.run("conections", code=USAGE))


def test_an_unknown_option(sluice):
    assert "--no-such-thing" in said(sluice.run("connections", "list", "--no-such-thing",
                                                code=USAGE))


def test_an_unknown_simulator(sluice):
    assert "airtable" in said(sluice.run("sim", "airtabel", code=USAGE))


# -- the specification --------------------------------------------------------------------------

def objects(value):
    return value["ingestion_definition"]["objects"]


def unknown_key(value):
    objects(value)[0]["table"]["source_tabel"] = "Vendors"


def unknown_option(value):
    objects(value)[0]["table"]["table_configuration"] = {"no_such_option": "1"}


def wrong_type(value):
    value["ingestion_definition"]["objects"] = {"table": {}}


def same_destination(value):
    other = json.loads(json.dumps(objects(value)[0]))
    other["table"]["source_table"] = "SKU Candidates"
    other["table"]["destination_table"] = other["table"]["destination_table"].upper()
    objects(value).append(other)


def no_connection(value):
    del value["ingestion_definition"]["connection_name"]


def scd_type_2(value):
    objects(value)[0]["table"]["table_configuration"] = {"scd_type": "SCD_TYPE_2"}


def append_only(value):
    objects(value)[0]["table"]["table_configuration"] = {"scd_type": "APPEND_ONLY"}


def duplicate_key(value):
    text = json.dumps(value)
    return text[:-1] + ', "name": "again"}'


def not_json(value):
    return "{" + json.dumps(value)


def no_such_table(value):
    objects(value)[0]["table"]["source_table"] = "Vendor"


MISTAKES = {
    unknown_key: "source_tabel",
    unknown_option: "no_such_option",
    wrong_type: "/ingestion_definition/objects",
    same_destination: "bronze_vendors",
    no_connection: "connection_name",
    scd_type_2: "SCD_TYPE_2",
    append_only: "APPEND_ONLY",
    duplicate_key: "name",
    not_json: "JSON",
    no_such_table: "Vendors",
}


@pytest.mark.parametrize("change", MISTAKES, ids=lambda f: f.__name__)
def test_a_mistake_in_the_specification(change, connected, spec):
    result = connected.run("run", spec(change), code=BAD_SPEC)
    assert MISTAKES[change].lower() in said(result).lower()
    assert not (connected.home / "warehouse" / demo.CATALOG).exists(), "something was landed"


def test_every_mistake_is_told_at_once(connected, spec):
    def change(value):
        unknown_key(value)
        value["ingestion_definition"]["no_such_key"] = 1
        value["catalog"] = 7

    text = said(connected.run("run", spec(change), code=BAD_SPEC))
    assert "source_tabel" in text and "no_such_key" in text and "/catalog" in text


def test_continuous_and_notifications_are_noted_once(connected, spec):
    def change(value):
        value |= {"continuous": True, "notifications": [{"email_recipients": ["a@example.org"]}]}

    text = said(connected.run("run", spec(change)))
    assert text.count("continuous") >= 1 and "notifications" in text


def test_an_unknown_connection_offers_the_nearest(connected, spec):
    def change(value):
        value["ingestion_definition"]["connection_name"] = "airtible"

    assert "airtable" in said(connected.run("run", spec(change), code=BAD_SPEC))


def test_a_file_that_is_not_there(connected):
    result = connected.run("run", "/nonexistent/pipeline.json", code=None)
    assert result.code in (USAGE, BAD_SPEC) and "/nonexistent/pipeline.json" in said(result)


# -- credentials --------------------------------------------------------------------------------

def test_a_wrong_token(sluice, shared, spec):
    demo.connect(sluice, shared, token="patWrong0000000.0000")
    for command in (("check", "airtable"), ("run", spec())):
        result = sluice.run(*command, code=AUTH)
        assert "token" in said(result).lower()
        assert "patWrong" not in said(result)


def test_a_base_that_the_token_does_not_reach(sluice, shared, spec):
    demo.connect(sluice, shared, base_id="appNOSUCHBASE0001")
    for command in (("check", "airtable"), ("run", spec())):
        result = sluice.run(*command, code=None)
        assert result.code in (BAD_SPEC, AUTH), repr(result)
        assert "appNOSUCHBASE0001" in said(result)


def test_secrets_are_shown_nowhere(sluice, shared, spec):
    token = shared.connection()["token"]
    demo.connect(sluice, shared)
    outputs = [sluice.run("run", spec()), sluice.run("connections", "get", "airtable"),
               sluice.run("connections", "list", "--output", "json"),
               sluice.run("check", "airtable")]
    assert all(token not in said(result) for result in outputs)
    for folder, _, files in os.walk(sluice.home):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                assert token.encode() not in file.read(), os.path.join(folder, name)


def test_a_token_from_the_environment_or_a_file(home, shared, tmp_path, spec):
    options = shared.connection()
    token = options.pop("token")
    (tmp_path / "token").write_text(token + "\n")
    for name, source in (("by_env", {"env": "AIRTABLE_TOKEN"}),
                         ("by_file", {"file": str(tmp_path / "token")})):
        sluice = Sluice(home, AIRTABLE_TOKEN=token)
        value = {"name": name, "connection_type": "GENERIC_LAKEFLOW_CONNECT",
                 "options": {"sourceName": "airtable", **options, "token": source}}
        sluice.run("connections", "create", "--json", "-", stdin=json.dumps(value))
        sluice.run("check", name)


# -- source and destination ---------------------------------------------------------------------

def test_html_instead_of_json(home, spec):
    sluice = Sluice(home)
    with Simulator("airtable", "--rate", "-1", "--fault", "html:path=listRecords") as simulator:
        demo.connect(sluice, simulator)
        result = sluice.run("run", spec(), code=None, timeout=300)
        assert result.code in (1, SOURCE), repr(result)


def test_nobody_listens(home, spec, shared):
    sluice = Sluice(home)
    demo.connect(sluice, shared, base_url="http://127.0.0.1:9")
    assert "127.0.0.1" in said(sluice.run("check", "airtable", code=SOURCE))


def test_a_destination_that_holds_something_else(connected, spec):
    folder = connected.home / "warehouse" / demo.CATALOG / demo.SCHEMA / "bronze_vendors"
    folder.mkdir(parents=True)
    (folder / "holiday.jpg").write_bytes(b"not a table")
    result = connected.run("run", spec(), code=None)
    assert result.code in (BAD_SPEC, DESTINATION), repr(result)
    assert "bronze_vendors" in said(result)
    assert sorted(p.name for p in folder.iterdir()) == ["holiday.jpg"]


def test_a_destination_that_is_a_file(connected, spec):
    folder = connected.home / "warehouse" / demo.CATALOG
    folder.mkdir(parents=True)
    (folder / demo.SCHEMA).write_text("a file")
    result = connected.run("run", spec(), code=None)
    assert result.code in (BAD_SPEC, DESTINATION), repr(result)


# -- two at once, and stopping ------------------------------------------------------------------

@pytest.fixture
def slow(home):
    """A simulator that answers so slowly that a run can be met in its middle."""
    sluice = Sluice(home)
    with Simulator("airtable", "--rate", "-1", "--latency", "300") as simulator:
        demo.connect(sluice, simulator)
        yield sluice, simulator


def begin(sluice, simulator, pipeline):
    """Starts a run and returns when it has begun to read records."""
    process = sluice.start("run", pipeline)
    while simulator.stats()["requests"] < 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)  # polls the simulator's counter
    return process


def test_two_runs_at_once(slow, spec):
    sluice, simulator = slow
    pipeline = spec(tables=demo.TABLES)
    first = begin(sluice, simulator, pipeline)
    second = sluice.run("run", pipeline, code=BUSY)
    assert "run" in said(second)
    out, err = first.communicate(timeout=180)
    assert first.returncode == 0, out + err


def test_ctrl_c_stops_cleanly(slow, spec):
    sluice, simulator = slow
    pipeline = spec(tables=demo.TABLES)
    process = begin(sluice, simulator, pipeline)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == CANCELLED, out + err
    simulator.control(latency_ms=0)
    sluice.run("run", pipeline)
