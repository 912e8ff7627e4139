"""Customers attack each other over MQTT: nothing arrives that should not, and nobody is disturbed.

What the broker answers to a subscription proves nothing: mosquitto grants all of them. So each test lets the attacker
subscribe, lets the others work, and then sends the attacker something of its own: once that has arrived, everything
that the broker delivers before it has arrived, too.
"""

import socket
import ssl
from contextlib import ExitStack

import pytest
from mqtt_users import MQTT_3_1_1, SecureBroker

from quitanda.mqtt.topics import FEED_TOPIC, PREFIX, reply_topic, request_topic, shared_requests_filter
from quitanda_local.broker import find_mosquitto
from quitanda_local.topology import BrokerKind
from quitanda_testing.blocking_wait import block_until
from quitanda_testing.identity_folders import CLIENT, HOUR, SERVER, CertificateAuthority

pytestmark = [pytest.mark.slow, pytest.mark.processes_only(reason="nothing in it is a cluster")]

GROUP = "a-group-that-nobody-else-knows"
REQUESTS = 50
EVERYTHING = (
    "#",
    "+/#",
    f"{PREFIX}/#",
    f"{PREFIX}/customers/#",
    f"{PREFIX}/customers/+/+/+",
    "$SYS/#",
    "$SYS/broker/+",
)
MOSQUITTO = pytest.param(
    BrokerKind.MOSQUITTO, marks=pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed")
)
of_mosquitto = pytest.mark.parametrize("kind", [MOSQUITTO])
of_both = pytest.mark.parametrize("kind", [MOSQUITTO, BrokerKind.AMQTT])


class Shop:
    """A broker, the client portal that answers each request with its payload, a replica, Ana, and Eve who attacks."""

    def __init__(self, broker, stack, *, portals=1):
        self.broker = broker
        self.shared = broker.kind is BrokerKind.MOSQUITTO
        self.version = {} if self.shared else {"version": MQTT_3_1_1}
        self.portals = [stack.enter_context(self.process(f"portal/client-portal-{n}")) for n in range(1, portals + 1)]
        self.replica = stack.enter_context(self.process("replica/replica1"))
        self.ana = stack.enter_context(self.customer("ana"))
        self.eve = stack.enter_context(self.customer("eve"))
        for portal in self.portals:
            portal.subscribe(shared_requests_filter(GROUP) if self.shared else f"{PREFIX}/customers/+/requests/+")
            portal.subscribe(FEED_TOPIC)
        for customer, session in ((self.ana, "s1"), (self.eve, "s1")):
            name = "ana" if customer is self.ana else "eve"
            customer.subscribe(reply_topic(name, session))

    def process(self, name, **options):
        return self.broker.process(name, **self.version, **options)

    def customer(self, name, **options):
        return self.broker.customer(name, **self.version, **options)

    def all_work(self, count=10):
        """Let Ana have requests answered and the replica publish; all that must arrive arrives."""
        for number in range(count):
            payload = f"request {number} of {id(self)} {len(self.ana.inbox)}".encode()
            self.ana.publish(request_topic("ana", "create_order"), payload)
            self.answer("ana", payload)
            self.ana.wait_for(reply_topic("ana", "s1"), payload)
        feed = f"feed {len(self.portals[0].inbox)}".encode()
        self.replica.publish(FEED_TOPIC, feed)
        for portal in self.portals:
            portal.wait_for(FEED_TOPIC, feed)

    def answer(self, customer_id, payload):
        """Let the portal that gets the request answer it."""
        request = (request_topic(customer_id, "create_order"), payload)
        block_until(lambda: any(request in portal.inbox for portal in self.portals), f"a portal to get {payload!r}")
        portal = next(portal for portal in self.portals if request in portal.inbox)
        portal.publish(reply_topic(customer_id, "s1"), payload)

    def heard_by_eve(self, eve=None, name="eve"):
        """Give what arrived at Eve besides the reply that is now sent to her."""
        eve = eve or self.eve
        self.portals[0].publish(reply_topic(name, "s1"), b"to eve")
        eve.wait_for(reply_topic(name, "s1"), b"to eve")
        return [message for message in eve.inbox if message != (reply_topic(name, "s1"), b"to eve")]

    def heard_by_all(self):
        """Give everything that arrived at Ana and at the portals."""
        return [message for user in (self.ana, *self.portals) for message in user.inbox]


@pytest.fixture
def shop(tmp_path, kind):
    with ExitStack() as stack:
        broker = stack.enter_context(SecureBroker(tmp_path, kind).running())
        yield Shop(broker, stack)


@pytest.fixture
def two_portals(tmp_path, kind):
    with ExitStack() as stack:
        broker = stack.enter_context(SecureBroker(tmp_path, kind).running())
        yield Shop(broker, stack, portals=2)


