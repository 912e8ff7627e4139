import asyncio

import pytest

from quitanda.cluster_client import Absent, Get
from quitanda.codec.protobuf import refused_to_proto
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Problem, invalid
from quitanda.errors import OutcomeUnknown, Overloaded, Unavailable
from quitanda.v1 import replica_pb2


class Gate:
    """Holds calls until it opens."""

    def __init__(self):
        self.opened = asyncio.Event()

    async def __call__(self, _context):
        await self.opened.wait()


async def settled(client, replicas):
    """Make the leader known, and forget the calls that took."""
    await client.execute(replicas.create(0), 5)
    for replica in replicas.by_name.values():
        replica.executes.clear()


async def test_commands_of_the_same_moment_go_together(replicas):
    async with replicas.client() as client:
        await settled(client, replicas)
        outcomes = await asyncio.gather(*(client.execute(replicas.create(n), 5) for n in range(1, 101)))

    assert len(replicas[1].executes) == 1
    assert {one.revision for one in outcomes} == {2}
    assert [one.outcome.document.customer_id for one in outcomes] == [f"customer-{n}" for n in range(1, 101)]


async def test_what_comes_while_calls_are_in_flight_gathers_for_the_next_one(replicas):
    gate = replicas[1].before = Gate()
    gate.opened.set()
    async with replicas.client(execute_calls=2) as client:
        await settled(client, replicas)
        gate.opened.clear()
        calls = []
        for n in range(1, 3):
            calls.append(asyncio.create_task(client.execute(replicas.create(n), 5)))
            await replicas.eventually(lambda n=n: len(replicas[1].executes) == n, "the call is in flight")
        calls += [asyncio.create_task(client.execute(replicas.create(n), 5)) for n in range(3, 53)]
        await asyncio.sleep(0)
        assert len(replicas[1].executes) == 2
        gate.opened.set()
        await asyncio.gather(*calls)

    assert [len(call) for call in replicas[1].executes] == [1, 1, 50]


async def test_a_call_is_bounded_by_count_and_by_bytes(replicas):
    async with replicas.client(commands_per_call=10) as client:
        await settled(client, replicas)
        await asyncio.gather(*(client.execute(replicas.create(n), 5) for n in range(1, 26)))
        by_count = sorted(len(call) for call in replicas[1].executes)
    replicas[1].executes.clear()
    async with replicas.client(command_bytes_per_call=100) as client:
        await asyncio.gather(*(client.execute(replicas.create(n), 5) for n in range(100, 110)))
        by_bytes = {len(call) for call in replicas[1].executes}

    assert by_count == [5, 10, 10]
    assert by_bytes == {2}


async def test_a_full_queue_refuses_at_once(replicas):
    replicas[1].before = Gate()
    async with replicas.client(commands_queued=5, commands_per_call=5, execute_calls=1) as client:
        first = asyncio.create_task(client.execute(replicas.create(0), 5))
        await replicas.eventually(lambda: bool(replicas[1].executes), "the first is in flight")
        waiting = [asyncio.create_task(client.execute(replicas.create(n), 5)) for n in range(1, 6)]
        await asyncio.sleep(0)

        async with asyncio.timeout(0.2):
            with pytest.raises(Overloaded):
                await client.execute(replicas.create(6), 5)
        replicas[1].before.opened.set()
        await asyncio.gather(first, *waiting)


async def test_each_caller_keeps_its_own_deadline_while_the_call_goes_on_for_the_others(replicas):
    gate = Gate()
    async with replicas.client() as client:
        await settled(client, replicas)
        replicas[1].before = gate
        patient = asyncio.create_task(client.execute(replicas.create(1), 5))
        with pytest.raises(OutcomeUnknown):
            await client.execute(replicas.create(2), 0.1)
        gate.opened.set()

        assert (await patient).revision == 2
    assert sorted(*replicas[1].executes) == ["request-1", "request-2"]


async def test_a_caller_whose_time_is_over_is_left_out_of_the_next_try(replicas):
    replicas.nobody_leads()
    async with replicas.client() as client:
        patient = asyncio.create_task(client.execute(replicas.create(1), 5))
        with pytest.raises(Unavailable):
            await client.execute(replicas.create(2), 0.1)
        replicas.lead(2)
        await patient

    assert replicas.history.executed == ["request-1"]


