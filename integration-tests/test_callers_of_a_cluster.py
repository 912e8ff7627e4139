"""A cluster with identities: each operation, each credential, each transport; a revocation, a rotation, a flood."""

import asyncio
import os
from datetime import UTC, datetime

import grpc
import grpc.aio
import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import CallerRole, Kind
from quitanda.domain.outcomes import Reason
from quitanda.error_status import describe
from quitanda.errors import Rejected
from quitanda.identity.certificates import KeyedCertificate
from quitanda.identity.customer_certificates import issue_to_customer
from quitanda.identity.folder import IdentityFile, IdentityFolder
from quitanda.identity.tokens import Token, new_secret, new_token, parse_token
from quitanda.mqtt.topics import request_topic
from quitanda.operations import (
    OPERATIONS,
    TOKEN_FIELD,
    PortalKind,
    document_operations_of,
)
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime.addresses import parse_address, parse_addresses
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_clients.broker_certificate import new_request
from quitanda_clients.client import AdminClient
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.transports.mqtt import MqttSession
from quitanda_local.readiness import CHANNEL_OPTIONS
from quitanda_testing.cluster.process_cluster import ProcessCluster
from quitanda_testing.operation_matrix import ANOTHER_CUSTOMER, CREDENTIALS, refusal, request_fields

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.processes_only(reason="it reads the identity folders"),
]

TIMEOUT = 10.0
EXPIRED_AT_MS = 1
TOO_MANY = ("UNAUTHENTICATED", "too_many_failures")
"""What a caller is told whose address has sent many wrong tokens: here all callers have one address."""


class SecureShop:
    """A cluster whose callers must prove who they are, with two customers, tea, and an order of ana's.

    `tokens` are texts, by what they are (`quitanda_testing.operation_matrix.CREDENTIALS`).
    """

    def __init__(self, cluster, customers_folder):
        self.cluster = cluster
        self.identity = LinkIdentity(cluster.identities.of_clients)
        self.first = IdentityFolder(cluster.identities.of_clients).credential()
        self.tokens = {}
        self.order_id = ""
        self._customers_folder = customers_folder

    def admin(self, token=None):
        portals = parse_addresses(",".join(map(self.cluster.address, self.cluster.admin_portals)))
        return AdminClient(portals, identity=self.identity, token=self.first if token is None else token)

    def customer(self, token, customer_id="ana"):
        portals = parse_addresses(",".join(map(self.cluster.address, self.cluster.client_portals)))
        broker = parse_address(self.cluster.address(self.cluster.broker))
        return make_shop_client(
            Transport.GRPC, customer_id, portals=portals, broker=broker, identity=self.identity, token=token
        )

    async def fill(self):
        async with self.admin() as admin:
            ana, bia = [await admin.create_customer(customer_id, customer_id) for customer_id in ("ana", "bia")]
            await admin.create_product("tea", "Tea", 250, 1_000)
            made = {role.value: await admin.create_credential(role.value, role.value) for role in list(CallerRole)[:4]}
            replaced, revoked = [await admin.create_credential("admin", name) for name in ("replaced", "revoked")]
            expired = await admin.create_credential("admin", "expired", expires_at_ms=EXPIRED_AT_MS)
            for _ in range(2):
                await admin.rotate_credential(replaced.document.credential_id)
            await admin.revoke_credential(revoked.document.credential_id)
        async with self.customer(ana.token) as customer:
            self.order_id = (await customer.create_order([ItemQuantity("tea", 1)])).document.order_id
        first = parse_token(self.first)
        self.tokens = {name: result.token for name, result in made.items()} | {
            "customer": ana.token,
            ANOTHER_CUSTOMER: bia.token,
            "none": "",
            "malformed": "qt1_admin",
            "wrong secret": Token(first.credential_id, new_secret()).text(),
            "unknown id": new_token().text(),
            "expired": expired.token,
            "revoked": revoked.token,
            "replaced twice": replaced.token,
        }

    def own(self, credential):
        token = parse_token(self.tokens[credential])
        return token if isinstance(token, Token) else parse_token(self.first)

    async def digest(self):
        """The digest of the state, on which the replicas agree, and how many documents there are."""
        async with self.admin() as admin:
            while True:
                told = {
                    (each.state_digest, each.revision, each.customers, each.orders)
                    for each in await admin.cluster_status()
                }
                if len(told) == 1:
                    digest, _, *counts = told.pop()
                    return digest, *counts
                await asyncio.sleep(0.05)

    def channel(self, portal):
        names = self.cluster.admin_portals if portal is PortalKind.ADMIN else self.cluster.client_portals
        credentials = grpc.ssl_channel_credentials(IdentityFolder(self.cluster.identities.of_clients).ca())
        return grpc.aio.secure_channel(self.cluster.address(names[0]), credentials, options=CHANNEL_OPTIONS)

    def mqtt_session(self, customer_id):
        """Connect to the broker with the customer's certificate, as a client portal would sign it."""
        folder = self._customers_folder / customer_id
        folder.mkdir(mode=0o700)
        root = KeyedCertificate.read(IdentityFolder(self.cluster.identities.folder("ca")).customers_ca_key())
        made = new_request()
        certificate = issue_to_customer(made.request, customer_id, root, datetime.now(UTC))
        for name, content in (
            (IdentityFile.CA, IdentityFolder(self.cluster.identities.of_clients).ca()),
            (IdentityFile.PROCESS, made.key + certificate.pem.encode()),
        ):
            with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(content)
        return MqttSession(customer_id, parse_address(self.cluster.address(self.cluster.broker)), LinkIdentity(folder))


