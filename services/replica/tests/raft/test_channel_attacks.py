"""What somebody on the way between two replicas may try, each thing tried on real sockets.

Whoever is on the way can always cut the connection. He must not be able to do more: what a replica is told comes from
the named replica, in this connection, once, whole and in order.
"""

import os
import socket
import struct
import time
from contextlib import suppress

import pytest
from channel_attacker import FROM_CONNECTOR, FROM_LISTENER, Attacker, address_of
from introductions import EmptyReplicaGreetings, secure_channel
from raft_cluster import SECRET, free_addresses, wait_for

from quitanda_replica.cluster_keys import KeyLabel, derive_key
from quitanda_replica.raft import RaftOptions
from quitanda_replica.raft.codec import encode
from quitanda_replica.raft.secure_channel import FRAME_BYTES_MAX, MAGIC, PREAMBLE_BYTES
from quitanda_replica.raft.tcp import TcpNetwork

NAMES = ("replica1", "replica2", "replica3")
MESSAGES = 20
FRAME_NUMBER = 5
"""A frame in the middle of the messages: 0 is the preamble, 1 the greeting."""


class Listener(EmptyReplicaGreetings):
    """A receiver that keeps what it is told."""

    def __init__(self):
        super().__init__()
        self.connects = []
        self.disconnects = []
        self.rounds = []

    def connected(self, peer):
        self.connects.append(peer)

    def disconnected(self, peer):
        self.disconnects.append(peer)

    def received(self, _peer, message):
        self.rounds.append(message["round"])


class Replica:
    """One replica's network, without Raft above it."""

    def __init__(self, name, addresses, listen, **options):
        self.name = name
        self.listener = Listener()
        timing = {"election_timeout_max_seconds": 0.6, "connection_timeout_seconds": 0.6, "connect_retry_seconds": 0.05}
        made = RaftOptions(name=name, addresses=addresses, secret=SECRET, listen=listen, **timing | options)
        self.network = TcpNetwork(made, time.monotonic)
        self.network.open(self.listener)

    def send(self, peer, rounds):
        for number in rounds:
            self.network.send(peer, {"type": "rejoin_question", "round": number})


class Scene:
    """Replicas, of which each reaches the others only through attackers."""

    def __init__(self):
        self.listen = dict(zip(NAMES, free_addresses(len(NAMES)), strict=True))
        self.replicas = []
        self.attackers = []

    def attacker(self, target, change=None):
        made = Attacker(target, change)
        self.attackers.append(made)
        return made

    def replica(self, name, to=None, **options):
        """Start a replica. `to` says where it is sent when it connects with a peer."""
        made = Replica(name, self.listen | (to or {}), self.listen[name], **options)
        self.replicas.append(made)
        return made

    def until(self, condition, timeout=10.0):
        def polled():
            for replica in self.replicas:
                replica.network.poll(0.002)
            return condition()

        wait_for(polled, timeout)

    def poll_for(self, seconds):
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end, seconds + 5)

    def pair(self, change=None, **options):
        """Start replica1, which listens, and replica2, which connects through an attacker."""
        attacker = self.attacker(self.listen["replica1"], change)
        return (
            self.replica("replica1", **options),
            self.replica("replica2", {"replica1": attacker.address}, **options),
            attacker,
        )

    def close(self):
        for replica in self.replicas:
            replica.network.close()
        for attacker in self.attackers:
            attacker.close()


@pytest.fixture
def scene():
    made = Scene()
    yield made
    made.close()


class Once:
    """Does something to one unit of the first connection, and passes on everything else."""

    def __init__(self, side, number, change):
        self._side, self._number, self._change = side, number, change
        self.kept = []
        self.done = False

    def __call__(self, side, number, unit):
        if side == self._side:
            self.kept.append(unit)
        if self.done or (side, number) != (self._side, self._number):
            return [(side, unit)]
        self.done = True
        return self._change(self, unit)


def repeat(_attack, unit):
    return [(FROM_CONNECTOR, unit + unit)]


def repeat_an_older_one(attack, unit):
    return [(FROM_CONNECTOR, unit + attack.kept[-3])]


def leave_out(_attack, _unit):
    return []


def damage(_attack, unit):
    return [(FROM_CONNECTOR, unit[:-1] + bytes([unit[-1] ^ 1]))]


