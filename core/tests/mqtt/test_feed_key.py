"""What verifies was written by a holder of the key, byte for byte; nothing else is opened."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda.domain.model import Customer
from quitanda.mqtt.feed_key import FeedKey, NotAuthentic
from quitanda.mqtt.feed_message import FeedChange, FeedMessage, decode_feed, encode_feed

KEY = FeedKey.derive("a feed key of the tests")
OTHER_KEY = FeedKey.derive("another key of the tests")
CHANGE = FeedChange.put(Customer("ana", 'Ana"}', (("mac", '"x"'),), 7))
MESSAGE = encode_feed(FeedMessage(3, 10, 8, (CHANGE,)))
SEALED = KEY.seal(MESSAGE)


def test_what_was_sealed_is_opened_as_it_was():
    assert KEY.open(SEALED) == MESSAGE


def test_equal_texts_make_equal_keys():
    assert FeedKey.derive("a feed key of the tests").open(SEALED) == MESSAGE


def test_a_sealed_message_is_a_json_object_with_one_more_member():
    fields = json.loads(SEALED)

    assert len(bytes.fromhex(fields.pop("mac"))) == 32
    assert fields == json.loads(MESSAGE)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_not_one_byte_can_be_changed(position, difference):
    changed = bytearray(SEALED)
    changed[position] ^= difference

    with pytest.raises(NotAuthentic):
        KEY.open(bytes(changed))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"\xff",
        MESSAGE,
        OTHER_KEY.seal(MESSAGE),
        SEALED + b"\n",
        b" " + SEALED,
        SEALED[:-1],
        SEALED.upper(),
        KEY.seal(SEALED)[:-1] + b',"mac":"' + b"0" * 64 + b'"}',
        b'{"term":99999999999999999999999,"revision":1,"previous_revision":1,"changes":[]}',
        b'{"term":4,"mac":"' + b"0" * 64 + b'"}',
        MESSAGE[:-1] + b',"mac":""}',
        MESSAGE[:-1] + b',"mac":"' + json.loads(SEALED)["mac"].upper().encode() + b'"}',
    ],
)
def test_what_nobody_with_the_key_wrote_is_not_opened(payload):
    with pytest.raises(NotAuthentic):
        KEY.open(payload)


def test_the_mac_of_one_message_does_not_fit_another():
    mac = json.loads(SEALED)["mac"].encode()
    other = encode_feed(FeedMessage(3, 11, 8, (CHANGE,)))

    with pytest.raises(NotAuthentic):
        KEY.open(other[:-1] + b',"mac":"' + mac + b'"}')


@given(st.binary(max_size=200))
def test_any_bytes_are_opened_or_not_and_nothing_else_happens(payload):
    with pytest.raises(NotAuthentic):
        KEY.open(payload)


def test_an_opened_message_is_read_as_before():
    assert decode_feed(KEY.open(SEALED)) == FeedMessage(3, 10, 8, (CHANGE,))
