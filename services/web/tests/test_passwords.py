"""Passwords on the page: set with a token, used to sign in, replaced and removed."""

import pytest

PERSONS = ("ana", "clerk")
GOOD, OTHER = "nine green bottles", "ten blue bottles"


async def signed_in(shop, person):
    return await (shop.customer(person) if person == "ana" else shop.staff(person))


def label_of(shop, person):
    return next(each.label for each in shop.cluster.state.credentials() if each.role == person)


async def sign_in(shop, person, password):
    browser = shop.browser()
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
async def test_a_new_password_from_a_session_needs_the_old_one_and_ends_all_other_sessions(secure_shop, person):
    await set_password(await signed_in(secure_shop, person), GOOD)
    here, _ = await sign_in(secure_shop, person, GOOD)
    elsewhere, _ = await sign_in(secure_shop, person, GOOD)

    assert (await set_password(here, OTHER, "not this one")).status == 422
    assert (await set_password(here, OTHER, GOOD)).status == 303

    assert (await here.get(home(person))).status == 200
    assert (await elsewhere.get(home(person))).location == "/sign-in?done=ended"
    assert (await sign_in(secure_shop, person, GOOD))[1].status == 401


async def test_a_password_that_is_too_short_is_named_and_one_is_removed_by_an_empty_field(secure_shop):
    ana = await secure_shop.customer()
    assert (await set_password(ana, "short")).status == 422
    await set_password(ana, GOOD)

    assert (await set_password(ana, "")).location == "/access?done=password-removed"
    assert (await sign_in(secure_shop, "ana", GOOD))[1].status == 401
