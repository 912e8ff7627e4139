"""Each operation of the table, each credential, each transport: the right answer, and nothing changed by a wrong one.

The cells are made from the table of operations. Who may do what is also written down here, so that nobody changes it
unawares.
"""

import json
from dataclasses import dataclass

import grpc
import pytest
from fake_cluster import DirectReader, FakeCluster, FakeFeed
from known_callers import cluster_of_known_callers, let_in
from prometheus_client import CollectorRegistry

from quitanda.domain.commands import (
    CreateOrder,
    CreateProduct,
    ItemQuantity,
    RevokeCredential,
    RotateCredential,
)
from quitanda.domain.model import CallerRole
from quitanda.domain.webhook_commands import CreateWebhook
from quitanda.error_status import describe
from quitanda.identity.folder import IdentityFolder
from quitanda.identity.tokens import Token, hash_secret, new_secret, new_token
from quitanda.mqtt.topics import request_topic
from quitanda.operations import OPERATIONS, PortalKind, document_operations_of, operations_of
from quitanda.portal.callers import Authenticator
from quitanda.portal.certificate_issuer import CertificateIssuer
from quitanda.portal.cluster_admin import ClusterAdmin
from quitanda.portal.failure_limits import FailureLimiter
from quitanda.portal.grpc_servicer import GrpcServicer
from quitanda.portal.ids import IdGenerator
from quitanda.portal.mqtt_requests import MqttRequestHandler, parse_request
from quitanda.portal.new_tokens import RequestChoices
from quitanda.portal.operations import PortalOperations
from quitanda.portal.passwords import PasswordKeeper
from quitanda.portal.watches import Watches
from quitanda.portal.webhook_admin import WebhookAdmin
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime import metrics
from quitanda.runtime.access_log import AccessLog
from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_server import AioGrpcServer
from quitanda_testing.identity_folders import CertificateAuthority, write_file
from quitanda_testing.operation_matrix import ANOTHER_CUSTOMER, CREDENTIALS, moves_before, refusal, request_fields

TIMEOUT = 30.0
EXPIRED_AT_MS, NOW_MS = 1_000, 2_000
GARBAGE = b"\xff\xff\xff"

ADMIN, CLERK, READ_ONLY, METRICS, CUSTOMER = CallerRole
STAFF_READS = {ADMIN, CLERK, READ_ONLY}
WRITTEN_DOWN = {
    PortalKind.ADMIN: {
        "create_customer": {ADMIN},
        "get_customer": STAFF_READS,
        "update_customer": {ADMIN},
        "delete_customer": {ADMIN},
        "list_customers": STAFF_READS,
        "find_customers": STAFF_READS,
        "create_product": {ADMIN},
        "get_product": STAFF_READS,
        "update_product": {ADMIN},
        "delete_product": {ADMIN},
        "list_products": STAFF_READS,
        "find_products": STAFF_READS,
        "adjust_stock": {ADMIN, CLERK},
        "get_order": STAFF_READS,
        "find_orders": STAFF_READS,
        "fulfil_order": {ADMIN, CLERK},
        "return_order": {ADMIN, CLERK},
        "cancel_order_items": {ADMIN, CLERK},
        "set_order_deadline": {ADMIN, CLERK},
        "import_order": {ADMIN},
        "list_history": {ADMIN, READ_ONLY},
        "watch": STAFF_READS,
        "get_cluster_status": {*STAFF_READS, METRICS},
        "transfer_leadership": {ADMIN},
        "backup_cluster": {ADMIN},
        "verify_cluster": {ADMIN},
        "raise_level": {ADMIN},
        "create_credential": {ADMIN},
        "list_credentials": {ADMIN},
        "rotate_credential": {ADMIN, CLERK, READ_ONLY},
        "revoke_credential": {ADMIN},
        "set_password": STAFF_READS,
        "sign_in": set(CallerRole),
        "create_webhook": {ADMIN},
        "update_webhook": {ADMIN},
        "rotate_webhook_secret": {ADMIN},
        "delete_webhook": {ADMIN},
        "repeat_dead_letters": {ADMIN},
        "send_test_event": {ADMIN},
        "list_webhooks": {ADMIN, READ_ONLY},
    },
    PortalKind.CLIENT: {
        "create_order": {ADMIN, CLERK, CUSTOMER},
        "set_order_item": {ADMIN, CLERK, CUSTOMER},
        "set_order_items": {ADMIN, CLERK, CUSTOMER},
        "get_order": {*STAFF_READS, CUSTOMER},
        "list_orders": {*STAFF_READS, CUSTOMER},
        "cancel_order": {ADMIN, CLERK, CUSTOMER},
        "place_order": {ADMIN, CLERK, CUSTOMER},
        "set_order_deadline": {ADMIN, CLERK, CUSTOMER},
        "get_product": {*STAFF_READS, CUSTOMER},
        "list_products": {*STAFF_READS, CUSTOMER},
        "watch": {*STAFF_READS, CUSTOMER},
        "find_products": {*STAFF_READS, CUSTOMER},
        "rotate_own_credential": {ADMIN, CLERK, READ_ONLY, CUSTOMER},
        "set_password": {CUSTOMER},
        "sign_in": set(CallerRole),
        "issue_certificate": {*STAFF_READS, CUSTOMER},
    },
}


