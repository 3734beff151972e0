"""Mistakes of every kind: the exit code says whose they are, the message says what, where, why and
what to do, and what was landed before is still there. Those of destination and home:
test_bad_destination.py."""

import json
import signal
import time
from pathlib import Path

import pytest

from harness import demo
from harness.compare import differences
from harness.program import PATIENCE_S, Peak, Result, Simulator, Sluice
from harness.outcome import (AUTH, BAD_SPEC, BUSY, CANCELLED, PARTIAL, QUOTA, SOURCE, USAGE,
                             VENDORS, equals_truth, said)
from harness.readers import polars

ONE_PAGE_AFTER_THE_OTHER = {"chains": "1"}


# -- stories that take their time ---------------------------------------------------------------
# A source that fails for ever is asked eight times, which takes most of a minute. These runs go on
# beside the other tests; their own tests, at the end of this file, only see how they ended.

class Story:
    """A run against a simulator of its own, after a first run that landed its tables."""

    def __init__(self, folder: Path, *, words=("run",), fault=None, base=None, spec=None, env=None,
                 options=None):
        folder.mkdir()
        self.simulator = Simulator("airtable", "--rate", "-1").__enter__()
        if base:
            self.simulator.control(op="base", **base)
        self.sluice = Sluice(folder / "home")
        self.pipeline = folder / "pipeline.json"
        self.pipeline.write_text(json.dumps(spec(self.simulator) if spec else
                                            demo.specification(VENDORS)))
        demo.connect(self.sluice, self.simulator, **(options or {}))
        if fault:
            self.sluice.run("run", "--quiet", self.pipeline)
            self.simulator.control(fault=fault, reset_stats=True)
        words = (*words, "--quiet", self.pipeline) if words == ("run",) else words
        self.args = words
        self.out, self.err = (folder / "out").open("w+"), (folder / "err").open("w+")
        self.process = self.sluice.start(*words, stdout=self.out, stderr=self.err, **(env or {}))
        self.peak = Peak(self.process.pid)

    def end(self) -> Result:
        self.process.wait(PATIENCE_S)
        texts = [f.seek(0) or f.read() for f in (self.out, self.err)]
        return Result(self.args, self.process.returncode, *texts, self.peak.end())

    def close(self):
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()
        self.out.close()
        self.err.close()
        self.simulator.__exit__()


def whole_schema(simulator):
    return {"name": "all", "ingestion_definition": {
        "connection_name": "airtable",
        "objects": [{"schema": {"source_schema": simulator.connection()["base_id"],
                                "destination_catalog": demo.CATALOG,
                                "destination_schema": demo.SCHEMA}}]}}


STORIES = {
    "test_html_instead_of_json_for_ever": {"fault": "html:path=listRecords"},
    "test_half_an_answer_for_ever": {"fault": "truncated:path=listRecords"},
    "test_a_storm_of_503_that_never_ends": {"fault": "503:path=listRecords"},
    "test_nobody_listens": {"words": ("check", "airtable"),
                            "options": {"base_url": "http://127.0.0.1:9"}},
    "test_a_proxy_that_is_not_there": {"words": ("check", "airtable"),
                                       "env": {"http_proxy": "http://ada:s3cret@127.0.0.1:9"}},
    "test_a_thousand_tables": {"base": {"kind": "grid", "tables": 1000, "fields": 10,
                                        "records": 3}, "spec": whole_schema},
}


@pytest.fixture(scope="module", autouse=True)
def stories(request, tmp_path_factory):
    """Begins the stories of those tests that are going to run."""
    wanted = {item.name for item in request.session.items} & STORIES.keys()
    folder = tmp_path_factory.mktemp("stories")
    begun = {name: Story(folder / name, **STORIES[name]) for name in STORIES if name in wanted}
    yield begun
    for story in begun.values():
        story.close()


@pytest.fixture
def story(stories, request):
    return stories[request.node.name]


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


def wrong_type_deep(value):
    objects(value)[0]["table"]["source_table"] = 7


def same_destination(value):
    other = json.loads(json.dumps(objects(value)[0]))
    other["table"]["source_table"] = "SKU Candidates"
    objects(value).append(other)


