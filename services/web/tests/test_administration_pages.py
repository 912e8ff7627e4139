"""Tokens and webhooks, as administrators see them."""

import pytest

from quitanda.domain.commands import CreateCustomer
from quitanda.domain.webhook_commands import CreateWebhook, RecordDelivery, TakeSenderLease, UpdateWebhook

WEBHOOK = "/office/webhooks/w1"


@pytest.fixture
def hooked(secure_shop):
    secure_shop.cluster.does(
        CreateWebhook("w1", "https://example.org/hook", "order_placed,product_low", "ab" * 32, 1_700_000_000_000)
    )
    return secure_shop


def secret_in(answer, prefix):
    return next(text for text in answer.page.texts if text.startswith(prefix))


def webhooks_of(shop):
    return [shop.cluster.state.webhook(webhook_id) for webhook_id in shop.cluster.state.webhook_ids(10)]


async def test_a_token_is_shown_once_and_lets_its_holder_in(secure_shop):
    staff = await secure_shop.staff()
    page = await staff.open("/office/tokens")

    answer = await staff.send(page, "/office/tokens", label="Bia", role="clerk", last_day="2999-12-31")

    secure_shop.tokens["bia"] = secret_in(answer, "qt1_")
    bia = await secure_shop.staff("bia")
    assert "Low stock" in (await bia.open("/office/products")).text
    listed = await staff.open("/office/tokens")
    assert "Bia clerk" in listed.text
    assert secure_shop.tokens["bia"] not in listed.text


async def test_the_form_sent_twice_makes_one_token(secure_shop):
    staff = await secure_shop.staff()
    page = await staff.open("/office/tokens")

    tokens = {secret_in(await staff.send(page, "/office/tokens", label="Bia", role="clerk"), "qt1_") for _ in range(2)}

    assert len(tokens) == 1
    assert (await staff.open("/office/tokens")).text.count("Bia") == 1


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"label": ""}, "Label is missing"),
        ({"label": "x" * 300}, "Label is too long"),
        ({"role": "owner"}, "Role cannot have this value"),
        ({"role": "customer"}, "Customer id"),
        ({"last_day": "soon"}, "Last day cannot have this value"),
    ],
)
async def test_a_token_that_cannot_be_is_refused_and_what_was_typed_stays(secure_shop, typed, told):
    staff = await secure_shop.staff()
    page = await staff.open("/office/tokens")

    answer = await staff.send(page, "/office/tokens", **({"label": "Bia", "role": "clerk"} | typed))

    assert answer.status in {404, 422}
    assert told in answer.text
    assert answer.form("/office/tokens").fields["label"] == typed.get("label", "Bia")


async def test_a_token_is_renewed_and_revoked(secure_shop):
    staff = await secure_shop.staff()
    clerk = next(each for each in secure_shop.cluster.state.credentials() if each.role == "clerk")
    at = f"/office/tokens/{clerk.credential_id}"

    renewed = await staff.send(await staff.open(at), f"{at}/rotate_credential")
    assert secret_in(renewed, f"qt1_{clerk.credential_id}_")
    asked = await staff.open(f"{at}/revoke_credential")
    assert "This cannot be undone." in asked.text
    gone = await staff.fill(asked, f"{at}/revoke_credential")

    assert "The token is revoked." in gone.text
    assert (await staff.get(at)).status == 404


async def test_the_last_administrator_cannot_be_revoked(secure_shop):
    staff = await secure_shop.staff()
    last = next(each for each in secure_shop.cluster.state.credentials() if each.role == "admin")
    at = f"/office/tokens/{last.credential_id}"

    answer = await staff.send(await staff.open(f"{at}/revoke_credential"), f"{at}/revoke_credential")

    assert answer.status == 409
    assert secure_shop.cluster.state.credential(last.credential_id) is not None


async def test_a_customers_token_that_changed_meanwhile_is_shown_again_with_the_reason(secure_shop):
    staff = await secure_shop.staff()
    hers = next(each for each in secure_shop.cluster.state.credentials() if each.role == "customer")
    action = f"/office/tokens/{hers.credential_id}/revoke_credential?customer_id={hers.customer_id}"
    page = await staff.open(action)

    answer = await staff.send(page, action, expected_version="999")
    gone = await staff.fill(await staff.open(action), action)

    assert answer.status == 409
    assert "Somebody else has changed this meanwhile." in answer.text
    assert f"These are the tokens of the customer {hers.customer_id}." in gone.text


@pytest.mark.parametrize(
    ("role", "path"), [("clerk", "/office/tokens"), ("read-only", "/office/tokens"), ("clerk", "/office/webhooks")]
)
async def test_whoever_may_not_see_tokens_and_webhooks_is_refused(secure_shop, role, path):
    staff = await secure_shop.staff(role)

    answer = await staff.get(path)
    more = await staff.open("/office/more")

    assert answer.status == 403
    assert "You may not do this" in answer.text
    assert path not in more.page.links


