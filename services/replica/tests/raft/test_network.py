"""Connections at the Raft port that are no replicas: they are rejected, and disturb no replica."""

import pickle
import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress

import pytest
from introductions import EmptyReplicaGreetings, secure_channel
from raft_cluster import SECRET, RaftCluster, wait_for

from quitanda.errors import Unavailable
from quitanda_replica.cluster_keys import KeyLabel, derive_key
from quitanda_replica.raft import RaftOptions
from quitanda_replica.raft.codec import encode
from quitanda_replica.raft.connection import UNAUTHENTICATED_MAX
from quitanda_replica.raft.secure_channel import MAGIC
from quitanda_replica.raft.tcp import TcpNetwork

pytestmark = pytest.mark.slow


def connect(cluster, name="replica1"):
    host, port = cluster.addresses[name].split(":")
    return socket.create_connection((host, int(port)), timeout=5)


def closed_by_the_other_side(sock):
    try:
        while sock.recv(4096):
            pass
    except ConnectionResetError:
        return True
    return True


class Payload:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00" * 100,
        struct.pack("i", 20) + pickle.dumps(Payload()),
        MAGIC + b"x" * 32 + struct.pack(">I", 0xFFFFFFFF) + b"x" * 100,
        MAGIC + b"x" * 32 + struct.pack(">I", 100) + b"x" * 100,
        MAGIC + b"x" * 32 + struct.pack(">I", 2) + b"x" * 2,
    ],
    ids=["http", "zeros", "pickle", "huge frame", "frame that does not open", "frame too short"],
)
def test_garbage_is_refused_and_the_replicas_go_on(cluster, sent):
    cluster.start()
    cluster.submit(b"before")

    with connect(cluster) as sock:
        sock.sendall(sent)
        assert closed_by_the_other_side(sock)

    cluster.submit(b"after")
    assert cluster.wait_equal() == [b"before", b"after"]


def test_silent_connections_are_bounded_and_closed_after_a_while(cluster):
    cluster.start(connect_timeout_seconds=0.5)
    cluster.submit(b"before")

    crowd = [connect(cluster) for _ in range(UNAUTHENTICATED_MAX + 5)]
    for sock in crowd:
        assert closed_by_the_other_side(sock)
        sock.close()

    cluster.submit(b"after")


class Crowd(threading.Thread):
    """Strangers who connect to a replica, greet like one, and then say nothing."""

    PER_SECOND = 500

    def __init__(self, cluster, name):
        super().__init__()
        self._cluster, self._name = cluster, name
        self._ending = threading.Event()
        self._made = deque()
        self.made = 0

    def run(self):
        while not self._ending.wait(1 / self.PER_SECOND):
            sock = connect(self._cluster, self._name)
            with suppress(OSError):
                sock.sendall(MAGIC + b"x" * 32)
            self._made.append(sock)
            self.made += 1
            if len(self._made) > self.PER_SECOND:
                self._made.popleft().close()

    def end(self):
        self._ending.set()
        self.join()
        for sock in self._made:
            sock.close()


def test_a_crowd_with_preambles_does_not_keep_a_replica_from_connecting(cluster):
    cluster.start()
    cluster.submit(b"before")
    cluster.wait_equal()
    cluster.stop("replica3")
    crowd = Crowd(cluster, "replica1")
    crowd.start()
    try:
        wait_for(lambda: crowd.made > UNAUTHENTICATED_MAX)
        before = crowd.made
        cluster.start("replica3")
        wait_for(lambda: "replica3" in cluster["replica1"].node.status().peers)

        assert crowd.made - before < 2 * Crowd.PER_SECOND
    finally:
        crowd.end()


def test_a_replica_with_another_secret_stays_outside(cluster):
    cluster.start()
    cluster.submit(b"by all three")
    cluster.wait_equal()
    cluster.stop("replica3")
    cluster.start("replica3", secret="another secret of the tests")

    cluster.submit(b"by two of three")

    assert cluster["replica3"].node.status().peers == ()
    with pytest.raises(Unavailable):
        cluster["replica3"].node.read_point(0.2)
    assert cluster["replica3"].state() == [b"by all three"]


def handshake(cluster, name, target, secret=SECRET):
    """Connect like the replica `name` would; return the socket and the channel."""
    channel = secure_channel(
        derive_key(secret, KeyLabel.RAFT_CHANNEL), name, EmptyReplicaGreetings(), connects_to=target
    )
    sock = connect(cluster, target)
    while not channel.established:
        for data in channel.take_outgoing():
            sock.sendall(data)
        data = sock.recv(4096)
        if not data:
            break
        channel.receive(data)
    return sock, channel


