"""Portals for tests: real gRPC servers on a free port over dictionaries, without rules.

They serve every operation of the table, record each call, and `plans` says, for the calls to come, what goes wrong with
them, in turn.
"""

import asyncio
import itertools
from collections import deque
from dataclasses import dataclass, field, fields, replace

import grpc
from grpc import aio

from quitanda.codec.document_filters import passes, searched_fields
from quitanda.codec.protobuf import DOCUMENT_CODECS
from quitanda.codec.queries import FindOrders, GetDocument, ListDocuments
from quitanda.codec.watches import WatchedChange, WatchedChanges
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CancelOrderItems,
    CreateCredential,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ImportOrder,
    ReturnOrder,
    RevokeCredential,
    RotateCredential,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.document_changes import merged
from quitanda.domain.model import Credential, Customer, Kind, Order, OrderItem, Product
from quitanda.domain.order_imports import imported
from quitanda.domain.order_states import is_live
from quitanda.domain.outcomes import Reason, Refused, refused
from quitanda.domain.refusals import dead_letter_not_found, order_exists, webhook_not_found
from quitanda.errors import QuitandaError
from quitanda.operations import (
    OPERATIONS,
    ClusterOperation,
    OperationAnswer,
    PasswordOperation,
    PortalKind,
    WatchOperation,
    WebhookOperation,
)
from quitanda.portal.ids import IdGenerator
from quitanda.portal.new_tokens import NOTHING, Chosen, RequestChoices
from quitanda.rpc_status import to_rpc_status
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_credentials import server_credentials
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.v1 import admin_portal_pb2 as admin_pb
from quitanda.v1.documents_pb2 import HistoryEntry, Webhook
from quitanda_testing.found_orders import found_orders


class Hang:
    """A plan: the call is carried out, but no answer comes."""


class Busy:
    """A plan: the call is not carried out, and no answer comes."""


Plan = Refused | QuitandaError | Hang | Busy


