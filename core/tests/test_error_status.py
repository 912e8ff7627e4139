"""The one table of failures: total, and the same in both directions on both transports."""

import json
import re
from pathlib import Path

import grpc
import pytest
from arbitrary_values import refusals
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

import quitanda
from quitanda import errors
from quitanda.domain.outcomes import Problem, Reason, Refused, invalid, refused
from quitanda.error_status import RpcCode, describe, from_json_error, to_json_error
from quitanda.errors import (
    InternalError,
    NoConnection,
    NotLeader,
    NotOffered,
    OutcomeUnknown,
    Overloaded,
    QuitandaError,
    Rejected,
    TlsMismatch,
    Unavailable,
)
from quitanda.rpc_status import from_rpc_error, to_rpc_status

Code = grpc.StatusCode


def subclasses(kind: type[QuitandaError]) -> set[type[QuitandaError]]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


FOUND_BY_CALLERS = {NoConnection, TlsMismatch, NotOffered}
"""What no server says of itself; as an answer it is UNAVAILABLE."""
EDGE_ERRORS = sorted(
    (kind for kind in subclasses(QuitandaError) - {QuitandaError, Rejected} if kind.__module__ == errors.__name__),
    key=lambda kind: kind.__name__,
)


class FailedCall(grpc.RpcError, grpc.Call):
    """A call that the library reports as failed."""

    def __init__(self, code, details="", trailing_metadata=()):
        self._code, self._details, self._trailing_metadata = code, details, trailing_metadata

    def code(self):
        return self._code

    def details(self):
        return self._details

    def trailing_metadata(self):
        return self._trailing_metadata

    def initial_metadata(self):
        return ()

    def is_active(self):
        return False

    def time_remaining(self):
        return None

    def cancel(self):
        return False

    def add_callback(self, callback):  # noqa: ARG002 - the interface
        return False


def through_grpc(failure):
    status = to_rpc_status(failure)
    return from_rpc_error(FailedCall(status.code, status.details, status.trailing_metadata))


def through_json(failure):
    return from_json_error(json.loads(json.dumps(to_json_error(failure))))


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("travel", [through_grpc, through_json])
def test_every_reason_of_the_rules_travels_and_comes_back(reason, travel):
    failure = refused(reason, "items[0].quantity", product_id="tea", available=3)

    assert travel(failure) == failure


@pytest.mark.parametrize("kind", EDGE_ERRORS)
@pytest.mark.parametrize("travel", [through_grpc, through_json])
def test_every_error_of_the_edges_travels_and_comes_back(kind, travel):
    back = travel(kind())

    assert type(back) is (Unavailable if kind in FOUND_BY_CALLERS else kind)
    assert describe(back) == describe(kind())


@given(refusals)
def test_any_refusal_travels_with_its_field_and_its_facts(failure):
    back = through_grpc(failure)

    assert isinstance(back, Refused)
    assert back.reason is failure.reason
    assert back.field == failure.field[:200]
    own = {"field", "definite", "retryable"}
    assert back.details == tuple(detail for detail in failure.details if detail[0] not in own)


@pytest.mark.parametrize("travel", [through_grpc, through_json])
def test_a_replica_that_does_not_lead_names_the_leader(travel):
    assert travel(NotLeader("replica2")).leader == "replica2"


@pytest.mark.parametrize("travel", [through_grpc, through_json])
def test_a_rejection_travels_as_its_refusal(travel):
    failure = invalid("name", Problem.TOO_LONG, limit=200)

    assert travel(Rejected(failure, revision=7)) == failure


