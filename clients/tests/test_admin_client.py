import asyncio
import socket

import pytest
from fake_portals import Busy, FakePortal, Hang

from quitanda.domain.limits import PAGE_SIZE_MAX, PRICE_MAX, QUANTITY_MAX, VERSION_MAX
from quitanda.domain.model import Customer, Product
from quitanda.domain.outcomes import Problem, Reason, invalid, refused
from quitanda.errors import OutcomeUnknown, Overloaded, Rejected, Unavailable
from quitanda.runtime.addresses import Address
from quitanda_clients.client import AdminClient
from quitanda_clients.paging import RESTARTS_MAX
from quitanda_clients.results import Consistency, DeleteResult, DocumentResult

CACHED = 2


@pytest.fixture
def closed_address():
    """An address that refuses connections: bound, but nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Address("127.0.0.1", bound.getsockname()[1])


def client_of(*portals, timeout=10.0):
    return AdminClient([getattr(portal, "address", portal) for portal in portals], timeout=timeout)


async def test_a_customer_is_created_changed_fetched_and_deleted(portal):
    async with client_of(portal) as client:
        created = await client.create_customer("ana", "Ana", extra=(("age", "31"),))
        updated = await client.update_customer("ana", name="Ana B.", extra=(("age", "null"), ("city", '"Rio"')))
        fetched = await client.get_customer("ana")
        deleted = await client.delete_customer("ana", cascade=True)

    assert created == DocumentResult(Customer("ana", "Ana", (("age", "31"),), 1), 1)
    assert updated == DocumentResult(Customer("ana", "Ana B.", (("city", '"Rio"'),), 2), 2)
    assert fetched == updated
    assert deleted == DeleteResult(3, 2)


async def test_a_product_is_created_changed_fetched_and_deleted(portal):
    async with client_of(portal) as client:
        created = await client.create_product("caneta", "Caneta", 250, 40, description="azul")
        updated = await client.update_product("caneta", price=300)
        adjusted = await client.adjust_stock("caneta", -4)
        fetched = await client.get_product("caneta")
        deleted = await client.delete_product("caneta")

    assert created == DocumentResult(Product("caneta", "Caneta", "azul", 250, 40, (), 1), 1)
    assert updated == DocumentResult(Product("caneta", "Caneta", "azul", 300, 40, (), 2), 2)
    assert adjusted == DocumentResult(Product("caneta", "Caneta", "azul", 300, 36, (), 3), 3)
    assert fetched == adjusted
    assert deleted == DeleteResult(4, 0)


async def test_a_refused_price_is_named_as_the_callers_argument(portal):
    portal.plans.append(invalid("price_minor_units", Problem.NEGATIVE, value=-1))
    async with client_of(portal) as client:
        with pytest.raises(Rejected) as caught:
            await client.create_product("caneta", "Caneta", -1, 40)

    assert caught.value.refused == invalid("price", Problem.NEGATIVE, value=-1)


async def test_an_update_sends_only_what_is_given(portal):
    async with client_of(portal) as client:
        await client.create_product("caneta", "Caneta", 250, 40)
        await client.update_product("caneta", quantity=0, expected_version=1)

    (request,) = portal.requests("UpdateProduct")
    given = {name for name in ("name", "description", "price_minor_units", "quantity") if request.HasField(name)}
    assert given == {"quantity"}
    assert request.expected_version == 1


async def test_a_refusal_is_raised_with_its_reason_and_is_not_tried_again(portal, other_portal):
    async with client_of(portal, other_portal) as client:
        with pytest.raises(Rejected) as rejected:
            await client.get_customer("nobody")

    assert rejected.value.refused == refused(Reason.CUSTOMER_NOT_FOUND, customer_id="nobody")
    assert len(portal.calls) == 1
    assert other_portal.calls == []


async def test_a_portal_that_refuses_connections_is_passed_over_without_a_try(portal, closed_address):
    async with client_of(closed_address, portal) as client:
        answer = await client.create_customer("ana", "Ana")
        await client.get_customer("ana")

    assert answer.document.name == "Ana"
    assert [name for name, _ in portal.calls] == ["CreateCustomer", "GetCustomer"]


@pytest.mark.parametrize("failure", [Unavailable("no leader"), Overloaded("queue full")])
async def test_a_definite_failure_moves_on_to_the_next_portal(portal, other_portal, failure):
    portal.plans.append(failure)
    async with client_of(portal, other_portal) as client:
        await client.create_customer("ana", "Ana")

    assert len(portal.calls) == 1
    assert len(other_portal.calls) == 1


@pytest.mark.parametrize("plan", [Hang(), Busy(), OutcomeUnknown("leader changed")])
async def test_an_unknown_outcome_is_repeated_at_the_next_portal_with_the_same_request_id(portal, other_portal, plan):
    portal.plans.append(plan)
    async with client_of(portal, other_portal, timeout=3.0) as client:
        answer = await client.create_customer("ana", "Ana")

    ((_, first),), ((_, second),) = portal.calls, other_portal.calls
    assert answer.document.customer_id == "ana"
    assert first == second
    assert first.request_id


async def test_the_same_portal_is_tried_again_while_there_is_time(portal):
    portal.plans.extend([Unavailable("no leader"), OutcomeUnknown("leader changed"), Unavailable("no leader")])
    async with client_of(portal) as client:
        await client.create_customer("ana", "Ana", request_id="r1")

    assert [request.request_id for _, request in portal.calls] == ["r1"] * 4


async def test_without_any_portal_a_write_is_unavailable_at_its_deadline(closed_address):
    async with client_of(closed_address, timeout=0.4) as client:
        with pytest.raises(Unavailable, match="no connection"):
            await client.create_customer("ana", "Ana")


async def test_a_write_that_may_have_happened_ends_unknown_even_if_the_last_try_was_definite(portal):
    portal.plans.extend([OutcomeUnknown("leader changed"), *[Unavailable("no leader")] * 50])
    async with client_of(portal, timeout=2.0) as client:
        with pytest.raises(OutcomeUnknown):
            await client.create_customer("ana", "Ana")


async def test_a_read_without_an_answer_is_unavailable_because_nothing_happened(portal):
    portal.plans.extend([Hang()] * 10)
    async with client_of(portal, timeout=0.3) as client:
        with pytest.raises(Unavailable):
            await client.get_customer("ana")


async def test_the_portal_that_answered_last_is_asked_first(portal, other_portal):
    portal.plans.append(Unavailable("no leader"))
    async with client_of(portal, other_portal) as client:
        await client.create_customer("ana", "Ana")
        await client.get_customer("ana")

    assert len(portal.calls) == 1
    assert [name for name, _ in other_portal.calls] == ["CreateCustomer", "GetCustomer"]


async def test_a_restarted_portal_is_found_again_by_the_same_client(portal):
    async with client_of(portal, timeout=3.0) as client:
        await client.create_customer("ana", "Ana")
        await portal.stop()
        with pytest.raises(Unavailable):
            await client.get_customer("ana")
        await portal.start()
        answer = await client.get_customer("ana")

    assert answer.document.name == "Ana"


async def test_cached_reads_carry_the_highest_revision_that_the_client_saw(portal):
    async with client_of(portal) as client:
        await client.create_customer("ana", "Ana")
        await client.create_customer("bia", "Bia")
        await client.get_customer("ana", consistency=Consistency.CACHED)

    (request,) = portal.requests("GetCustomer")
    assert (request.consistency, request.min_revision) == (CACHED, 2)


async def test_a_list_is_fetched_page_by_page(portal, shop):
    shop.customers = {f"c{n:04}": Customer(f"c{n:04}", "Name", (), n) for n in range(1200)}
    async with client_of(portal) as client:
        listing = await client.list_customers()

    assert [customer.customer_id for customer in listing.documents] == sorted(shop.customers)
    assert not listing.truncated
    assert [request.page_size for request in portal.requests("ListCustomers")] == [500, 500, 500]


async def test_a_limit_stops_a_list_and_says_that_there_is_more(portal, shop):
    shop.customers = {f"c{n:04}": Customer(f"c{n:04}", "Name", (), n) for n in range(600)}
    async with client_of(portal) as client:
        listing = await client.list_customers(limit=502)

    assert len(listing.documents) == 502
    assert listing.truncated
    assert [request.page_size for request in portal.requests("ListCustomers")] == [500, 2]


async def test_a_list_whose_pages_expired_begins_again(portal, shop):
    shop.products = {f"p{n:04}": Product(f"p{n:04}", "Name", "", 1, 1, (), n) for n in range(600)}
    async with client_of(portal) as client:
        await client.products_page()
        portal.plans.extend([refused(Reason.PAGE_TOKEN_EXPIRED)] * RESTARTS_MAX)
        listing = await client.list_products()

    assert len(listing.documents) == 600


async def test_a_list_that_expires_again_and_again_is_given_up(portal):
    portal.plans.extend([refused(Reason.PAGE_TOKEN_EXPIRED)] * 10)
    async with client_of(portal) as client:
        with pytest.raises(Rejected, match="PAGE_TOKEN_EXPIRED"):
            await client.list_products()

    assert len(portal.calls) == RESTARTS_MAX + 1


async def test_pages_that_are_too_large_for_one_answer_are_asked_for_in_halves(portal, shop):
    shop.products = {f"p{n:04}": Product(f"p{n:04}", "Name", "", 1, 1, (), n) for n in range(300)}
    portal.plans.extend([refused(Reason.INVALID_ARGUMENT, "page_size", problem="too_large")] * 2)
    async with client_of(portal) as client:
        listing = await client.list_products()

    assert len(listing.documents) == 300
    assert [request.page_size for request in portal.requests("ListProducts")] == [500, 250, 125, 125, 125]


async def test_the_state_of_the_replicas_is_shown(portal):
    async with client_of(portal) as client:
        replicas = await client.cluster_status()

    assert [(replica.name, replica.reachable) for replica in replicas] == [("replica1", True), ("replica2", False)]


async def test_one_client_serves_many_calls_at_the_same_time(portal, other_portal, shop):
    async with client_of(portal, other_portal) as client, asyncio.TaskGroup() as calls:
        for number in range(200):
            calls.create_task(client.create_customer(f"c{number}", "Name"))

    assert len(shop.customers) == 200


async def test_calls_in_flight_end_when_the_client_is_closed(portal):
    portal.plans.append(Hang())
    client = client_of(portal, timeout=0.5)
    call = asyncio.create_task(client.create_customer("ana", "Ana"))
    await portal.called()
    await client.close()

    with pytest.raises(OutcomeUnknown):
        await call


async def test_a_call_can_be_cancelled_while_it_connects(closed_address):
    client = client_of(closed_address)
    call = asyncio.create_task(client.get_customer("ana"))
    await asyncio.sleep(0.01)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    await client.close()


def test_a_client_without_portals_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        AdminClient([])


async def test_a_portal_that_never_accepts_is_passed_over_in_bounded_time(portal):
    """A listening socket whose queue is full lets connections hang without an answer."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        async with client_of(Address("127.0.0.1", deaf.getsockname()[1]), portal, timeout=2.0) as client:
            answer = await client.create_customer("ana", "Ana")

    assert answer.document.customer_id == "ana"