def shorten(_attack, unit):
    return [(FROM_CONNECTOR, struct.pack(">I", len(unit) - 5) + unit[4:-1])]


def return_to_sender(_attack, unit):
    return [(FROM_LISTENER, unit)]


def cut(_attack, _unit):
    return None


@pytest.mark.parametrize("change", [repeat, repeat_an_older_one, leave_out, damage, shorten, return_to_sender, cut])
def test_a_changed_stream_ends_the_connection_and_what_arrived_is_the_beginning_of_what_was_sent(scene, change):
    attack = Once(FROM_CONNECTOR, FRAME_NUMBER, change)
    one, two, attacker = scene.pair(attack)
    scene.until(lambda: one.listener.connects and two.listener.connects)

    two.send("replica1", range(MESSAGES))
    scene.until(lambda: one.listener.disconnects and two.listener.disconnects)

    arrived = list(one.listener.rounds)
    assert arrived == list(range(len(arrived)))
    assert len(arrived) < MESSAGES
    assert two.listener.rounds == []
    scene.until(lambda: len(one.listener.connects) == 2 and len(two.listener.connects) == 2)  # and they go on
    two.send("replica1", [MESSAGES])
    scene.until(lambda: one.listener.rounds == [*arrived, MESSAGES])
    assert attacker.connections == 2


def test_two_frames_in_the_wrong_order_end_the_connection(scene):
    held = []

    def swap(side, number, unit):
        if side == FROM_CONNECTOR and number == FRAME_NUMBER:
            held.append(unit)
            return []
        return [(side, unit + held.pop())] if side == FROM_CONNECTOR and held else [(side, unit)]

    one, two, _ = scene.pair(swap)
    scene.until(lambda: one.listener.connects and two.listener.connects)

    two.send("replica1", range(MESSAGES))
    scene.until(lambda: one.listener.disconnects)

    assert one.listener.rounds == list(range(len(one.listener.rounds)))
    assert len(one.listener.rounds) < MESSAGES


def test_a_whole_connection_that_was_recorded_is_worth_nothing_on_another(scene):
    one, two, attacker = scene.pair()
    scene.until(lambda: one.listener.connects and two.listener.connects)
    two.send("replica1", range(MESSAGES))
    scene.until(lambda: len(one.listener.rounds) == MESSAGES)
    recorded = b"".join(unit for _, side, _, unit in attacker.units if side == FROM_CONNECTOR)

    with socket.create_connection(address_of(scene.listen["replica1"])) as sock:
        sock.sendall(recorded)
        answer = read_until_closed(scene, sock)

    assert len(answer) <= PREAMBLE_BYTES
    assert one.listener.connects == ["replica2"]
    assert len(one.listener.rounds) == MESSAGES
    assert not one.listener.disconnects


def read_until_closed(scene, sock, timeout=10.0):
    """Return everything that comes until the other side closes the connection."""
    sock.setblocking(False)
    answer = bytearray()

    def closed():
        try:
            data = sock.recv(65536)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        answer.extend(data)
        return not data

    scene.until(closed, timeout)
    return bytes(answer)


@pytest.mark.parametrize("sent", ["everything", "the preamble, then nothing"])
def test_whoever_does_not_know_the_secret_gets_nothing_that_was_made_with_it(scene, sent):
    """So guesses of the secret cannot be checked by asking a replica for something to check them with."""
    scene.replica("replica1", connect_timeout_seconds=0.3)

    with socket.create_connection(address_of(scene.listen["replica1"])) as sock:
        sock.sendall(MAGIC + os.urandom(32))
        if sent == "everything":
            sock.sendall(struct.pack(">I", 200) + os.urandom(200))
        answer = read_until_closed(scene, sock)

    assert len(answer) in {0, PREAMBLE_BYTES}  # a refusal may overtake the preamble


def test_a_mirror_is_no_peer(scene):
    """Everything that a replica sends comes back to it: the preamble, then the greeting."""

    def mirror(side, _number, unit):
        return [(FROM_LISTENER, unit)] if side == FROM_CONNECTOR else []

    _, two, attacker = scene.pair(mirror)

    scene.until(lambda: attacker.connections == 2)

    assert two.listener.connects == []
    assert {number for _, side, number, _ in attacker.units if side == FROM_CONNECTOR} == {0, 1}