def same_destination_but_for_case(value):
    same_destination(value)
    objects(value)[1]["table"]["destination_table"] = "BRONZE_VENDORS"
    objects(value)[1]["table"]["destination_schema"] = demo.SCHEMA.upper()


def no_connection(value):
    del value["ingestion_definition"]["connection_name"]


def append_only(value):
    objects(value)[0]["table"]["table_configuration"] = {"scd_type": "APPEND_ONLY"}


def change_data_feed(value):
    objects(value)[0]["table"]["table_configuration"] = {
        "table_properties": {"delta.enableChangeDataFeed": "true"}}


def duplicate_key(value):
    text = json.dumps(value)
    return text[:-1] + ', "name": "again"}'


def not_json(value):
    return "{" + json.dumps(value)


def empty(value):
    return " "


def a_list(value):
    return "[]"


def no_such_table(value):
    objects(value)[0]["table"]["source_table"] = "Vendor"


def no_such_column(value):
    objects(value)[0]["table"]["table_configuration"] = {"include_columns": ["Vendor", "Contry"]}


TABLE = "/ingestion_definition/objects/0/table"
MISTAKES = {  # all of these stand in the message
    unknown_key: [f"{TABLE}/source_tabel", "did you mean 'source_table'?"],
    unknown_option: ["no_such_option"],
    wrong_type: ["/ingestion_definition/objects: expected an array, found object"],
    wrong_type_deep: [f"{TABLE}/source_table: expected a string, found number"],
    same_destination: ["objects/1", "objects/0", "another destination_table"],
    same_destination_but_for_case: ["objects/1", "objects/0", "without case"],
    no_connection: ["connection_name"],
    append_only: ["APPEND_ONLY", "Leave scd_type out"],
    change_data_feed: ["delta.enableChangeDataFeed"],
    duplicate_key: ["/name", "twice", "remove one"],
    not_json: ["not JSON", "line 1, column 2"],
    empty: ["not JSON", "there is no text"],
    a_list: ["expected an object, found array"],
    no_such_table: ["no table 'Vendor'", "Did you mean 'Vendors'?"],
    no_such_column: ["Contry", "Country"],
}


@pytest.mark.parametrize("change", MISTAKES, ids=lambda f: f.__name__)
def test_a_mistake_in_the_specification(change, connected, spec):
    result = connected.run("run", spec(change), code=BAD_SPEC)
    for words in MISTAKES[change]:
        assert words in said(result)
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

    events = connected.run("run", spec(change)).err.splitlines()
    continuous = [line for line in events if "'continuous'" in line]
    notifications = [line for line in events if "'notifications'" in line]
    assert len(continuous) == 1 and "*/5 * * * * sluice run" in continuous[0]
    assert len(notifications) == 1 and "sluice run NAME || mail" in notifications[0]


def test_an_unknown_connection_offers_the_nearest(connected, spec):
    def change(value):
        value["ingestion_definition"]["connection_name"] = "airtible"

    assert "airtable" in said(connected.run("run", spec(change), code=BAD_SPEC))


def test_a_file_that_is_not_there(connected):
    result = connected.run("run", "/nonexistent/pipeline.json", code=None)
    assert result.code in (USAGE, BAD_SPEC) and "/nonexistent/pipeline.json" in said(result)


@pytest.mark.parametrize("text, says", [
    ('{"name": "x", "name": "y"}', ["/name"]),
    ('{"name": 7, "options": {}}', ["/name", "expected a string"]),
    ('{"name": "x", "options": {"sourceName": "airtabel"}}', ["airtabel", "'airtable'"]),
    ('{"name": "x", "options": {"sourceName": "airtable", "bearer_tokn": "y"}}',
     ["bearer_tokn", "'bearer_token'"]),
    ('{"name": "x", "options": {"sourceName": "airtable", "bearer_token": "y", '
     '"requests_per_second": "many"}}', ["requests_per_second"]),
])
def test_a_mistake_in_a_connection(text, says, sluice):
    value = json.loads(text) | {}
    text = text[:-1] + ', "connection_type": "GENERIC_LAKEFLOW_CONNECT"}'
    result = sluice.run("connections", "create", "--json", "-", stdin=text, code=BAD_SPEC)
    for words in says:
        assert words in said(result), value