@pytest.fixture
async def shop(tmp_path):
    cluster = ProcessCluster.on_free_ports(tmp_path / "data", identities=True)
    async with cluster:
        shop = SecureShop(cluster, tmp_path)
        await shop.fill()
        yield shop
    cluster.close()


async def over_grpc(channel, operation, token, message):
    """Give the reason, and the problem of a token, with which a call is refused; None where it is answered."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    call = (channel.unary_stream if operation.streams else channel.unary_unary)(operation.path)(
        message, timeout=TIMEOUT, metadata=metadata
    )
    try:
        if operation.streams:
            await call.read()
            call.cancel()
        else:
            await call
    except grpc.RpcError as error:
        told = describe(from_rpc_error(error))
        return told.reason, told.details.get("problem")
    return None


async def test_over_grpc_every_wrong_cell_of_the_matrix_is_refused_and_the_state_is_what_it_was(shop):
    before = await shop.digest()
    wrong = {}
    channels = {portal: shop.channel(portal) for portal in PortalKind}
    for operation in OPERATIONS:
        asks_as = {"customer_id": "ana"} if operation.portal.names_customer else {}
        for credential in CREDENTIALS:
            wanted = refusal(operation, credential)
            if wanted is None:
                continue
            fields = request_fields(operation, shop.own(credential), shop.order_id) | asks_as
            message = operation.request_class(**fields).SerializeToString()
            told = await over_grpc(channels[operation.portal], operation, shop.tokens[credential], message)
            if told not in {wanted, TOO_MANY}:
                wrong[operation.path, credential] = told
    for channel in channels.values():
        await channel.close()

    assert wrong == {}
    assert await shop.digest() == before


async def test_over_mqtt_every_wrong_cell_of_the_matrix_is_refused_and_the_state_is_what_it_was(shop):
    before = await shop.digest()
    wrong = {}
    session = shop.mqtt_session("ana")
    session.start()
    for operation in document_operations_of(PortalKind.CLIENT).values():
        for credential in CREDENTIALS:
            wanted = refusal(operation, credential)
            if wanted is None:
                continue
            fields = request_fields(operation, shop.own(credential), shop.order_id)
            proof = {TOKEN_FIELD: shop.tokens[credential]} if shop.tokens[credential] else {}
            topic = request_topic("ana", operation.name)
            reply = await session.exchange(topic, fields, new_request_id(), TIMEOUT, proof)
            error = reply.get("error", {})
            told = (error.get("reason"), error.get("details", {}).get("problem"))
            if told not in {wanted, TOO_MANY}:
                wrong[operation.name, credential] = told
    right = await session.exchange(
        request_topic("ana", "list_orders"), {}, new_request_id(), TIMEOUT, {TOKEN_FIELD: shop.tokens["customer"]}
    )
    await session.close()

    assert wrong == {}
    assert [order["order_id"] for order in right["result"]["orders"]] == [shop.order_id]
    assert await shop.digest() == before


async def test_a_revocation_that_was_acknowledged_stops_every_write_after_it_through_every_portal(shop):
    """The portals know the writers' token. No write may be done that begins after the answer to the revocation."""
    async with shop.admin() as admin:
        made = await admin.create_credential("clerk", "Ben")
        stop = asyncio.Event()
        begun_after, done_after = [], []

        async def write():
            async with shop.admin(made.token) as clerk:
                while not stop.is_set():
                    late = revoked.is_set()
                    try:
                        await clerk.adjust_stock("tea", 1)
                    except Rejected as rejected:
                        begun_after.append(rejected.refused.reason.value)
                        return
                    if late:
                        done_after.append(late)

        revoked = asyncio.Event()
        async with asyncio.TaskGroup() as writers, asyncio.timeout(60):
            for _ in range(8):
                writers.create_task(write())
            await asyncio.sleep(0.5)
            await admin.revoke_credential(made.document.credential_id)
            revoked.set()

    assert done_after == []
    assert len(begun_after) == 8
    assert set(begun_after) <= {"CREDENTIAL_REVOKED", "UNAUTHENTICATED"}