async def test_a_reader_sees_webhooks_without_any_form(hooked):
    staff = await hooked.staff("read-only")

    pages = [await staff.open(path) for path in ("/office/more", "/office/webhooks", WEBHOOK)]

    assert "/office/webhooks" in pages[0].page.links
    assert "https://example.org/hook" in pages[1].text
    assert not [form for page in pages for form in page.page.forms if form.action.startswith("/office/webhooks")]


async def test_a_webhook_is_created_and_its_secret_is_shown_once(secure_shop):
    staff = await secure_shop.staff()
    page = await staff.open("/office/webhooks")

    answer = await staff.send(
        page, "/office/webhooks", url="https://example.org/hook", event_order_placed="on", event_product_low="on"
    )

    (webhook,) = webhooks_of(secure_shop)
    assert webhook.events == "order_placed,product_low"
    secret = secret_in(answer, "whsec_")
    assert secret not in (await staff.open(f"/office/webhooks/{webhook.webhook_id}")).text


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"url": "javascript:alert(1)", "event_order_placed": "on"}, "Address is no address of a web server."),
        ({"url": "http://example.org/", "event_order_placed": "on"}, "QUITANDA_WEBHOOK_PLAIN_HTTP=true"),
        ({"url": "", "event_order_placed": "on"}, "Address is missing"),
        ({"url": "https://example.org/"}, "Events"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused(secure_shop, typed, told):
    staff = await secure_shop.staff()
    page = await staff.open("/office/webhooks")

    answer = await staff.send(page, "/office/webhooks", **typed)

    assert answer.status == 422
    assert told in answer.page.texts[answer.page.texts.index("Webhooks") - 1]
    assert not webhooks_of(secure_shop)


async def test_the_history_of_a_webhook_says_what_became_of_it(hooked):
    hooked.cluster.does(UpdateWebhook("w1", enabled=False))
    staff = await hooked.staff()
    assert "/office/history/webhook/w1" in (await staff.open(WEBHOOK)).page.links

    page = await staff.open("/office/history/webhook/w1")
    assert "https://example.org/hook" in page.text
    assert "ab" * 32 not in page.text


async def test_a_dead_letter_is_repeated_by_itself_and_all_of_them_together(hooked):
    state = hooked.cluster.state
    hooked.cluster.does(TakeSenderLease("portal", 0, 0))
    hooked.cluster.does(CreateCustomer("another", "Rui"))
    for number in (1, 2):
        hooked.cluster.does(
            RecordDelivery(
                *("w1", 1, "dead", state.webhook("w1").position + 1),
                event="order_placed",
                document_id=f"o{number}",
                attempts=10,
                problem="HTTP 500",
            )
        )
    staff = await hooked.staff()
    page = await staff.open(WEBHOOK)
    assert "An order is placed o1" in page.text
    first, _, every = [form.fields for form in page.page.forms if form.action.endswith("/repeat_dead_letters")]

    sent = await staff.post(f"{WEBHOOK}/repeat_dead_letters", first)
    assert sent.location == f"{WEBHOOK}?done=repeated"
    assert [letter.waiting for letter in state.webhook("w1").letters] == [True, False]
    assert "on its way" in (await staff.open(sent.location)).text
    await staff.post(f"{WEBHOOK}/repeat_dead_letters", every)
    assert [letter.waiting for letter in state.webhook("w1").letters] == [True, True]
    unknown = await staff.post(f"{WEBHOOK}/repeat_dead_letters", first | {"letter_id": "99", "request_id": "another"})
    assert unknown.status == 404
    wrong = await staff.post(f"{WEBHOOK}/repeat_dead_letters", first | {"letter_id": "x"})
    assert "Dead letter is not a number" in wrong.text


async def test_a_webhook_waits_sends_again_gets_a_new_secret_a_test_and_is_deleted(hooked):
    staff = await hooked.staff()
    page = await staff.open(WEBHOOK)

    waiting = await staff.fill(page, f"{WEBHOOK}/update_webhook")
    assert not hooked.cluster.state.webhook("w1").enabled
    await staff.fill(waiting, f"{WEBHOOK}/update_webhook")
    assert hooked.cluster.state.webhook("w1").enabled
    rotated = await staff.send(page, f"{WEBHOOK}/rotate_webhook_secret")
    assert secret_in(rotated, "whsec_")
    assert hooked.cluster.state.webhook("w1").previous_secret == "ab" * 32
    await staff.fill(page, f"{WEBHOOK}/send_test_event")
    assert [letter.event for letter in hooked.cluster.state.webhook("w1").letters] == ["test"]
    gone = await staff.fill(await staff.open(f"{WEBHOOK}/delete_webhook"), f"{WEBHOOK}/delete_webhook")
    assert "Deleted." in gone.text
    assert hooked.cluster.state.webhook("w1") is None
    assert (await staff.get(WEBHOOK)).status == 404