def test_another_source_table_is_not_taken_for_a_renamed_one(connected, shared, spec):
    connected.run("run", spec())
    result = connected.run("run", spec(tables={"SKU Candidates": "bronze_vendors"}), code=BAD_SPEC)
    assert "SKU Candidates" in said(result) and "another destination_table" in said(result)
    equals_truth(connected, shared)


# -- credentials --------------------------------------------------------------------------------

def test_a_wrong_token(sluice, shared, spec):
    demo.connect(sluice, shared, token="patWrong0000000.0000")
    for command in (("check", "airtable"), ("run", spec())):
        result = sluice.run(*command, code=AUTH)
        assert "token" in said(result).lower()
        assert "https://airtable.com/create/tokens" in said(result)
        assert "patWrong" not in said(result)


SCOPES = ["schema.bases:read", "data.records:read", "data.recordComments:read"]
LACKS = {
    "no base": ({"bases": []}, ["access to base"]),
    "no schema": ({"scopes": ["data.records:read"]}, ["scope schema.bases:read"]),
    "no records": ({"scopes": ["schema.bases:read"]}, ["scope data.records:read"]),
}


@pytest.mark.parametrize("name", LACKS)
def test_a_token_that_may_too_little(name, sluice, airtable, spec):
    """Each thing that is missing is named; what was landed stays, and goes on afterwards."""
    demo.connect(sluice, airtable)
    pipeline = spec()
    sluice.run("run", pipeline)
    base = airtable.connection()["base_id"]
    change, says = LACKS[name]
    airtable.control(op="token", **change)
    for command in (("check", "airtable"), ("run", pipeline)):
        result = sluice.run(*command, code=AUTH)
        for words in [*says, base, "https://airtable.com/create/tokens"]:
            assert words in said(result)
    equals_truth(sluice, airtable)
    airtable.control(op="token", scopes=SCOPES, bases=[base])
    sluice.run("run", pipeline)


def test_a_token_that_is_refused_in_the_middle(sluice, airtable, spec):
    demo.connect(sluice, airtable)
    pipeline = spec(tables=demo.TABLES, **ONE_PAGE_AFTER_THE_OTHER)
    sluice.run("run", pipeline)
    airtable.control(fault="401:page=2")
    result = sluice.run("run", "--reconcile", pipeline, code=None)
    assert result.code in (PARTIAL, AUTH), repr(result)
    assert "update the connection" in said(result)
    equals_truth(sluice, airtable, demo.TABLES)


def test_a_base_that_the_token_does_not_reach(sluice, shared, spec):
    demo.connect(sluice, shared, base_id="appNOSUCHBASE0001")
    for command in (("check", "airtable"), ("run", spec())):
        result = sluice.run(*command, code=AUTH)
        assert "appNOSUCHBASE0001" in said(result)


def test_a_base_that_vanishes_between_two_runs(sluice, airtable, spec):
    demo.connect(sluice, airtable)
    pipeline = spec()
    sluice.run("run", pipeline)
    airtable.control(op="vanish")
    result = sluice.run("run", pipeline, code=AUTH)
    assert airtable.connection()["base_id"] in said(result)
    assert "whether it was deleted" in said(result)
    airtable.control(op="vanish", off=True)
    equals_truth(sluice, airtable)
    sluice.run("run", pipeline)


def test_a_base_that_vanishes_during_a_run(sluice, airtable, spec):
    demo.connect(sluice, airtable)
    pipeline = spec(tables=demo.TABLES, **ONE_PAGE_AFTER_THE_OTHER)
    sluice.run("run", pipeline)
    airtable.control(fault="vanish:page=2")
    result = sluice.run("run", "--reconcile", pipeline, code=None)
    assert result.code in (PARTIAL, AUTH), repr(result)
    assert "whether it was deleted" in said(result)
    airtable.control(op="vanish", off=True, clear_faults=True)
    equals_truth(sluice, airtable, demo.TABLES)


