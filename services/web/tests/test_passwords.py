"""Passwords on the page: set with a token, used to sign in, replaced and removed."""

import time

import pytest
from running_page import running
from structlog.testing import capture_logs

from quitanda.domain.commands import SetPassword
from quitanda.portal.failure_limits import OF_CREDENTIAL
from quitanda_web.pages.access import END_SECONDS

PERSONS = ("ana", "clerk")
PATIENCE_SECONDS = 60.0
"""A hash takes some tenths of a second, and on a busy machine many times that: how long is not what is tested here."""
GOOD, OTHER = "nine green bottles", "ten blue bottles"


@pytest.fixture
async def secure_shop(cluster, identities):
    async with running(cluster, identities, request_timeout_seconds=PATIENCE_SECONDS) as shop:
        yield shop


async def signed_in(shop, person):
    return await (shop.customer(person) if person == "ana" else shop.staff(person))


def label_of(shop, person):
    return next(each.label for each in shop.cluster.state.credentials() if each.role == person)


async def sign_in(shop, person, password, **given):
    browser = shop.browser(**given)
    asked = {"as": "customer", "customer_id": "ana"}
    if person != "ana":
        asked = {"as": "staff", "name": label_of(shop, person)}
    return browser, await browser.post("/sign-in", {**asked, "token": password})


async def set_password(browser, password, current=""):
    page = await browser.open("/access")
    fields = page.form("/access/password").fields
    return await browser.post("/access/password", {**fields, "password": password, "current_password": current})


def home(person):
    return "/products" if person == "ana" else "/office/products"


@pytest.mark.parametrize("person", PERSONS)
async def test_who_has_set_a_password_signs_in_with_it_and_with_the_token(secure_shop, person):
    with_token = await signed_in(secure_shop, person)
    assert (await set_password(with_token, GOOD)).location == "/access?done=password-set"

    browser, answer = await sign_in(secure_shop, person, GOOD)

    assert answer.status == 303
    assert (await browser.get(home(person))).status == 200
    assert (await (await signed_in(secure_shop, person)).get(home(person))).status == 200
    assert GOOD not in str(browser.cookies)


@pytest.mark.parametrize("person", PERSONS)
async def test_a_wrong_password_and_one_that_nobody_has_set_are_refused_and_not_shown(secure_shop, person):
    _, unset = await sign_in(secure_shop, person, GOOD)
    await set_password(await signed_in(secure_shop, person), GOOD)
    _, wrong = await sign_in(secure_shop, person, OTHER)

    assert (unset.status, wrong.status) == (401, 401)
    assert OTHER.encode() not in wrong.body


@pytest.mark.parametrize("person", PERSONS)
async def test_whoever_guesses_at_the_page_does_not_shut_the_holder_out_there(secure_shop, person):
    """Found by reading: to a portal all people at the page have one address, and one of them used a name's tries up."""
    await set_password(await signed_in(secure_shop, person), GOOD)
    guesses = [await sign_in(secure_shop, person, OTHER, address="203.0.113.9") for _ in range(OF_CREDENTIAL.at_once)]

    assert all(answer.status == 401 for _, answer in guesses)
    assert "Wait" in guesses[-1][1].text
    assert (await sign_in(secure_shop, person, GOOD))[1].status == 303


@pytest.mark.parametrize("secret", [OTHER, "qt1_mistyped"])
async def test_whoever_mistypes_at_the_entrance_stays_signed_in_as_before(secure_shop, secret):
    ana = await secure_shop.customer()

    answer = await ana.post("/sign-in", {"as": "customer", "customer_id": "bia", "token": secret})

    assert answer.status == 401
    assert (await ana.get("/products")).status == 200


@pytest.mark.parametrize("person", PERSONS)
async def test_a_form_with_a_new_password_that_comes_twice_ends_nobodys_session(secure_shop, person):
    """Found by reading: the second one came with a session that the first one had ended."""
    await set_password(await signed_in(secure_shop, person), GOOD)
    here, _ = await sign_in(secure_shop, person, GOOD)
    fields = (await here.open("/access")).form("/access/password").fields
    typed, before = {"password": OTHER, "current_password": GOOD}, dict(here.cookies)

    first = await here.post("/access/password", fields | typed)
    here.cookies = before
    second = await here.post("/access/password", fields | typed)

    assert [each.location for each in (first, second)] == ["/access?done=password-set"] * 2
    assert (await here.get(home(person))).status == 200


