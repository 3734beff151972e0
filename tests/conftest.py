"""Fixtures for all Python tests. See harness/ for what they are made of."""

import os
import sys
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.program import Simulator, Sluice  # noqa: E402

SPARK = {"test_altered", "test_care", "test_foreign", "test_matrix", "test_tables"}
WHOLE = {"test_bad_input", "test_demo", "test_new_connector"}


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def sluice(home):
    """The program with an empty home."""
    return Sluice(home)


@pytest.fixture
def airtable():
    """The demo base, without a limit of requests, so that tests take no longer than they must."""
    with Simulator("airtable", "--rate", "-1") as simulator:
        yield simulator


class OneSpark(LoadScopeScheduling):
    """Tests go to workers one by one, but all that share a session of Spark to the same one: each takes
    minutes of processor time and a gigabyte. Files whose fixtures take long stay whole, too."""

    def _split_scope(self, nodeid):
        file = Path(nodeid.split("::")[0]).stem
        if file in SPARK or nodeid.endswith("[spark]"):
            return "spark"
        return file if file in WHOLE else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return OneSpark(config, log)


def pytest_sessionfinish(session, exitstatus):
    """In `make test` a test that did not run is a failure: nothing is skipped silently."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if os.environ.get("SLUICE_NO_SKIPS") and skipped and exitstatus == 0:
        session.exitstatus = 1
        reporter.write_line(f"{skipped} tests were skipped, and none may be", red=True)