def test_a_table_whose_permission_goes_away_during_a_run(sluice, airtable, spec):
    """That table alone fails and keeps its rows; the others land."""
    demo.connect(sluice, airtable)
    pipeline = spec(tables=demo.TABLES, **ONE_PAGE_AFTER_THE_OTHER)
    sluice.run("run", pipeline)
    airtable.control(op="create", table="Vendors", count=3)
    airtable.control(fault="forbid:page=2,table=SKU Candidates")
    result = sluice.run("run", "--reconcile", pipeline, code=PARTIAL)
    assert "table 'SKU Candidates'" in said(result) and "403" in said(result)
    assert "What had been landed before in tables that failed stays as it was." in result.out
    equals_truth(sluice, airtable, demo.TABLES)
    airtable.control(op="forbid", table="SKU Candidates", off=True, clear_faults=True)
    sluice.run("run", pipeline)


# -- secrets ------------------------------------------------------------------------------------

def files_with(folder, secret: str):
    return [path for path in Path(folder).rglob("*")
            if path.is_file() and secret.encode() in path.read_bytes()]


def test_secrets_are_shown_nowhere(sluice, shared, spec, tmp_path):
    """Not in results, progress, events, errors, recordings, and nowhere in the home."""
    token = shared.connection()["token"]
    sluice.run("connections", "create", "--json", "-", stdin=json.dumps(demo.connection(shared)))
    recording = tmp_path / "recording"
    outputs = [sluice.run("run", spec(), "--events", "--record", recording),
               sluice.run("connections", "get", "airtable"),
               sluice.run("connections", "list", "--output", "json"),
               sluice.run("connections", "describe", "airtable"),
               sluice.run("check", "airtable", "--output", "json"),
               sluice.run("pipelines", "get", "demo", "--output", "json"),
               sluice.run("pipelines", "list-pipeline-events", "demo", "--output", "json")]
    assert all(token not in said(result) for result in outputs)
    assert (sluice.home / "catalog.db").exists() and list(recording.iterdir())
    assert files_with(sluice.home, token) == []
    assert files_with(recording, token) == []


def test_a_secret_is_in_no_process_list(slow, spec):
    sluice, simulator = slow
    token = simulator.connection()["token"].encode()
    process = begin(sluice, simulator, spec())
    seen = b"".join(Path(f"/proc/{process.pid}/{name}").read_bytes()
                    for name in ("cmdline", "comm", "environ"))
    process.kill()
    process.communicate()
    assert b"sluice" in seen and token not in seen


def test_an_inline_secret_is_warned_about_once_and_sealed(sluice, shared):
    value = demo.connection(shared)
    token = value["options"]["token"]
    result = sluice.run("connections", "create", "--json", json.dumps(value))
    assert result.err.count("warning:") == 1
    for words in ("'token'", '{"env":"NAME"}', '{"file":"PATH"}', "--json -"):
        assert words in result.err
    assert token not in said(result) and files_with(sluice.home, token) == []
    result = sluice.run("check", "airtable")
    assert "warning" not in said(result)


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
    assert files_with(home, token) == []


# -- what the source says -----------------------------------------------------------------------

def test_one_page_of_html_is_asked_for_again(sluice, airtable, spec):
    demo.connect(sluice, airtable)
    airtable.control(fault="html:path=listRecords,times=1")
    sluice.run("run", spec())
    equals_truth(sluice, airtable)


def bounded(result, megabytes=128):
    """What a release build held at most. (A sanitizer multiplies it.)"""
    if b"__asan_init" not in Path(Sluice("/").binary).read_bytes():
        assert 0 < result.peak_kib < megabytes * 1024, f"{result.peak_kib} KiB"


def measured(sluice, *words, code) -> Result:
    process = sluice.start(*words)
    peak = Peak(process.pid)
    out, err = process.communicate(timeout=PATIENCE_S)
    result = Result(words, process.returncode, out, err, peak.end())
    assert result.code == code, repr(result)
    return result


@pytest.mark.parametrize("fault", ["huge:path=listRecords", "huge:path=listRecords,chunked=1",
                                   "huge:path=meta/bases"])
