import asyncio

import pytest
from prometheus_client import CollectorRegistry

from quitanda.cluster_client import Executed, Found, Get
from quitanda.domain.commands import CreateCustomer, Request
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Done, Reason
from quitanda.errors import NotLeader, Unavailable


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_the_leader_is_found_wherever_it_is(replicas, number):
    replicas.lead(number)

    async with replicas.client() as client:
        executed = await client.execute(replicas.create(), 5)

    assert executed.revision == 1
    assert isinstance(executed.outcome, Done)


async def test_the_leader_found_once_is_asked_directly_from_then_on(replicas):
    replicas.lead(3)

    async with replicas.client() as client:
        await client.execute(replicas.create(1), 5)
        replicas[1].executes.clear()
        replicas[2].executes.clear()
        await client.execute(replicas.create(2), 5)

    assert replicas[1].executes + replicas[2].executes == []


async def test_a_hint_is_followed_at_once(replicas):
    registry = CollectorRegistry()
    async with replicas.client(registry=registry) as client:
        await client.execute(replicas.create(1), 5)
        replicas.lead(3)
        await client.execute(replicas.create(2), 5)

    assert replicas[2].executes == []
    assert registry.get_sample_value("quitanda_cluster_tries_total", {"result": "not_leader"}) == 1
    assert registry.get_sample_value("quitanda_cluster_leader_changes_total") == 2


async def test_replicas_that_name_each_other_do_not_trap_a_call(replicas):
    replicas.lead(3)
    replicas[1].hint = "replica2"
    replicas[2].hint = "replica1"

    async with replicas.client() as client:
        executed = await client.execute(replicas.create(), 5)

    assert executed.revision == 1


async def test_a_hint_that_names_nobody_known_is_ignored(replicas):
    replicas.lead(3)
    replicas[1].hint = replicas[2].hint = "replica9"

    async with replicas.client() as client:
        executed = await client.execute(replicas.create(), 5)

    assert executed.revision == 1


async def test_a_command_waits_for_a_leader_and_succeeds_as_soon_as_there_is_one(replicas):
    replicas.nobody_leads()

    async with replicas.client() as client:
        call = asyncio.create_task(client.execute(replicas.create(), 8))
        await replicas.eventually(lambda: len(replicas.executes) >= 9, "three rounds without a leader")
        replicas.lead(2)
        before = len(replicas.executes)
        await call

    # the end of the round that was under way, and one whole round
    assert len(replicas.executes) - before <= 2 * 3


async def test_after_the_leader_died_the_next_one_is_found(replicas):
    async with replicas.client() as client:
        await client.execute(replicas.create(1), 5)
        await replicas[1].die()
        replicas.lead(2)
        before = len(replicas.executes)
        executed = await client.execute(replicas.create(2), 5)

    assert executed.revision == 2
    assert len(replicas.executes) - before <= 2, "each of the two that are left is asked once"


async def test_a_leader_that_came_back_at_its_address_is_reached_again(replicas):
    async with replicas.client() as client:
        await client.execute(replicas.create(1), 5)
        await replicas[1].die()
        call = asyncio.create_task(client.execute(replicas.create(2), 8))
        await replicas.eventually(lambda: bool(replicas[2].executes), "others were asked")
        await replicas[1].start()

        assert (await call).revision == 2


async def test_a_silent_leader_does_not_eat_the_whole_deadline(replicas):
    async with replicas.client(try_timeout=0.3, connect_timeout=0.3) as client:
        await client.execute(replicas.create(1), 5)
        replicas[1].before = replicas.hang
        replicas.lead(2)
        executed = await client.execute(replicas.create(2), 5)

    assert executed.revision == 2
    assert replicas.history.executed == ["request-1", "request-2"]


async def test_a_silent_replica_is_avoided_while_others_still_name_it(replicas):
    async with replicas.client(try_timeout=0.3, connect_timeout=0.3, suspicion=60) as client:
        await client.execute(replicas.create(1), 5)
        replicas[1].before = replicas.hang
        replicas[2].hint = replicas[3].hint = "replica1"
        call = asyncio.create_task(client.execute(replicas.create(2), 8))
        await replicas.eventually(lambda: len(replicas[2].executes) > 3, "the others were asked again and again")
        replicas.lead(3)
        await call

    assert replicas[1].executes == [["request-1"], ["request-2"]]


async def test_an_address_that_accepts_connections_and_says_nothing_is_passed_over(replicas):
    async def accept_and_say_nothing(reader, writer):
        try:
            await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
            ended.set()

    ended = asyncio.Event()
    silent = await asyncio.start_server(accept_and_say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    replicas.lead(2)
    async with (
        silent,
        replicas.client(
            {"replica1": f"127.0.0.1:{port}", "replica2": replicas[2].address}, connect_timeout=0.2
        ) as client,
    ):
        executed = await client.execute(replicas.create(), 5)

        await client.close()
        await asyncio.wait_for(ended.wait(), replicas.TEST_DEADLINE)

    assert executed.revision == 1


async def test_nobody_reachable_is_unavailable_because_nothing_was_sent(replicas):
    for number in (1, 2, 3):
        await replicas[number].die()

    async with replicas.client() as client:
        with pytest.raises(Unavailable):
            await client.execute(replicas.create(), 0.4)


async def test_no_leader_at_all_is_unavailable_because_nobody_took_it(replicas):
    replicas.nobody_leads()

    async with replicas.client() as client:
        for call in (client.execute(replicas.create(), 0.4), client.read([Get(Kind.CUSTOMER, "ana")], 0.4)):
            with pytest.raises(Unavailable) as caught:
                await call
            assert not isinstance(caught.value, NotLeader), "who leads is no business of the callers"

    assert replicas.history.executed == []


async def test_a_refusal_is_an_outcome(replicas):
    async with replicas.client() as client:
        await client.execute(replicas.create(1), 5)
        again = await client.execute(Request("", "other", CreateCustomer("customer-1", "Ana")), 5)

    assert again.outcome.reason is Reason.CUSTOMER_EXISTS
    assert again.revision == 2


async def test_ready_means_that_a_leader_answers(replicas):
    replicas.nobody_leads()
    async with replicas.client(try_timeout=0.2, connect_timeout=0.2) as client:
        assert not await client.ready()
        replicas.lead(2)
        assert await client.ready()


async def test_ready_does_not_ask_again_after_a_late_answer(replicas):
    async with replicas.client() as client:
        await client.execute(replicas.create(), 5)

        assert await client.ready()
    assert replicas[1].reads == []


async def test_statuses_come_from_all_replicas_and_name_those_that_do_not_answer(replicas):
    replicas[1].before = replicas.hang
    await replicas[3].die()

    async with replicas.client() as client:
        statuses = await client.administration.statuses(0.3)

    assert [(one.name, one.reachable, bool(one.error)) for one in statuses] == [
        ("replica1", False, True),
        ("replica2", True, False),
        ("replica3", False, True),
    ]


async def test_a_read_finds_the_leader_and_what_was_written(replicas):
    replicas.lead(2)
    async with replicas.client() as client:
        executed = await client.execute(replicas.create(7), 5)
        answer = await client.read([Get(Kind.CUSTOMER, "customer-7")], 5)

    assert isinstance(executed, Executed)
    assert answer.revision == 1
    assert answer.results == (Found(executed.outcome.document),)
