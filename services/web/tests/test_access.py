"""The end of all sessions: in every browser, at every process of the page, and of what one signed in with."""

import pytest

PERSONS = ("ana", "admin", "clerk", "read-only")
HOME = {"ana": "/products"}


async def signed_in(shop, person):
    return await (shop.customer(person) if person == "ana" else shop.staff(person))


async def prepared(browser):
    return await browser.send(await browser.open("/access"), "/access")


def shown_secret(answer):
    return next(text for text in answer.page.texts if text.startswith("qt1_"))


@pytest.mark.parametrize("person", PERSONS)
async def test_signing_out_everywhere_ends_the_sessions_of_all_browsers_at_all_processes_but_this_one(
    secure_shop, person
):
    home = HOME.get(person, "/office/products")
    here, elsewhere = await signed_in(secure_shop, person), await signed_in(secure_shop, person)
    other_process = secure_shop.another_process()
    there = await signed_in(other_process, person)

    shown = await here.send(await prepared(here), "/access/end")

    for browser in (elsewhere, there):
        assert (await browser.get(home)).location == "/sign-in?done=ended"
    assert (await here.get(home)).status == 200
    here.app = other_process.app
    assert (await here.get(home)).status == 200
    with pytest.raises(AssertionError):  # what she signed in with is no use any more
        await signed_in(secure_shop, person)
    secure_shop.tokens[person] = shown_secret(shown)
    assert (await (await signed_in(other_process, person)).get(home)).status == 200


@pytest.mark.parametrize("person", PERSONS)
async def test_until_it_is_confirmed_nothing_has_ended(secure_shop, person):
    here, elsewhere = await signed_in(secure_shop, person), await signed_in(secure_shop, person)

    for _ in range(3):
        await prepared(here)

    assert (await elsewhere.get(HOME.get(person, "/office/products"))).status == 200
    assert (await (await signed_in(secure_shop, person)).get("/access")).status == 200


@pytest.mark.parametrize("person", PERSONS)
async def test_a_form_that_is_sent_twice_and_a_lost_answer_give_the_same_secret(secure_shop, person):
    here = await signed_in(secure_shop, person)
    sure = await prepared(here)
    before = dict(here.cookies)

    first = await here.send(sure, "/access/end")
    here.cookies = before  # the answer never came
    here.app = secure_shop.another_process().app
    second = await here.send(sure, "/access/end")

    assert shown_secret(first) == shown_secret(second)
    assert (await here.get("/access")).status == 200
    assert (await here.get(HOME.get(person, "/office/products"))).status == 200


async def test_sessions_can_be_ended_again_and_again(secure_shop):
    here = await secure_shop.staff()
    secrets = {shown_secret(await here.send(await prepared(here), "/access/end")) for _ in range(3)}

    assert len(secrets) == 3
    assert (await here.get("/office/products")).status == 200


async def test_an_old_confirmation_ends_nothing_and_signs_nobody_out(secure_shop):
    here = await secure_shop.customer()
    old = await prepared(here)
    await here.send(old, "/access/end")
    await here.send(await prepared(here), "/access/end")

    assert (await here.send(old, "/access/end")).location == "/access"
    assert (await here.get("/products")).status == 200


async def test_a_confirmation_of_another_session_or_of_nobody_is_none(secure_shop):
    here, other = await secure_shop.customer(), await secure_shop.customer()
    stolen = (await prepared(other)).form("/access/end").fields["next_token"]
    own = (await prepared(here)).form("/access/end").fields

    for carried in (stolen, "", "é", "x" * 10_000, own["next_token"][:-4]):
        assert (await here.post("/access/end", own | {"next_token": carried})).location == "/access"
    assert (await other.get("/products")).status == 200


async def test_in_the_open_mode_the_page_says_that_sessions_end_where_they_are(shop):
    browser = await shop.staff()
    page = await browser.open("/access")

    assert "only be ended in its own browser" in page.text
    token = page.form("/sign-out").fields["form_token"]
    assert (await browser.post("/access", {"form_token": token})).status == 403


async def test_whoever_acts_for_a_customer_ends_her_own_sessions(secure_shop):
    clerk, other = await secure_shop.staff("clerk"), await secure_shop.staff("clerk")
    ana = await secure_shop.customer()
    page = await clerk.open("/office/customers/ana")
    await clerk.send(page, "/office/customers/ana/act")

    await clerk.send(await prepared(clerk), "/access/end")

    assert (await other.get("/office/products")).location == "/sign-in?done=ended"
    assert (await ana.get("/products")).status == 200
    assert (await clerk.get("/products")).status == 200