def test_an_answer_of_2_gb(fault, sluice, airtable, spec):
    demo.connect(sluice, airtable)
    pipeline = spec()
    sluice.run("run", pipeline)
    airtable.control(fault=fault)
    result = measured(sluice, "run", "--quiet", pipeline, code=SOURCE)
    assert "the answer is larger than" in said(result) and "Look at what the source" in said(result)
    bounded(result)
    equals_truth(sluice, airtable)


def test_a_page_with_an_unknown_field(sluice, airtable, spec):
    """The value is kept in _rescued_data, counted and reported."""
    demo.connect(sluice, airtable)
    airtable.control(fault="unknown_field:page=1")
    result = sluice.run("run", spec())
    assert "fldUnannounced001 (unknown_field)" in result.out
    rescued = [json.loads(text) for text in
               polars(demo.location(sluice, "bronze_vendors"))["_rescued_data"].to_pylist() if text]
    with_it = [r["fldUnannounced001"] for r in rescued if "fldUnannounced001" in r]
    assert with_it and all(r["reason"] == "unknown_field" and "value" in r for r in with_it)


def test_five_hundred_fields(sluice, airtable, tmp_path):
    airtable.control(op="base", kind="grid", tables=1, fields=500, records=230)
    demo.connect(sluice, airtable)
    pipeline = tmp_path / "pipeline.json"
    pipeline.write_text(json.dumps(whole_schema(airtable)))
    result = measured(sluice, "run", "--quiet", pipeline, code=0)
    bounded(result)
    source, = [t["name"] for t in airtable.truth()["tables"]]
    equals_truth(sluice, airtable, {source: "table_1"})


def test_strange_cells(sluice, airtable, spec):
    """100,000 characters, lone surrogates, NUL: nothing is lost and nothing stops."""
    demo.connect(sluice, airtable)
    cells = ["x" * 100_000, "\\ud83d\\udca1" * 50_000, "a\\u0000b", "lone \\ud83d end",
             "\\udca9\\ud83d"]
    for record, cell in enumerate(cells):
        airtable.control(op="edit", table="Vendors", record=record,
                         raw_fields={"Vendor": f'"{cell}"'})
    result = sluice.run("run", spec())
    assert "Vendor (bad_unicode) 2" in result.out
    equals_truth(sluice, airtable)
    names = polars(demo.location(sluice, "bronze_vendors"))["vendor"].to_pylist()
    assert "x" * 100_000 in names and "a\0b" in names and "lone \ufffd end" in names
    shown = sluice.json("tables", "preview", f"{demo.CATALOG}.{demo.SCHEMA}.bronze_vendors",
                        "--limit", "-1")
    assert sorted(row["vendor"] or "" for row in shown) == sorted(name or "" for name in names)


def test_the_quota_is_used_up(sluice, airtable, spec):
    """Stops at once, asks no more, says until when; what was landed before stays."""
    demo.connect(sluice, airtable)
    pipeline = spec(tables=demo.TABLES, **ONE_PAGE_AFTER_THE_OTHER)
    sluice.run("run", pipeline)
    airtable.control(fault="quota:page=2", reset_stats=True)
    result = sluice.run("run", "--reconcile", pipeline, code=QUOTA)
    assert "the quota is used up until 2026-04-01" in said(result)
    assert "larger plan" in said(result)
    assert airtable.stats()["by_status"]["429"] <= len(demo.TABLES)
    equals_truth(sluice, airtable, demo.TABLES)


def test_503_for_ever_is_bounded(sluice, airtable, spec):
    demo.connect(sluice, airtable)
    pipeline = spec()
    sluice.run("run", pipeline)
    airtable.control(fault="503:path=listRecords,retry_after=0", reset_stats=True)
    result = sluice.run("run", pipeline, code=SOURCE)
    assert "after 8 attempts" in said(result) and "503" in said(result)
    assert "run again later" in said(result)
    assert airtable.stats()["by_status"]["503"] == 8
    equals_truth(sluice, airtable)