def test_a_replica_that_is_led_to_itself_does_not_take_itself_for_a_peer(scene):
    attacker = scene.attacker(scene.listen["replica2"])
    two = scene.replica("replica2", {"replica1": attacker.address})

    scene.until(lambda: attacker.connections == 2)

    assert two.listener.connects == []
    assert max(number for _, _, number, _ in attacker.units) == 1, "its greeting was the last word"


def test_a_replica_that_is_led_to_another_one_is_refused_there(scene):
    attacker = scene.attacker(scene.listen["replica2"])
    two = scene.replica("replica2", connect_timeout_seconds=0.5)
    three = scene.replica("replica3", {"replica1": attacker.address, "replica2": attacker.address})

    scene.until(lambda: three.listener.connects and two.listener.connects and attacker.connections > 2)

    assert set(three.listener.connects) == {"replica2"}, "it knows who it was that answered"
    assert set(two.listener.connects) == {"replica3"}


@pytest.mark.parametrize("side", [FROM_CONNECTOR, FROM_LISTENER])
@pytest.mark.parametrize("at", [0, len(MAGIC) - 1, len(MAGIC), PREAMBLE_BYTES - 1])
def test_a_preamble_that_was_changed_leads_to_no_connection(scene, side, at):
    """There is nothing to negotiate, and both preambles go into the keys: so nothing can be bargained down."""
    attack = Once(side, 0, lambda _attack, unit: [(side, unit[:at] + bytes([unit[at] ^ 3]) + unit[at + 1 :])])
    one, two, attacker = scene.pair(attack)

    scene.until(lambda: one.listener.connects and two.listener.connects)

    assert attacker.connections == 2, "the first one came to nothing"
    assert len(one.listener.connects) == len(two.listener.connects) == 1


def test_a_length_that_was_changed_does_not_swallow_what_comes_after_it(scene):
    """Nothing says that a length is right before its frame is whole. An idle link needs hours for 16 MiB."""

    def lengthen(_attack, unit):
        return [(FROM_CONNECTOR, struct.pack(">I", FRAME_BYTES_MAX // 2) + unit[4:])]

    one, two, _ = scene.pair(Once(FROM_CONNECTOR, FRAME_NUMBER, lengthen), frame_timeout_seconds=1.0)
    scene.until(lambda: one.listener.connects and two.listener.connects)
    two.send("replica1", range(MESSAGES))

    scene.until(lambda: one.listener.disconnects)  # pings go on arriving all the time

    scene.until(lambda: len(one.listener.connects) == 2 and len(two.listener.connects) == 2)
    two.send("replica1", [MESSAGES])
    scene.until(lambda: MESSAGES in one.listener.rounds)


def test_a_large_message_may_take_longer_than_a_silent_connection_lives(scene):
    one = scene.replica("replica1", frame_timeout_seconds=5.0)
    key = derive_key(SECRET, KeyLabel.RAFT_CHANNEL)
    channel = secure_channel(key, "replica2", EmptyReplicaGreetings(), connects_to="replica1")
    with socket.create_connection(address_of(scene.listen["replica1"])) as sock:
        sock.setblocking(False)
        sock.send(b"".join(channel.take_outgoing()))

        def established():
            with suppress(BlockingIOError):
                channel.receive(sock.recv(4096))
            sock.send(b"".join(channel.take_outgoing()))
            return one.listener.connects

        scene.until(established)
        message = channel.seal(encode({"type": "rejoin_question", "round": 1, "padding": bytes(4096)}))
        for at in range(0, len(message), 512):  # nine parts: 1.8 s, three times as long as a connection may be silent
            sock.send(message[at : at + 512])
            scene.poll_for(0.2)
        scene.until(lambda: one.listener.rounds == [1])

    assert one.listener.disconnects == []


def test_bytes_that_drip_in_do_not_extend_the_time_to_authenticate(scene):
    scene.replica("replica1", connect_timeout_seconds=0.5)

    with socket.create_connection(address_of(scene.listen["replica1"])) as sock:
        sock.setblocking(False)
        begun = time.monotonic()
        drops = iter(MAGIC + os.urandom(32) + struct.pack(">I", 1000) + os.urandom(1000))

        def closed():
            try:
                sock.send(bytes([next(drops)]))
                return sock.recv(PREAMBLE_BYTES) == b""
            except BlockingIOError:
                return False
            except (ConnectionResetError, BrokenPipeError):
                return True

        scene.until(closed)

    assert 0.4 < time.monotonic() - begun < 5
