"""What the rules may read of the state, and what they may say of its next version.

The rules see a `StateView` and answer with `Change` values; who keeps the state (LevelDB on a
replica, a dictionary in a test) derives the indexes from the documents.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from quitanda.domain.compiled import fast_init
from quitanda.domain.model import ORDER_STATES_LEVEL, Credential, Customer, Document, Kind, Order, Product
from quitanda.domain.outcomes import Outcome
from quitanda.domain.webhook_model import SenderLease, Webhook, WebhookChange


@fast_init
@dataclass(frozen=True, slots=True)
class StoredOutcome:
    """The outcome of an earlier request: `revision` is the log index at which it was decided."""

    fingerprint: str
    revision: int
    outcome: Outcome


class StateView(Protocol):
    """The state that a command is decided on, including what earlier commands of the entry changed."""

    @property
    def level(self) -> int:
        """The level of rules that this state is at (`levels`); what decides goes by this, never by its own version."""

    @property
    def last_version(self) -> int:
        """The highest version given to any document so far; 0 at first."""

    @property
    def clock_ms(self) -> int:
        """What the state's own clock shows, in milliseconds since 1970-01-01T00:00Z; it never goes back."""

    def customer(self, customer_id: str) -> Customer | None:
        """Return the customer, or None."""

    def product(self, product_id: str) -> Product | None:
        """Return the product, or None."""

    def order(self, order_id: str) -> Order | None:
        """Return the live order, which is open or placed, or None."""

    def closed_order(self, order_id: str) -> Order | None:
        """Return the order that is fulfilled, returned, cancelled or expired, or None; `order` has the live ones."""

    def credential(self, credential_id: str) -> Credential | None:
        """Return the credential, or None."""

    def credentials_of(self, customer_id: str, limit: int) -> Sequence[str]:
        """Return ids of the customer's credentials, with "" those of staff; ascending, at most `limit`."""

    def orders_of_customer(self, customer_id: str, limit: int) -> Sequence[str]:
        """Return ids of the customer's live orders, ascending, at most `limit`."""

    def closed_orders_of_customer(self, customer_id: str, limit: int) -> Sequence[str]:
        """Return ids of the customer's closed orders, ascending, at most `limit`."""

    def count_live_orders(self, customer_id: str) -> int:
        """Return how many live orders the customer has.

        Of orders from before the level of states, those beyond LIVE_ORDERS_PER_CUSTOMER_MAX may not be counted.
        """

    def orders_with_product(self, product_id: str, limit: int) -> Sequence[str]:
        """Return ids of the live orders that hold the product, ascending, at most `limit`."""

    def due_orders(self, now_ms: int, limit: int) -> Sequence[str]:
        """Return ids of live orders whose deadlines are at `now_ms` or before, by deadline and id, at most `limit`."""

    def webhook(self, webhook_id: str) -> Webhook | None:
        """Return the webhook, or None."""

    def webhook_ids(self, limit: int) -> Sequence[str]:
        """Return ids of the webhooks, ascending, at most `limit`."""

    def sender_lease(self) -> SenderLease:
        """Return which portal sends to webhooks; an empty one where none has ever sent."""

    def remembered(self, scope: str, request_id: str) -> StoredOutcome | None:
        """Return the outcome remembered for a request, or None."""


def find_order(view: StateView, order_id: str) -> Order | None:
    """Return the order, live or else closed; below the level of states there are no closed ones to look for."""
    return view.order(order_id) or (view.closed_order(order_id) if view.level >= ORDER_STATES_LEVEL else None)


@fast_init
@dataclass(frozen=True, slots=True)
class Put:
    """The document replaces the one with its id, or is new. Its state says whether an order is among the live ones."""

    document: Document


@fast_init
@dataclass(frozen=True, slots=True)
class Delete:
    """There is no such document any more."""

    kind: Kind
    document_id: str


Change: TypeAlias = Put | Delete


@fast_init
@dataclass(frozen=True, slots=True)
class Decision:
    """A command's outcome and what it changes; a refusal changes nothing.

    `level`: the level of rules that the state is at afterwards, `clock_ms`: what its clock shows then; None where that
    stays as it is. `webhooks` is what changes of webhooks.
    """

    outcome: Outcome
    changes: tuple[Change, ...] = ()
    level: int | None = None
    clock_ms: int | None = None
    webhooks: tuple[WebhookChange, ...] = ()


Rules: TypeAlias = Mapping[type[Any], Callable[[StateView, Any], Decision]]
"""For each command the function that decides it."""

TimedRules: TypeAlias = Mapping[type[Any], Callable[[StateView, Any, int], Decision]]
"""The same for rules that write down when the request was received (`Request.received_at_ms`)."""


@fast_init
@dataclass(frozen=True, slots=True)
class Execution:
    """What executing a request comes to.

    `remember` is None where the outcome was remembered already (a repeated request), where the id
    stands for another request (REQUEST_ID_REUSED), where the request is invalid or needs a higher level, where its
    principal may not ask for it, and where the replicas themselves ask (`commands.OwnCommand`). Otherwise the keeper of
    the state stores it and forgets the oldest ones beyond REMEMBERED_REQUESTS_MAX. `revision` belongs to the outcome.
    `level`, `clock_ms` and `webhooks` are a Decision's.
    """

    outcome: Outcome
    revision: int
    changes: tuple[Change, ...] = ()
    remember: StoredOutcome | None = None
    level: int | None = None
    clock_ms: int | None = None
    webhooks: tuple[WebhookChange, ...] = ()