@pytest.mark.parametrize(
    ("failure", "code", "definite", "retryable"),
    [
        (refused(Reason.INVALID_ARGUMENT), Code.INVALID_ARGUMENT, True, False),
        (refused(Reason.CUSTOMER_EXISTS), Code.ALREADY_EXISTS, True, False),
        (refused(Reason.PRODUCT_EXISTS), Code.ALREADY_EXISTS, True, False),
        (refused(Reason.ORDER_EXISTS), Code.ALREADY_EXISTS, True, False),
        (refused(Reason.CUSTOMER_NOT_FOUND), Code.NOT_FOUND, True, False),
        (refused(Reason.PRODUCT_NOT_FOUND), Code.NOT_FOUND, True, False),
        (refused(Reason.ORDER_NOT_FOUND), Code.NOT_FOUND, True, False),
        (refused(Reason.CUSTOMER_HAS_ORDERS), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.PRODUCT_IN_USE), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.OUT_OF_STOCK), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.STOCK_BOUND), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.TOO_MANY_ITEMS), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.ORDER_STATE), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.TOO_MANY_ORDERS), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.ORDER_EMPTY), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.TOO_MANY_UNITS), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.CASCADE_TOO_LARGE), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.REQUEST_ID_REUSED), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.PAGE_TOKEN_EXPIRED), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.REVISION_GONE), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.VERSION_MISMATCH), Code.ABORTED, True, False),
        (refused(Reason.UNAUTHENTICATED), Code.UNAUTHENTICATED, True, False),
        (refused(Reason.CREDENTIAL_REVOKED), Code.UNAUTHENTICATED, True, False),
        (refused(Reason.FORBIDDEN), Code.PERMISSION_DENIED, True, False),
        (refused(Reason.CREDENTIAL_EXISTS), Code.ALREADY_EXISTS, True, False),
        (refused(Reason.CREDENTIAL_NOT_FOUND), Code.NOT_FOUND, True, False),
        (refused(Reason.TOO_MANY_CREDENTIALS), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.LAST_ADMIN_CREDENTIAL), Code.FAILED_PRECONDITION, True, False),
        (refused(Reason.INTERNAL), Code.INTERNAL, True, False),
        (Unavailable(), Code.UNAVAILABLE, True, True),
        (NotLeader("replica2"), Code.FAILED_PRECONDITION, True, True),
        (Overloaded(), Code.RESOURCE_EXHAUSTED, True, True),
        (OutcomeUnknown(), Code.DEADLINE_EXCEEDED, False, True),
        (InternalError(), Code.INTERNAL, False, False),
    ],
)
def test_the_table(failure, code, definite, retryable):
    told = describe(failure)

    assert (told.code, told.definite, told.retryable) == (code.name, definite, retryable)
    assert to_rpc_status(failure).code is code


@pytest.mark.parametrize("kind", EDGE_ERRORS)
def test_the_table_says_of_an_error_what_its_class_says(kind):
    told = describe(kind())

    assert (told.reason, told.definite) == (kind.reason, kind.definite)


@pytest.mark.parametrize("kind", sorted(subclasses(QuitandaError) - {Rejected}, key=repr))
def test_every_error_anywhere_has_a_row_that_agrees_on_whether_it_is_definite(kind):
    error = kind.__new__(kind)
    if isinstance(error, NotLeader):
        error.leader = ""

    assert describe(error).definite is kind.definite or kind is QuitandaError


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FailedCall(Code.UNAVAILABLE, "failed to connect to all addresses; last error: ..."), NoConnection),
        (FailedCall(Code.UNAVAILABLE, "DNS resolution failed for replica1"), NoConnection),
        (FailedCall(Code.UNIMPLEMENTED, "Method not found!"), NotOffered),
        (FailedCall(Code.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!"), Overloaded),
        (FailedCall(Code.RESOURCE_EXHAUSTED, "SERVER: Received message larger than max (9 vs. 8)"), Refused),
        (FailedCall(Code.RESOURCE_EXHAUSTED, "CLIENT: Received message larger than max (9 vs. 8)"), OutcomeUnknown),
        (FailedCall(Code.UNAVAILABLE, "Socket closed"), OutcomeUnknown),
        (FailedCall(Code.UNAVAILABLE, "recvmsg:Connection reset by peer"), OutcomeUnknown),
        (FailedCall(Code.UNAVAILABLE, None), OutcomeUnknown),
        (FailedCall(Code.DEADLINE_EXCEEDED, "Deadline Exceeded"), OutcomeUnknown),
        (FailedCall(Code.CANCELLED), OutcomeUnknown),
        (FailedCall(Code.UNKNOWN), OutcomeUnknown),
        (FailedCall(Code.INTERNAL), OutcomeUnknown),
        (FailedCall(Code.NOT_FOUND), OutcomeUnknown),
        (FailedCall(Code.UNKNOWN, "", None), OutcomeUnknown),
        (FailedCall(Code.UNKNOWN, "", (("grpc-status-details-bin", b"\xff\xff"),)), OutcomeUnknown),
        (grpc.RpcError(), OutcomeUnknown),
    ],
)
def test_a_failed_call_without_our_reason_is_definite_only_where_it_certainly_never_began(error, kind):
    assert type(from_rpc_error(error)) is kind


