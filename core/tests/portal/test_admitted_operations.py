"""A portal works on as many requests as it can answer, and refuses the rest before they cost anything."""

import asyncio

import pytest

from quitanda.cluster_client import Executed
from quitanda.domain.commands import CreateCustomer
from quitanda.domain.model import Customer
from quitanda.domain.outcomes import Done, Refused
from quitanda.errors import Overloaded
from quitanda.operations import PortalKind, document_operations_of
from quitanda.portal.operations import ADMINISTRATORS, PortalOperations
from quitanda.runtime.admission import AdmissionOptions

CREATE = document_operations_of(PortalKind.ADMIN)["create_customer"]
LIMIT = AdmissionOptions().limit_start


class SlowCluster:
    """Answers no command until it may."""

    def __init__(self):
        self.may_answer = asyncio.Event()
        self.asked = 0

    async def execute(self, request, timeout):  # noqa: ARG002 - as the client that it stands for
        assert request.scope == ADMINISTRATORS
        self.asked += 1
        await self.may_answer.wait()
        return Executed(Done(Customer(request.command.customer_id, "Ana", (), 1)), 1)


class Reader:
    """Keeps nothing."""

    def record_write(self, changed, revision):
        pass


async def create(portal, number, customer_id=None):
    command = CreateCustomer(customer_id or f"c{number}", "Ana", ())
    return await portal.perform(CREATE, command, f"r{number}", 5.0)


@pytest.fixture
async def full():
    """A portal that works on as many writes as it may."""
    cluster = SlowCluster()
    portal = PortalOperations(PortalKind.ADMIN, cluster, Reader())
    writes = [asyncio.create_task(create(portal, number)) for number in range(LIMIT)]
    async with asyncio.timeout(5):
        while cluster.asked < LIMIT:  # noqa: ASYNC110 - the tasks have begun when all have asked
            await asyncio.sleep(0)
    yield portal, cluster
    cluster.may_answer.set()
    answers = await asyncio.gather(*writes)
    assert all(answer.revision == 1 for answer in answers)


async def test_one_write_more_than_there_is_room_for_is_refused_with_a_hint_and_not_sent(full):
    portal, cluster = full

    with pytest.raises(Overloaded) as refused:
        await create(portal, LIMIT)

    assert refused.value.retry_after > 0
    assert cluster.asked == LIMIT


async def test_what_is_not_valid_is_told_what_is_wrong_and_takes_no_place(full):
    portal, cluster = full

    assert isinstance(await create(portal, LIMIT, customer_id="not an id"), Refused)
    assert cluster.asked == LIMIT


async def test_a_place_that_was_left_is_given_to_the_next_write(full):
    portal, cluster = full
    cluster.may_answer.set()
    await asyncio.sleep(0.01)

    assert (await create(portal, LIMIT)).revision == 1