async def test_a_cancelled_caller_leaves_the_queue_and_nothing_else_behind(replicas):
    gate = replicas[1].before = Gate()
    async with replicas.client(execute_calls=1, commands_queued=1, commands_per_call=1) as client:
        first = asyncio.create_task(client.execute(replicas.create(1), 5))
        await replicas.eventually(lambda: bool(replicas[1].executes), "the first is in flight")
        second = asyncio.create_task(client.execute(replicas.create(2), 5))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        third = asyncio.create_task(client.execute(replicas.create(3), 5))
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(first, third)

    assert replicas.history.executed == ["request-1", "request-3"]


async def test_a_batch_that_failed_is_tried_again_as_a_batch(replicas):
    async with replicas.client() as client:
        await settled(client, replicas)
        replicas.lead(2)
        await asyncio.gather(*(client.execute(replicas.create(n), 5) for n in range(1, 31)))

    assert [len(call) for call in replicas[2].executes] == [30]


async def test_reads_of_the_same_moment_share_a_call_and_equal_questions_are_asked_once(replicas):
    async with replicas.client() as client:
        await settled(client, replicas)
        questions = [(Get(Kind.CUSTOMER, "customer-0", 1),), (Get(Kind.CUSTOMER, "nobody"),), ()] * 50
        answers = await asyncio.gather(*(client.read(question, 5) for question in questions))

    assert len(replicas[1].reads) == 1
    assert len(replicas[1].reads[0].reads) == 2
    assert {answer.revision for answer in answers} == {1}
    assert answers[1].results == (Absent(),)
    assert answers[2].results == ()


async def test_a_read_never_joins_a_call_that_was_sent_before_it_was_asked_for(replicas):
    gate = Gate()
    async with replicas.client(read_calls=1) as client:
        await settled(client, replicas)
        replicas[1].after = gate
        early = asyncio.create_task(client.read([Get(Kind.CUSTOMER, "customer-1")], 5))
        await replicas.eventually(lambda: len(replicas[1].reads) == 1, "the early read is in flight")
        writer = asyncio.create_task(client.execute(replicas.create(1), 5))
        await replicas.eventually(lambda: "request-1" in replicas.history.executed, "the write happened")
        late = asyncio.create_task(client.read([Get(Kind.CUSTOMER, "customer-1")], 5))
        gate.opened.set()

        assert (await early).results == (Absent(),)
        assert (await late).revision == (await writer).revision == 2
    assert len(replicas[1].reads) == 2


async def test_closing_tells_every_caller_what_is_known(replicas):
    replicas[1].before = replicas.hang
    async with replicas.client(execute_calls=1, read_calls=1) as client:
        sent = asyncio.create_task(client.execute(replicas.create(1), 5))
        await replicas.eventually(lambda: bool(replicas[1].executes), "the first is in flight")
        queued = asyncio.create_task(client.execute(replicas.create(2), 5))
        reading = asyncio.create_task(client.read((), 5))
        await replicas.eventually(lambda: bool(replicas[1].reads), "the read is in flight")
        await client.close()

        results = await asyncio.gather(sent, queued, reading, return_exceptions=True)
        with pytest.raises(Unavailable):
            await client.execute(replicas.create(3), 5)
    assert [type(result) for result in results] == [OutcomeUnknown, Unavailable, Unavailable]


async def test_who_asks_for_the_revision_alone_is_not_answered_by_a_call_that_proved_nothing(replicas):
    async def refuse_without_proof(request):
        refusal = refused_to_proto(invalid("kind", Problem.MALFORMED))
        return replica_pb2.ReadResponse(results=[replica_pb2.ReadResult(refused=refusal) for _ in request.reads])

    async with replicas.client() as client:
        await settled(client, replicas)
        replicas[1].instead = refuse_without_proof
        answers = await asyncio.gather(client.read([Get(Kind.CUSTOMER, "?")], 5), client.read((), 5))

    assert answers[0].results == (invalid("kind", Problem.MALFORMED),)
    assert answers[1].revision == 1


async def test_a_command_that_would_hardly_be_answered_in_time_is_refused_and_never_sent(replicas):
    slow = replicas[1].before = Gate()
    async with replicas.client(execute_calls=1) as client:
        asyncio.get_running_loop().call_later(0.4, slow.opened.set)
        await client.execute(replicas.create(0), 5)
        slow.opened.clear()
        first = asyncio.create_task(client.execute(replicas.create(1), 5))
        await replicas.eventually(lambda: len(replicas[1].executes) == 2, "the first is in flight")
        late = asyncio.create_task(client.execute(replicas.create(2), 1.0))
        patient = asyncio.create_task(client.execute(replicas.create(3), 5))
        asyncio.get_running_loop().call_later(0.6, slow.opened.set)

        with pytest.raises(Overloaded):
            await late
        await asyncio.gather(first, patient)

    assert [len(call) for call in replicas[1].executes] == [1, 1, 1]
