"""The product's own state machine in the simulation: the shop's rules, its window of remembered requests, its digests.

Each log entry holds one request, as a portal would send it; in some there are commands before it that a leader proposes
by itself: a higher level of rules, and the time, at which orders expire. Which attempt it was stands in a field of the
entry that the product does not know, and so passes over.
"""

from quitanda.codec.protobuf import encode_request
from quitanda.domain import levels
from quitanda.domain.commands import (
    AdjustStock,
    AdvanceClock,
    CancelOrder,
    CancelOrderItems,
    Command,
    CreateCredential,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    FulfilOrder,
    ItemQuantity,
    OpenSession,
    PlaceOrder,
    RaiseLevel,
    Request,
    ReturnOrder,
    RevokeCredential,
    RotateCredential,
    SetOrderDeadline,
    SetOrderItems,
    SetPassword,
    UpdateProduct,
)
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.integrity.digest_history import DigestHistory
from quitanda_replica.state import digest, keys
from quitanda_replica.state.applier import Applier
from quitanda_replica.state.dedup_window import WindowBounds

ATTEMPT_BYTES = 2
_ATTEMPT_TAG = b"\xfa\x7f" + bytes([ATTEMPT_BYTES])
"""Field 2047 of a log entry, bytes of this length."""
PRODUCTS, CUSTOMERS = 4, 2
REQUESTS_PER_ORDER = 40
"""So many requests in a row are about the same order, most of them: it lives through some of its states meanwhile."""


class NoFeed:
    """Who would like to know of changes (as a `FeedQueue`), and is nobody here."""

    def applied(self, revision, entries):
        """Changes became durable."""

    def restarted(self, revision, last_changed):
        """The state was replaced."""


class MemoryStore:
    """`state_access.StateStore` in memory, for the checker's own copy of the state."""

    def __init__(self):
        self.content: dict[bytes, bytes] = {}

    def get(self, key):
        return self.content.get(key)

    def scan(self, prefix, after, limit):
        found = sorted(key for key in self.content if key.startswith(prefix) and (after is None or key > after))
        return [(key, self.content[key]) for key in found[:limit]]

    def put(self, key, value):
        self.content[key] = bytes(value)

    def delete(self, key):
        self.content.pop(key, None)


class ShopModel:
    """`machine.RequestModel`'s verbs, with the product's applier behind them."""

    def __init__(self, remembered: int):
        self.remembered = remembered
        self._true_state = MemoryStore()
        self._truth = self.machine(self._true_state, lambda: None, DigestHistory())

    def copy(self) -> "ShopModel":
        """Return another one that has followed the same entries."""
        other = ShopModel(self.remembered)
        other._true_state.content.update(self._true_state.content)
        return other

    def machine(self, store, on_installed, history):
        """Return the state machine of a replica."""
        return Applier(
            store, NoFeed(), window=WindowBounds(requests=self.remembered), on_installed=on_installed, history=history
        )

    def command(self, request: int, attempt: int, padding: int) -> bytes:
        """Return what is submitted: the same request in every attempt."""
        entry = pb.LogEntry(requests=map(encode_request, [*_own_requests(request), _request(request, padding)]))
        return entry.SerializeToString() + _ATTEMPT_TAG + attempt.to_bytes(ATTEMPT_BYTES, "big")

    def read_attempt(self, command: bytes) -> tuple[int, int]:
        """Return request and attempt of a command."""
        *_, encoded = pb.LogEntry.FromString(command).requests
        return int(pb.Request.FromString(encoded).request_id), int.from_bytes(command[-ATTEMPT_BYTES:], "big")

    def read_answer(self, answer: bytes) -> int:
        """Return the index of the entry at which the request that is answered took effect; 0 where it is no answer."""
        return pb.Outcome.FromString(_last_outcome(answer)).revision

    def agree(self, answer: bytes, other: bytes) -> bool:
        """Say whether two answers to the request are the same; what a leader proposes is answered anew each time."""
        return _last_outcome(answer) == _last_outcome(other)

    def extend(self, index: int, command: bytes) -> tuple[bytes, object]:
        """Return the true answer to the command, which comes next, and the state behind it."""
        answer = self._truth.apply(index, command)
        return answer, self.state(self._true_state.content)

    def state(self, content: dict[bytes, bytes]):
        """Return the state on a disk, as it can be compared."""
        return content.get(keys.DIGEST)

    def check(self, snapshot) -> None:
        """Compare a whole state with its digest. Raises StateCorrupt."""
        digest.verify(snapshot)