def foreign_status(domain, reason, **metadata):
    packed = Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata))
    status = status_pb2.Status(code=5, message="?", details=[packed])
    return FailedCall(Code.NOT_FOUND, "?", (("grpc-status-details-bin", status.SerializeToString()),))


def test_a_reason_of_another_domain_is_not_ours():
    assert type(from_rpc_error(foreign_status("example.org", "ORDER_NOT_FOUND", definite="true"))) is OutcomeUnknown


@pytest.mark.parametrize(("definite", "kind"), [("true", Unavailable), ("false", OutcomeUnknown)])
def test_a_reason_that_this_version_does_not_know_keeps_whether_it_is_definite(definite, kind):
    assert type(from_rpc_error(foreign_status("quitanda", "NEW_REASON", definite=definite))) is kind


@given(
    st.dictionaries(st.sampled_from(["reason", "definite", "field", "details"]), st.none() | st.integers() | st.text())
)
def test_any_json_error_is_read_as_some_failure(error):
    assert isinstance(from_json_error(error), Refused | QuitandaError)


def test_a_json_error_has_the_fields_of_the_contract():
    assert to_json_error(invalid("quantity", Problem.MISSING)) == {
        "reason": "INVALID_ARGUMENT",
        "message": "quantity is missing. Give it a value.",
        "retryable": False,
        "definite": True,
        "field": "quantity",
        "details": {"problem": "missing"},
    }


def test_what_a_caller_wrote_cannot_make_the_metadata_too_large():
    failure = invalid("f" * 100_000, Problem.UNKNOWN_VALUE, value="v" * 100_000)

    status = to_rpc_status(failure)

    assert len(status.details) + len(status.trailing_metadata[0][1]) < 4_000


def test_every_code_of_the_table_is_one_of_grpc():
    assert [to_rpc_status(kind()).code.name for kind in EDGE_ERRORS] == [describe(kind()).code for kind in EDGE_ERRORS]
    assert set(RpcCode) <= {code.name for code in grpc.StatusCode}


def test_no_other_module_names_a_status_code():
    sources = Path(quitanda.__file__).parent.rglob("*.py")
    naming = {
        source.name
        for source in sources
        # OpenTelemetry's `trace.StatusCode` is the state of a span, and travels to no caller
        if "_pb2" not in source.name and re.search(r"(?<!trace\.)\b(StatusCode|RpcCode)\b", source.read_text())
    }

    assert naming == {"error_status.py", "rpc_status.py"}


@pytest.mark.parametrize("seconds", [0.05, 1.0, 4.321])
def test_an_overloaded_server_says_when_to_try_again_and_which_limit_it_is_over_grpc_and_in_json(seconds):
    error = Overloaded()
    error.retry_after = seconds
    error.limit = "rate"
    status = to_rpc_status(error)

    over_grpc = from_rpc_error(FailedCall(status.code, status.details, status.trailing_metadata))
    over_mqtt = from_json_error(json.loads(json.dumps(to_json_error(error))))

    assert (type(over_grpc), type(over_mqtt)) == (Overloaded, Overloaded)
    assert over_grpc.retry_after == pytest.approx(seconds, abs=0.001)
    assert over_mqtt.retry_after == pytest.approx(seconds, abs=0.001)
    assert (over_grpc.limit, over_mqtt.limit) == ("rate", "rate")


@pytest.mark.parametrize("seconds", [-1.0, 0, 1e9, "soon", None, float("nan")])
def test_a_time_to_try_again_that_cannot_be_meant_is_not_believed(seconds):
    assert from_json_error({**to_json_error(Overloaded()), "retry_after_seconds": seconds}).retry_after == 0.0
