"""How a stand-in for a replica greets the others."""

from quitanda_replica.raft.cluster_identity import Greeting, digest_of_names

NAMES = ("replica1", "replica2", "replica3")


class BlankIntroduction:
    """Greets as a blank replica of a cluster with these members does; welcomes everybody."""

    def __init__(self, names=NAMES):
        self._greeting = Greeting(digest_of_names(names), "", "a disk", counts=False, origin="", founding_disk="")

    def greeting_to(self, _peer):
        return self._greeting

    def judge(self, _peer, _greeting):
        return ""