@dataclass
class Shop:
    """A cluster in memory with two customers, a product and an order of ana's; `tokens` by what they are."""

    cluster: FakeCluster
    tokens: dict[str, str]
    own: dict[str, Token]


@pytest.fixture
def shop():
    cluster = cluster_of_known_callers("ana", "bia")
    cluster.does(CreateProduct("tea", "Tea", price=250, quantity=100))
    cluster.does(CreateOrder("ana", "order-1", 1, (ItemQuantity("tea", 1),)), scope="ana")
    cluster.does(CreateWebhook("hook", "https://receiver.example", "order_placed", "a" * 64, 1))
    own = {role.value: let_in(cluster, role, "ana" if role is CUSTOMER else None) for role in CallerRole}
    own[ANOTHER_CUSTOMER] = let_in(cluster, CUSTOMER, "bia")
    revoked, replaced = let_in(cluster, ADMIN), let_in(cluster, ADMIN)
    cluster.does(RevokeCredential(revoked.credential_id))
    for _ in range(2):
        cluster.does(RotateCredential(replaced.credential_id, hash_secret(new_secret())))
    tokens = {name: token.text() for name, token in own.items()} | {
        "none": "",
        "malformed": "qt1_admin",
        "wrong secret": Token(own["admin"].credential_id, new_secret()).text(),
        "unknown id": new_token().text(),
        "expired": let_in(cluster, ADMIN, expires_at_ms=EXPIRED_AT_MS).text(),
        "revoked": revoked.text(),
        "replaced twice": replaced.text(),
    }
    return Shop(cluster, tokens, own)


@pytest.fixture
def parts(shop):
    """What both transports of both portals share: a portal's operations and its authenticator."""
    reader = DirectReader(shop.cluster)
    authenticator = Authenticator(reader, now_ms=lambda: NOW_MS)
    return {
        portal: (PortalOperations(portal, shop.cluster, reader, authenticator), authenticator) for portal in PortalKind
    }


@pytest.fixture
def watches(shop, parts):
    """The watches of each portal."""
    reader = DirectReader(shop.cluster)
    FakeFeed(shop.cluster, reader)
    return {
        portal: Watches(operations, shop.cluster, reader, TIMEOUT, authenticator)
        for portal, (operations, authenticator) in parts.items()
    }


