import asyncio

import pytest

from quitanda.cluster_client import Get
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Done, Problem, Reason, invalid, refused
from quitanda.errors import InternalError, OutcomeUnknown, Overloaded, Unavailable


def once(action):
    """Do it for the first call only."""
    left = [action]

    async def act(context):
        if left:
            await left.pop()(context)

    return act


async def test_a_lost_reply_is_asked_for_again_with_the_same_request_id(replicas):
    replicas[1].after = once(replicas.drop)

    async with replicas.client() as client:
        executed = await client.execute(replicas.create(), 5)

    assert executed.revision == 1
    assert isinstance(executed.outcome, Done)
    assert replicas[1].executes == [["request-1"], ["request-1"]]
    assert replicas.history.executed == ["request-1"]


async def test_a_leader_that_dies_in_the_middle_of_a_call_does_not_make_the_command_happen_twice(replicas):
    async def die_and_hand_over(_context):
        replicas.lead(2)
        dying.append(asyncio.create_task(replicas[1].die()))
        await asyncio.Event().wait()

    dying = []
    replicas[1].after = die_and_hand_over

    async with replicas.client() as client:
        executed = await client.execute(replicas.create(), 5)

    await asyncio.gather(*dying)
    assert executed.revision == 1
    assert replicas.history.executed == ["request-1"]


async def test_a_write_whose_reply_never_comes_has_an_unknown_outcome(replicas):
    replicas[1].after = replicas.drop

    async with replicas.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.execute(replicas.create(), 0.4)

    assert replicas.history.executed == ["request-1"]


async def test_a_write_still_on_its_way_at_the_deadline_has_an_unknown_outcome(replicas):
    replicas[1].before = replicas.hang

    async with replicas.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.execute(replicas.create(), 0.3)


async def test_a_write_that_once_may_have_happened_stays_unknown_though_later_tries_failed_definitely(replicas):
    async def drop_and_step_down(context):
        replicas.nobody_leads()
        await replicas.drop(context)

    replicas[1].after = once(drop_and_step_down)

    async with replicas.client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.execute(replicas.create(), 0.5)


async def test_a_read_whose_answer_never_comes_is_unavailable_since_reads_change_nothing(replicas):
    replicas[1].before = replicas.hang
    replicas[2].hint = replicas[3].hint = ""

    async with replicas.client() as client:
        with pytest.raises(Unavailable):
            await client.read([Get(Kind.CUSTOMER, "ana")], 0.3)


async def test_an_overloaded_leader_is_asked_a_few_times_and_then_the_caller_is_told(replicas):
    async def overloaded(context):
        await replicas[1].fail(context, Overloaded())

    replicas[1].before = overloaded

    async with replicas.client(overload_tries=3) as client:
        with pytest.raises(Overloaded):
            await client.execute(replicas.create(), 5)

    assert len(replicas[1].executes) == 3
    assert replicas[2].executes + replicas[3].executes == []


async def test_a_defect_of_the_replica_is_told_at_once_and_not_repeated(replicas):
    async def defect(context):
        await replicas[1].fail(context, InternalError())

    replicas[1].before = defect

    async with replicas.client() as client:
        with pytest.raises(InternalError):
            await client.execute(replicas.create(), 5)

    assert len(replicas[1].executes) == 1


async def test_what_is_refused_together_is_sent_apart_so_that_one_mistake_reaches_nobody_else(replicas):
    mistake = invalid("request", Problem.MALFORMED)

    async def refuse_the_third(context):
        if "request-3" in replicas[1].executes[-1]:
            await replicas[1].fail(context, mistake)

    replicas[1].before = refuse_the_third

    async with replicas.client() as client:
        await client.execute(replicas.create(0), 5)
        outcomes = await asyncio.gather(*(client.execute(replicas.create(n), 5) for n in range(1, 6)))

    assert [getattr(one.outcome, "reason", "DONE") for one in outcomes] == [
        "DONE",
        "DONE",
        Reason.INVALID_ARGUMENT,
        "DONE",
        "DONE",
    ]
    assert outcomes[2].revision == 0


async def test_a_read_that_a_replica_refuses_is_answered_with_the_refusal(replicas):
    async def refuse(context):
        await replicas[1].fail(context, refused(Reason.INTERNAL))

    replicas[1].before = refuse

    async with replicas.client() as client:
        answer = await client.read([Get(Kind.CUSTOMER, "a"), Get(Kind.CUSTOMER, "b")], 5)

    assert answer.results == (refused(Reason.INTERNAL), refused(Reason.INTERNAL))
