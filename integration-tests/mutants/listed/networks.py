"""The channel between replicas, and the shape of what comes in."""

from typing import Final

from mutants.mutant import RAFT, RAFT_TESTS, Mutant

_CHANNEL: Final = f"{RAFT_TESTS}/test_channel.py"
_CODEC: Final = f"{RAFT_TESTS}/test_codec.py"
_FRAMES: Final = f"{_CHANNEL}::test_a_frame_that_is_not_the_next_one_of_this_direction_is_refused"
_HELLO: Final = f"{_CHANNEL}::test_a_hello_must_come_from_and_mean_the_right_one"

MUTANTS: Final = (
    Mutant(
        "one-key-for-both-directions",
        "What one side has sent cannot be sent back to it.",
        f"{RAFT}/channel.py",
        "ChaCha20Poly1305(keys[KEY_BYTES:])",
        "ChaCha20Poly1305(keys[:KEY_BYTES])",
        (_FRAMES,),
    ),
    Mutant(
        "same-keys-in-every-conversation",
        "What was recorded cannot be sent again in another conversation.",
        f"{RAFT}/channel.py",
        "salt = self._greeting + theirs if self._initiator else theirs + self._greeting",
        "salt = MAGIC",
        (f"{_CHANNEL}::test_a_recorded_conversation_cannot_be_replayed_to_a_new_listener",),
    ),
    Mutant(
        "strangers-by-any-name",
        "Only the replicas' names are taken.",
        f"{RAFT}/channel.py",
        "known = sender == self.peer if self._initiator else sender in self._accepts",
        "known = sender == self.peer if self._initiator else bool(sender)",
        (_HELLO,),
    ),
    Mutant(
        "hello-for-somebody-else",
        "A hello is taken by the one that it means.",
        f"{RAFT}/channel.py",
        "if not known or addressee != self._name:",
        "if not known:",
        (_HELLO,),
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
)
