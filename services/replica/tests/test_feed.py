"""The change feed: complete while all is well, and gaps that can be seen while it is not."""

import contextlib
import socket
import threading

import pytest
from replica_broker import FEED_KEY, Broker, FeedListener, opened
from replica_fake_raft import FakeLeadership
from replica_state import customer, product

from quitanda.domain.model import Customer, Kind
from quitanda.errors import Unavailable
from quitanda.mqtt.feed_message import FeedChange
from quitanda.mqtt.topics import FEED_TOPIC
from quitanda.runtime.addresses import Address
from quitanda_local.broker import choose
from quitanda_local.topology import BrokerKind
from quitanda_replica.feed.entry_changes import EntryChanges
from quitanda_replica.feed.mqtt_publisher import MqttPublisher
from quitanda_replica.feed.publisher import PAYLOAD_BYTES_MAX, FeedPublisher
from quitanda_replica.feed.queue import FeedPosition, FeedQueue, QueueBounds
from quitanda_replica.raft.state_machine import Role
from quitanda_replica.state.applier import Applier
from quitanda_testing.blocking_wait import block_until


def an_entry(revision, previous_revision, name="Ana", size=100):
    document = Customer("ana", name, (), revision)
    change = FeedChange(Kind.CUSTOMER, "ana", revision, document)
    return EntryChanges(revision, previous_revision, (change,), size)


class ListLink:
    """Keeps what is published; is away as long as the test says."""

    def __init__(self):
        self.messages = []
        self.away = False

    def publish(self, payload):
        if self.away:
            return False
        self.messages.append(opened(payload))
        return True


class WatchedLeadership(FakeLeadership):
    """Counts how often somebody looks who leads."""

    looked = 0

    def status(self):
        self.looked += 1
        return super().status()


class Feed:
    """A publisher over a queue, started and ended."""

    def __init__(self, leadership=None, link=None, heartbeat_seconds=0.02, bounds=None):
        self.queue = FeedQueue(FeedPosition(1, 0), bounds)
        self.leadership = leadership or FakeLeadership()
        self.link = link or ListLink()
        self.publisher = FeedPublisher(self.queue, self.leadership, self.link.publish, FEED_KEY, heartbeat_seconds)

    def __enter__(self):
        self.publisher.start()
        return self

    def __exit__(self, *_):
        self.publisher.close(5)

    @property
    def changes(self):
        return [message for message in self.link.messages if message.changes != ()]

    @property
    def heartbeats(self):
        return [message for message in self.link.messages if message.changes == ()]


def test_a_change_is_published_at_once_with_the_chain_of_revisions():
    with Feed(heartbeat_seconds=5) as feed:
        feed.queue.applied(7, [an_entry(6, 4), an_entry(7, 6)])
        block_until(lambda: len(feed.changes) == 2, "two changes")

    assert [(m.term, m.revision, m.previous_revision) for m in feed.changes] == [(3, 6, 4), (3, 7, 6)]
    assert feed.changes[0].changes[0].document == Customer("ana", "Ana", (), 6)


def test_a_heartbeat_tells_how_far_the_state_is_and_which_change_was_the_last():
    with Feed() as feed:
        feed.queue.applied(7, [an_entry(6, 4)])
        block_until(lambda: feed.heartbeats and feed.heartbeats[-1].revision == 7, "a heartbeat")

    assert (feed.heartbeats[-1].term, feed.heartbeats[-1].previous_revision) == (3, 6)


def test_a_subscriber_never_sees_a_heartbeat_before_the_changes_it_speaks_of():
    with Feed(heartbeat_seconds=0.001) as feed:
        for revision in range(2, 300):
            feed.queue.applied(revision, [an_entry(revision, revision - 1)])
        block_until(lambda: feed.heartbeats and feed.heartbeats[-1].revision == 299, "the last heartbeat")

    position = 1
    for message in feed.link.messages:
        assert message.previous_revision <= position
        position = max(position, message.revision)


def test_only_the_leader_publishes():
    with Feed(WatchedLeadership(role=Role.FOLLOWER)) as feed:
        feed.queue.applied(2, [an_entry(2, 1)])
        block_until(lambda: not feed.queue._entries, "the publisher takes the change")
        looked = feed.leadership.looked
        block_until(lambda: feed.leadership.looked > looked + 2, "it has looked whether it leads, and gone on")
        feed.leadership.role = Role.LEADER
        block_until(lambda: feed.heartbeats, "a heartbeat of the new leader")

    assert feed.changes == []
    assert feed.heartbeats[0].previous_revision == 2


def test_a_leader_that_cannot_prove_it_keeps_silent():
    leadership = FakeLeadership()
    leadership.error = Unavailable("no majority")
    with Feed(leadership) as feed:
        block_until(lambda: leadership.asked > 3, "some proofs were asked for")
        assert feed.link.messages == []
        leadership.error = None
        block_until(lambda: feed.heartbeats, "a heartbeat")


def test_a_heartbeat_speaks_of_everything_that_was_acknowledged_before_the_leadership_was_proven():
    with Feed(heartbeat_seconds=5) as feed:
        feed.leadership.meanwhile = lambda: feed.queue.applied(7, [an_entry(7, 6)])
        feed.publisher._heartbeat()

    assert [(m.revision, m.previous_revision) for m in feed.link.messages[-2:]] == [(7, 6), (7, 7)]


