"""What a receiver gets: the signature as the Standard Webhooks specification has it, the names of events, the body."""

import base64
import hashlib
import hmac
import json

import pytest

from quitanda.domain.model import Kind, Order
from quitanda.domain.webhook_model import Webhook
from quitanda_admin_portal.webhooks.messages import WebhookMessage, event_id, headers

SECRET, BEFORE = "ab" * 32, "cd" * 32
BODY = '{"pão":1}'.encode()


def webhook(**fields):
    return Webhook("hook", "https://receiver.example/", "order_placed", True, 5, 7, **fields)


def signed(secret, text):
    return "v1," + base64.b64encode(hmac.new(bytes.fromhex(secret), text, hashlib.sha256).digest()).decode()


def test_the_signature_is_of_id_time_and_body():
    told = dict(headers(webhook(secret=SECRET), "hook.9", BODY, 1_700_000_000))

    assert told["webhook-id"] == "hook.9"
    assert told["webhook-timestamp"] == "1700000000"
    assert told["webhook-signature"] == signed(SECRET, b"hook.9.1700000000." + BODY)


def test_after_a_rotation_both_secrets_sign():
    told = dict(headers(webhook(secret=SECRET, previous_secret=BEFORE), "hook.9", BODY, 1))

    text = b"hook.9.1." + BODY
    assert told["webhook-signature"] == f"{signed(SECRET, text)} {signed(BEFORE, text)}"


def test_an_event_has_the_name_of_its_change_and_a_test_that_of_its_letter():
    assert event_id(webhook(), 9) == event_id(webhook(delivered=4), 9, 3) == "hook.9"
    assert event_id(webhook(), 0, 3) == "hook.test.3"


@pytest.mark.parametrize(
    ("event", "kind"), [("order_placed", Kind.ORDER), ("product_low", Kind.PRODUCT), ("test", None)]
)
def test_an_event_says_which_kind_of_document_it_is_about(event, kind):
    assert WebhookMessage("hook.9", event, "o1", 9, 20, 5).kind is kind


def test_the_body_has_the_change_and_the_document_as_it_is_now():
    message = WebhookMessage("hook.9", "order_placed", "o1", 9, 20, 5)

    told = json.loads(message.body(Order("o1", "ana", 5, (), 11)))
    assert told.pop("document")["version"] == 11
    assert told == {
        "event_id": "hook.9",
        "event": "order_placed",
        "document_id": "o1",
        "change_number": 9,
        "revision": 20,
        "at_ms": 5,
    }
    assert json.loads(message.body(None))["document"] is None