@dataclass
class FakeShop:
    """The data behind any number of fake portals; answers of writes are kept by request id."""

    customers: dict[str, Customer] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    closed_orders: dict[str, Order] = field(default_factory=dict)
    credentials: dict[str, Credential] = field(default_factory=dict)
    customers_get_tokens: bool = False
    answers: dict[str, object] = field(default_factory=dict)
    backup_parts: list[admin_pb.BackupPart] = field(default_factory=list)
    backup_breaks_off: QuitandaError | None = None
    backup_halts: tuple[asyncio.Event, asyncio.Event] | None = None
    """Set after the first part of a backup, and waited for before the second."""
    verified: list[admin_pb.ReplicaVerification] = field(default_factory=list)
    history: dict[tuple[str, str], list[HistoryEntry]] = field(default_factory=dict)
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    """The changes of documents, the newest first, by kind and id; a portal shows two on a page."""
    replicas: list[admin_pb.ReplicaStatus] | None = None
    """What the replicas tell of themselves, instead of a leader and one that is lost."""
    told_products: dict[str, Product] = field(default_factory=dict)
    """As they were listed or told to who watches last."""
    revision: int = 0
    order_numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    def next_revision(self) -> int:
        self.revision += 1
        return self.revision

    def answer(self, asked) -> OperationAnswer | Refused:  # noqa: C901, PLR0911, PLR0912 - one for each kind of request
        """Do what a request asks, as far as the clients' tests need it: stock is not counted, for example."""
        match asked:
            case GetDocument():
                every = self._documents(asked.kind) | (self.closed_orders if asked.include_closed else {})
                found = every.get(asked.document_id)
                return OperationAnswer(self.revision, (found,)) if found else missing(asked.kind, asked.document_id)
            case ListDocuments():
                self.told_products = dict(self.products)
                return self._page(asked)
            case FindOrders():
                every = (self.orders | self.closed_orders).values()
                return self._cut(found_orders(every, asked), asked)
            case FulfilOrder() | ReturnOrder() | CancelOrderItems():
                return self._move(asked)
            case ImportOrder():
                return self._import(asked)
            case CreateCredential() | RotateCredential() | RevokeCredential():
                return self._credential(asked)
            case CreateCustomer() | CreateProduct():
                return self._create(asked)
            case UpdateCustomer() | UpdateProduct():
                return self._update(asked)
            case AdjustStock():
                return self._adjust(asked)
            case DeleteCustomer() | DeleteProduct() | CancelOrder():
                return self._delete(asked)
            case CreateOrder():
                order = Order(asked.order_id, asked.customer_id, asked.created_at_ms, (), 0, merged((), asked.extra))
                return self._set(order, asked.items, ())
            case SetOrderItems():
                held = self.orders.get(asked.order_id)
                return self._set(held, asked.items, asked.extra) if held else missing(Kind.ORDER, asked.order_id)
            case _:
                raise TypeError(f"not asked of a portal: {asked!r}")

    def news(self) -> tuple[WatchedChange, ...]:
        """What became of the products since they were told last."""
        before, self.told_products = self.told_products, dict(self.products)
        changed = [key for key, product in self.products.items() if before.get(key) != product]
        keys = (*changed, *(before.keys() - self.products.keys()))
        return tuple(WatchedChange(Kind.PRODUCT, key, self.products.get(key)) for key in keys)

    def _documents(self, kind):
        return {
            Kind.CUSTOMER: self.customers,
            Kind.PRODUCT: self.products,
            Kind.ORDER: self.orders,
            Kind.CREDENTIAL: self.credentials,
        }[kind]

    def _credential(self, asked):
        if isinstance(asked, CreateCredential):
            given = {each.name: getattr(asked, each.name) for each in fields(asked)}
            made = {**given, "customer_id": asked.customer_id or "", "generation": 1, "version": 0}
            return self._keep(Kind.CREDENTIAL, Credential(**made))
        old = self.credentials.get(asked.credential_id)
        if old is None:
            return missing(Kind.CREDENTIAL, asked.credential_id)
        if isinstance(asked, RevokeCredential):
            del self.credentials[asked.credential_id]
            return OperationAnswer(self.next_revision())
        hashes = {"secret_hash": asked.secret_hash, "previous_hash": old.secret_hash}
        return self._keep(Kind.CREDENTIAL, replace(old, generation=old.generation + 1, **hashes))

    def _keep(self, kind, document) -> OperationAnswer:
        kept = replace(document, version=self.next_revision())
        self._documents(kind)[getattr(kept, f"{kind.value}_id")] = kept
        return OperationAnswer(self.revision, (kept,))

    def _page(self, asked) -> OperationAnswer:
        """One page of a list; tokens are positions."""
        found = self._documents(asked.kind)
        if asked.states:
            every = sorted((self.orders | self.closed_orders).items())
            documents = [one for _, one in every if one.customer_id == asked.customer_id and one.state in asked.states]
        elif asked.kind in (Kind.ORDER, Kind.CREDENTIAL):
            documents = [one for one in found.values() if one.customer_id == asked.customer_id]
        else:
            documents = [found[key] for key in sorted(found)]
        if asked.filter is not None:
            documents = [one for one in documents if passes(asked.filter)(searched_fields(one))]
        return self._cut(documents, asked)

    def _cut(self, documents, asked) -> OperationAnswer:
        start = int(asked.page_token or 0)
        end = start + asked.page_size
        return OperationAnswer(self.revision, tuple(documents[start:end]), str(end) if end < len(documents) else "")

    def _import(self, asked):
        if asked.customer_id is not None and asked.customer_id not in self.customers:
            return missing(Kind.CUSTOMER, asked.customer_id)
        if asked.order_id in self.orders | self.closed_orders:
            return order_exists(asked.order_id)
        order = replace(imported(asked), version=self.next_revision())
        (self.orders if is_live(order) else self.closed_orders)[order.order_id] = order
        return OperationAnswer(self.revision, (order,))

    def _move(self, asked):
        """Bring an order into the state that the command is for, whatever it is in."""
        states = {FulfilOrder: "fulfilled", ReturnOrder: "returned", CancelOrderItems: "cancelled"}
        order = self.orders.pop(asked.order_id, None) or self.closed_orders.get(asked.order_id)
        if order is None:
            return missing(Kind.ORDER, asked.order_id)
        self.closed_orders[asked.order_id] = replace(order, state=states[type(asked)], version=self.next_revision())
        return OperationAnswer(self.revision, (self.closed_orders[asked.order_id],))

    def _create(self, asked):
        kind = kind_of(asked)
        if id_of(asked) in self._documents(kind):
            return refused(Reason(f"{kind.name}_EXISTS"), **{f"{kind.value}_id": id_of(asked)})
        kept = {each.name for each in fields(Customer if kind is Kind.CUSTOMER else Product)}
        given = {each.name: getattr(asked, each.name) for each in fields(asked) if each.name in kept}
        return self._keep(kind, (Customer if kind is Kind.CUSTOMER else Product)(**given, version=0))

    def _update(self, asked):
        old = self._documents(kind_of(asked)).get(id_of(asked))
        if old is None:
            return missing(kind_of(asked), id_of(asked))
        given = {each.name for each in fields(asked)} & {each.name for each in fields(old)} - {"extra"}
        changes = {name: value for name in given if (value := getattr(asked, name)) is not None}
        return self._keep(kind_of(asked), replace(old, **changes, extra=merged(old.extra, asked.extra)))

    def _adjust(self, asked):
        old = self.products.get(asked.product_id)
        if old is None:
            return missing(Kind.PRODUCT, asked.product_id)
        if old.quantity + asked.delta < 0:
            return refused(Reason.STOCK_BOUND, product_id=asked.product_id, limit=0)
        return self._keep(Kind.PRODUCT, replace(old, quantity=old.quantity + asked.delta))

    def _delete(self, asked):
        """A cascade affects two orders of a customer, and three of a product."""
        kind = Kind.ORDER if isinstance(asked, CancelOrder) else kind_of(asked)
        document_id = asked.order_id if kind is Kind.ORDER else id_of(asked)
        gone = self._documents(kind).pop(document_id, None)
        if gone is None:
            return missing(kind, document_id)
        if kind is Kind.ORDER:
            return OperationAnswer(self.next_revision(), (gone,))
        affected = {Kind.CUSTOMER: 2, Kind.PRODUCT: 3}[kind]
        return OperationAnswer(self.next_revision(), orders_affected=affected if asked.cascade else 0)

    def _set(self, order, wanted, extra):
        items = {item.product_id: item for item in order.items}
        for item in wanted:
            product = self.products.get(item.product_id)
            if product is None:
                return missing(Kind.PRODUCT, item.product_id)
            if item.quantity < 0:
                return refused(Reason.INVALID_ARGUMENT, "items[0].quantity", problem="negative", value=item.quantity)
            own = items[item.product_id].extra if item.product_id in items else ()
            items[item.product_id] = OrderItem(
                product.product_id, product.name, product.price, item.quantity, merged(own, item.extra)
            )
        held = tuple(item for item in items.values() if item.quantity)
        return self._keep(Kind.ORDER, replace(order, items=held, extra=merged(order.extra, extra)))

    def cluster(self, name, request):  # noqa: PLR0911 - one for each operation
        match name:
            case "get_cluster_status":
                return admin_pb.GetClusterStatusResponse(replicas=self.replicas or self._leader_and_lost())
            case "list_history":
                return self._history_page(request)
            case "transfer_leadership" if request.to == "replica9":
                facts = {"value": request.to, "choices": "replica1, replica2 or replica3"}
                return refused(Reason.INVALID_ARGUMENT, "to", problem="unknown_value", **facts)
            case "transfer_leadership":
                return admin_pb.TransferLeadershipResponse(leader=request.to or "replica2", term=4)
            case "raise_level" if request.level > 2:
                return refused(Reason.LEVEL_NOT_SUPPORTED, level=request.level, replica="replica3", supported=2)
            case "raise_level":
                return admin_pb.RaiseLevelResponse(level=2)
            case "verify_cluster":
                return admin_pb.VerifyClusterResponse(revision=70, replicas=self.verified)

    def webhook_operation(self, operation, request):
        """Show the webhooks, or repeat dead letters: a letter that is there waits from then on."""
        if operation.name == "list_webhooks":
            return admin_pb.ListWebhooksResponse(revision=self.revision, webhooks=self.webhooks.values())
        webhook = self.webhooks.get(request.webhook_id)
        if webhook is None:
            return webhook_not_found(request.webhook_id)
        asked = [each for each in webhook.letters if request.letter_id in (0, each.letter_id)]
        if request.letter_id and not asked:
            return dead_letter_not_found(webhook.webhook_id, request.letter_id)
        for letter in asked:
            letter.waiting = True
        return admin_pb.RepeatDeadLettersResponse(
            revision=self.next_revision(), webhook=webhook, request_id=request.request_id
        )

    def set_password(self, operation, request):
        """Note that the credential has a password, or has none any more; without an id, the first credential."""
        whose = getattr(request, "credential_id", "") or next(iter(self.credentials))
        has_password = bool(request.password)
        kept = replace(self.credentials[whose], has_password=has_password, version=self.next_revision())
        self.credentials[whose] = kept
        shown = DOCUMENT_CODECS[Kind.CREDENTIAL].write(kept)
        return operation.response_class(revision=self.revision, credential=shown, request_id=request.request_id)

    def _history_page(self, request):
        first = int(request.page_token or 0)
        entries = self.history.get((request.kind, request.id), [])
        page = entries[first : first + min(request.page_size, 2)]
        further = str(first + len(page)) if first + len(page) < len(entries) else ""
        return admin_pb.ListHistoryResponse(revision=self.revision, entries=page, next_page_token=further)

    def _leader_and_lost(self):
        leader = admin_pb.ReplicaStatus(
            name="replica1",
            reachable=True,
            role=admin_pb.REPLICA_ROLE_LEADER,
            term=3,
            revision=self.revision,
            leader="replica1",
            peers=[
                admin_pb.PeerStatus(name="replica2", connected=True),
                admin_pb.PeerStatus(name="replica3", refused="it belongs to another cluster"),
            ],
            state_digest="0123456789abcdef0123",
            customers=len(self.customers),
            cluster="c" * 32,
        )
        return [leader, admin_pb.ReplicaStatus(name="replica2", reachable=False, error="no connection")]


