"""Webhooks as administrators ask for them over real gRPC: what is told, and what is refused by its field."""

import pytest

from quitanda.domain.commands import RaiseLevel
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.v1 import admin_portal_pb2 as pb

URL = "https://receiver.example/hook"


@pytest.fixture
def cluster(cluster):
    for level in range(2, SUPPORTED_LEVEL + 1):
        cluster.does(RaiseLevel(level))
    return cluster


async def created(portal, request_id="r1"):
    request = pb.CreateWebhookRequest(request_id=request_id, url=URL, events="order_placed")
    return await portal.call("CreateWebhook", request)


async def test_the_secret_is_told_by_the_request_that_made_it_and_its_repetition_and_by_nothing_else(portal):
    first, again = await created(portal), await created(portal)
    listed = await portal.call("ListWebhooks", pb.ListWebhooksRequest())

    assert first.secret.startswith("whsec_")
    assert (again.secret, again.webhook.webhook_id) == (first.secret, first.webhook.webhook_id)
    assert [each.webhook_id for each in listed.webhooks] == [first.webhook.webhook_id]
    assert first.secret not in str(listed)


async def test_a_webhook_is_changed_rotated_tested_and_deleted(portal):
    first = await created(portal)
    webhook_id = first.webhook.webhook_id

    changed = await portal.call("UpdateWebhook", pb.UpdateWebhookRequest(webhook_id=webhook_id, enabled=False))
    rotated = await portal.call("RotateWebhookSecret", pb.RotateWebhookSecretRequest(webhook_id=webhook_id))
    tested = await portal.call("SendTestEvent", pb.SendTestEventRequest(webhook_id=webhook_id))
    await portal.call("DeleteWebhook", pb.DeleteWebhookRequest(webhook_id=webhook_id))
    gone = await portal.call("RepeatDeadLetters", pb.RepeatDeadLettersRequest(webhook_id=webhook_id))

    assert (changed.webhook.enabled, changed.webhook.url) == (False, URL)
    assert rotated.secret not in {"", first.secret}
    assert [letter.event for letter in tested.webhook.letters] == ["test"]
    assert gone.reason == "WEBHOOK_NOT_FOUND"


async def test_an_address_without_tls_is_refused_with_the_setting_that_allows_it(portal):
    asked = pb.CreateWebhookRequest(url="http://receiver.example", events="order_placed")
    told = await portal.call("CreateWebhook", asked)

    assert (told.field, told.details["problem"]) == ("url", "plain_http")
    assert "QUITANDA_WEBHOOK_PLAIN_HTTP=true" in told.message


@pytest.mark.parametrize(
    ("field", "method", "request_message"),
    [
        ("url", "CreateWebhook", pb.CreateWebhookRequest(url="http://receiver.example", events="order_placed")),
        ("url", "CreateWebhook", pb.CreateWebhookRequest(url="https://a:b@receiver.example", events="order_placed")),
        ("url", "CreateWebhook", pb.CreateWebhookRequest(url="https://" + "a" * 1_000, events="order_placed")),
        ("url", "CreateWebhook", pb.CreateWebhookRequest(events="order_placed")),
        ("events", "CreateWebhook", pb.CreateWebhookRequest(url=URL)),
        ("events", "CreateWebhook", pb.CreateWebhookRequest(url=URL, events="order_eaten")),
        ("request_id", "CreateWebhook", pb.CreateWebhookRequest(request_id="a b", url=URL, events="order_placed")),
        ("webhook_id", "UpdateWebhook", pb.UpdateWebhookRequest(webhook_id="a b", enabled=True)),
        ("", "UpdateWebhook", pb.UpdateWebhookRequest(webhook_id="hook")),
        ("webhook_id", "DeleteWebhook", pb.DeleteWebhookRequest()),
        ("letter_id", "RepeatDeadLetters", pb.RepeatDeadLettersRequest(webhook_id="hook", letter_id=2**64 - 1)),
    ],
)
async def test_bad_input_is_refused_by_its_field_and_changes_nothing(portal, field, method, request_message):
    told = await portal.call(method, request_message)
    listed = await portal.call("ListWebhooks", pb.ListWebhooksRequest())

    assert (told.reason, told.field) == ("INVALID_ARGUMENT", field)
    assert list(listed.webhooks) == []
