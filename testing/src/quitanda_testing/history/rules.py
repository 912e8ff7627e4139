"""One operation on one state: whether the domain's rules answer it as it was answered, and what it changes then."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TypeVar

from quitanda.codec.documents import OrderSummary, summarize
from quitanda.domain import machine, refusals
from quitanda.domain.commands import (
    AdvanceClock,
    CancelOrder,
    Command,
    CreateOrder,
    DeleteCustomer,
    Request,
    UpdateCustomer,
)
from quitanda.domain.model import Document, Kind, Order, OrderState
from quitanda.domain.outcomes import Done, Reason, Refused
from quitanda.domain.state import Change, Execution, Put, StoredOutcome
from quitanda_testing.history.model import UndoableState
from quitanda_testing.history.operations import (
    Expiry,
    GetCustomer,
    GetOrder,
    GetProduct,
    Listed,
    ListOrders,
    Outcome,
    Read,
    RecordedOperation,
)

_UNSTABLE_FACTS = {Reason.REQUEST_ID_REUSED: "revision"}
"""Facts of a refusal that count log entries, which a part of a history does not show."""

AnyOrder = TypeVar("AnyOrder", Order, OrderSummary)


class Rules:
    """The sequential specification: `quitanda.domain.machine` and the portals' reads, on a state that can go back.

    `repeated` are the requests, as (scope, request id), that are in the history more than once: only their outcomes
    need to be remembered.
    """

    def __init__(self, model: UndoableState, repeated: Collection[tuple[str, str]] = ()) -> None:
        self.model = model
        self._repeated = frozenset(repeated)

    def happen(self, operation: RecordedOperation) -> bool:
        """Let an answered operation take effect if the rules answer it so; otherwise nothing changes."""
        mark = self.model.mark
        if operation.is_read:
            return fits(self._read(operation), operation.outcome)
        self._learn_expected(operation)
        version = _version_told(operation)
        execution = self._execute(operation, version)
        in_order = not version or not execution.changes or version > self.model.floor
        if in_order and fits(execution.outcome, operation.outcome):
            self._take_up(operation, execution, version)
            return True
        self.model.back_to(mark)
        return False

    def happen_pending(self, operation: RecordedOperation) -> bool:
        """Let an operation without an answer take effect; False, and no change, where it would have none."""
        mark = self.model.mark
        if isinstance(operation.action, Expiry):
            return self._expire(operation.action)
        self._learn_expected(operation)
        learned = self.model.mark
        self._take_up(operation, self._execute(operation, 0), 0)
        if self.model.mark == learned:
            self.model.back_to(mark)
            return False
        return True

    def _expire(self, expiry: Expiry) -> bool:
        """Let the clock reach a deadline; False, and no change, where the order does not have it any more.

        Whatever is due by then expires with it, as in the entry by which the replicas did it. At what time that was,
        nobody was told. What has a higher version than the expired order came later.
        """
        order = self.model.order(expiry.order_id)
        if order is None or order.expires_at_ms != expiry.expires_at_ms:
            return False
        if expiry.version and expiry.version <= self.model.floor:
            return False
        self.model.base_version = self.model.floor
        due = machine.decide(self.model, AdvanceClock(expiry.expires_at_ms)).changes
        self.model.change(map(_without_time, due), 0)
        expired = self.model.closed_order(expiry.order_id)
        if expiry.version and expired is not None:
            self.model.change((Put(replace(expired, version=expiry.version)),), expiry.version)
        return True

    def never_changes(self, operation: RecordedOperation) -> bool:
        """Tell whether an answered operation changes nothing, in whatever later state it comes.

        A write that is done may change nothing here, where things are as it wants them, and yet be what changes
        something a little later.
        """
        if operation.is_read or isinstance(operation.outcome, Refused):
            return True
        return self.model.remembered(operation.scope, operation.request_id) is not None

    def answer(self, operation: RecordedOperation) -> Outcome:
        """Say what the rules would answer now; nothing changes."""
        return self._read(operation) if operation.is_read else self._execute(operation, 0).outcome

    def name(self, unseen: RecordedOperation, order_id: str, created_at_ms: int) -> bool:
        """Give an order that was created without an answer the id and the time under which it is seen later."""
        order = self.model.order(placeholder(unseen))
        if order is None or self.model.order(order_id) is not None:
            return False
        self.model.rename(order, replace(order, order_id=order_id, created_at_ms=created_at_ms))
        return True

    def _execute(self, operation: RecordedOperation, version: int) -> Execution:
        self.model.base_version = version - 1 if version else self.model.floor
        request = Request(
            operation.scope, operation.request_id, _minted(operation), received_at_ms=_time_told(operation)
        )
        return machine.execute(self.model, request, operation.revision)

    def _take_up(self, operation: RecordedOperation, execution: Execution, version: int) -> None:
        self.model.change(execution.changes, version)
        key = (operation.scope, operation.request_id)
        if execution.remember is not None and key in self._repeated:
            self.model.remember(*key, _as_told(execution, version))

    def _learn_expected(self, operation: RecordedOperation) -> None:
        """Where it is not known what version a document has, the answer to a conditional command tells."""
        expected = getattr(operation.action, "expected_version", None)
        if expected is None or self.model.remembered(operation.scope, operation.request_id) is not None:
            return
        document = self.model.document(*_subject(operation))
        if document is None or document.version:
            return
        match operation.outcome:
            case Refused(Reason.VERSION_MISMATCH, details=details):
                current = int(dict(details)["current"])
                if current != expected:
                    self.model.learn(document, current)
            case Refused(Reason.ORDER_STATE | Reason.ORDER_NOT_FOUND | Reason.CUSTOMER_NOT_FOUND):
                pass  # this is looked at before the version, of which the answer says nothing
            case _:
                self.model.learn(document, expected)

    def _read(self, operation: RecordedOperation) -> Outcome:
        """Answer as the portals do: they look at who asks first."""
        action = operation.action
        assert isinstance(action, Read)
        asker = "" if isinstance(action, GetCustomer) else action.customer_id
        if asker and self.model.customer(asker) is None:
            return refusals.customer_not_found(asker)
        match action:
            case GetProduct(product_id):
                return _found(self.model.product(product_id)) or refusals.product_not_found(product_id)
            case GetCustomer(customer_id):
                return _found(self.model.customer(customer_id)) or refusals.customer_not_found(customer_id)
            case GetOrder(_, order_id, include_closed):
                order = self.model.order(order_id) or (self.model.closed_order(order_id) if include_closed else None)
                mine = order if order is not None and order.customer_id == asker else None
                return _found(mine) or refusals.order_not_found(order_id)
            case ListOrders(_, states):
                return Listed(tuple(map(summarize, self.model.orders_in_states(asker, states))))
        raise TypeError(f"not a read: {action}")


def fits(expected: Outcome, observed: Outcome) -> bool:
    """Compare what the rules say with what was answered; versions only where both are known."""
    match expected, observed:
        case Done(None, affected), Done(None, other_affected):
            return affected == other_affected
        case Done(document, affected), Done(other, other_affected):
            return affected == other_affected and document is not None and other is not None and _same(document, other)
        case Refused(reason, _, facts), Refused(other_reason, _, other_facts):
            return reason is other_reason and _stable(reason, facts) == _stable(reason, other_facts)
        case Listed(ours), Listed(theirs):
            return len(ours) == len(theirs) and all(map(_same, ours, theirs))
        case _:
            return False


def repeated_requests(part: Iterable[RecordedOperation]) -> set[tuple[str, str]]:
    """Name the requests, as (scope, request id), that are in the part more than once."""
    counts = Counter((operation.scope, operation.request_id) for operation in part if not operation.is_read)
    return {key for key, count in counts.items() if count > 1}


def placeholder(unseen: RecordedOperation) -> str:
    """Name an order whose id nobody was told."""
    return f"unseen-{unseen.number}"


def _same(one: Document | OrderSummary, other: Document | OrderSummary) -> bool:
    if one == other:
        return True
    both_known = one.version and other.version
    match one, other:
        case Order(), Order():
            one = _with_times_of(one, other)
        case OrderSummary(), OrderSummary():
            one = _with_times_of(one, other)
    return type(one) is type(other) and (one if both_known else replace(one, version=other.version)) == other


def _without_time(change: Change) -> Change:
    """Forget when an order expired."""
    match change:
        case Put(Order(state=OrderState.EXPIRED) as order):
            return Put(replace(order, state_since_ms=0))
        case _:
            return change


def _with_times_of(order: AnyOrder, observed: AnyOrder) -> AnyOrder:
    """Take over the times at which the order was moved, where the move was never answered and nobody was told them."""
    return replace(
        order,
        state_since_ms=order.state_since_ms or observed.state_since_ms,
        placed_at_ms=order.placed_at_ms or observed.placed_at_ms,
    )


def _time_told(operation: RecordedOperation) -> int:
    """Give the time at which the portal received the command, where the answer shows it; else 0."""
    match operation.outcome:
        case Done(Order(state_since_ms=moment)):
            return moment
        case Refused(Reason.INVALID_ARGUMENT, details=details):
            return int(dict(details).get("now_ms", 0))  # of a deadline that had passed
        case _:
            return 0


def _stable(reason: Reason, facts: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    unstable = _UNSTABLE_FACTS.get(reason)
    return facts if unstable is None else tuple(fact for fact in facts if fact[0] != unstable)


def _found(document: Document | None) -> Done | None:
    return None if document is None else Done(document)


def _version_told(operation: RecordedOperation) -> int:
    """Give the version that the answer shows of what the command wrote; 0 where it shows none."""
    match operation.outcome:
        case Done(document) if document is not None and not isinstance(operation.action, CancelOrder):
            return document.version
        case _:
            return 0


def _minted(operation: RecordedOperation) -> Command:
    """Put in what the portal chose, as far as the answer tells."""
    command = operation.action
    assert not isinstance(command, Read | Expiry)
    if not isinstance(command, CreateOrder):
        return command
    match operation.outcome:
        case Done(Order() as order):
            return replace(command, order_id=order.order_id, created_at_ms=order.created_at_ms)
        case _:
            return replace(command, order_id=placeholder(operation), created_at_ms=0)


def _as_told(execution: Execution, version: int) -> StoredOutcome:
    """Give what is remembered of a command, without a version that nobody was told."""
    remember = execution.remember
    assert remember is not None
    match execution.outcome:
        case Done(document, affected) if document is not None and not version:
            written = any(isinstance(change, Put) and change.document == document for change in execution.changes)
            return replace(remember, outcome=Done(replace(document, version=0), affected)) if written else remember
        case _:
            return remember


def _subject(operation: RecordedOperation) -> tuple[Kind, str]:
    """Name the document whose version a conditional command expects."""
    command = operation.action
    if hasattr(command, "order_id"):
        return Kind.ORDER, command.order_id
    if hasattr(command, "product_id"):
        return Kind.PRODUCT, command.product_id
    assert isinstance(command, UpdateCustomer | DeleteCustomer)
    return Kind.CUSTOMER, command.customer_id