def test_a_table_that_collapsed_is_held_back(sluice, airtable, spec):
    demo.connect(sluice, airtable)
    pipeline = spec(tables={"SKU Candidates": "bronze_sku_candidates"})
    sluice.run("run", pipeline)
    before = polars(demo.location(sluice, "bronze_sku_candidates")).num_rows
    airtable.control(op="delete", table="SKU Candidates", count=before - 10)
    result = sluice.run("run", "--reconcile", pipeline, code=SOURCE)
    assert "held back" in said(result) and "--full-refresh=bronze_sku_candidates" in said(result)
    assert polars(demo.location(sluice, "bronze_sku_candidates")).num_rows == before
    sluice.run("run", pipeline, "--full-refresh=bronze_sku_candidates")
    equals_truth(sluice, airtable, {"SKU Candidates": "bronze_sku_candidates"})


# -- two at once, and stopping ------------------------------------------------------------------

@pytest.fixture
def slow(home):
    """A simulator that answers so slowly that a run can be met in its middle."""
    sluice = Sluice(home)
    with Simulator("airtable", "--rate", "-1", "--latency", "300") as simulator:
        demo.connect(sluice, simulator)
        yield sluice, simulator


def begin(sluice, simulator, pipeline, requests=2):
    """Starts a run and returns when it has sent so many requests."""
    before = simulator.stats()["requests"]
    process = sluice.start("run", pipeline)
    while simulator.stats()["requests"] < before + requests:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)  # polls the simulator's counter
    return process


def test_two_runs_at_once(slow, spec):
    sluice, simulator = slow
    pipeline = spec(tables=demo.TABLES)
    first = begin(sluice, simulator, pipeline)
    second = sluice.run("run", pipeline, code=BUSY)
    for words in ("'demo'", f"in process {first.pid}", "sluice pipelines stop"):
        assert words in said(second)
    simulator.control(latency_ms=0)
    out, err = first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 0, out + err
    equals_truth(sluice, simulator, demo.TABLES)


def test_two_homes_at_one_table(slow, spec, tmp_path):
    """The table itself knows: the later commit is refused, and nothing is doubled."""
    sluice, simulator = slow
    lake = tmp_path / "lake"
    sluice.run("catalogs", "create", demo.CATALOG, "--storage-root", lake)
    other = Sluice(tmp_path / "other")
    demo.connect(other, simulator)
    other.run("catalogs", "create", demo.CATALOG, "--storage-root", lake)
    pipeline = spec()
    simulator.control(latency_ms=0)
    sluice.run("run", pipeline)
    simulator.control(latency_ms=500)
    first = begin(sluice, simulator, pipeline)
    simulator.control(latency_ms=0)
    later = other.run("run", pipeline, code=None)
    out, err = first.communicate(timeout=PATIENCE_S)
    both = [Result(["run"], first.returncode, out, err), later]
    assert sorted(result.code for result in both) in ([0, 0], [0, BUSY]), both
    for result in both:
        if result.code == BUSY:
            assert "another run has written" in result.err, repr(result)
            assert "Nothing of this run was committed" in result.err
    table = polars(lake / demo.SCHEMA / "bronze_vendors")
    assert differences(table, demo.expected(simulator, "Vendors")) == []


def stop_in_the_middle(slow, spec, number):
    sluice, simulator = slow
    pipeline = spec(tables=demo.TABLES, **ONE_PAGE_AFTER_THE_OTHER)
    process = begin(sluice, simulator, pipeline, 1 + len(demo.TABLES) + 1)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    simulator.control(latency_ms=0)
    simulator.control(op="create", table="Vendors", count=2)
    simulator.control(op="delete", table="SKU Candidates", count=2)
    return Result(["run"], process.returncode, out, err), pipeline


def test_ctrl_c_stops_cleanly(slow, spec):
    sluice, simulator = slow
    result, pipeline = stop_in_the_middle(slow, spec, signal.SIGINT)
    assert result.code == CANCELLED, repr(result)
    assert f"of {len(demo.TABLES)} tables were committed" in result.out
    assert "the next run reads them again" in result.out
    update, = sluice.json("pipelines", "list-updates", "demo")
    assert update["state"] == "CANCELED"
    sluice.run("run", "--reconcile", pipeline)  # finds the deleted rows of tables that had landed
    equals_truth(sluice, simulator, demo.TABLES)