def kind_of(command):
    return Kind.CUSTOMER if hasattr(command, "customer_id") else Kind.PRODUCT


def id_of(command):
    return getattr(command, f"{kind_of(command).value}_id")


def missing(kind, document_id):
    return refused(Reason(f"{kind.name}_NOT_FOUND"), **{f"{kind.value}_id": document_id})


@dataclass
class FakePortal:
    """One server; `calls` are (method, request) in the order of arrival."""

    shop: FakeShop
    calls: list[tuple[str, object]] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    """That of each call, without what gRPC itself adds."""
    plans: deque[Plan] = field(default_factory=deque)
    arrival: asyncio.Event = field(default_factory=asyncio.Event)
    most_at_once: int = 0
    at_once: int = 0
    answers_from: int = 1
    """No write is answered until so many calls are in flight together for the first time."""
    were_together: asyncio.Event = field(default_factory=asyncio.Event)
    address: Address = field(default_factory=lambda: Address("127.0.0.1", 0))
    server: aio.Server | None = None
    identity: LinkIdentity | None = None

    async def start(self) -> None:
        self.server = aio.server()
        for portal in PortalKind:
            rows = [each for each in OPERATIONS if each.portal is portal]
            handlers = {each.label: self._handler(each) for each in rows}
            service = grpc.method_handlers_generic_handler(portal.service.full_name, handlers)
            self.server.add_generic_rpc_handlers((service,))
        if self.identity is None:
            port = self.server.add_insecure_port(f"127.0.0.1:{self.address.port}")
        else:
            credentials = server_credentials(self.identity, client_certificates=False)
            port = self.server.add_secure_port(f"127.0.0.1:{self.address.port}", credentials)
        self.address = Address("127.0.0.1", port)
        await self.server.start()

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.stop(0)
            self.server = None

    async def called(self, times: int = 1) -> None:
        """Wait until so many calls have arrived since the portal was made."""
        async with asyncio.timeout(15):
            while len(self.calls) < times:
                self.arrival.clear()
                await self.arrival.wait()

    def requests(self, method: str) -> list:
        return [request for name, request in self.calls if name == method]

    def _handler(self, operation):
        if isinstance(operation, WatchOperation):

            async def watch(request, context):
                async for told in self._watch(request, context):
                    yield operation.response(told)

            make, answer = grpc.unary_stream_rpc_method_handler, watch
        elif operation.streams:
            make, answer = grpc.unary_stream_rpc_method_handler, self._backup
        else:

            async def answer(request, context):
                return await self._carry_out(operation, request, context)

            make = grpc.unary_unary_rpc_method_handler
        return make(answer, operation.request_class.FromString, operation.response_class.SerializeToString)

    async def _carry_out(self, operation, request, context):
        """Record the call, follow the plan, and do the work once for each request id."""
        self.calls.append((operation.label, request))
        metadata = dict(context.invocation_metadata() or ())
        self.metadata.append({name: value for name, value in metadata.items() if name != "user-agent"})
        self.arrival.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once >= self.answers_from:
            self.were_together.set()
        try:
            if operation.writes:
                await self.were_together.wait()
            plan = self.plans.popleft() if self.plans else None
            if isinstance(plan, Busy):
                await asyncio.Event().wait()
            if isinstance(plan, Refused | QuitandaError):
                await abort(context, plan)
            answer = self._once(operation, request)
            if isinstance(plan, Hang):
                await asyncio.Event().wait()
            await asyncio.sleep(0)  # calls that came together are in flight together
            if isinstance(answer, Refused):
                await abort(context, answer)
            return answer
        finally:
            self.at_once -= 1

    def _once(self, operation, request):
        if isinstance(operation, ClusterOperation):
            return self.shop.cluster(operation.name, request)
        if isinstance(operation, WebhookOperation):
            return self.shop.webhook_operation(operation, request)
        if isinstance(operation, PasswordOperation):
            return self.shop.set_password(operation, request)
        request_id = getattr(request, "request_id", "")
        if request_id not in self.shop.answers or not request_id:
            self.shop.answers[request_id] = self._answer(operation, request)
        return self.shop.answers[request_id]

    def _answer(self, operation, request):
        if operation.name == "create_order":
            order_id = f"o{next(self.shop.order_numbers)}"
            chosen = Chosen({"order_id": order_id, "created_at_ms": 1_700_000_000_000})
        elif operation.writes:
            choices = RequestChoices(IdGenerator(), bytes(32), customers_get_tokens=self.shop.customers_get_tokens)
            chosen = choices.choose(operation, request, request.request_id)
        else:
            chosen = NOTHING
        asked = operation.from_message(request, chosen.fields)
        answer = asked if isinstance(asked, Refused) else self.shop.answer(asked)
        return answer if isinstance(answer, Refused) else operation.response(chosen.tell_token(answer))

    async def _watch(self, request, context):
        """Tell what becomes of the products, until the portal stops or a plan says how the watch ends."""
        self.calls.append(("Watch", request))
        self.arrival.set()
        if isinstance(plan := self.plans.popleft() if self.plans else None, Refused | QuitandaError):
            await abort(context, plan)
        yield WatchedChanges(self.shop.revision)
        while True:
            if changes := self.shop.news():
                yield WatchedChanges(self.shop.revision, changes)
            await asyncio.sleep(0.01)

    async def _backup(self, request, context):
        self.calls.append(("BackupCluster", request))
        for number, part in enumerate(self.shop.backup_parts):
            if number == 1 and self.shop.backup_halts is not None:
                reached, go_on = self.shop.backup_halts
                reached.set()
                await go_on.wait()
            yield part
        if self.shop.backup_breaks_off is not None:
            await abort(context, self.shop.backup_breaks_off)


async def abort(context, failure):
    status = to_rpc_status(failure)
    await context.abort(status.code, status.details, status.trailing_metadata)
