import json

import pytest

from harness import demo
from harness.program import Simulator, Sluice


@pytest.fixture(scope="module")
def shared():
    """A simulator for tests that only read from it."""
    with Simulator("airtable", "--rate", "-1") as simulator:
        yield simulator


@pytest.fixture
def connected(home, shared):
    """The program with the connection `airtable`."""
    sluice = Sluice(home)
    demo.connect(sluice, shared)
    return sluice


@pytest.fixture
def spec(tmp_path):
    """Writes a specification, changed by a function, and gives its path."""
    def write(change=None, tables=None, **configuration):
        value = demo.specification(tables or {"Vendors": "bronze_vendors"}, **configuration)
        if change:
            value = change(value) or value
        path = tmp_path / "pipeline.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path
    return write