@pytest.fixture
async def channels(shop, parts, watches, tmp_path):
    """A gRPC channel to each portal."""
    write_file(tmp_path / "customers-ca-key.pem", CertificateAuthority("customers").key_and_certificate)
    counted = metrics.RequestMetrics(CollectorRegistry())
    servers, channels = [], {}
    for portal, (operations, authenticator) in parts.items():
        ids = IdGenerator()
        servicer = GrpcServicer(
            portal,
            operations,
            ids,
            TIMEOUT,
            ClusterAdmin(shop.cluster) if portal is PortalKind.ADMIN else None,
            choices=RequestChoices(ids, bytes(32), customers_get_tokens=True),
            authenticator=authenticator,
            certificates=(
                CertificateIssuer(IdentityFolder(tmp_path), DirectReader(shop.cluster))
                if portal is PortalKind.CLIENT
                else None
            ),
            watches=watches[portal],
            webhook_admin=WebhookAdmin(shop.cluster) if portal is PortalKind.ADMIN else None,
            passwords=PasswordKeeper(portal, shop.cluster, authenticator, FailureLimiter()),
        )
        server = AioGrpcServer(
            Address("127.0.0.1", 0),
            servicer.add_to,
            (servicer.service_name,),
            AccessLog(counted),
            refuse_unread=servicer.refuse_unread,
            authenticate=servicer.authenticate,
        )
        await server.start()
        servers.append(server)
        channels[portal] = grpc.aio.insecure_channel(str(server.address))
    yield channels
    for channel in channels.values():
        await channel.close()
    for server in servers:
        await server.stop(0)


def state_of(cluster):
    return (
        list(cluster.state.documents()),
        list(cluster.state.memories()),
        cluster.revision,
        len(cluster.requests),
        list(cluster.administration.transfers),
        list(cluster.administration.raised),
    )