async def test_while_a_token_is_rotated_no_call_of_its_holder_fails(shop):
    async with shop.admin() as admin:
        made = await admin.create_credential("clerk", "Ben")
        token, calls = made.token, 0
        stop = asyncio.Event()

        async def write():
            nonlocal calls
            while not stop.is_set():
                async with shop.admin(token) as clerk:
                    await clerk.adjust_stock("tea", 1)
                calls += 1

        async with asyncio.TaskGroup() as writers, asyncio.timeout(60):
            for _ in range(4):
                writers.create_task(write())
            for _ in range(4):
                before = calls
                token = (await admin.rotate_credential(made.document.credential_id)).token
                while calls < before + 8:  # noqa: ASYNC110 - the writers count
                    await asyncio.sleep(0.01)
            stop.set()

    assert calls >= 32


async def test_a_flood_of_wrong_tokens_shuts_nobody_out_whom_the_portals_know(shop):
    """The flood comes from the same address as everybody here, and names the holder's own credential."""
    holder = parse_token(shop.tokens["clerk"])
    channel = shop.channel(PortalKind.ADMIN)
    (stock,) = (row for row in OPERATIONS if row.name == "adjust_stock")
    message = stock.request_class(product_id="tea", delta=1).SerializeToString()
    assert await over_grpc(channel, stock, holder.text(), message) is None
    flood = [over_grpc(channel, stock, Token(holder.credential_id, new_secret()).text(), message) for _ in range(300)]
    told = await asyncio.gather(*flood)
    right = await over_grpc(channel, stock, holder.text(), message)
    await channel.close()

    assert right is None
    assert {reason for reason, _ in told} == {"UNAUTHENTICATED"}
    assert sum(problem == "wrong" for _, problem in told) <= 20


async def test_no_token_comes_into_a_log(shop):
    async with shop.customer(shop.tokens["customer"]) as customer:
        await customer.list_orders()
    secrets = {parse_token(text).secret for text in shop.tokens.values() if isinstance(parse_token(text), Token)}
    for name in shop.cluster.everything:
        log = "".join(shop.cluster.log(name))

        assert not any(secret in log for secret in secrets), name
    logs = "".join("".join(shop.cluster.log(name)) for name in shop.cluster.client_portals)
    assert parse_token(shop.tokens["customer"]).credential_id in logs


async def test_the_history_says_who_changed_what_through_which_request_and_in_which_order(shop):
    began_ms = int(datetime.now(UTC).timestamp() * 1_000)
    async with shop.admin(shop.tokens["clerk"]) as clerk, shop.customer(shop.tokens["customer"]) as customer:
        adjusted = await clerk.adjust_stock("tea", 3, request_id="count-of-friday")
        ordered = await customer.create_order((ItemQuantity("tea", 2),))
        await customer.cancel_order(ordered.document.order_id)

    async with shop.admin() as admin:
        of_product = (await admin.list_history(Kind.PRODUCT, "tea")).documents
        of_order = (await admin.list_history(Kind.ORDER, ordered.document.order_id)).documents

    order_id = ordered.document.order_id
    clerk_id, customer_id = (parse_token(shop.tokens[each]).credential_id for each in ("clerk", "customer"))
    assert [(each.command, each.credential_id, each.order_id) for each in of_product[:3]] == [
        ("cancel_order", customer_id, order_id),
        ("create_order", customer_id, order_id),
        ("adjust_stock", clerk_id, ""),
    ]
    counted = of_product[2]
    assert (counted.request_id, counted.revision, counted.scope) == ("count-of-friday", adjusted.revision, "")
    before, after = (int(counted.fields[0].before_json), int(counted.fields[0].after_json))
    assert (counted.fields[0].name, after - before) == ("quantity", 3)
    assert all(began_ms - 1_000 <= each.received_at_ms <= began_ms + 60_000 for each in of_product[:3])
    # A cancelled order is kept, so its end is a change of its state.
    assert [(each.command, each.deleted) for each in of_order] == [("cancel_order", False), ("create_order", False)]
    states = [(each.before_json, each.after_json) for each in of_order[0].fields if each.name == "state"]
    assert states == [('"open"', '"cancelled"')]


async def test_a_password_that_was_set_at_one_portal_opens_a_session_at_each_and_a_new_one_ends_it(shop):
    async with shop.admin(shop.tokens["clerk"]) as clerk, shop.admin("") as nobody:
        await clerk.set_password("nine green bottles")
        session = await nobody.sign_in("clerk", "nine green bottles")
        async with shop.admin(session.token) as signed_in:
            await signed_in.adjust_stock("tea", 1)
            await clerk.set_password("ten blue bottles")
            with pytest.raises(Rejected) as ended:
                await signed_in.adjust_stock("tea", 1)
        with pytest.raises(Rejected) as wrong:
            await nobody.sign_in("clerk", "nine green bottles")

    assert ended.value.refused.reason in {Reason.CREDENTIAL_REVOKED, Reason.UNAUTHENTICATED}
    assert wrong.value.details["problem"] == "wrong_password"
    async with shop.customer(shop.tokens["customer"]) as ana, shop.customer("") as unknown:
        await ana.set_password("nine green bottles")
        token = (await unknown.sign_in("nine green bottles")).token
    async with shop.customer(token) as ana:
        assert (await ana.create_order([ItemQuantity("tea", 1)])).document.customer_id == "ana"
