"""`sluice demo` from beginning to end; the lines it offers for copying, run as they are."""

import json
import os
import re
import subprocess
import sys

import pytest

from harness import demo
from harness.program import ROOT, Sluice
from harness.readers import duckdb_connection

TITLES = {"DuckDB": "sql", "Polars": "python", "pandas": "python", "Spark": "python"}

# The line that fetches Delta's jars from the network is what scripts/get_jars.sh did already.
SPARK_JARS = """
import delta, glob
delta.configure_spark_with_delta_pip = lambda builder: (
    builder.master("local[1]").config("spark.jars", ",".join(glob.glob({jars!r})))
    .config("spark.databricks.delta.snapshotPartitions", "2")
    .config("spark.sql.shuffle.partitions", "2").config("spark.ui.enabled", "false"))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The demo's home and everything it printed."""
    sluice = Sluice(tmp_path_factory.mktemp("demo") / "home")
    result = sluice.run("demo", timeout=300)
    return sluice, result.out + result.err


def snippet(text, title):
    found = re.search(rf"^(?:--|#) {title}\n(.*?)(?:\n\n|\Z)", text, re.M | re.S)
    assert found, f"no lines for {title} in:\n{text[-3000:]}"
    return found[1]


def test_the_story_is_whole(told):
    _, text = told
    for table in demo.TABLES.values():
        assert table in text
    assert re.search(r"patLaunchControl0\.\w", text) is None, "the token was shown"
    assert "(null)" not in text


def steps(text, command):
    """What each `sluice <command>` of the demo printed, in order."""
    parts = re.split(r"^\$ sluice (.*)$", text, flags=re.M)
    return [printed for words, printed in zip(parts[1::2], parts[2::2])
            if words.startswith(command)]


def report(printed):
    """A run's report: {table: {column: value}}."""
    lines = printed.strip().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("TABLE "))
    titles = lines[start].split()
    rows = [line.split(maxsplit=len(titles) - 1) for line in lines[start + 1:]]
    return {row[0].rsplit(".", 1)[1]: dict(zip(titles, row)) for row in rows
            if row and row[0].startswith("main.bronze.")}


def changes(row):
    return [int(row[title].replace(",", "")) for title in ("INSERTED", "UPDATED", "DELETED")]


def test_the_second_run_takes_what_changed(told):
    _, text = told
    first, second, third = (report(printed) for printed in
                            steps(text, "run airtable_launch_control")[:3])
    assert set(first) == set(second) == set(third) == set(demo.TABLES.values())
    assert changes(second["bronze_vendors"]) == [1, 2, 0]
    assert int(second["bronze_vendors"]["READ"]) < int(first["bronze_vendors"]["READ"]) / 10
    for table in set(second) - {"bronze_vendors", "bronze_packaging_tasks"}:
        assert changes(second[table]) == [0, 0, 0]
        assert third[table]["CALLS"] == "1" and third[table]["VERSION"] == "-"
    inserted, updated, deleted = changes(second["bronze_packaging_tasks"])
    assert (inserted, deleted) == (0, 0) and updated >= 3
    assert all(changes(row) == [0, 0, 0] for row in third.values())


def test_a_deleted_row_is_found_by_verify_and_taken_by_a_complete_read(told):
    _, text = told
    verified, = steps(text, "verify")
    assert changes(report(verified)["bronze_vendors"]) == [0, 0, 1]
    assert re.search(r"^exit code 1: .*1 are not in the source$", verified, re.M)
    reconciled = steps(text, "run airtable_launch_control --reconcile")[0]
    assert changes(report(reconciled)["bronze_vendors"]) == [0, 0, 1]
    versions = re.findall(r"^ +(\d+)  .*Z  ([A-Z ]+?)  ", steps(text, "tables history")[0], re.M)
    assert [int(version) for version, _ in versions] == list(range(len(versions)))[::-1]
    assert versions[0][1] == "MERGE" and versions[-1][1] == "CREATE TABLE"


