"""OAuth from the outside: tokens are renewed, kept and shared, and none is lost that need not be."""

import json
import signal
import sqlite3
import time

import pytest

from harness import demo
from harness.program import Simulator, Sluice

AUTH = 4
POINTS = ("grant.ask", "grant.answer", "grant.kept", "grant.worked")


@pytest.fixture
def simulator():
    """Airtable: each answer ends the tokens before it."""
    with Simulator("airtable", "--rate", "-1") as simulator:
        simulator.control(op="oauth")
        yield simulator


def token_requests(simulator) -> int:
    return simulator.stats()["keys"].get("oauth", {"requests": 0})["requests"]


def connect(home, simulator, **env) -> Sluice:
    sluice = Sluice(home, points=True, **env)
    demo.connect(sluice, simulator)
    return sluice


def reauthorise(sluice, simulator):
    """What a user does who is told to: a new refresh token for the connection."""
    simulator.control(op="oauth", authorise=True)
    token = simulator.connection()["refresh_token"]
    options = json.loads(sluice.run("connections", "get", "airtable", "--output", "json").out)
    sluice.run("connections", "update", "airtable", "--json", "-",
               stdin=json.dumps({"options": {**options["options"], "refresh_token": token}}))


def test_a_token_is_kept_between_runs_and_renewed_when_it_ends(home, simulator, spec):
    sluice = connect(home, simulator)
    sluice.run("check", "airtable")
    sluice.run("run", spec())
    assert token_requests(simulator) == 1
    simulator.control(op="oauth", expire=True)  # before its time: the source says 401
    sluice.run("run", spec())
    assert token_requests(simulator) == 2


def test_check_says_whether_the_grant_works(home, simulator):
    sluice = connect(home, simulator)
    assert "OAuth grant: access tokens are given, and kept" in sluice.run("check", "airtable").out
    simulator.control(op="oauth", revoke=True)
    result = sluice.run("check", "airtable", code=AUTH)
    assert "OAuth grant" in result.out and "invalid_grant" in result.err
    assert "docs/oauth.md" in result.err
    reauthorise(sluice, simulator)
    sluice.run("check", "airtable")


def test_two_processes_need_a_token_at_once(home, simulator, spec):
    """One asks for it; the other waits and takes what the first one kept."""
    sluice = connect(home, simulator)
    sluice.run("run", spec())
    simulator.control(op="oauth", expire=True)
    simulator.control(latency_ms=300)
    before = token_requests(simulator)
    both = [sluice.start("check", "airtable"), sluice.start("discover", "airtable")]
    for process in both:
        out, err = process.communicate()
        assert process.returncode == 0, out + err
    assert token_requests(simulator) - before == 1


def test_many_processes_begin_at_once(home, simulator):
    sluice = connect(home, simulator)
    simulator.control(latency_ms=200)
    several = [sluice.start("check", "airtable") for _ in range(4)]
    for process in several:
        out, err = process.communicate()
        assert process.returncode == 0, out + err
    assert token_requests(simulator) == 1


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("rules", [{"rotates": False}, {"grace_seconds": 3600}, {}],
                         ids=["one token for ever", "a grace", "no grace"])
def test_killed_while_it_renews(home, simulator, point, rules):
    """Killed at each step of a renewal, the first one and a later one: the next run works, but
    where the source answered, the answer was not kept, and the old token is good no more."""
    simulator.control(op="oauth", **rules)
    sluice = connect(home, simulator)
    for first in (True, False):
        if point == "grant.worked" and "rotates" in rules:
            return  # there is no token before it to be forgotten
        if not first:
            simulator.control(op="oauth", expire=True)
        killed = sluice.run("check", "airtable", code=None, SLUICE_KILL_AT=point)
        assert killed.code == -9, killed
        lost = point == "grant.answer" and not rules
        before = token_requests(simulator)
        after = sluice.run("check", "airtable", code=AUTH if lost else 0)
        if lost:
            assert "may have used up its refresh token" in after.err
            assert "Authorise it again" in after.err
            assert token_requests(simulator) - before == 1  # and not again and again
            reauthorise(sluice, simulator)
            sluice.run("check", "airtable")


OTHERS = {
    "hubspot": {"client_id": "11112222-demo", "client_secret": "demo-client-secret",
                "refresh_token": "na1-demo-refresh-0"},
    "zendesk": {"client_id": "sluice", "client_secret": "zd-client-secret",
                "refresh_token": "zd-refresh-0", "subdomain": "example"},
    "zendesk by itself": {"client_id": "sluice", "client_secret": "zd-client-secret",
                          "subdomain": "example"},
}


