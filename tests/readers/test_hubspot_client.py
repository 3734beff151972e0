"""The simulator is honest: HubSpot's own client reads the portal through it, and does not notice."""

import importlib
import json
import pkgutil

import hubspot
import pytest
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.contacts import BatchReadInputSimplePublicObjectId, PublicObjectSearchRequest

from harness.program import Simulator

OBJECTS = ["contacts", "companies", "deals", "tickets", "products", "line_items", "quotes",
           "emails", "notes", "tasks", "2-7001"]


@pytest.fixture(scope="module")
def simulator():
    with Simulator("hubspot", "--rate", "-1") as running:
        yield running


@pytest.fixture(scope="module")
def client(simulator):
    return hubspot.Client.create(access_token=simulator.connection()["access_token"])


def truth(simulator, table):
    records = json.loads(simulator.request(f"/_sim/truth?table={table}"))["records"]
    return {record["id"]: record for record in records}


@pytest.fixture(autouse=True)
def host(simulator, monkeypatch):
    """The client knows one host only; it is told another one, package by package."""
    for module in pkgutil.walk_packages(hubspot.__path__, "hubspot."):
        if module.name.endswith(".configuration"):
            configuration = importlib.import_module(module.name).Configuration
            monkeypatch.setattr(configuration, "get_host_settings",
                                lambda self: [{"url": simulator.connection()["base_url"],
                                               "description": ""}])


@pytest.mark.parametrize("name", OBJECTS)
def test_it_pages_through_every_object(name, simulator, client):
    expected = truth(simulator, name)
    names = list(next(iter(expected.values()))["properties"])
    found, after = {}, None
    while True:
        page = client.crm.objects.basic_api.get_page(name, limit=37, after=after,
                                                     properties=names, archived=False)
        found |= {one.id: one.properties for one in page.results}
        if not page.paging:
            break
        after = page.paging.next.after
    assert found == {id_: record["properties"] for id_, record in expected.items()}


def test_it_searches_and_pages_by_offset(simulator, client):
    expected = truth(simulator, "contacts")
    found, after = [], None
    while True:
        page = client.crm.contacts.search_api.do_search(PublicObjectSearchRequest(
            filter_groups=[{"filters": [{"propertyName": "lastmodifieddate", "operator": "GTE",
                                         "value": "1000"}]}],
            sorts=["lastmodifieddate"], properties=["lastmodifieddate"], limit=50, after=after))
        found += page.results
        if not page.paging:
            break
        after = page.paging.next.after
    assert page.total == len(expected) == len(found)
    assert {one.id for one in found} == expected.keys()


def test_batches_and_associations(simulator, client):
    expected = truth(simulator, "companies")
    ids = list(expected)[:40]
    batch = client.crm.contacts.batch_api.read(BatchReadInputSimplePublicObjectId(
        properties=["email"], properties_with_history=[],
        inputs=[{"id": id_} for id_ in truth(simulator, "contacts")][:100]))
    assert len(batch.results) == 100
    links = client.crm.associations.v4.batch_api.get_page(
        "companies", "contacts",
        batch_input_public_fetch_associations_batch_request=(
            BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": id_} for id_ in ids])))
    found = {one._from.id: sorted(int(to.to_object_id) for to in one.to) for one in links.results}
    assert found == {id_: expected[id_]["contacts"] for id_ in ids if expected[id_]["contacts"]}


def test_what_describes_the_portal(simulator, client):
    owners = client.crm.owners.owners_api.get_page(limit=3)
    assert [o.email for o in owners.results] == [f"owner{i}@example.com" for i in range(3)]
    names = {p.name for p in client.crm.properties.core_api.get_all("contacts").results}
    assert {"email", "score", "lastmodifieddate"} <= names
    schemas = client.crm.schemas.core_api.get_all()
    assert [s.object_type_id for s in schemas.results] == ["2-7001", "2-7002"]
    pipelines = client.crm.pipelines.pipelines_api.get_all("deals")
    assert len(pipelines.results[0].stages) == 3


def test_a_refusal_is_one_to_it(simulator, client):
    with pytest.raises(hubspot.crm.objects.exceptions.NotFoundException):
        client.crm.objects.basic_api.get_page("unicorns")
    simulator.control(ops=[{"op": "forbid", "table": "quotes"}])
    with pytest.raises(hubspot.crm.objects.exceptions.ForbiddenException):
        client.crm.objects.basic_api.get_page("quotes")
    simulator.control(ops=[{"op": "forbid", "table": "quotes", "off": True}])
