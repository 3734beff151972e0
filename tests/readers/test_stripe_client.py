"""The simulator is honest: Stripe's own client reads the account through it, and does not notice."""

import json

import pytest
import stripe

from harness.program import Simulator

LISTS = {"customers": "customers", "charges": "charges", "payment_intents": "payment_intents",
         "subscriptions": "subscriptions", "invoices": "invoices", "products": "products",
         "prices": "prices", "refunds": "refunds", "disputes": "disputes",
         "balance_transactions": "balance_transactions", "payouts": "payouts",
         "invoice_items": "invoice_items", "plans": "plans", "events": "events",
         "coupons": "coupons"}


@pytest.fixture(scope="module")
def simulator():
    with Simulator("stripe", "--rate", "-1") as running:
        yield running


@pytest.fixture(scope="module")
def client(simulator):
    options = simulator.connection()
    return stripe.StripeClient(options["api_key"], base_addresses={"api": options["base_url"]},
                               max_network_retries=0)


def pinned(**params):
    """Parameters, and the version of the API that the truth is in."""
    return {"params": params, "options": {"stripe_version": "2024-12-18.acacia"}}


def truth(simulator, table):
    records = json.loads(simulator.request(f"/_sim/truth?table={table}"))["records"]
    return {record["id"]: record for record in records}


@pytest.mark.parametrize("table", LISTS)
def test_it_pages_through_every_list(table, simulator, client):
    expected = truth(simulator, table)
    params = {"limit": 37, **({"status": "all"} if table == "subscriptions" else {})}
    service = getattr(client.v1, LISTS[table])
    found = [one.id for one in service.list(**pinned(**params)).auto_paging_iter()]
    assert len(found) == len(set(found)) > 0
    assert set(found) == expected.keys()


def test_rows_are_those_of_the_truth(simulator, client):
    expected = truth(simulator, "charges")
    for charge in client.v1.charges.list(**pinned(limit=100)).auto_paging_iter():
        assert json.loads(str(charge)) == expected[charge.id]


def test_sub_lists_go_on(simulator, client):
    long = 0
    for id_, expected in truth(simulator, "invoices").items():
        if expected["lines"]["total_count"] <= 10:
            continue
        invoice = client.v1.invoices.retrieve(id_, **pinned())
        assert len(invoice.lines.data) == 10 and invoice.lines.has_more
        lines = client.v1.invoices.line_items.list(id_, **pinned(limit=100)).auto_paging_iter()
        assert [json.loads(str(line)) for line in lines] == expected["lines"]["data"]
        long += 1
    assert long > 5


def test_payment_methods_are_those_of_customers(simulator, client):
    found = {}
    for customer in client.v1.customers.list(**pinned(limit=100)).auto_paging_iter():
        methods = client.v1.customers.payment_methods.list(customer.id, **pinned())
        found |= {method.id: json.loads(str(method)) for method in methods.auto_paging_iter()}
    assert found == truth(simulator, "payment_methods")


def test_filters_by_time_and_both_directions(simulator, client):
    newest_first = [c.id for c in client.v1.customers.list(**pinned(limit=100)).auto_paging_iter()]
    page = client.v1.customers.list(**pinned(limit=10, ending_before=newest_first[30]))
    assert [c.id for c in page.data] == newest_first[20:30]
    times = sorted(c["created"] for c in truth(simulator, "customers").values())
    some = client.v1.customers.list(**pinned(created={"gte": times[20], "lt": times[60]}, limit=100))
    assert len(some.data) == sum(times[20] <= t < times[60] for t in times)


def test_expanded_members_are_there_when_asked_for(client):
    plain = client.v1.prices.list(**pinned(limit=100)).data
    asked = client.v1.prices.list(**pinned(limit=100, expand=["data.tiers"])).data
    assert not any("tiers" in price for price in plain)
    assert any("tiers" in price for price in asked)


def test_newer_versions_have_other_shapes(client):
    old = client.v1.invoices.list(**pinned(limit=1)).data[0]
    new = client.v1.invoices.list(params={"limit": 1}).data[0]
    assert "paid" in old and "parent" not in old
    assert "parent" in new and "paid" not in new


def test_events_by_type(simulator, client):
    simulator.control(ops=[{"op": "edit", "table": "customers", "record": 3},
                           {"op": "delete", "table": "coupons", "record": 3}])
    found = client.v1.events.list(**pinned(types=["coupon.deleted", "customer.updated"], limit=2))
    assert {event.type for event in found.data} == {"coupon.deleted", "customer.updated"}
    gone = next(e for e in found.data if e.type == "coupon.deleted").data.object["id"]
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.coupons.retrieve(gone)
    assert missing.value.code == "resource_missing" and missing.value.http_status == 404


def test_errors_are_its_own(simulator, client):
    with pytest.raises(stripe.InvalidRequestError) as limit:
        client.v1.charges.list(params={"limit": 101})
    assert limit.value.param == "limit" and limit.value.request_id
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        client.v1.payment_methods.list(params={"created": {"gte": 1}})
    assert unknown.value.code == "parameter_unknown"
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient("nothing", base_addresses=client._requestor._options.base_addresses
                            ).v1.charges.list()
    simulator.control(ops=[{"op": "forbid", "table": "disputes"}])
    with pytest.raises(stripe.PermissionError, match="rak_dispute_read"):
        client.v1.disputes.list()
    simulator.control(ops=[{"op": "forbid", "table": "disputes", "off": True}], fault="429:n=1")
    with pytest.raises(stripe.RateLimitError):
        client.v1.disputes.list()


def test_connected_accounts(client):
    accounts = list(client.v1.accounts.list(params={"limit": 1}).auto_paging_iter())
    assert len(accounts) == 2
    own = client.v1.customers.list(params={"limit": 1}).data[0].id
    other = client.v1.customers.list(params={"limit": 1},
                                     options={"stripe_account": accounts[0].id}).data[0].id
    assert own != other