async def test_staff_are_told_the_name_that_goes_with_their_password(secure_shop):
    clerk = await secure_shop.staff("clerk")
    await set_password(clerk, GOOD)
    by_password, _ = await sign_in(secure_shop, "clerk", GOOD)
    told = f"Name to sign in with {label_of(secure_shop, 'clerk').strip()}"

    assert [told in (await each.open("/access")).text for each in (clerk, by_password)] == [True, True]
    await set_password(clerk, "")
    assert told not in (await clerk.open("/access")).text


@pytest.mark.parametrize("person", PERSONS)
async def test_a_new_password_from_a_session_needs_the_old_one_and_ends_all_other_sessions(secure_shop, person):
    await set_password(await signed_in(secure_shop, person), GOOD)
    here, _ = await sign_in(secure_shop, person, GOOD)
    elsewhere, _ = await sign_in(secure_shop, person, GOOD)

    assert (await set_password(here, OTHER, "not this one")).status == 422
    assert (await set_password(here, OTHER, GOOD)).status == 303

    assert (await here.get(home(person))).status == 200
    assert (await elsewhere.get(home(person))).location == "/sign-in?done=ended"
    assert (await sign_in(secure_shop, person, GOOD))[1].status == 401


@pytest.mark.parametrize("person", PERSONS)
async def test_signing_out_everywhere_with_the_password_ends_all_other_sessions_that_began_with_it(secure_shop, person):
    with_token = await signed_in(secure_shop, person)
    await set_password(with_token, GOOD)
    here, _ = await sign_in(secure_shop, person, GOOD)
    elsewhere, _ = await sign_in(secure_shop, person, GOOD)

    def end(password):
        return here.post("/access/end-by-password", form.fields | {"current_password": password})

    form = (await here.open("/access")).form("/access/end-by-password")
    assert [(await end(text)).status for text in ("", "not this one")] == [422, 422]
    assert (await elsewhere.get(home(person))).status == 200
    assert (await end(GOOD)).location == "/access?done=sessions-ended"

    assert (await elsewhere.get(home(person))).location == "/sign-in?done=ended"
    assert [(await each.get(home(person))).status for each in (here, with_token)] == [200, 200]
    assert (await sign_in(secure_shop, person, GOOD))[1].status == 303


async def sign_out(browser):
    return await browser.post("/sign-out", (await browser.open("/access")).form("/sign-out").fields)


@pytest.mark.parametrize("person", [*PERSONS, "admin"])
async def test_signing_out_ends_the_session_at_the_portals_for_whoever_has_a_copy_of_the_cookie(secure_shop, person):
    with_token = await signed_in(secure_shop, person)
    await set_password(with_token, GOOD)
    here, _ = await sign_in(secure_shop, person, GOOD)
    elsewhere, _ = await sign_in(secure_shop, person, GOOD)
    copied, again = secure_shop.browser(), secure_shop.browser()
    copied.cookies, again.cookies = dict(here.cookies), dict(here.cookies)
    assert (await copied.get(home(person))).status == 200

    with capture_logs() as logs:
        answers = [await sign_out(here), await again.post("/sign-out", {})]

    assert [each.location for each in answers] == ["/sign-in?done=signed-out"] * 2
    assert "session_not_ended" not in [each["event"] for each in logs]
    assert (await copied.get(home(person))).location == "/sign-in?done=ended"
    assert [(await each.get(home(person))).status for each in (elsewhere, with_token)] == [200, 200]


@pytest.mark.parametrize("person", [*PERSONS, "admin"])
async def test_signing_out_leaves_a_token_that_was_typed_to_its_holder(secure_shop, person):
    browser = await signed_in(secure_shop, person)
    commands = len(secure_shop.cluster.requests)

    assert (await sign_out(browser)).location == "/sign-in?done=signed-out"

    assert len(secure_shop.cluster.requests) == commands
    assert (await (await signed_in(secure_shop, person)).get(home(person))).status == 200