def _last_outcome(answer: bytes) -> bytes:
    *_, outcome = pb.ExecuteResponse.FromString(answer).outcomes or [b""]
    return outcome


def _own_requests(number: int) -> list[Request]:
    """Return what stands before the request `number` in its entry: now and then a leader brings the time, which is the
    number here, or raises the level, by one or as far as the request needs it. A request that the level refuses is not
    remembered, so it would be answered anew each time.
    """
    needed = levels.needed(_request(number, 0).command)
    if number % 8 == 5:
        needed = max(needed, min(SUPPORTED_LEVEL, 1 + number // 8))
    raised = [Request("", f"level{number}", RaiseLevel(level)) for level in range(FIRST_LEVEL + 1, needed + 1)]
    return [*raised, Request("", f"time{number}", AdvanceClock(number))] if number % 8 == 3 else raised


def _request(number: int, padding: int) -> Request:
    """Return the request `number`: a shop is set up first, then used; a third of all is refused, which is fine."""
    product, customer = f"p{number % PRODUCTS}", f"c{number % CUSTOMERS}"
    kind = number % 11 if number > PRODUCTS + CUSTOMERS else -number
    order = f"o{number // REQUESTS_PER_ORDER}"
    some = (ItemQuantity(product, padding % 4), ItemQuantity(f"p{padding % PRODUCTS}", 1 + number % 3))
    command = {
        0: CreateOrder(customer, f"o{number}", 0),
        1: CreateOrder(customer, order, number, some[1:]),
        2: SetOrderItems(customer, order, some),
        3: SetOrderItems(customer, order, some[:1]),
        4: SetOrderDeadline(order, number + REQUESTS_PER_ORDER) if number % 3 else CancelOrder(customer, order),
        5: UpdateProduct(product, price=100 + number, description="x" * padding),
        6: PlaceOrder(customer, order),
        7: FulfilOrder(order),
        8: ReturnOrder(order, some[1:] if number % 2 else (), restock=padding % 2 == 0),
        9: CancelOrderItems(order, some[1:]) if number % 3 else SetOrderDeadline(f"o{number - 9}", number + 20),
        10: _of_staff(number) if number % 2 else AdjustStock(product, padding % 9 - 3 or 5),
    }.get(kind, AdjustStock(product, padding % 9 - 3 or 5))
    if -PRODUCTS <= kind < 0:
        command = CreateProduct(product, f"product {product}", 250, 40)
    elif kind < 0:
        command = CreateCustomer(customer, f"customer {customer}")
    scope = customer if isinstance(command, CreateOrder | SetOrderItems | CancelOrder | PlaceOrder) else ""
    return Request(scope, str(number), command)


def _of_staff(number: int) -> Command:
    """Return what a clerk's credential lives through. Its session is refused: nobody here knows the version to name."""
    credential_id, secret_hash = "c" * 12, f"{number:064x}"
    opening = OpenSession(credential_id, number, "s" * 12, secret_hash, number, number + REQUESTS_PER_ORDER)
    return (
        CreateCredential(credential_id, "clerk", "clerk", secret_hash, number),
        SetPassword(credential_id, f"$argon2id${number}"),
        opening,
        RotateCredential(credential_id, secret_hash),
        RevokeCredential(credential_id),
    )[number // 22 % 5]
