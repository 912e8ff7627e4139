"""The messages of the change feed."""

import json
from dataclasses import replace

import pytest
from arbitrary_values import credentials, documents, ids
from hypothesis import given
from hypothesis import strategies as st

from quitanda.codec.documents import encode_document
from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.domain.model import DOCUMENT_DEPTH, ITEM_DEPTH, Customer, Document, Kind, Order, OrderItem
from quitanda.mqtt.feed_message import FeedChange, FeedMessage, decode_feed, encode_feed

numbers = st.integers(0, 2**63 - 1)
changes = documents.map(FeedChange.put) | st.builds(FeedChange.delete, st.sampled_from(Kind), ids)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
feed_messages = st.builds(
    lambda term, revisions, changes, traces: FeedMessage(term, max(revisions), min(revisions), changes, traces),
    numbers,
    st.tuples(numbers, numbers),
    st.none() | st.lists(changes, max_size=3).map(tuple),
    st.lists(st.just(TRACEPARENT), max_size=2).map(tuple),
)


@given(feed_messages)
def test_a_message_of_the_feed_comes_back_the_same(message):
    assert decode_feed(encode_feed(message)) == message


@given(credentials)
def test_of_a_credential_the_feed_says_only_that_it_changed(credential):
    message = encode_feed(FeedMessage(1, 2, 1, (FeedChange.put(credential, encode_document(credential)),)))

    (change,) = decode_feed(message).changes or ()
    assert change == FeedChange(Kind.CREDENTIAL, credential.credential_id, credential.version, None)
    assert change.is_withheld
    assert json.loads(message)["changes"] == [
        {
            "kind": "credential",
            "id": credential.credential_id,
            "version": credential.version,
            "document": None,
        }
    ]


def test_a_credential_that_is_gone_is_not_withheld():
    assert not FeedChange.delete(Kind.CREDENTIAL, "a" * 12).is_withheld


def nested(depth):
    return (("x", "[" * depth + "]" * depth),)


@pytest.mark.parametrize(
    "document",
    [
        Customer("ana", "Ana", nested(JSON_DEPTH_MAX - DOCUMENT_DEPTH), 1),
        Order("o1", "ana", 0, (), 1, nested(JSON_DEPTH_MAX - DOCUMENT_DEPTH)),
        Order("o1", "ana", 0, (OrderItem("tea", "Tea", 1, 1, nested(JSON_DEPTH_MAX - ITEM_DEPTH)),), 1),
    ],
)
def test_the_deepest_document_fits_into_a_message_of_the_feed(document):
    message = FeedMessage(1, 2, 1, (FeedChange.put(document),))

    assert decode_feed(encode_feed(message)) == message


def test_a_message_of_the_feed_is_plain_json_with_the_stored_documents():
    message = FeedMessage(
        term=3,
        revision=10,
        previous_revision=8,
        changes=(
            FeedChange.put(Customer("ana", "Ana", (), 7)),
            FeedChange.delete(Kind.ORDER, "o1"),
        ),
    )

    assert json.loads(encode_feed(message)) == {
        "term": 3,
        "revision": 10,
        "previous_revision": 8,
        "changes": [
            {
                "kind": "customer",
                "id": "ana",
                "version": 7,
                "document": {"customer_id": "ana", "name": "Ana", "version": 7},
            },
            {"kind": "order", "id": "o1", "version": 0, "document": None},
        ],
    }


def test_only_a_message_of_a_leader_that_traces_has_the_member_of_traces():
    untraced = FeedMessage(3, 10, 8, (FeedChange.delete(Kind.ORDER, "o1"),))
    traced = replace(untraced, traceparents=(TRACEPARENT,))
    known = json.loads(encode_feed(traced))

    assert known.pop("traceparents") == [TRACEPARENT]
    assert known == json.loads(encode_feed(untraced))
    assert set(known) == {"term", "revision", "previous_revision", "changes"}


def test_members_that_a_subscriber_does_not_know_change_nothing():
    assert decode_feed(feed_text(another=[1])) == decode_feed(feed_text())


def feed_text(**fields):
    return json.dumps({"term": 1, "revision": 2, "previous_revision": 1, "changes": [], **fields}).encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'"changes"',
        b"{}",
        feed_text(term="1"),
        feed_text(term=True),
        feed_text(revision=-1),
        feed_text(revision=2.0),
        feed_text(previous_revision=3),
        feed_text(term=99999999999999999999999, revision=1),
        feed_text(revision=2**63, previous_revision=0),
        feed_text(changes=[{"kind": "customer", "id": "ana", "version": 2**63, "document": None}]),
        feed_text(changes=3),
        feed_text(traceparents=3),
        feed_text(changes=[None]),
        feed_text(changes=[{}]),
        feed_text(changes=[{"kind": "shop", "id": "x", "version": 0, "document": None}]),
        feed_text(changes=[{"kind": ["order"], "id": "x", "version": 0, "document": None}]),
        feed_text(changes=[{"kind": "order", "id": 3, "version": 0, "document": None}]),
        feed_text(changes=[{"kind": "customer", "id": "ana", "version": 7, "document": {}}]),
        feed_text(
            changes=[
                {
                    "kind": "customer",
                    "id": "bob",
                    "version": 7,
                    "document": {"customer_id": "ana", "name": "Ana", "version": 7},
                }
            ]
        ),
        feed_text(
            changes=[
                {
                    "kind": "customer",
                    "id": "ana",
                    "version": 8,
                    "document": {"customer_id": "ana", "name": "Ana", "version": 7},
                }
            ]
        ),
        b"[" * 100_000,
    ],
)
def test_what_is_not_a_message_of_the_feed_is_a_value_error(payload):
    with pytest.raises(ValueError, match=r"."):
        decode_feed(payload)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_message_or_a_value_error(payload):
    try:
        message = decode_feed(payload)
    except ValueError:
        return

    assert isinstance(message, FeedMessage)


def test_changes_that_are_not_wanted_are_left_out_and_their_documents_are_not_read():
    ana = {"customer_id": "ana", "name": "Ana", "version": 7}
    payload = feed_text(
        changes=[
            {"kind": "customer", "id": "bob", "version": 6, "document": {"no": "customer"}},
            {"kind": "customer", "id": "ana", "version": 7, "document": ana},
        ]
    )

    message = decode_feed(payload, lambda kind, document_id: (kind, document_id) == (Kind.CUSTOMER, "ana"))

    assert message == FeedMessage(1, 2, 1, (FeedChange.put(Customer("ana", "Ana", (), 7)),))


def test_a_change_that_is_not_wanted_must_still_name_its_document():
    payload = feed_text(changes=[{"kind": "customer", "id": 3, "version": 6, "document": None}])

    with pytest.raises(ValueError, match="id"):
        decode_feed(payload, lambda _kind, _id: False)


@given(documents)
def test_a_document_that_is_stored_already_is_announced_in_the_same_bytes(document: Document) -> None:
    written = FeedChange.put(document)
    stored = replace(written, stored=encode_document(document))
    assert encode_feed(FeedMessage(1, 2, 1, (stored,))) == encode_feed(FeedMessage(1, 2, 1, (written,)))


def test_stored_json_is_announced_as_it_is() -> None:
    change = replace(FeedChange.put(Customer("ana", "Ana", (), 7)), stored=b'{"as":"stored"}')
    assert b'"document":{"as":"stored"}' in encode_feed(FeedMessage(1, 2, 1, (change,)))