async def test_whoever_signs_out_while_the_portals_do_not_answer_is_signed_out_and_the_log_tells_of_the_session(
    secure_shop,
):
    await set_password(await secure_shop.customer(), GOOD)
    here, _ = await sign_in(secure_shop, "ana", GOOD)
    fields = (await here.open("/access")).form("/sign-out").fields
    secure_shop.cluster.hold()

    began = time.monotonic()
    with capture_logs() as logs:
        answer = await here.post("/sign-out", fields)

    secure_shop.cluster.release()
    assert answer.location == "/sign-in?done=signed-out"
    assert time.monotonic() - began < END_SECONDS + 30
    (session,) = [each for each in secure_shop.cluster.state.credentials() if each.session_of]
    told = [each["credential_id"] for each in logs if each["event"] == "session_not_ended"]
    assert told == [session.credential_id]
    assert (await here.get("/products")).location == "/sign-in?next=%2Fproducts"


async def test_preparing_to_sign_out_everywhere_says_that_sessions_with_a_password_have_ended(secure_shop):
    """Found by reading: the page said that everything stays as it is."""
    with_token = await secure_shop.customer()
    await set_password(with_token, GOOD)
    by_password, _ = await sign_in(secure_shop, "ana", GOOD)

    sure = await with_token.send(await with_token.open("/access"), "/access")

    assert "only sessions that began with a password have ended" in sure.text
    assert (await by_password.get("/products")).location == "/sign-in?done=ended"


async def test_a_session_that_began_with_a_password_is_given_no_token(secure_shop):
    await set_password(await secure_shop.customer(), GOOD)
    here, _ = await sign_in(secure_shop, "ana", GOOD)
    fields = (await here.open("/access")).form("/access/password").fields

    assert (await here.post("/access", fields)).location == "/access"


async def test_who_signed_in_with_a_token_is_not_offered_to_end_sessions_by_a_password(secure_shop):
    ana = await secure_shop.customer()
    page = await ana.open("/access")
    fields = page.form("/access/password").fields

    assert (await ana.post("/access/end-by-password", fields | {"current_password": GOOD})).location == "/access"
    assert (await sign_in(secure_shop, "ana", GOOD))[1].status == 401


@pytest.mark.parametrize("person", PERSONS)
async def test_too_many_tries_at_the_password_until_now_end_no_session(secure_shop, person):
    """Found by reading: the portal's answer was that of a token that is no use any more."""
    await set_password(await signed_in(secure_shop, person), GOOD)
    here, _ = await sign_in(secure_shop, person, GOOD)

    for _ in range(OF_CREDENTIAL.at_once + 1):
        answer = await set_password(here, OTHER, "short")  # counts, and costs no computation

    assert (answer.status, answer.location) == (422, "")
    assert "Wait" in answer.text
    assert (await here.get(home(person))).status == 200


async def test_whoever_cannot_sign_in_again_after_a_new_password_is_sent_to_the_entrance(secure_shop):
    """Between the two requests an administrator removes the password."""
    await set_password(await secure_shop.customer(), GOOD)
    here, _ = await sign_in(secure_shop, "ana", GOOD)
    cluster = secure_shop.cluster
    of_ana = next(each for each in cluster.state.credentials() if each.has_password)
    cluster.before_next_execution(lambda: None)
    cluster.before_next_execution(lambda: cluster.does(SetPassword(of_ana.credential_id, "")))

    answer = await set_password(here, OTHER, GOOD)

    assert answer.location == "/sign-in?done=password-set"
    assert (await here.get("/products")).status == 303


async def test_a_password_that_is_too_short_is_named_and_one_is_removed_by_an_empty_field(secure_shop):
    ana = await secure_shop.customer()
    assert (await set_password(ana, "short")).status == 422
    await set_password(ana, GOOD)

    assert (await set_password(ana, "")).location == "/access?done=password-removed"
    assert (await sign_in(secure_shop, "ana", GOOD))[1].status == 401


async def test_the_list_of_tokens_tells_sessions_from_tokens(secure_shop):
    await set_password(await secure_shop.staff("clerk"), GOOD)
    await sign_in(secure_shop, "clerk", GOOD)
    admin = await secure_shop.staff()
    session = next(each for each in secure_shop.cluster.state.credentials() if each.session_of)

    listed = (await admin.open("/office/tokens")).text
    shown = await admin.open(f"/office/tokens/{session.credential_id}")

    assert [listed.count(text) for text in ("(session)", "(with a password)")] == [1, 1]
    assert session.session_of in shown.text
