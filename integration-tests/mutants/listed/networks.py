"""The channel between replicas, the shape of what comes in, and the keys."""

from typing import Final

from mutants.mutant import RAFT, RAFT_TESTS, REPLICA, TESTS, Mutant

_CHANNEL: Final = f"{RAFT_TESTS}/test_secure_channel.py"
_CODEC: Final = f"{RAFT_TESTS}/test_codec.py"
_FRAMES: Final = f"{_CHANNEL}::test_a_frame_that_is_not_the_next_one_of_this_direction_is_refused"
_HELLO: Final = f"{_CHANNEL}::test_a_hello_must_come_from_and_mean_the_right_one"

MUTANTS: Final = (
    Mutant(
        "one-key-for-both-directions",
        "What one side has sent cannot be sent back to it.",
        f"{RAFT}/secure_channel.py",
        "ChaCha20Poly1305(keys[KEY_BYTES:])",
        "ChaCha20Poly1305(keys[:KEY_BYTES])",
        (_FRAMES,),
    ),
    Mutant(
        "same-keys-on-every-connection",
        "What was recorded cannot be sent again on another connection.",
        f"{RAFT}/secure_channel.py",
        "self._salt = self._preamble + theirs if self._initiator else theirs + self._preamble",
        "self._salt = MAGIC",
        (f"{_CHANNEL}::test_a_recorded_connection_cannot_be_replayed_to_a_new_listener",),
    ),
    Mutant(
        "peers-by-any-name",
        "Only the replicas' names are taken.",
        f"{RAFT}/secure_channel.py",
        "known = sender == self.peer if self._initiator else sender in self._accepts",
        "known = sender == self.peer if self._initiator else bool(sender)",
        (_HELLO,),
    ),
    Mutant(
        "hello-for-somebody-else",
        "A greeting is accepted by the replica that it means.",
        f"{RAFT}/secure_channel.py",
        "if not known or addressee != self._name:",
        "if not known:",
        (f"{_CHANNEL}::test_whoever_means_somebody_else_is_refused_by_the_one_that_it_reaches",),
    ),
    Mutant(
        "any-bytes-keep-a-connection",
        "A connection on which no frame becomes whole is closed.",
        f"{RAFT}/tcp.py",
        "elif now > connection.frame_deadline:",
        "elif now > connection.deadline:",
        (f"{RAFT_TESTS}/test_channel_attacks.py::test_a_length_that_was_changed_does_not_swallow_what_comes_after_it",),
    ),
    Mutant(
        "crowd-of-one-address-pushes-out-another",
        "Of those with a preamble, one of the address with the most goes first.",
        f"{RAFT}/connection.py",
        "crowd, _ = self._by_address.most_common(1)[0]",
        "crowd = next(iter(self._with_preamble.values()))",
        (f"{RAFT_TESTS}/test_connection.py::test_a_crowd_from_one_address_evicts_none_from_another",),
    ),
    Mutant(
        "silent-crowd-evicts-preambles",
        "Connections without a preamble compete only with each other.",
        f"{RAFT}/connection.py",
        "next(iter(self._without_preamble)) if len(self._without_preamble) >= WITHOUT_PREAMBLE_MAX else None",
        "next(iter(self)) if len(self) >= WITHOUT_PREAMBLE_MAX else None",
        (f"{RAFT_TESTS}/test_connection.py",),
    ),
    Mutant(
        "entries-with-a-gap",
        "Entries on the wire follow on each other.",
        f"{RAFT}/codec.py",
        "if entry[1] != previous + offset:",
        "if entry[1] <= previous:",
        (f"{_CODEC}::test_entries_must_be_whole_and_contiguous",),
    ),
    Mutant(
        "fields-of-any-type",
        "A message's fields have their types.",
        f"{RAFT}/codec.py",
        "if type(message.get(name)) is not expected:",
        "if message.get(name) is None and expected is None:",
        (f"{_CODEC}::test_a_message_without_one_of_its_fields_is_refused",),
    ),
    Mutant(
        "one-key-for-two-uses",
        "Each use has a key of its own.",
        f"{REPLICA}/cluster_keys.py",
        "info=label.value).derive(",
        "info=KeyLabel.RAFT_CHANNEL.value).derive(",
        (f"{TESTS}/test_cluster_keys.py",),
    ),
    Mutant(
        "secret-quick-to-guess",
        "Whoever holds what a key has made tries secrets slowly.",
        f"{REPLICA}/cluster_keys.py",
        "_SCRYPT_COST: Final = 1 << 14",
        "_SCRYPT_COST: Final = 1 << 4",
        (f"{TESTS}/test_cluster_keys.py",),
    ),
    Mutant(
        "page-token-not-checked",
        "A page token is taken if a replica of this cluster has sealed it.",
        f"{REPLICA}/reads/page_tokens.py",
        "genuine = any(compare_digest(seal, _seal(key, data)) for key in self._keys)",
        "genuine = any(compare_digest(seal, seal) for key in self._keys)",
        (f"{TESTS}/test_page_tokens.py",),
    ),
)
