"""The command line itself: words, help, shapes, exit codes, secrets, completions."""

import json
import re
import shutil
import stat
import subprocess
import time

import pytest

from harness import demo
from harness.program import PATIENCE_S, ROOT, Simulator, Sluice

SECRET = "patInventedToken00.0123456789abcdef"

USAGE, BAD_SPEC, AUTH = 2, 3, 4


def connection(**options):
    return json.dumps({
        "name": "airtable", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
        "options": {"sourceName": "airtable", "base_id": "appInvented000001", **options}})


@pytest.fixture
def landed(connected, spec):
    """A home with one landed table."""
    connected.run("run", spec())
    return connected


TABLE = f"{demo.CATALOG}.{demo.SCHEMA}.bronze_vendors"

# -- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize("words, says", [
    (["conections", "list"], "Did you mean 'sluice connections'?"),
    (["connections", "lst"], "Did you mean 'sluice connections list'?"),
    (["connections", "list", "--otput", "json"], "Did you mean '--output'?"),
    (["connections", "list", "--output", "xml"], "--output text or --output json"),
    (["connections", "list", "--output"], "--output needs a value"),
    (["connections", "list", "extra"], "one argument too many"),
    (["connections", "get"], "needs NAME"),
    (["connections", "create"], "--json"),
    (["connections", "create", "--json", "@/nonexistent.json"], "/nonexistent.json"),
    (["connections", "create", "--json", "{"], "--json"),
    (["run", "a", "--refresh", "b", "--refresh", "c"], "given twice"),
    (["tables", "preview", "a.b.c", "--limit", "many"], "is not a number"),
    (["tables", "preview", "a.b.c", "--format", "xml"], "is not table, json or csv"),
    (["sim", "airtabel"], "Did you mean 'airtable'?"),
    (["docs", "cly"], "Did you mean 'cli'?"),
    (["completion", "fish"], "bash and zsh"),
    (["tables", "preview", "bronze_vendors"], "catalog.schema.table"),
])
def test_mistyped_words_get_a_helping_answer(sluice, words, says):
    result = sluice.run(*words, code=None)
    assert result.code in (USAGE, BAD_SPEC), repr(result)
    assert says in result.err, repr(result)
    assert result.out == ""


def test_every_command_has_help(sluice):
    page = sluice.run("docs", "cli").out
    commands = re.findall(r"^### sluice (.*)$", page, re.M)
    assert len(commands) > 30
    for command in commands:
        text = sluice.run(*command.split(), "--help").out
        assert f"Usage: sluice {command}" in text
    for group in {c.split()[0] for c in commands if " " in c}:
        assert f"{group} " in sluice.run(group).out
    assert sluice.run("--help").out == sluice.run().out == sluice.run("help").out


def test_version(sluice):
    assert re.fullmatch(r"sluice \d+\.\d+\.\d+\n", sluice.run("--version").out)
    assert sluice.run("version").out == sluice.run("--version").out


@pytest.mark.parametrize("page", ["cli", "connectors", "pipeline-spec"])
def test_the_printed_pages_in_docs_are_fresh(sluice, page):
    assert sluice.run("docs", page).out == (ROOT / "docs" / f"{page}.md").read_text(), \
        f"run: build/sluice docs {page} > docs/{page}.md"


def test_the_man_page_is_roff(sluice):
    page = sluice.run("docs", "man").out
    assert page.startswith(".TH SLUICE 1")
    assert all(line.count("\\fB") == line.count("\\fR") - line.count("\\fI")
               for line in page.splitlines() if "\\f" in line)


