"""Messages as bytes: data only, checked before anybody reads them."""

import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda_replica.raft.codec import FIELDS, MalformedMessage, decode, decode_pairs, encode, encode_pairs

EXAMPLES = {int: 7, bool: True, bytes: b"x", list: [], str: "x", dict: {"replica1": "a disk"}}


@pytest.mark.parametrize("kind", FIELDS)
def test_every_kind_of_message_survives_the_way_over_the_wire(kind):
    message = {"type": kind} | {name: EXAMPLES[expected] for name, expected in FIELDS[kind].items()}

    assert decode(encode(message)) == message


@pytest.mark.parametrize("kind", FIELDS)
def test_a_message_without_one_of_its_fields_is_refused(kind):
    message = {"type": kind} | {name: EXAMPLES[expected] for name, expected in FIELDS[kind].items()}
    for name in FIELDS[kind]:
        with pytest.raises(MalformedMessage, match=name):
            decode(encode({key: value for key, value in message.items() if key != name}))


@pytest.mark.parametrize(
    "entries",
    [[[b"x", 3, 1]], [[b"x", 2, 1], [b"x", 2, 1]], [[b"", 2, 1]], [["x", 2, 1]], [[b"x", 2]], [None]],
    ids=["gap", "repeated", "empty command", "text", "no term", "nothing"],
)
def test_entries_must_be_whole_and_contiguous(entries):
    message = {
        "type": "append_entries",
        "term": 1,
        "commit_index": 1,
        "prevLogIdx": 1,
        "prevLogTerm": 0,
        "entries": entries,
    }

    with pytest.raises(MalformedMessage):
        decode(encode(message))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_are_refused(data):
    with suppress(MalformedMessage):
        assert decode(data)["type"] in FIELDS


def test_a_pickle_is_not_loaded():
    with pytest.raises(MalformedMessage):
        decode(pickle.dumps({"type": "request_vote"}))


def test_deeply_nested_bytes_are_refused():
    with pytest.raises(MalformedMessage):
        decode(b"\x91" * 100_000)


def test_pairs_of_a_snapshot_survive_the_way_and_nothing_else_is_taken():
    pairs = [(b"Sa", b"1"), (b"Sb", b"")]

    assert decode_pairs(encode_pairs(pairs)) == pairs
    for malformed in (b"", b"\x93", encode({"type": "x"}), encode_pairs([(b"Sa",)]), encode_pairs([("Sa", b"1")])):
        with pytest.raises(MalformedMessage):
            decode_pairs(malformed)