async def over_grpc(channel, operation, token, message):
    """Make a call; give what was refused, or the response; None where a stream has begun."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    call = (channel.unary_stream if operation.streams else channel.unary_unary)(operation.path)
    try:
        answer = call(message, timeout=TIMEOUT, metadata=metadata)
        if operation.streams:
            await answer.read()
            answer.cancel()
            return None
        return operation.response_class.FromString(await answer)
    except grpc.RpcError as error:
        return describe(from_rpc_error(error))


def told(answer):
    return (answer.reason, answer.details.get("problem")) if hasattr(answer, "reason") else None


def row_id(row):
    return f"{row.portal.name.lower()}.{row.name}"


def test_who_may_do_what_is_what_is_written_down_here():
    assert {p: {name: set(row.roles) for name, row in operations_of(p).items()} for p in PortalKind} == WRITTEN_DOWN


@pytest.mark.parametrize("operation", OPERATIONS, ids=row_id)
async def test_over_grpc_every_wrong_cell_is_refused_with_the_right_reason_and_changes_nothing(
    operation, shop, channels
):
    before = state_of(shop.cluster)
    for credential in CREDENTIALS:
        wanted = refusal(operation, credential)
        if wanted is not None:
            asks_as = {"customer_id": "ana"} if operation.portal.names_customer else {}
            fields = request_fields(operation, shop.own.get(credential, shop.own["admin"]), "order-1") | asks_as
            message = operation.request_class(**fields).SerializeToString()
            answer = await over_grpc(channels[operation.portal], operation, shop.tokens[credential], message)

            assert (credential, told(answer)) == (credential, wanted)
            assert state_of(shop.cluster) == before


@pytest.mark.parametrize("operation", OPERATIONS, ids=row_id)
async def test_over_grpc_a_caller_who_may_not_is_refused_before_the_request_is_decoded(operation, shop, channels):
    for credential in CREDENTIALS:
        wanted = refusal(operation, credential)
        if wanted is not None and (credential != ANOTHER_CUSTOMER or CUSTOMER not in operation.roles):
            answer = await over_grpc(channels[operation.portal], operation, shop.tokens[credential], GARBAGE)

            assert (credential, told(answer)) == (credential, wanted)


@pytest.mark.parametrize("role", CallerRole)
@pytest.mark.parametrize("operation", OPERATIONS, ids=row_id)
async def test_over_grpc_every_right_cell_is_answered(operation, role, shop, channels):
    if role not in operation.roles:
        assert refusal(operation, role.value) is not None
        return
    if operation.name == "sign_in":  # the password stands for the token
        set_password = operations_of(operation.portal)["set_password"]
        customer = {"customer_id": "ana"} if operation.portal.names_customer else {}
        own = "customer" if customer else "clerk"
        asked = set_password.request_class(password="nine green bottles", **customer)
        await over_grpc(channels[operation.portal], set_password, shop.tokens[own], asked.SerializeToString())
    for command in moves_before(operation, "ana", "order-1"):
        shop.cluster.does(command)
    asks_as = {"customer_id": "ana"} if operation.portal.names_customer else {}
    if operation.name == "sign_in" and not asks_as:
        asks_as = {"name": "clerk "}
    message = operation.request_class(**request_fields(operation, shop.own[role.value], "order-1"), **asks_as)
    answer = await over_grpc(
        channels[operation.portal], operation, shop.tokens[role.value], message.SerializeToString()
    )

    assert told(answer) is None
    if operation.writes:
        (request,) = shop.cluster.requests
        assert request.principal.credential_id == shop.own[role.value].credential_id


MQTT_OPERATIONS = document_operations_of(PortalKind.CLIENT)


async def over_mqtt(parts, operation, token, fields):
    payload = json.dumps({"reply_to": "s1", **({"token": token} if token else {}), **fields}).encode()
    return await reply_over_mqtt(parts, operation, payload)


async def reply_over_mqtt(parts, operation, payload):
    operations, authenticator = parts[PortalKind.CLIENT]
    log = AccessLog(metrics.RequestMetrics(CollectorRegistry()), metrics.MQTT)
    handler = MqttRequestHandler(operations, IdGenerator(), log, authenticator)
    return json.loads(await handler.answer(parse_request(request_topic("ana", operation.name), payload), TIMEOUT))


@pytest.mark.parametrize("operation", MQTT_OPERATIONS.values(), ids=row_id)
async def test_over_mqtt_every_wrong_cell_is_refused_with_the_right_reason_and_changes_nothing(operation, shop, parts):
    before = state_of(shop.cluster)
    for credential in CREDENTIALS:
        wanted = refusal(operation, credential)
        if wanted is not None:
            fields = request_fields(operation, shop.own.get(credential, shop.own["admin"]), "order-1")
            for given in (fields, {"no such field": 1}):
                reply = await over_mqtt(parts, operation, shop.tokens[credential], given)
                error = reply["error"]

                assert (credential, (error["reason"], error["details"].get("problem"))) == (credential, wanted)
                assert state_of(shop.cluster) == before


@pytest.mark.parametrize("role", CallerRole)
@pytest.mark.parametrize("operation", MQTT_OPERATIONS.values(), ids=row_id)
async def test_over_mqtt_every_right_cell_is_answered(operation, role, shop, parts):
    if role not in operation.roles:
        assert refusal(operation, role.value) is not None
        return
    reply = await over_mqtt(
        parts, operation, shop.tokens[role.value], request_fields(operation, shop.own[role.value], "order-1")
    )

    assert "error" not in reply
    assert shop.tokens[role.value] not in json.dumps(reply)


async def test_a_wrong_secret_and_an_unknown_id_are_told_apart_by_nobody(shop, channels):
    (operation,) = (row for row in OPERATIONS if row_id(row) == "admin.get_customer")
    message = operation.request_class(customer_id="ana").SerializeToString()
    told_of, asked = [], []
    for credential in ("wrong secret", "unknown id"):
        before = len(shop.cluster.reads)
        told_of.append(await over_grpc(channels[PortalKind.ADMIN], operation, shop.tokens[credential], message))
        asked.append([[item.kind for item in items] for items in shop.cluster.reads[before:]])

    assert told_of[0] == told_of[1]
    assert asked[0] == asked[1]


async def test_a_new_customers_token_is_told_once_and_again_to_the_same_request_only(shop, channels):
    (operation,) = (row for row in OPERATIONS if row_id(row) == "admin.create_customer")
    message = operation.request_class(customer_id="eva", name="Eva", request_id="r1").SerializeToString()
    answers = [await over_grpc(channels[PortalKind.ADMIN], operation, shop.tokens["admin"], message) for _ in range(2)]
    (order,) = (row for row in OPERATIONS if row.name == "create_order")
    asked = order.request_class(customer_id="eva").SerializeToString()
    placed = await over_grpc(channels[PortalKind.CLIENT], order, answers[0].token, asked)

    assert answers[0].token.startswith("qt1_")
    assert answers[0] == answers[1]
    assert placed.order.customer_id == "eva"


@pytest.mark.parametrize("name", ["create_credential", "rotate_credential"])
async def test_a_token_is_told_to_a_repeated_request_and_is_the_one_that_is_in_force(name, shop, channels):
    (operation,) = (row for row in OPERATIONS if row.name == name)
    fields = request_fields(operation, shop.own["clerk"], "order-1")
    message = operation.request_class(request_id="r1", **fields).SerializeToString()
    answers = [await over_grpc(channels[PortalKind.ADMIN], operation, shop.tokens["admin"], message) for _ in range(2)]
    (stock,) = (row for row in OPERATIONS if row.name == "adjust_stock")
    asked = stock.request_class(product_id="tea", delta=1).SerializeToString()

    assert answers[0] == answers[1]
    assert told(await over_grpc(channels[PortalKind.ADMIN], stock, answers[0].token, asked)) is None


async def test_two_tokens_of_a_rotated_credential_are_valid_and_the_one_before_them_is_not(shop, channels):
    (rotate,) = (row for row in OPERATIONS if row.name == "rotate_credential")
    (stock,) = (row for row in OPERATIONS if row.name == "adjust_stock")
    asked = stock.request_class(product_id="tea", delta=1).SerializeToString()
    credential_id, tokens = shop.own["clerk"].credential_id, [shop.tokens["clerk"]]
    valid = []
    for number in range(2):
        message = rotate.request_class(request_id=f"r{number}", credential_id=credential_id).SerializeToString()
        answer = await over_grpc(channels[PortalKind.ADMIN], rotate, shop.tokens["admin"], message)
        tokens.append(answer.token)
        valid.append([told(await over_grpc(channels[PortalKind.ADMIN], stock, token, asked)) for token in tokens])

    assert valid == [[None, None], [("CREDENTIAL_REVOKED", None), None, None]]
    assert told(await over_grpc(channels[PortalKind.ADMIN], stock, tokens[0], asked)) == ("UNAUTHENTICATED", "wrong")


async def test_a_holder_who_repeats_a_rotation_with_another_secret_is_refused(shop, channels):
    (rotate,) = (row for row in OPERATIONS if row.name == "rotate_own_credential")
    own = shop.own["customer"]
    answers = []
    for secret in ("a" * 52, "a" * 52, "b" * 52):
        fields = {"credential_id": own.credential_id, "secret_hash": hash_secret(secret)}
        message = rotate.request_class(request_id="r1", customer_id="ana", **fields).SerializeToString()
        answers.append(await over_grpc(channels[PortalKind.CLIENT], rotate, own.text(), message))

    assert list(map(told, answers)) == [None, None, ("REQUEST_ID_REUSED", None)]


@pytest.mark.parametrize("victim", [ANOTHER_CUSTOMER, "admin"])
async def test_a_customer_rotates_no_credential_but_her_own(victim, shop, channels):
    (rotate,) = (row for row in OPERATIONS if row.name == "rotate_own_credential")
    before = list(shop.cluster.state.credentials())
    fields = {"credential_id": shop.own[victim].credential_id, "secret_hash": hash_secret(new_secret())}
    message = rotate.request_class(customer_id="ana", **fields).SerializeToString()
    answer = await over_grpc(channels[PortalKind.CLIENT], rotate, shop.tokens["customer"], message)

    assert told(answer) == ("FORBIDDEN", None)
    assert list(shop.cluster.state.credentials()) == before


@pytest.mark.parametrize("operation", MQTT_OPERATIONS.values(), ids=row_id)
async def test_over_mqtt_who_has_a_token_is_told_what_cannot_be_read_and_who_has_none_that_it_is_missing(
    operation, shop, parts
):
    told = {}
    for credential in ("customer", "none"):
        known = f'"token": "{shop.tokens[credential]}", ' if shop.tokens[credential] else ""
        payload = f'{{"reply_to": "s1", {known}"order_id": '.encode()
        error = (await reply_over_mqtt(parts, operation, payload))["error"]
        told[credential] = (error["reason"], error["field"], error["details"]["problem"])

    assert told == {
        "customer": ("INVALID_ARGUMENT", "request", "not_json"),
        "none": ("UNAUTHENTICATED", "token", "missing"),
    }