def test_a_killed_run_is_made_good_by_the_next(slow, spec):
    sluice, simulator = slow
    result, pipeline = stop_in_the_middle(slow, spec, signal.SIGKILL)
    assert result.code == -signal.SIGKILL
    sluice.run("run", "--reconcile", pipeline)  # links to deleted rows are no edits of a row
    equals_truth(sluice, simulator, demo.TABLES)
    states = [u["state"] for u in sluice.json("pipelines", "list-updates", "demo")]
    assert states == ["COMPLETED", "FAILED"]


# -- recordings and proxies ---------------------------------------------------------------------

def test_a_recording_gives_the_same_table_without_a_network(tmp_path, spec):
    pipeline, recording = spec(tables=demo.TABLES), tmp_path / "recording"
    with Simulator("airtable", "--rate", "-1") as simulator:
        first = Sluice(tmp_path / "first")
        demo.connect(first, simulator)
        first.run("run", pipeline, "--record", recording)
        expected = {source: demo.expected(simulator, source) for source in demo.TABLES}
        options = simulator.connection()
    second = Sluice(tmp_path / "second")  # nobody listens any more, and the token is another
    value = {"name": "airtable", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
             "options": {"sourceName": "airtable", **options, "token": "patOther.0",
                         "requests_per_second": "1000"}}
    second.run("connections", "create", "--json", "-", stdin=json.dumps(value))
    second.run("run", pipeline, "--replay", recording)
    for source, destination in demo.TABLES.items():
        table = polars(demo.location(second, destination))
        assert differences(table, expected[source]) == [], destination


def test_a_recording_that_is_not_there(connected, spec, tmp_path):
    result = connected.run("run", spec(), "--replay", tmp_path / "nothing", code=BAD_SPEC)
    assert str(tmp_path / "nothing") in said(result)


def test_a_proxy_is_used(sluice, shared):
    """The simulator takes the part of the proxy: it gets the request for another host."""
    demo.connect(sluice, shared, base_url="http://airtable.example")
    before = shared.stats()["requests"]
    sluice.run("check", "airtable", code=None, http_proxy=shared.url)
    assert shared.stats()["requests"] > before


def test_no_proxy_for_this_host(sluice, shared):
    demo.connect(sluice, shared)
    sluice.run("check", "airtable", http_proxy="http://127.0.0.1:9", NO_PROXY="127.0.0.1")


# -- how the stories ended ----------------------------------------------------------------------

def test_html_instead_of_json_for_ever(story):
    result = story.end()
    assert result.code == SOURCE, repr(result)
    for words in ("table 'Vendors'", "after 8 attempts", "not JSON", "run again later"):
        assert words in said(result)
    equals_truth(story.sluice, story.simulator)


def test_half_an_answer_for_ever(story):
    result = story.end()
    assert result.code == SOURCE, repr(result)
    for words in ("table 'Vendors'", "after 8 attempts", "ends too early", "run again later"):
        assert words in said(result)
    equals_truth(story.sluice, story.simulator)


def test_a_storm_of_503_that_never_ends(story):
    result = story.end()
    assert result.code == SOURCE, repr(result)
    assert "after 8 attempts" in said(result) and "503" in said(result)
    assert story.simulator.stats()["by_status"]["503"] == 8
    equals_truth(story.sluice, story.simulator)


def test_nobody_listens(story):
    result = story.end()
    assert result.code == SOURCE, repr(result)
    assert "127.0.0.1" in said(result) and "Check the address" in said(result)


def test_a_proxy_that_is_not_there(story):
    result = story.end()
    assert result.code == SOURCE, repr(result)
    assert "http_proxy" in said(result) and "NO_PROXY" in said(result)
    assert "s3cret" not in said(result)


def test_a_thousand_tables(story):
    result = story.end()
    assert result.code == 0, repr(result)
    bounded(result)
    schema = story.sluice.home / "warehouse" / demo.CATALOG / demo.SCHEMA
    assert len(list(schema.iterdir())) == 1000
    last = story.simulator.truth()["tables"][-1]["name"]
    equals_truth(story.sluice, story.simulator, {last: last.lower().replace(" ", "_")})
