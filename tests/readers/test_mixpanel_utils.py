"""The simulator is honest: Mixpanel's own mixpanel-utils reads the project through it, and does not
notice."""

import json

import pytest
from mixpanel_utils import MixpanelUtils

from harness.program import Simulator

DAYS = {"from_date": "2026-02-19", "to_date": "2026-03-02"}


@pytest.fixture(scope="module")
def simulator():
    with Simulator("mixpanel", "--rate", "-1", "--records", "2500") as running:
        yield running


@pytest.fixture(scope="module", params=["service account", "API secret"])
def client(simulator, request):
    options = simulator.connection()
    if request.param == "service account":
        client = MixpanelUtils(options["secret"], service_account_username=options["username"],
                               project_id=options["project_id"])
    else:
        client = MixpanelUtils("demo-api-secret")
    client.raw_api = client.formatted_api = simulator.url + "/api"
    return client


def truth(simulator, table):
    return json.loads(simulator.request(f"/_sim/truth?table={table}"))["records"]


def name_of(event):
    """What tells one event from another, to those who export them."""
    properties = event["properties"]
    return (event["event"], properties["distinct_id"], properties["time"],
            properties.get("$insert_id") or json.dumps(properties, sort_keys=True))


@pytest.mark.parametrize("gzip", [False, True])
def test_it_exports_every_event(simulator, client, gzip):
    events = client.query_export(dict(DAYS), add_gzip_header=gzip)
    rows = truth(simulator, "events")
    assert set(map(name_of, events)) == set(map(name_of, rows))
    assert len(rows) == 2500 < len(events)  # some were sent twice


def test_it_pages_through_every_profile(simulator, client):
    people = {person["$distinct_id"]: person["$properties"] for person in client.query_engage()}
    assert people == {p["$distinct_id"]: p["$properties"] for p in truth(simulator, "engage")}
    assert len(people) == 2500


def test_it_filters(simulator, client):
    since = "2026-03-01T00:00:00"
    people = client.query_engage({"where": f'properties["$last_seen"]>="{since}"'})
    assert {p["$distinct_id"] for p in people} == {
        p["$distinct_id"] for p in truth(simulator, "engage")
        if p["$properties"].get("$last_seen", "") >= since}
