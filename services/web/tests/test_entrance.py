"""Signing in and out, and who is let in."""

import time
from dataclasses import replace

from quitanda.domain.commands import RevokeCredential
from quitanda.identity.tokens import parse_token
from quitanda_web.sessions import ABSOLUTE_SECONDS, IDLE_SECONDS, SessionSeal, WebSession


def session(**given):
    now = time.time()
    return WebSession(**{"role": "admin", "customer_id": "", "token": "", "began_at": now, "used_at": now} | given)


async def test_whoever_is_not_signed_in_is_asked_who_she_is_and_comes_back(shop):
    browser = shop.browser()

    answer = await browser.get("/products?words=lapis")
    assert answer.location == "/sign-in?next=%2Fproducts%3Fwords%3Dlapis"
    page = await browser.open(answer.location)
    sent = await browser.post("/sign-in", page.page.forms[0].fields | {"customer_id": "ana"})

    assert sent.location == "/products?words=lapis"


async def test_nobody_is_sent_to_another_site(shop):
    browser = shop.browser()

    for elsewhere in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/a\r\nb"):
        sent = await browser.post("/sign-in", {"as": "customer", "customer_id": "ana", "next": elsewhere})
        assert sent.location == "/"


async def test_a_customer_who_is_not_registered_is_not_let_in(shop):
    answer = await shop.browser().post("/sign-in", {"as": "customer", "customer_id": "zoe"})

    assert answer.status == 404
    assert "There is no customer zoe" in answer.text


async def test_a_customer_needs_her_own_secret(secure_shop):
    browser = secure_shop.browser()

    wrong = await browser.post("/sign-in", {"as": "customer", "customer_id": "bia", "token": secure_shop.tokens["ana"]})
    empty = await browser.post("/sign-in", {"as": "customer", "customer_id": "ana", "token": ""})
    broken = await browser.post("/sign-in", {"as": "customer", "customer_id": "ana", "token": "qt1_é"})
    right = await browser.post("/sign-in", {"as": "customer", "customer_id": "ana", "token": secure_shop.tokens["ana"]})

    assert wrong.status == 403
    assert "Secret is missing" in empty.text or "Token is missing" in empty.text
    assert broken.status == 401
    assert right.status == 303


async def test_a_customers_token_is_no_staffs(secure_shop):
    answer = await secure_shop.browser().post("/sign-in", {"as": "staff", "token": secure_shop.tokens["ana"]})

    assert answer.status == 403
    assert "customer" in answer.text


async def test_no_page_shows_a_token_that_was_typed(secure_shop):
    answer = await secure_shop.browser().post("/sign-in", {"as": "staff", "token": secure_shop.tokens["ana"]})
    browser = await secure_shop.staff()

    assert secure_shop.tokens["ana"].encode() not in answer.body
    assert secure_shop.tokens["admin"].encode() not in (await browser.open("/")).body
    assert secure_shop.tokens["admin"] not in str(browser.cookies)


async def test_whose_credential_is_revoked_is_signed_out(secure_shop):
    browser = await secure_shop.staff("clerk")
    credential = parse_token(secure_shop.tokens["clerk"]).credential_id
    secure_shop.cluster.does(RevokeCredential(credential))

    answer = await browser.get("/office/products")

    assert answer.location == "/sign-in?done=ended"
    assert "quitanda" not in browser.cookies


async def test_signing_out_ends_the_session_of_this_browser(shop):
    browser = await shop.customer()
    page = await browser.open("/products")

    out = await browser.fill(page, "/sign-out")

    assert "You have signed out." in out.text
    assert (await browser.get("/products")).location.startswith("/sign-in")


def test_a_session_ends_after_its_time_and_when_it_is_not_used():
    seal = SessionSeal(b"key")
    begun = session()
    sealed = seal.seal(begun)

    assert seal.open(sealed, begun.began_at + 10) == begun
    assert seal.open(sealed, begun.began_at + IDLE_SECONDS + 1) is None
    used = seal.seal(begun.used(begun.began_at + ABSOLUTE_SECONDS - 10))
    assert seal.open(used, begun.began_at + ABSOLUTE_SECONDS - 5) is not None
    assert seal.open(used, begun.began_at + ABSOLUTE_SECONDS + 1) is None


def test_a_cookie_that_was_changed_or_sealed_with_another_key_is_nobodys():
    seal = SessionSeal(b"key")
    sealed = seal.seal(session())
    other = SessionSeal(b"another key").seal(session())

    for cookie in (sealed[:-5] + "AAAAA", sealed[:40], other, "", "ç", "A" * 5_000, "gAAAA", '{"role": "admin"}'):
        assert seal.open(cookie, time.time()) is None


def test_a_form_token_is_of_one_session():
    seal = SessionSeal(b"key")
    one, other = session(), session()

    assert seal.is_form_token(one, seal.form_token(one))
    assert seal.is_form_token(replace(one, used_at=one.used_at + 1), seal.form_token(one))
    for sent in (seal.form_token(other), "", "é", "\udc80"):
        assert not seal.is_form_token(one, sent)


async def test_a_session_that_is_used_is_renewed_in_its_cookie(shop):
    browser = shop.browser()
    old = time.time() - 600
    browser.cookies["quitanda"] = shop.site.seal.seal(session(began_at=old, used_at=old))

    await browser.open("/office/products")

    renewed = shop.site.seal.open(browser.cookies["quitanda"], time.time())
    assert renewed.used_at > old + 500
    assert renewed.began_at == old


async def test_the_page_of_a_trial_says_so(shop):
    assert "This is a trial" in (await shop.browser().open("/")).text
    assert "Nobody proves who they are" in (await shop.browser().open("/")).text
