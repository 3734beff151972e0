"""Several sluice processes of one user keep one limit of the source."""

import pytest

from harness import demo
from harness.program import Simulator, Sluice


@pytest.fixture
def strict():
    """Airtable's own limit: the sixth request of a second is refused."""
    with Simulator("airtable") as simulator:
        yield simulator


def homes(tmp_path, simulator, count):
    """So many homes of one user."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    for number in range(count):
        sluice = Sluice(tmp_path / f"home{number}", XDG_RUNTIME_DIR=runtime)
        demo.connect(sluice, simulator, requests_per_second="4.5")
        yield sluice, demo.write_specification(tmp_path / f"pipeline{number}.json")


def test_two_runs_and_a_check_share_five_requests_a_second(tmp_path, strict):
    processes = []
    for sluice, pipeline in homes(tmp_path, strict, 2):
        processes.append(sluice.start("run", pipeline))
        processes.append(sluice.start("check", "airtable"))
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert "not shared" not in err
    stats = strict.stats()
    assert stats["limited"] == 0
    assert stats["peak_per_second"] <= 5
    assert stats["requests"] > 30


def test_a_pause_reaches_the_next_process(tmp_path, strict):
    """One meets a 429 and is killed; the next one waits out the rest of the pause: it says so."""
    (sluice, _), = homes(tmp_path, strict, 1)
    strict.control(fault="429:n=1,times=1")
    first = sluice.start("check", "airtable")
    for line in first.stderr:
        if "still waiting" in line:
            break
    first.kill()
    first.communicate()
    second = sluice.start("check", "airtable")
    assert "still waiting" in second.stderr.readline()
    assert strict.stats()["requests"] == 1
    second.kill()
    second.communicate()


def test_without_a_place_it_is_said_once_and_works(tmp_path, strict):
    (sluice, _), = homes(tmp_path, strict, 1)
    result = sluice.run("check", "airtable", XDG_RUNTIME_DIR="/proc/self")
    assert result.err.count("not shared") == 1


def test_the_key_in_the_runtime_directory_is_no_secret(tmp_path, strict):
    (sluice, _), = homes(tmp_path, strict, 1)
    sluice.run("check", "airtable")
    options = strict.connection()
    token = options.get("bearer_token") or options["token"]
    files = list((tmp_path / "runtime").rglob("*"))
    assert any(f.is_file() for f in files)
    for file in files:
        assert token not in file.name
        assert not file.is_file() or token.encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
