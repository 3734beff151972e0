"""`sluice demo`: what it prints is what works, and it can be run again."""

import contextlib
import io
import os
import re

import pytest

from harness import readers
from harness.program import Sluice

TOKEN = re.compile(r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    sluice = Sluice(tmp_path_factory.mktemp("demo") / "home")
    return sluice, sluice.run("demo")


def snippet(text, title):
    """The lines of a snippet: from its title to the next empty line."""
    lines = iter(text.splitlines())
    for line in lines:
        if line == title:
            break
    else:
        raise AssertionError(f"no snippet {title!r} in:\n{text}")
    found = []
    for line in lines:
        if not line:
            break
        found.append(line)
    return "\n".join(found)


def run_python(code):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "snippet", "exec"), {})  # the snippet under test, printed by us
    return said.getvalue()


def test_it_lands_six_tables_and_shows_them(demo):
    _, result = demo
    for table in ("sku_candidates", "launch_milestones", "compliance_records", "packaging_tasks",
                  "marketing_assets", "vendors"):
        assert re.search(rf"^main\.bronze\.bronze_{table} +COMPLETED ", result.out, re.M)
    assert "0 answered with 429" in result.out
    assert "(bearer_token, '***')" in result.out
    assert "update_progress" in result.err and "is COMPLETED." in result.err


def test_its_token_is_nowhere_but_in_its_file(demo):
    sluice, result = demo
    assert (sluice.home / "demo-token").stat().st_mode & 0o777 == 0o600
    token = (sluice.home / "demo-token").read_text().strip()
    assert len(token) > 20
    assert token not in result.out and token not in result.err
    for path in sluice.home.rglob("*"):
        if path.is_file() and path.name != "demo-token":
            assert token.encode() not in path.read_bytes(), path


def test_it_runs_again(demo):
    sluice, _ = demo
    again = sluice.run("demo")
    assert "connections update airtable" in again.out
    assert "pipelines update airtable_launch_control" in again.out


def test_what_it_printed_can_be_typed(demo):
    sluice, result = demo
    commands = re.findall(r"^\$ sluice (tables .*|catalogs .*|schemas .*)$", result.out, re.M)
    assert len(commands) >= 4
    for command in commands:
        sluice.run(*command.split())


def test_the_duckdb_snippet(demo):
    code = snippet(demo[1].out, "-- DuckDB")
    assert code.startswith("INSTALL delta; LOAD delta;\n")
    query = code.split("\n", 1)[1]  # the extension is there already, and no test installs anything
    assert len(readers.duckdb_connection().execute(query).to_arrow_table()) == 5


def test_the_polars_snippet(demo):
    assert "shape: (5, " in run_python(snippet(demo[1].out, "# Polars"))


def test_the_pandas_snippet(demo):
    assert "[5 rows x " in run_python(snippet(demo[1].out, "# pandas"))


def test_the_spark_snippet(demo):
    session = readers.spark_session()  # getOrCreate() of the snippet finds this one
    try:
        assert "only showing top 5 rows" in run_python(snippet(demo[1].out, "# Spark"))
    finally:
        session.stop()
        readers.spark_session.cache_clear()


def test_the_home_moves_with_the_variable(demo):
    sluice, result = demo
    assert f"export SLUICE_HOME={os.path.realpath(sluice.home)}" in result.out