@pytest.mark.parametrize("name", ["replica9", "replica1"], ids=["a name that is not a replica's", "its own name"])
def test_who_knows_the_secret_but_is_no_replica_is_refused(cluster, name):
    cluster.start()

    sock, channel = handshake(cluster, name, "replica1")
    with sock:
        assert not channel.established

    cluster.submit(b"after")


@pytest.mark.parametrize(
    "frame",
    [
        pickle.dumps({"type": "append_entries"}),
        encode({"type": "apply_command", "command": b"\x00x"}),
        encode({"type": "append_entries", "term": 1}),
        encode({"type": "request_vote", "term": -1, "last_log_index": 1, "last_log_term": 1}),
        encode(
            {"type": "append_entries", "term": 0, "commit_index": 0, "prevLogIdx": 1, "prevLogTerm": 0, "entries": [1]}
        ),
    ],
    ids=["pickle", "forwarded command", "missing fields", "negative term", "malformed entry"],
)
def test_a_malformed_message_of_a_replica_ends_its_connection_but_not_the_receiver(cluster, frame):
    cluster.start()
    cluster.submit(b"before")
    cluster.stop("replica3")
    wait_for(lambda: "replica3" not in cluster["replica1"].node.status().peers)

    sock, channel = handshake(cluster, "replica3", "replica1")
    with sock:
        wait_for(lambda: "replica3" in cluster["replica1"].node.status().peers)
        sock.sendall(channel.seal(frame))
        assert closed_by_the_other_side(sock)

    cluster.submit(b"after")


def test_a_newer_connection_of_a_peer_closes_the_older_one(cluster):
    cluster.start()
    cluster.submit(b"before")
    cluster.stop("replica3")
    wait_for(lambda: "replica3" not in cluster["replica1"].node.status().peers)

    older, _ = handshake(cluster, "replica3", "replica1")
    newer, _ = handshake(cluster, "replica3", "replica1")

    assert closed_by_the_other_side(older)
    wait_for(lambda: "replica3" in cluster["replica1"].node.status().peers)
    older.close()
    newer.close()


class Listener(EmptyReplicaGreetings):
    """A receiver that notes what it is told."""

    def __init__(self):
        super().__init__()
        self.peers = set()
        self.messages = []

    def connected(self, peer):
        self.peers.add(peer)

    def disconnected(self, peer):
        self.peers.discard(peer)

    def received(self, peer, message):
        self.messages.append((peer, message["round"]))


@pytest.fixture
def pair(tmp_path):
    addresses = RaftCluster(tmp_path, names=("replica1", "replica2")).addresses
    timing = {"election_timeout_max_seconds": 0.6, "connection_timeout_seconds": 0.6}
    options = [RaftOptions(name=name, addresses=addresses, secret=SECRET, **timing) for name in addresses]
    networks = [TcpNetwork(each, time.monotonic) for each in options]
    yield networks
    for network in networks:
        network.close()


def test_messages_keep_their_order_and_an_idle_connection_stays(pair):
    listeners = [Listener(), Listener()]
    for network, listener in zip(pair, listeners, strict=True):
        network.open(listener)

    def poll_both():
        for network in pair:
            network.poll(0.01)

    wait_for(lambda: poll_both() or all(listener.peers for listener in listeners))
    for number in range(1000):
        pair[0].send("replica2", {"type": "rejoin_question", "round": number})
    wait_for(lambda: poll_both() or len(listeners[1].messages) == 1000)
    idle_until = time.monotonic() + 1.2
    wait_for(lambda: poll_both() or time.monotonic() > idle_until)

    assert listeners[1].messages == [("replica1", number) for number in range(1000)]
    assert all(listener.peers for listener in listeners)


def test_a_silent_peer_is_given_up_and_connected_again(pair):
    listeners = [Listener(), Listener()]
    for network, listener in zip(pair, listeners, strict=True):
        network.open(listener)
    wait_for(lambda: [network.poll(0.01) for network in pair] and all(listener.peers for listener in listeners))

    # the other one is not polled: it neither reads nor says anything
    wait_for(lambda: pair[1].poll(0.01) or not listeners[1].peers)

    wait_for(lambda: [network.poll(0.01) for network in pair] and all(listener.peers for listener in listeners))


def test_what_a_send_finds_broken_is_told_by_the_next_poll_and_not_in_the_middle_of_the_sender(pair):
    listeners = [Listener(), Listener()]
    for network, listener in zip(pair, listeners, strict=True):
        network.open(listener)
    wait_for(lambda: [network.poll(0.01) for network in pair] and all(listener.peers for listener in listeners))
    pair[1].close()

    def refused_by_the_system():
        pair[0].send("replica2", {"type": "rejoin_question", "round": 0})
        return pair[0]._broken

    wait_for(refused_by_the_system)

    assert listeners[0].peers == {"replica2"}
    pair[0].poll(0)
    assert listeners[0].peers == set()
