"""Two sides of a connection: only holders of the secret, only this connection, only in order."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from introductions import secure_channel

from quitanda_replica.cluster_keys import KeyLabel, derive_key
from quitanda_replica.raft.cluster_identity import Greeting
from quitanda_replica.raft.secure_channel import ChannelRejected, PeerRejected

KEY = b"k" * 32
GREETING = Greeting("members", "cluster", "disk", voting=True, origin="a new cluster", bootstrap_disk="")


class Greetings:
    """Sends `greeting`; keeps each greeting that comes, and rejects it with `rejection` unless that is empty."""

    def __init__(self, greeting=GREETING, rejection=""):
        self.greeting = greeting
        self.rejection = rejection
        self.heard = []

    def greeting_to(self, _peer):
        return self.greeting

    def check_greeting(self, peer, greeting):
        self.heard.append((peer, greeting))
        return self.rejection


def pair(key=KEY, name="replica2", meant="replica1", accepts=("replica2", "replica3"), ours=None, theirs=None):
    initiator = secure_channel(KEY, name, ours or Greetings(), connects_to=meant)
    return initiator, secure_channel(key, "replica1", theirs or Greetings(), accepts=accepts)


def shake_hands(initiator, responder):
    for _ in range(3):
        for sender, receiver in ((initiator, responder), (responder, initiator)):
            for data in sender.take_outgoing():
                assert receiver.receive(data) == []


def test_after_the_handshake_each_side_knows_the_other():
    initiator, responder = pair()

    shake_hands(initiator, responder)

    assert initiator.established
    assert responder.established
    assert (initiator.peer, responder.peer) == ("replica1", "replica2")


def test_each_side_checks_the_greeting_of_the_other():
    ours, theirs = Greetings(replace(GREETING, disk="one")), Greetings(replace(GREETING, disk="other"))

    shake_hands(*pair(ours=ours, theirs=theirs))

    assert ours.heard == [("replica1", theirs.greeting)]
    assert theirs.heard == [("replica2", ours.greeting)]


def test_whoever_is_refused_as_another_clusters_hears_the_greeting_that_tells_why():
    ours, theirs = Greetings(), Greetings(rejection="another cluster")
    initiator, responder = pair(ours=ours, theirs=theirs)
    (greeting,) = initiator.take_outgoing()
    responder.receive(greeting)
    (answer,) = responder.take_outgoing()
    initiator.receive(answer)

    with pytest.raises(PeerRejected, match="another cluster"):
        responder.receive(b"".join(initiator.take_outgoing()))
    initiator.receive(b"".join(responder.take_outgoing()))

    assert not responder.established
    assert ours.heard == [("replica1", theirs.greeting)]


def test_whoever_connects_refuses_another_cluster_too():
    with pytest.raises(PeerRejected, match="another cluster"):
        shake_hands(*pair(ours=Greetings(rejection="another cluster")))


@given(st.lists(st.binary(max_size=50), max_size=10), st.integers(1, 40))
def test_messages_arrive_whole_and_in_order_however_the_bytes_are_cut(messages, size):
    initiator, responder = pair()
    shake_hands(initiator, responder)
    stream = b"".join(initiator.seal(message) for message in messages)

    received = [m for at in range(0, len(stream), size) for m in responder.receive(stream[at : at + size])]

    assert received == messages


def test_another_secret_is_refused():
    initiator, responder = pair(key=derive_key("another secret", KeyLabel.RAFT_CHANNEL))

    with pytest.raises(ChannelRejected, match="does not decrypt"):
        shake_hands(initiator, responder)


OLD, NEW = KEY, b"n" * 32


@pytest.mark.parametrize(
    ("connects_with", "accepts"),
    [
        ((OLD,), (OLD, NEW)),
        ((OLD, NEW), (OLD,)),
        ((OLD, NEW), (NEW, OLD)),
        ((NEW, OLD), (OLD, NEW)),
        ((NEW,), (NEW, OLD)),
    ],
    ids=["step 1", "step 1, the other side", "step 2", "step 2, the other side", "step 3"],
)
def test_replicas_one_step_apart_connect_while_the_secret_is_being_changed(connects_with, accepts):
    initiator = secure_channel(connects_with[0], "replica2", Greetings(), *connects_with[1:], connects_to="replica1")
    responder = secure_channel(accepts[0], "replica1", Greetings(), *accepts[1:], accepts=("replica2",))

    shake_hands(initiator, responder)

    assert initiator.established
    assert responder.receive(initiator.seal(b"there")) == [b"there"]
    assert initiator.receive(responder.seal(b"and back")) == [b"and back"]


@pytest.mark.parametrize(("connects_with", "accepts"), [((NEW,), (OLD,)), ((OLD,), (NEW,)), ((b"x" * 32,), (OLD, NEW))])
def test_two_steps_apart_and_any_other_secret_is_refused(connects_with, accepts):
    initiator = secure_channel(*connects_with, "replica2", Greetings(), connects_to="replica1")
    responder = secure_channel(accepts[0], "replica1", Greetings(), *accepts[1:], accepts=("replica2",))

    with pytest.raises(ChannelRejected, match="does not decrypt"):
        shake_hands(initiator, responder)


def test_the_first_frame_decides_for_the_whole_connection_which_secret_it_has():
    """A holder of the other secret who is on the way cannot add a frame."""
    initiator = secure_channel(OLD, "replica2", Greetings(), connects_to="replica1")
    responder = secure_channel(OLD, "replica1", Greetings(), NEW, accepts=("replica2",))
    forger = secure_channel(NEW, "replica2", Greetings(), connects_to="replica1")
    (forger._preamble,) = initiator.take_outgoing()
    responder.receive(forger._preamble)
    (answer,) = responder.take_outgoing()
    for channel in (initiator, forger):
        channel.receive(answer)
    responder.receive(b"".join(initiator.take_outgoing()))
    assert responder.established

    with pytest.raises(ChannelRejected, match="does not decrypt"):
        responder.receive(forger.seal(b"forged"))


@pytest.mark.parametrize(
    ("name", "meant", "accepts"),
    [
        ("replica9", "replica1", ("replica2",)),
        ("replica2", "replica3", ("replica2",)),
        ("replica1", "replica1", ("replica2",)),
    ],
    ids=["an unknown name", "another replica is meant", "the own name"],
)
def test_a_hello_must_come_from_and_mean_the_right_one(name, meant, accepts):
    initiator, responder = pair(name=name, meant=meant, accepts=accepts)

    with pytest.raises(ChannelRejected, match="says that it is"):
        shake_hands(initiator, responder)


def test_whoever_means_somebody_else_is_refused_by_the_one_that_it_reaches():
    initiator, responder = pair(meant="replica3")
    for sender, receiver in ((initiator, responder), (responder, initiator)):  # the greetings
        for data in sender.take_outgoing():
            receiver.receive(data)

    (hello,) = initiator.take_outgoing()
    with pytest.raises(ChannelRejected, match="means 'replica3'"):
        responder.receive(hello)


@pytest.mark.parametrize("change", ["damage", "repeat", "skip", "reflect"])
def test_a_frame_that_is_not_the_next_one_of_this_direction_is_refused(change):
    initiator, responder = pair()
    shake_hands(initiator, responder)
    first, second = initiator.seal(b"first"), initiator.seal(b"second")
    receiver, stream = {
        "damage": (responder, first[:-1] + bytes([first[-1] ^ 1])),
        "repeat": (responder, first + first),
        "skip": (responder, second),
        "reflect": (initiator, first),
    }[change]

    with pytest.raises(ChannelRejected):
        receiver.receive(stream)


def test_a_recorded_connection_cannot_be_replayed_to_a_new_listener():
    initiator, responder = pair()
    recorded = initiator.take_outgoing()
    for data in recorded:
        responder.receive(data)
    for data in responder.take_outgoing():
        initiator.receive(data)
    recorded += initiator.take_outgoing()
    _, listener = pair()

    listener.receive(recorded[0])
    with pytest.raises(ChannelRejected):
        listener.receive(recorded[1])
