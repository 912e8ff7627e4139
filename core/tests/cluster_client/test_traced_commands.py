"""Commands of several traces share calls: each has a span for each call, and its context goes beside it."""

import asyncio

from collected_spans import parent_of, traced

from quitanda.runtime import tracing


async def settled(client, replicas):
    """Make the leader known, and forget the calls that took."""
    await client.execute(replicas.create(0), 5)
    for replica in replicas.by_name.values():
        replica.metadata.clear()


async def traced_command(client, request):
    """Execute it as a traced request of a portal; give the request's span."""
    with tracing.active.begin("create_customer", "server") as span:
        await client.execute(request, 5)
    return span


async def test_a_call_without_tracing_has_no_metadata(replicas):
    async with replicas.client() as client:
        await settled(client, replicas)
        await client.execute(replicas.create(1), 5)

    assert replicas[1].metadata == [{}]


async def test_each_command_of_one_call_stays_in_its_own_trace(replicas):
    with traced() as ended:
        async with replicas.client() as client:
            await settled(client, replicas)
            calls = [traced_command(client, replicas.create(number)) for number in (1, 2)]
            first, _, second = await asyncio.gather(calls[0], client.execute(replicas.create(3), 5), calls[1])
        executes = {parent_of(span): span for span in ended() if span.name == "execute"}

    (metadata,) = replicas[1].metadata
    carried = tracing.batch_traceparents(metadata.items())
    assert executes.keys() == {first.traceparent, second.traceparent}
    assert [context and tracing_id(context) for context in carried] == [first.trace_id, "", second.trace_id]
    assert {span.attributes["quitanda.commands_in_call"] for span in executes.values()} == {3}
    assert {span.attributes["quitanda.reason"] for span in executes.values()} == {"OK"}
    assert {span.attributes["quitanda.revision"] for span in executes.values()} == {2}


async def test_each_call_of_a_repeated_command_has_a_span_with_its_number_and_reason(replicas):
    with traced() as ended:
        async with replicas.client() as client:
            await settled(client, replicas)
            replicas.lead(2)
            await traced_command(client, replicas.create(1))
        executes = [dict(span.attributes) for span in ended() if span.name == "execute"]

    assert [span["quitanda.attempt"] for span in executes] == [1, 2]
    assert [span["quitanda.replica"] for span in executes] == ["replica1", "replica2"]
    assert [span["quitanda.reason"] for span in executes] == ["NOT_LEADER", "OK"]


def tracing_id(traceparent):
    return traceparent.split("-")[1]
