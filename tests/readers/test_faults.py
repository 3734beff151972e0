"""What goes wrong in the middle of a run over real HTTP: the tables equal the truth afterwards.

What takes long (the pause of 30 seconds after a 429) is tested in simulated time, tests/sources.
"""

import pytest

from harness import demo
from harness.compare import differences
from harness.program import Simulator, Sluice
from harness.readers import polars

FAULTS = {
    "a server error": "500:page=2",
    "a gateway's page in HTML": "502:page=1,table=Vendors",
    "unavailable, and says for how long": "503:page=2,retry_after=1",
    "unavailable, and does not say": "503:page=2",
    "the connection is reset before an answer": "reset:page=2",
    "the connection ends inside a body": "cut:page=2",
    "a 200 with half a body": "truncated:page=2",
    "the iterator expires": "iterator_expired:page=2",
    "an empty page with an offset": "empty_page:page=2",
    "a page is served twice": "page_twice:page=2",
    "a sign-in page instead of JSON": "html:page=2,times=1",
}


def one_chain(folder):
    """The demo's pipeline, each table read page after page: there is a second page to strike."""
    return demo.write_specification(folder / "pipeline.json", chains="1")


def struck(simulator) -> bool:
    stats = simulator.stats()
    return bool(stats["faults"] or stats["resets"] or stats["cuts"]
                or set(stats["by_status"]) - {"200"})


@pytest.mark.parametrize("name", FAULTS)
def test_in_the_middle_of_a_run(name, tmp_path):
    sluice = Sluice(tmp_path / "home")
    with Simulator("airtable", "--rate", "-1", "--fault", FAULTS[name]) as simulator:
        demo.connect(sluice, simulator)
        sluice.run("run", one_chain(tmp_path))
        assert struck(simulator), f"the fault never struck: {simulator.stats()}"
        for source, destination in demo.TABLES.items():
            expected = demo.expected(simulator, source)
            table = polars(demo.location(sluice, destination))
            assert differences(table, expected) == [], destination


def test_changed_between_two_pages(tmp_path):
    """Edited, created and deleted under a run: after a quiet, complete one nothing of it is left."""
    sluice = Sluice(tmp_path / "home")
    fault = "edit:page=2,count=20;create:page=2,count=10;delete:page=2,count=10"
    with Simulator("airtable", "--rate", "-1", "--fault", fault) as simulator:
        demo.connect(sluice, simulator)
        pipeline = one_chain(tmp_path)
        sluice.run("run", pipeline)
        simulator.control(clear_faults=True)
        sluice.run("run", "--reconcile", pipeline)
        for source, destination in demo.TABLES.items():
            expected = demo.expected(simulator, source)
            table = polars(demo.location(sluice, destination))
            assert differences(table, expected) == [], destination
