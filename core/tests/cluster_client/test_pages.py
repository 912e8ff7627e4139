import pytest

from quitanda.cluster_client import Get, List, Page
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import Unavailable

EXPIRED = refused(Reason.PAGE_TOKEN_EXPIRED, "page_token")


def products(token=""):
    return List(Kind.PRODUCT, "", 10, token)


async def first_page(client):
    answer = await client.read([products()], 5)
    (page,) = answer.results
    assert isinstance(page, Page)
    return page


async def test_the_next_page_is_read_where_the_list_began_though_another_replica_leads_now(replicas):
    async with replicas.client() as client:
        page = await first_page(client)
        replicas.lead(2)
        await client.execute(replicas.create(), 5)
        answer = await client.read([products(page.next_page_token)], 5)

    assert isinstance(answer.results[0], Page)
    assert replicas[1].reads[-1].reads[0].list.page_token == page.next_page_token


async def test_looking_for_a_page_does_not_change_the_known_leader(replicas):
    async with replicas.client() as client:
        page = await first_page(client)
        replicas.lead(2)
        await client.execute(replicas.create(1), 5)
        await client.read([products(page.next_page_token)], 5)
        replicas[1].executes.clear()
        await client.execute(replicas.create(2), 5)

    assert replicas[1].executes == []


async def test_a_list_whose_replica_is_gone_has_expired(replicas):
    async with replicas.client() as client:
        page = await first_page(client)
        await replicas[1].die()
        replicas.lead(2)
        answer = await client.read([products(page.next_page_token)], 5)

    assert answer.results == (EXPIRED,)


async def test_a_list_of_a_replica_that_nobody_knows_any_more_has_expired(replicas):
    async with replicas.client() as client:
        answer = await client.read([products("replica9/0")], 5)

    assert answer.results == (EXPIRED,)


async def test_a_snapshot_that_its_replica_let_go_has_expired(replicas):
    async with replicas.client() as client:
        page = await first_page(client)
        replicas[1].lists.clear()
        answer = await client.read([products(page.next_page_token)], 5)

    assert answer.results == (EXPIRED,)


async def test_a_page_with_nobody_to_ask_is_unavailable(replicas):
    async with replicas.client() as client:
        page = await first_page(client)
        for number in (1, 2, 3):
            await replicas[number].die()
        with pytest.raises(Unavailable):
            await client.read([products(page.next_page_token)], 0.3)


async def test_a_further_page_cannot_share_a_snapshot_with_other_reads(replicas):
    async with replicas.client() as client:
        with pytest.raises(ValueError, match="alone"):
            await client.read([products("replica1/0"), Get(Kind.PRODUCT, "apple")], 5)
