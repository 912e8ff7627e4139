"""How a stand-in for a replica greets the others."""

from quitanda_replica.raft.cluster_identity import Greeting, digest_of_names
from quitanda_replica.raft.secure_channel import SecureChannel

NAMES = ("replica1", "replica2", "replica3")


def secure_channel(key, name, greetings, *other_keys, **sides):
    """Return a channel that sends the greetings of an object, and shows it those that come."""
    return SecureChannel([key, *other_keys], name, greetings.greeting_to, greetings.check_greeting, **sides)


class EmptyReplicaGreetings:
    """Greets as a replica with an empty disk does; accepts every greeting."""

    def __init__(self, names=NAMES):
        self._greeting = Greeting(digest_of_names(names), "", "a disk", voting=False, origin="", bootstrap_disk="")

    def greeting_to(self, _peer):
        return self._greeting

    def check_greeting(self, _peer, _greeting):
        return ""