def test_history_shows_what_was_and_what_is(told):
    sluice, text = told
    run, = steps(text, "run airtable_vendor_history --reconcile")
    assert changes(report(run)["bronze_vendors_history"]) == [1, 2, 1]
    shown = steps(text, "sql 'SELECT vendor, spend")[0].splitlines()[2:7]
    ended = [line for line in shown if not line.endswith("NULL")]
    assert len(shown) == 5 and len(ended) == 3, shown  # two edits and a delete
    table, = sluice.json("sql", "SELECT count(*) AS n, count(__END_AT) AS ended FROM "
                         "main.bronze.bronze_vendors_history")
    assert (int(table["n"]), int(table["ended"])) == (93, 3)


@pytest.mark.parametrize("title", [t for t, language in TITLES.items() if language == "python"])
def test_python_lines(title, told):
    _, text = told
    code = snippet(text, title)
    if title == "Spark":
        code = SPARK_JARS.format(jars=str(ROOT / "build/jars/*.jar")) + code
    ran = subprocess.run([sys.executable, "-"], input=code, text=True, capture_output=True,
                         timeout=300, env={**os.environ, "PYSPARK_PYTHON": sys.executable})
    assert ran.returncode == 0, f"{code}\n{ran.stdout}{ran.stderr}"
    assert "_airtable_id" in ran.stdout or "airtable" in ran.stdout


def test_sql_lines(told):
    """INSTALL and LOAD fetch the extension from its vendor; the tests load it from a package."""
    _, text = told
    for statement in snippet(text, "DuckDB").split(";"):
        if statement.strip() and statement.split()[0] not in ("INSTALL", "LOAD"):
            assert duckdb_connection().execute(statement).to_arrow_table().num_rows == 5


SOURCES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/connection.json"))


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "airtable"])
def test_every_source_has_a_story(source, tmp_path):
    """The tutorial's twice in one home: what the first demo left is taken up by the second.

    How many calls were refused is not asked: a demo runs in real time, and a machine that stands
    still for a moment delivers two seconds' calls in one. Each connector's tests ask it in simulated
    time."""
    sluice = Sluice(tmp_path / "home")
    for _ in range(2 if source == "example" else 1):
        text = sluice.run("demo", "--source", source, timeout=300).out
        assert "(null)" not in text and "\u2717" not in text
        runs = steps(text, "run ")
        assert len(runs) == 2
        for printed in runs:
            states = re.findall(r"^main\.\S+ +([A-Z]+) ", printed, re.M)
            assert states and set(states) == {"COMPLETED"}, printed
        for row in re.findall(r"^(main\.\S+ .*)$", runs[1], re.M):
            assert [int(n.replace(",", "")) for n in row.split()[3:6]] == [0, 0, 0], row
        preview, = steps(text, "tables preview")
        assert len(preview.strip().splitlines()) >= 3
    secret = json.loads((ROOT / f"examples/{source}/connection.json").read_text())["options"]
    for option in [name for name, value in secret.items() if isinstance(value, dict)]:
        kept = (tmp_path / f"home/demo-{source}-{option}")
        assert kept.stat().st_mode & 0o077 == 0
        assert kept.read_text() and kept.read_text() not in text


def test_a_demo_that_is_not_there_is_said(tmp_path):
    result = Sluice(tmp_path / "home").run("demo", "--source", "exampel", code=2)
    assert "Did you mean 'example'?" in result.err


def test_what_the_readme_asks(told):
    """The lines of README.md about landed tables work after the demo."""
    sluice, _ = told
    readme = (ROOT / "README.md").read_text()
    asked = re.findall(r"^sluice (sql|tables \w+) (.*?)(?:\s+#.*)?$", readme, re.M)
    assert len(asked) >= 3
    for command, rest in asked:
        words = [rest.strip().strip("'")] if command == "sql" else rest.split()
        result = sluice.run(*command.split(), *words)
        assert result.out.strip(), (command, rest)