async def test_two_fake_portals_share_their_shop(portal, other_portal):
    assert isinstance(other_portal, FakePortal)
    assert portal.shop is other_portal.shop


@pytest.mark.parametrize(
    ("field", "problem", "limit", "call"),
    [
        ("quantity", Problem.TOO_LARGE, QUANTITY_MAX, lambda client: client.create_product("p", "P", 1, 2**63)),
        ("quantity", Problem.TOO_LARGE, QUANTITY_MAX, lambda client: client.update_product("p", quantity=10**400)),
        ("quantity", Problem.NEGATIVE, 0, lambda client: client.update_product("p", quantity=-(2**63) - 1)),
        ("price", Problem.TOO_LARGE, PRICE_MAX, lambda client: client.create_product("p", "P", 2**63, 1)),
        ("delta", Problem.TOO_LARGE, QUANTITY_MAX, lambda client: client.adjust_stock("p", -(2**63) - 1)),
        ("page_size", Problem.TOO_LARGE, PAGE_SIZE_MAX, lambda client: client.products_page(2**31)),
        ("expected_version", Problem.NEGATIVE, 0, lambda client: client.delete_product("p", expected_version=-1)),
        (
            "expected_version",
            Problem.TOO_LARGE,
            VERSION_MAX,
            lambda client: client.delete_customer("c", expected_version=2**64),
        ),
        ("min_revision", Problem.TOO_LARGE, VERSION_MAX, lambda client: client.get_product("p", min_revision=2**64)),
    ],
)
async def test_a_number_that_no_message_can_carry_is_refused_by_its_field_and_true_limit(
    portal, field, problem, limit, call
):
    async with client_of(portal) as client:
        with pytest.raises(Rejected) as caught:
            await call(client)

    assert caught.value.refused == invalid(field, problem, limit=limit)
    assert portal.calls == []