@pytest.mark.parametrize("point", POINTS[:3])
@pytest.mark.parametrize("name", OTHERS)
def test_the_other_sources_killed_while_they_renew(home, name, point):
    """HubSpot's refresh token stays the same, a Zendesk client may speak for itself: nothing can
    be lost. Zendesk's refresh token rotates, and the old one ends at once."""
    source = name.split()[0]
    with Simulator(source) as simulator:
        options = {"sourceName": source, "base_url": simulator.url, **OTHERS[name]}
        sluice = Sluice(home, points=True)
        sluice.run("connections", "create", "--json", "-", stdin=json.dumps(
            {"name": "c", "connection_type": "GENERIC_LAKEFLOW_CONNECT", "options": options}))
        sluice.run("check", "c", code=-9, SLUICE_KILL_AT=point)
        lost = name == "zendesk" and point == "grant.answer"
        after = sluice.run("check", "c", code=AUTH if lost else 0)
        assert ("may have used up its refresh token" in after.err) == lost
        if not lost:
            assert "OAuth grant: access tokens are given" in after.out


def test_what_was_kept_is_used_after_a_kill(home, simulator):
    sluice = connect(home, simulator)
    sluice.run("check", "airtable", code=-9, SLUICE_KILL_AT="grant.kept")
    sluice.run("check", "airtable")
    assert token_requests(simulator) == 1


def test_an_answer_that_does_not_arrive(home, simulator):
    """Cut on its way: asked once more with the old token, which is all there is."""
    simulator.control(op="oauth", grace_seconds=60)
    sluice = connect(home, simulator)
    simulator.control(fault="cut:path=oauth2,n=1")
    sluice.run("check", "airtable")
    assert token_requests(simulator) == 2


def test_ctrl_c_while_it_renews(home, simulator):
    """What is being asked is waited for and kept: it cannot be asked for twice."""
    sluice = connect(home, simulator)
    simulator.control(latency_ms=1500)
    process = sluice.start("check", "airtable")
    while token_requests(simulator) == 0:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)  # polls the simulator's counter
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    simulator.control(latency_ms=0)
    sluice.run("check", "airtable")
    assert token_requests(simulator) == 1


def test_no_token_is_shown_or_recorded(home, simulator, spec, tmp_path):
    sluice = connect(home, simulator)
    recording = tmp_path / "recording"
    secrets = [simulator.connection()[name] for name in ("client_secret", "refresh_token")]
    outputs = [sluice.run("run", spec(), "--events", "--record", recording),
               sluice.run("connections", "get", "airtable"),
               sluice.run("connections", "describe", "airtable"),
               sluice.run("check", "airtable", "--output", "json")]
    secrets.append(simulator.connection()["refresh_token"])
    places = [p for folder in (home, recording) for p in folder.rglob("*") if p.is_file()]
    assert any("oauth2" in p.read_text() for p in recording.iterdir())
    for secret in secrets:
        assert all(secret not in result.out + result.err for result in outputs)
        assert not [p for p in places if secret.encode() in p.read_bytes()]
    for prefix in (b'"oar', b'"oaa', b"Bearer oa"):
        assert not [p for p in recording.iterdir() if prefix in p.read_bytes()]


def test_a_recording_is_replayed_without_tokens(home, simulator, tmp_path):
    """The replay neither asks for a token nor keeps one, even where the recording has a renewal."""
    sluice = connect(home, simulator)
    recording = tmp_path / "recording"
    sluice.run("check", "airtable")
    simulator.control(op="oauth", expire=True)
    sluice.run("check", "airtable", "--record", recording)
    sluice.run("check", "airtable", "--replay", recording)
    assert token_requests(simulator) == 2
    sluice.run("check", "airtable")
    assert token_requests(simulator) == 2


def test_a_new_key_seals_the_tokens_too(home, simulator):
    sluice = connect(home, simulator)
    sluice.run("check", "airtable")
    sluice.run("connections", "rekey")
    sluice.run("check", "airtable")
    assert token_requests(simulator) == 1


def test_a_home_of_the_version_before(home, simulator):
    """It gets the table of grants, and keeps what it has."""
    sluice = connect(home, simulator)
    with sqlite3.connect(home / "catalog.db") as catalog:
        catalog.executescript("DROP TABLE grants; PRAGMA user_version = 1;")
    sluice.run("check", "airtable")
    assert token_requests(simulator) == 1


@pytest.mark.parametrize("options, words", [
    ({}, "there are no credentials"),
    ({"client_id": "a"}, "there are no credentials"),
    ({"refresh_token": "r"}, "OAuth needs 'client_id'"),
    ({"client_secret": "s", "client_id": "a"}, "OAuth needs 'client_id' and 'refresh_token'"),
])
def test_half_a_way_to_log_in(home, simulator, options, words):
    value = {"name": "airtable", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
             "options": {"sourceName": "airtable", "base_url": simulator.url, **options}}
    result = Sluice(home).run("connections", "create", "--json", "-", stdin=json.dumps(value),
                              code=3)
    assert words in result.err


def test_from_oauth_to_a_token(home, simulator):
    """A null takes an option away."""
    sluice = connect(home, simulator)
    with Simulator("airtable", "--rate", "-1") as plain:
        sluice.run("connections", "update", "airtable", "--json", "-", stdin=json.dumps(
            {"options": {**plain.connection(), "client_id": None, "client_secret": None,
                         "refresh_token": None}}))
        assert "OAuth" not in sluice.run("check", "airtable").out