def test_what_is_lost_at_the_broker_is_a_gap_that_the_next_message_shows():
    with Feed() as feed:
        feed.queue.applied(2, [an_entry(2, 1)])
        block_until(lambda: feed.changes, "the first change")
        feed.link.away = True
        feed.queue.applied(3, [an_entry(3, 2)])
        block_until(lambda: feed.publisher.lost > 2, "messages are lost")
        feed.link.away = False
        feed.queue.applied(4, [an_entry(4, 3)])
        block_until(lambda: len(feed.changes) == 2, "the third change")

    assert [(m.revision, m.previous_revision) for m in feed.changes] == [(2, 1), (4, 3)]


@pytest.mark.parametrize("bounds", [QueueBounds(entries=2), QueueBounds(size=250)])
def test_a_full_queue_drops_the_newest_and_the_position_shows_it(bounds):
    queue = FeedQueue(FeedPosition(1, 0), bounds)
    queue.applied(9, [an_entry(revision, revision - 1) for revision in range(2, 7)])
    entries, position = queue.take(0)

    assert [entry.revision for entry in entries] == [2, 3]
    assert position == FeedPosition(9, 6)
    assert queue.dropped == 3


def test_a_state_that_came_as_a_whole_is_a_gap():
    queue = FeedQueue(FeedPosition(1, 0))
    queue.applied(2, [an_entry(2, 1)])
    queue.restarted(50, 48)

    assert queue.take(0) == ([], FeedPosition(50, 48))


def test_changes_too_large_for_a_broker_are_published_without_documents():
    with Feed() as feed:
        feed.queue.applied(2, [an_entry(2, 1, name="x" * PAYLOAD_BYTES_MAX)])
        block_until(lambda: feed.changes, "the change")

    assert feed.changes[0].changes is None


def test_a_failure_inside_does_not_end_the_feed():
    class FailingOnce(ListLink):
        failed = False

        def publish(self, payload):
            if not self.failed:
                self.failed = True
                raise ZeroDivisionError("a bug")
            return super().publish(payload)

    with Feed(link=FailingOnce()) as feed:
        block_until(lambda: feed.heartbeats, "a heartbeat after the failure")


def test_closing_does_not_wait_for_the_next_heartbeat():
    feed = Feed(heartbeat_seconds=60)
    with feed:
        block_until(lambda: feed.heartbeats, "the first heartbeat")
    assert not any(thread.name == "feed" for thread in threading.enumerate())


@pytest.fixture(scope="module", params=sorted({BrokerKind.AMQTT, choose(None)}))
def broker(tmp_path_factory, request):
    running = Broker(tmp_path_factory.mktemp("broker"), request.param)
    running.start()
    yield running
    running.stop()


def test_real_changes_reach_a_subscriber_through_a_real_broker(state, broker):
    queue = FeedQueue(FeedPosition(0, 0))
    state.applier = Applier(state.store, queue)
    link = MqttPublisher(broker.address, "replica1", FEED_TOPIC)
    link.start()
    listener = FeedListener(broker.address)
    publisher = FeedPublisher(queue, FakeLeadership(), link.publish, FEED_KEY, 0.05)
    try:
        block_until(lambda: link.connected, "the link is connected")
        publisher.start()
        state.do(customer())
        state.do(product(), customer("rui"))
        block_until(lambda: len(listener.changes) == 2, "both entries")
        block_until(lambda: listener.heartbeats and listener.heartbeats[-1].revision == 2, "a heartbeat")
    finally:
        publisher.close(5)
        link.close(5)
        listener.close()

    documents = {change.document_id: change.document for message in listener.changes for change in message.changes}
    assert documents == {document_id: document for (_, document_id), document in state.documents().items()}
    assert [(m.revision, m.previous_revision) for m in listener.changes] == [(1, 0), (2, 1)]


def test_a_broker_that_goes_and_comes_costs_messages_but_nothing_else(tmp_path):
    broker = Broker(tmp_path)
    link = MqttPublisher(broker.address, "replica1", FEED_TOPIC)
    with Feed(link=link) as feed:
        link.start()
        try:
            block_until(lambda: feed.publisher.lost > 3, "messages are lost without a broker")
            for _ in range(2):
                broker.start()
                block_until(lambda: link.connected, "the link is connected", 15)
                listener = FeedListener(broker.address)
                block_until(lambda heard=listener: heard.heartbeats, "a heartbeat is heard", 15)
                listener.close()
                broker.stop()
                block_until(lambda: not link.connected, "the link has noticed", 15)
        finally:
            link.close(5)
            broker.stop()


def test_a_broker_that_does_not_read_makes_nobody_wait():
    link = MqttPublisher(Address("127.0.0.1", 9), "replica1", FEED_TOPIC)
    link.start()
    try:
        assert [link.publish(b"x") for _ in range(100)] == [False] * 100
    finally:
        link.close(5)


def test_a_broker_that_talks_nonsense_is_tried_again():
    accepted = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk_nonsense():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    accepted.append(connection)
                    # an acknowledgement of the connection without its body, then a packet of no kind
                    connection.sendall(b"\x20\x00" + b"\xff" * 100)
                    connection.close()

        talker = threading.Thread(target=talk_nonsense)
        talker.start()
        link = MqttPublisher(Address("127.0.0.1", server.getsockname()[1]), "replica1", FEED_TOPIC)
        link.start()
        try:
            block_until(lambda: len(accepted) >= 3, "the link tries again", 15)
            assert not link.connected
        finally:
            link.close(5)
            server.shutdown(socket.SHUT_RDWR)
            talker.join()
