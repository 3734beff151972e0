"""Every kind of table through every reader; docs/readers.md is what comes out."""

import json

import matrix
import pytest

from harness.program import ROOT
from harness.readers import spark_session


@pytest.fixture(scope="module")
def found():
    return matrix.matrix()


@pytest.mark.parametrize("shape", matrix.SHAPES, ids=lambda shape: shape.name)
def test_it_opens_with_equal_values(shape, found):
    for reader in shape.readers:
        assert found[shape][reader] == [], reader


@pytest.mark.parametrize("shape", matrix.SHAPES, ids=lambda shape: shape.name)
def test_a_reader_that_cannot_refuses(shape, found):
    """A wrong value would be worse than none."""
    for reader, sentences in found[shape].items():
        assert matrix.mark(sentences) in ("equal", "refuses"), reader


def test_the_page_says_so(found):
    """If not: build/venv/bin/python tests/readers/matrix.py > docs/readers.md"""
    assert (ROOT / "docs/readers.md").read_text() == matrix.markdown(found)


def test_the_cursor_is_readable_through_spark(tmp_path, sluice, airtable):
    from harness import demo
    demo.connect(sluice, airtable)
    sluice.run("run", demo.write_specification(tmp_path / "pipeline.json", {"Vendors": "vendors"}))
    spark = spark_session()
    log = spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(
        spark._jsparkSession, str(demo.location(sluice, "vendors")))
    domains = log.unsafeVolatileSnapshot().domainMetadata()
    found = {domains.apply(i).domain(): domains.apply(i).configuration()
             for i in range(domains.size())}
    cursors = [json.loads(text) for name, text in found.items()
               if name.startswith("sluice.cursor.")]
    assert len(cursors) == 1 and cursors[0], found
