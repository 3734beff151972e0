"""SIGKILL anywhere in a run, run again: the tables are as if nothing had happened.

Needs a build that knows the kill points (the preset dev): SLUICE_KILL_AT=<point>:<n> ends the
process at the n-th arrival. The tables are compared with the simulator's truth by a reader that is
not ours.
"""

import random
import re
import signal
import subprocess

import pytest

from harness import demo
from harness.compare import differences
from harness.program import ROOT, Simulator, Sluice
from harness.readers import polars

# How often each point is tried: at its first arrival, and at some later ones.
ARRIVALS = (1, 2, 4)
RANDOM_KILLS = 6


def points() -> list:
    names = set()
    for path in sorted((ROOT / "src").rglob("*.c")):
        names |= set(re.findall(r'\bSL_POINT\("([^"]+)"\)', path.read_text(encoding="utf-8")))
    return sorted(names)


@pytest.fixture(scope="module")
def simulator():
    with Simulator("airtable", "--rate", "-1") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def expected(simulator):
    return {destination: demo.expected(simulator, source)
            for source, destination in demo.TABLES.items()}


@pytest.fixture
def prepared(tmp_path, simulator):
    sluice = Sluice(tmp_path / "home", points=True)
    demo.connect(sluice, simulator)
    return sluice, demo.write_specification(tmp_path / "pipeline.json")


def compare(sluice, expected):
    for table, truth in expected.items():
        assert differences(polars(demo.location(sluice, table)), truth) == [], table


def test_there_are_points():
    assert len(points()) >= 5


@pytest.mark.parametrize("point", points())
def test_killed_at(point, prepared, expected):
    """One home goes through all arrivals of a point: a second kill meets what the first left."""
    sluice, pipeline = prepared
    for n in ARRIVALS:
        killed = sluice.run("run", pipeline, code=None, SLUICE_KILL_AT=f"{point}:{n}")
        if n == 1:
            assert killed.code == -signal.SIGKILL, f"{point} was never reached: {killed!r}"
        assert killed.code in (-signal.SIGKILL, 0), repr(killed)
    sluice.run("run", pipeline)
    compare(sluice, expected)


@pytest.mark.parametrize("seed", range(RANDOM_KILLS))
def test_killed_at_random(seed, prepared, expected):
    """Killed three times, whenever it happens to be, then left alone."""
    sluice, pipeline = prepared
    dice = random.Random(seed)
    for _ in range(3):
        process = sluice.start("run", pipeline)
        try:
            process.wait(dice.uniform(0.02, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
    sluice.run("run", pipeline)
    compare(sluice, expected)
