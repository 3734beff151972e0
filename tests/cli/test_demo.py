"""`sluice demo` from beginning to end; the lines it offers for copying, run as they are."""

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
    assert "0 answered with 429" in text
    assert re.search(r"patLaunchControl0\.\w", text) is None, "the token was shown"
    assert "(null)" not in text


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
