"""The spans of commands on the leader: beside the log, one set for each trace, and announced with the feed."""

from collected_spans import parent_of, traced

from quitanda.runtime import tracing
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.command_spans import APPLIED_MAX, CommandSpans

FIRST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECOND = "00-11111111111111111111111111111111-2222222222222222-01"


def cancel(request_id):
    return pb.Request(request_id=request_id, cancel_order=pb.CancelOrderCommand(order_id="o"))


def applied(spans, index):
    """Let the raft thread's part of an entry happen."""
    spans.appended()
    spans.apply_begins()
    spans.apply_ended(index)


def test_each_traced_command_of_an_entry_has_its_own_spans_and_the_others_have_none():
    with traced() as ended:
        kept = CommandSpans(tracing.active)
        spans = kept.begin([cancel("a"), cancel("b"), cancel("c"), cancel("d")], [FIRST, "", SECOND])
        applied(spans, 7)
        announced = kept.announce(7)
        for span in announced:
            span.end()
        spans.end([("OK", 7), ("OK", 7), ("ORDER_NOT_FOUND", 3), ("OK", 7)])
        by_trace = {}
        for span in ended():
            by_trace.setdefault(f"{span.context.trace_id:032x}", {})[span.name] = span

    assert by_trace.keys() == {FIRST.split("-")[1], SECOND.split("-")[1]}
    for request_id, parent, reason, revision in (("a", FIRST, "OK", 7), ("c", SECOND, "ORDER_NOT_FOUND", 3)):
        spans_of = by_trace[parent.split("-")[1]]
        execute, apply = spans_of["execute"], spans_of["apply"]
        assert parent_of(execute) == parent
        assert execute.attributes["quitanda.request_id"] == request_id
        assert execute.attributes["quitanda.operation"] == "cancel_order"
        assert (execute.attributes["quitanda.reason"], execute.attributes["quitanda.revision"]) == (reason, revision)
        assert apply.attributes["quitanda.log_index"] == 7
        assert spans_of["replicate"].end_time == apply.start_time
        assert {spans_of[name].parent.span_id for name in ("replicate", "apply")} == {execute.context.span_id}
        assert spans_of["announce"].parent.span_id == apply.context.span_id
    assert [spans.log_fields(number).get("trace_id") for number in range(4)] == [
        FIRST.split("-")[1],
        None,
        SECOND.split("-")[1],
        None,
    ]


def test_a_call_that_names_no_context_has_no_spans():
    with traced():
        assert CommandSpans(tracing.active).begin([cancel("a")], []) is None


def test_a_command_that_was_never_applied_ends_with_its_reason_alone():
    with traced() as ended:
        CommandSpans(tracing.active).begin([cancel("a")], [FIRST]).end([("NOT_LEADER", 0)])
        (execute,) = ended()

    assert execute.attributes["quitanda.reason"] == "NOT_LEADER"


def test_an_entry_is_announced_once_and_only_so_many_wait_for_the_feed():
    with traced():
        kept = CommandSpans(tracing.active)
        for index in range(1, APPLIED_MAX + 3):
            applied(kept.begin([cancel("a")], [FIRST]), index)

        assert [len(kept.announce(index)) for index in (1, 2, 3, 3, APPLIED_MAX + 2)] == [0, 0, 1, 0, 1]