@of_both
def test_whoever_subscribes_to_others_topics_and_to_everything_hears_only_what_is_hers(shop):
    shop.eve.subscribe(
        FEED_TOPIC,
        reply_topic("ana", "s1"),
        reply_topic("ana", "+"),
        reply_topic("+", "+"),
        request_topic("ana", "create_order"),
        request_topic("+", "+"),
        *EVERYTHING,
    )

    shop.all_work()

    assert shop.heard_by_eve() == []


@of_both
def test_whoever_publishes_where_she_may_not_reaches_nobody(shop):
    for topic in (
        FEED_TOPIC,
        request_topic("ana", "create_order"),
        reply_topic("ana", "s1"),
        reply_topic("eve", "s2"),
        f"{PREFIX}/customers/eve/requests/create_order/more",
        f"{PREFIX}/customers//requests/create_order",
        "anything",
    ):
        shop.eve.publish(topic, b"of eve")

    shop.all_work()
    shop.heard_by_eve()

    assert b"of eve" not in [payload for _, payload in shop.heard_by_all()]


@of_mosquitto
def test_a_client_of_mqtt_5_is_told_that_it_may_not_publish(shop):
    assert shop.eve.publish(FEED_TOPIC, b"of eve") == 0x87
    assert shop.eve.publish(request_topic("ana", "create_order"), b"of eve") == 0x87


@of_mosquitto
def test_none_of_fifty_requests_is_lost_to_whoever_guesses_the_name_of_the_portals_group(two_portals):
    shop = two_portals
    with ExitStack() as stack:
        groups = ("client-portals", "portals", "quitanda", "+", "#", GROUP.upper(), "client-portal-1")
        for group in groups:
            thief = stack.enter_context(shop.customer("eve"))
            thief.subscribe(
                shared_requests_filter(group) if group not in "+#" else f"$share/x/{PREFIX}/customers/{group}"
            )
        answered = []
        for number in range(REQUESTS):
            payload = f"order {number}".encode()
            shop.ana.publish(request_topic("ana", "create_order"), payload)
            shop.answer("ana", payload)
            shop.ana.wait_for(reply_topic("ana", "s1"), payload)
            answered.append(payload)

        assert len(answered) == REQUESTS
        assert all(portal.inbox for portal in shop.portals), "both portals take requests"


@of_mosquitto
def test_whoever_knows_the_groups_name_takes_requests_away_so_it_must_stay_secret(two_portals):
    """The reason for the secret: the access list does not keep a customer out of the group."""
    shop = two_portals
    shop.eve.subscribe(shared_requests_filter(GROUP))

    for number in range(REQUESTS):
        assert shop.ana.publish(request_topic("ana", "create_order"), f"order {number}".encode()) in (0, 0x10)
    shop.ana.publish(request_topic("ana", "create_order"), b"last")
    for portal in shop.portals:
        shop.replica.publish(FEED_TOPIC, b"after all")
        portal.wait_for(FEED_TOPIC, b"after all")

    arrived = {payload for _, payload in shop.heard_by_all() if payload.startswith(b"order ")}
    assert len(arrived) < REQUESTS
    assert shop.heard_by_eve() == [], "the thief hears none of what she takes away"


@of_both
def test_nobody_ends_a_connection_whose_client_id_she_does_not_know(shop):
    for client_id in ("ana", "s1", "portal/client-portal-1", "client-portal-1", "quitanda-feed-replica1", "replica1"):
        with shop.customer("eve", client_id=client_id) as attacker:
            assert attacker.connected

    shop.all_work()
    assert [user.losses for user in (shop.ana, shop.replica, *shop.portals)] == [0, 0, 0]


@of_mosquitto
def test_retained_messages_are_refused_on_every_topic_and_none_is_left_for_who_comes_later(shop):
    for topic in (request_topic("eve", "create_order"), reply_topic("ana", "s1"), FEED_TOPIC):
        with shop.customer("eve") as eve:
            eve.publish(topic, b"retained", retain=True)
        with shop.customer("eve", version=MQTT_3_1_1) as eve:
            eve.publish(topic, b"retained", retain=True)

    with shop.process("portal/client-portal-2") as late, shop.customer("ana") as ana:
        late.subscribe(request_topic("+", "+"), FEED_TOPIC)
        ana.subscribe(reply_topic("ana", "+"))
        shop.replica.publish(FEED_TOPIC, b"later")
        late.wait_for(FEED_TOPIC, b"later")
        shop.portals[0].publish(reply_topic("ana", "s2"), b"later")
        ana.wait_for(reply_topic("ana", "s2"), b"later")

        assert late.inbox == [(FEED_TOPIC, b"later")]
        assert ana.inbox == [(reply_topic("ana", "s2"), b"later")]
    shop.all_work()