def complete(sluice, *words):
    script = f"""
source <("{sluice.binary}" completion bash)
COMP_WORDS=({' '.join(repr(w) for w in words)})
COMP_CWORD={len(words) - 1}
compopt() {{ :; }}
_sluice
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split()


def test_bash_completion(sluice):
    assert "connections" in complete(sluice, "sluice", "")
    assert complete(sluice, "sluice", "conn") == ["connections"]
    assert complete(sluice, "sluice", "connections", "cr") == ["create"]
    assert complete(sluice, "sluice", "connections", "create", "--js") == ["--json"]
    assert complete(sluice, "sluice", "run", "x", "--full") == ["--full-refresh"]
    assert complete(sluice, "sluice", "tables", "list", "--output", "") == ["text", "json"]
    assert complete(sluice, "sluice", "tables", "preview", "t", "--format", "c") == ["csv"]


def test_zsh_completion_names_every_command(sluice):
    script = sluice.run("completion", "zsh").out
    assert script.startswith("#compdef sluice\n")
    for word in ("connections", "list-pipeline-events", "full-refresh"):
        assert word in script


# -- connections and secrets --------------------------------------------------------------------


def test_a_secret_never_comes_back(sluice):
    created = sluice.run("connections", "create", "--json", "-",
                         stdin=connection(bearer_token=SECRET))
    said = created.out + created.err
    for words in (["list"], ["get", "airtable"], ["describe", "airtable"]):
        for output in ("text", "json"):
            result = sluice.run("connections", *words, "--output", output)
            said += result.out + result.err
    result = sluice.run("sql", "DESCRIBE CONNECTION airtable")
    assert "(bearer_token, '***')" in result.out
    assert SECRET not in said + result.out + result.err
    info = sluice.json("connections", "get", "airtable")
    assert info["options"] == {"sourceName": "airtable", "base_id": "appInvented000001"}
    assert info["full_name"] == "airtable"
    assert info["securable_kind"] == "CONNECTION_GENERIC_LAKEFLOW_CONNECT"
    assert isinstance(info["created_at"], int)
    for path in sluice.home.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    assert stat.S_IMODE((sluice.home / "key").stat().st_mode) == 0o600


def test_an_inline_secret_works_and_is_warned_about_once(sluice):
    result = sluice.run("connections", "create", "--json", connection(bearer_token=SECRET))
    assert result.err.count("warning:") == 1
    assert SECRET not in result.out + result.err
    assert "warning" not in sluice.run(
        "connections", "update", "airtable", "--json",
        '{"options": {"sourceName": "airtable", "bearer_token": {"env": "TOKEN"}}}').err


def test_references_are_read_at_each_use(sluice, shared, tmp_path):
    good = shared.connection()
    token = good.pop("bearer_token", None) or good.pop("token")
    sluice.run("connections", "create", "--json", json.dumps({
        "name": "airtable", "connection_type": "COMMUNITY",
        "options": {"sourceName": "airtable", **good, "bearer_token": {"env": "INVENTED_TOKEN"}}}))
    result = sluice.run("check", "airtable", code=AUTH)
    assert "INVENTED_TOKEN is not set" in result.err
    checks = sluice.json("check", "airtable", INVENTED_TOKEN=token)
    assert checks and all(c["good"] for c in checks)
    (tmp_path / "token").write_text(token + "\n")
    sluice.run("connections", "update", "airtable", "--json", json.dumps({
        "options": {**good, "bearer_token": {"file": str(tmp_path / "token")}}}))
    assert sluice.run("check", "airtable").code == 0


def test_a_lost_key_asks_for_the_secret_again(sluice, shared):
    demo.connect(sluice, shared)
    (sluice.home / "key").unlink()
    result = sluice.run("check", "airtable", code=AUTH)
    assert "enter the secret again" in result.err
    good = shared.connection()
    sluice.run("connections", "update", "airtable", "--json", "-",
               stdin=json.dumps({"options": good}))
    sluice.run("check", "airtable")


def test_rekey(sluice, shared):
    demo.connect(sluice, shared)
    before = (sluice.home / "key").read_bytes()
    sluice.run("connections", "rekey")
    assert (sluice.home / "key").read_bytes() != before
    sluice.run("check", "airtable")
    sluice.run("connections", "rekey", SLUICE_KEY_NEW="seven quiet otters")
    assert not (sluice.home / "key").exists()
    sluice.run("check", "airtable", code=AUTH)
    sluice.run("check", "airtable", SLUICE_KEY="seven quiet otters")


def test_errors_are_json_when_results_are(sluice):
    result = sluice.run("connections", "get", "nope", "--output", "json", code=BAD_SPEC)
    error = json.loads(result.err)
    assert error["error_code"] == "NOT_FOUND" and "'nope'" in error["message"]


# -- the catalog --------------------------------------------------------------------------------


def test_the_catalog_after_a_run(landed):
    assert [c["name"] for c in landed.json("catalogs", "list")] == [demo.CATALOG]
    schema, = landed.json("schemas", "list", demo.CATALOG)
    assert schema["full_name"] == f"{demo.CATALOG}.{demo.SCHEMA}"
    table, = landed.json("tables", "list", schema["full_name"])
    assert table["full_name"] == TABLE
    assert table == landed.json("tables", "get", TABLE.upper())
    assert table["table_type"] == "STREAMING_TABLE" and table["data_source_format"] == "DELTA"
    assert table["storage_location"] == str(demo.location(landed, "bronze_vendors").resolve())
    pipeline, = landed.json("pipelines", "list-pipelines")
    assert table["pipeline_id"] == pipeline["pipeline_id"]
    assert table["statistics"]["num_rows"] == 90
    for position, column in enumerate(table["columns"]):
        assert column["position"] == position
        assert json.loads(column["type_json"])["name"] == column["name"]
    text = landed.run("tables", "show", TABLE, "--ddl").out
    assert text == (f"CREATE TABLE IF NOT EXISTS `{demo.CATALOG}`.`{demo.SCHEMA}`."
                    f"`bronze_vendors` USING DELTA LOCATION '{table['storage_location']}';\n")


def test_rows_as_table_json_and_csv(landed):
    import csv
    import io
    rows = landed.json("tables", "preview", TABLE, "--limit", "-1")
    assert len(rows) == 90
    text = landed.run("tables", "preview", TABLE, "--limit", "-1", "--format", "csv").out
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [line["_airtable_id"] for line in lines] == [row["_airtable_id"] for row in rows]
    text = landed.run("tables", "preview", TABLE, "--limit", "3", "--columns", "vendor,score").out
    assert len(text.splitlines()) == 4 and text.split()[:2] == ["vendor", "score"]
    assert len(landed.json("read", "airtable", "Vendors", "--limit", "7")) == 7
    assert landed.json("tables", "history", TABLE)[0]["version"] >= 0


def test_storage_roots(connected, spec, tmp_path):
    connected.run("catalogs", "create", demo.CATALOG, "--storage-root", tmp_path / "lake")
    connected.run("run", spec())
    assert (tmp_path / "lake" / demo.SCHEMA / "bronze_vendors" / "_delta_log").is_dir()


def test_a_deleted_entry_leaves_the_files(landed):
    landed.run("tables", "delete", TABLE)
    landed.run("tables", "get", TABLE, code=BAD_SPEC)
    demo.location(landed, "bronze_vendors")


# -- pipelines ----------------------------------------------------------------------------------


def test_pipelines_in_the_words_of_the_other_command_line(connected, tmp_path):
    example = json.loads((ROOT / "examples/airtable/pipeline.json").read_text())
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(example))
    created = connected.run("pipelines", "create", "--json", f"@{path}")
    identity = json.loads(created.out)["pipeline_id"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", identity)
    assert created.err.count("photon") == 1
    got = connected.json("pipelines", "get", identity)
    assert got["spec"] == {"id": identity, **example}
    assert got["state"] == "IDLE" and got["latest_updates"] == []
    connected.run("pipelines", "create", "--json", f"@{path}", code=BAD_SPEC)
    connected.run("pipelines", "delete", got["name"])
    assert connected.json("pipelines", "list-pipelines") == []


def wait_idle(sluice, pipeline):
    until = time.monotonic() + PATIENCE_S
    while sluice.json("pipelines", "get", pipeline)["state"] != "IDLE":
        assert time.monotonic() < until
        time.sleep(0.05)  # polls the catalog


def test_a_run_in_the_background(connected):
    text = json.dumps(demo.specification({"Vendors": "bronze_vendors"}))
    connected.run("pipelines", "create", "--json", "-", stdin=text)
    update = connected.json("pipelines", "start-update", "demo")["update_id"]
    wait_idle(connected, "demo")
    latest, = connected.json("pipelines", "list-updates", "demo")
    assert latest["update_id"] == update and latest["state"] == "COMPLETED", latest
    one = connected.json("pipelines", "get-update", "demo", update)["update"]
    assert one["config"]["name"] == "demo" and isinstance(one["creation_time"], int)
    events = connected.json("pipelines", "list-pipeline-events", "demo", "--order-by",
                            "timestamp asc")
    times = [event["timestamp"] for event in events]
    assert times == sorted(set(times))
    states = [e["details"]["update_progress"]["state"] for e in events
              if e["event_type"] == "update_progress"]
    assert states[-1] == "COMPLETED"
    for event in events:
        if event["event_type"] == "update_progress":
            assert event["details"]["update_progress"]["state"] in event["message"]
    rows = sum(e["details"]["flow_progress"].get("metrics", {}).get("num_output_rows", 0)
               for e in events if e["event_type"] == "flow_progress")
    assert rows == 90
    assert connected.json("pipelines", "list-pipeline-events", "demo", "--filter",
                          "level in ('ERROR')") == []


def test_stop_waits_until_it_has_stopped(home):
    sluice = Sluice(home)
    with Simulator("airtable", "--rate", "-1", "--latency", "500") as simulator:
        demo.connect(sluice, simulator)
        sluice.run("pipelines", "create", "--json", "-", stdin=json.dumps(demo.specification()))
        update = sluice.json("pipelines", "start-update", "demo")["update_id"]
        busy = sluice.run("pipelines", "start-update", "demo", code=7)
        assert update in busy.err
        sluice.run("pipelines", "stop", "demo")
        assert sluice.json("pipelines", "get", "demo")["state"] == "IDLE"
        assert sluice.json("pipelines", "list-updates", "demo")[0]["state"] == "CANCELED"


def test_the_report_of_a_run(connected, spec):
    report = connected.json("run", spec())
    assert report["state"] == "COMPLETED"
    table, = report["tables"]
    assert table["destination"] == TABLE and table["rows_landed"] == 90
    assert table["rescued"] == sum(r["cells"] for r in table["rescues"]) > 0
    updates = connected.json("pipelines", "list-updates", report["pipeline_id"])
    assert updates[0]["update_id"] == report["update_id"]


def test_selections(connected, spec):
    pipeline = spec(tables={"Vendors": "bronze_vendors", "SKU Candidates": "bronze_skus"})
    report = connected.json("run", pipeline, "--refresh", "bronze_skus")
    states = {t["destination"].rsplit(".", 1)[1]: t["state"] for t in report["tables"]}
    assert states == {"bronze_vendors": "EXCLUDED", "bronze_skus": "COMPLETED"}
    report = connected.json("run", "demo", "--full-refresh=bronze_skus")
    assert report["state"] == "COMPLETED"
    assert connected.json("pipelines", "list-updates", "demo")[0]["full_refresh_selection"] == \
        ["bronze_skus"]


def test_validate_only_lands_nothing(connected, spec):
    connected.run("run", spec(), "--validate-only")
    assert not list((connected.home / "warehouse").rglob("*.parquet"))


def test_plan_says_what_a_run_would_read(connected, spec):
    plan = connected.json("plan", spec())
    assert plan["tables"][0]["destination"] == TABLE
    connected.run("run", spec())
    plan = connected.json("plan", "demo")
    assert plan["tables"][0]["rows"] == 90 and plan["calls"] >= 1


def test_a_plan_with_a_table_that_cannot_be_planned_does_not_end_green(connected, spec):
    pipeline = spec(tables={"Vendors": "bronze_vendors", "No Such Table": "nothing"})
    result = connected.run("plan", pipeline, "--output", "json", code=None)
    assert result.code != 0
    assert "No Such Table" in result.err and "1 of 2" in result.err
    assert {t["mode"] for t in result.json["tables"]} == {"latest", "failed"}


def test_a_plan_says_what_a_schedule_costs(home, airtable, spec):
    sluice = Sluice(home)
    demo.connect(sluice, airtable, monthly_quota="1000")
    pipeline = spec()
    sluice.run("run", pipeline)
    schedule = sluice.json("plan", pipeline, "--every", "1h")["schedule"]
    assert schedule["runs_per_month"] == 720
    assert schedule["calls_per_month"] >= 720 * schedule["calls_unchanged"] > 0
    assert schedule["share_of_month"] == schedule["calls_per_month"] / 1000
    assert "720 runs a month" in sluice.run("plan", pipeline, "--every", "1h").out
    assert "15m" in sluice.run("plan", pipeline, "--every", "soon", code=2).err


def test_record_and_replay(connected, spec, tmp_path):
    recording = tmp_path / "recording"
    recording.mkdir()
    pipeline = spec()
    connected.run("run", pipeline, "--record", recording)
    files = [p for p in recording.rglob("*") if p.is_file()]
    assert files
    shutil.rmtree(connected.home / "warehouse")  # the requests of a first run fit a first run
    report = connected.json("run", pipeline, "--replay", recording)
    assert report["tables"][0]["rows_landed"] == 90


def test_discover(connected):
    found = connected.json("discover", "airtable")
    assert {t["name"] for t in found["tables"]} >= set(demo.TABLES)
    text = connected.run("discover", "airtable", "Vendors").out
    assert "COLUMN" in text and "vendor" in text


def test_read_prints_rows_in_every_form(connected):
    text = connected.run("read", "airtable", "Vendors", "--limit", "3").out.splitlines()
    assert text[0].startswith("_airtable_id") and len(text) == 4
    text = connected.run("read", "airtable", "Vendors", "--limit", "1000").out.splitlines()
    rows = connected.json("read", "airtable", "Vendors", "--limit", "1000")
    assert len(rows) == 90
    assert {row["_airtable_id"] for row in rows} == {line.split()[0] for line in text[1:]}