@of_both
@pytest.mark.parametrize("topic", [FEED_TOPIC, reply_topic("ana", "s1"), request_topic("ana", "create_order")])
def test_a_will_on_topics_of_others_reaches_nobody(shop, topic):
    with shop.customer("eve", will=(topic, b"last will", False)) as eve:
        if eve.connected:
            eve.vanish()

    shop.all_work()

    assert b"last will" not in [payload for _, payload in shop.heard_by_all()]


@of_mosquitto
def test_a_will_that_would_be_retained_is_refused(shop):
    with shop.customer("eve", will=(request_topic("eve", "create_order"), b"last will", True)) as eve:
        assert not eve.connected

    shop.all_work()


@of_both
@pytest.mark.parametrize(
    "name",
    [
        "#",
        "+",
        "replica",
        "client-portal-1",
        "portal",
        "broker",
        "$SYS",
        "é",
        "ana/replies",
        "ana\u200b",
        "%u",
        "a" * 64,
    ],
)
def test_a_name_that_looks_like_something_else_gives_no_rights_but_those_of_the_name(shop, name):
    with shop.customer(name) as odd:
        if odd.connected:
            odd.subscribe(
                FEED_TOPIC, request_topic("+", "+"), reply_topic("+", "+"), reply_topic("ana", "+"), *EVERYTHING
            )
            for topic in (FEED_TOPIC, request_topic("ana", "create_order"), reply_topic("ana", "s1")):
                odd.publish(topic, b"of somebody odd")
        shop.all_work()

        assert b"of somebody odd" not in [payload for _, payload in shop.heard_by_all()]
        assert odd.inbox == []
        assert shop.heard_by_eve() == []


@of_both
def test_an_oversized_message_reaches_nobody_and_disturbs_nobody(shop):
    if shop.shared:  # the Python broker has no bound
        shop.eve.publish(request_topic("eve", "create_order"), b"x" * 2**21)

        shop.all_work()
        assert max(len(payload) for _, payload in shop.heard_by_all()) < 2**20
    shop.all_work()


@of_both
def test_processes_may_do_no_more_than_their_work_needs(shop):
    with shop.process("portal/admin-portal-1") as admin:
        admin.subscribe(FEED_TOPIC, request_topic("+", "+"), reply_topic("+", "+"))
        shop.replica.subscribe(request_topic("+", "+"), reply_topic("+", "+"))
        for user in (admin, shop.portals[0]):
            user.publish(FEED_TOPIC, b"forged")
        shop.replica.publish(reply_topic("ana", "s1"), b"forged")
        admin.publish(reply_topic("ana", "s1"), b"forged")
        shop.all_work()
        shop.replica.publish(FEED_TOPIC, b"last")
        admin.wait_for(FEED_TOPIC, b"last")

        assert {topic for topic, _ in admin.inbox} == {FEED_TOPIC}
        assert shop.replica.inbox == []
        assert b"forged" not in [payload for _, payload in shop.heard_by_all()]


@of_both
def test_nobody_is_let_in_without_a_valid_certificate_for_clients(shop):
    broker, foreign = shop.broker, CertificateAuthority("customers")
    tried = {
        "none": None,
        "of another authority": foreign.issue("ana", usages=CLIENT),
        "of a process, by another authority": foreign.issue("replica/replica1"),
        "expired": broker.customers.issue("ana", usages=CLIENT, begins=-2 * HOUR, ends=-HOUR),
        "not yet valid": broker.customers.issue("ana", usages=CLIENT, begins=HOUR, ends=2 * HOUR),
        "self-signed": broker.customers.issue("ana", usages=CLIENT, self_signed=True),
        "for servers": broker.customers.issue("ana", usages=SERVER),
        "without a name": broker.customers.issue("", usages=CLIENT),
    }

    assert {why for why, each in tried.items() if _is_let_in(broker, each, shop.version)} == set()
    assert _is_let_in(broker, broker.customers.issue("ana", usages=CLIENT), shop.version)
    shop.all_work()


@of_both
def test_nobody_is_let_in_without_tls(shop):
    with socket.create_connection(("127.0.0.1", shop.broker.port), timeout=10) as plain:
        plain.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00")
        try:
            answer = plain.recv(64)
        except ConnectionError:
            answer = b""

    assert not answer.startswith(b"\x20")
    shop.all_work()


@of_mosquitto
def test_versions_of_tls_that_are_too_old_are_refused(shop):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(shop.broker.folder.file("ca.pem"))
    with pytest.deprecated_call():
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", shop.broker.port), timeout=10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def _is_let_in(broker, certificate, version):
    try:
        with broker.user(certificate, **version) as user:
            return user.connected
    except (ssl.SSLError, OSError):
        return False
