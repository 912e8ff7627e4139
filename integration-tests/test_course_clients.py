"""The course's contract, clients: each operation's success and refusals, each call at the other portal."""

import pytest
from compat.compat_shop import NO_CLIENT
from compat.documented import DONE, verdict

pytest_plugins = ("compat.fixtures",)


async def test_a_client_is_shown_as_it_was_written(course):
    cid = course.new_id("client")
    document = {"CID": cid, "name": "Conceição", "city": "Uberlândia", "phones": ["34-3239", {"kind": "home"}]}

    assert verdict(await course.create_client(cid, document)) == DONE

    for _ in range(2):  # once at each portal
        assert await course.shown_client(cid) == document


async def test_a_client_that_exists_is_not_created_again(course):
    cid = await course.client(city="Recife")

    for _ in range(2):
        assert verdict(await course.create_client(cid, {"CID": cid, "name": "Another"})) == "CUSTOMER_EXISTS"

    assert await course.shown_client(cid) == {"CID": cid, "name": "Conceição", "city": "Recife"}


async def test_an_update_changes_what_it_names_and_nothing_else(course):
    cid = await course.client(city="Recife", age=40)

    assert verdict(await course.update_client(cid, {"name": "Ana"})) == DONE
    assert await course.shown_client(cid) == {"CID": cid, "name": "Ana", "city": "Recife", "age": 40}

    assert verdict(await course.update_client(cid, {"CID": cid, "city": "Olinda", "vip": True})) == DONE
    assert await course.shown_client(cid) == {"CID": cid, "name": "Ana", "city": "Olinda", "age": 40, "vip": True}

    assert verdict(await course.update_client(cid, {"age": None, "vip": None, "never": None})) == DONE
    assert await course.shown_client(cid) == {"CID": cid, "name": "Ana", "city": "Olinda"}


async def test_an_update_that_names_nothing_changes_nothing_and_is_done(course):
    cid = await course.client()

    for document in ({}, {"CID": cid}):
        assert verdict(await course.update_client(cid, document)) == DONE

    assert await course.shown_client(cid) == {"CID": cid, "name": "Conceição"}


async def test_a_client_that_does_not_exist_is_the_empty_object_and_refused_by_every_write(course):
    cid = course.new_id("nobody")

    for _ in range(2):
        assert await course.retrieve_client(cid) == NO_CLIENT
        assert verdict(await course.update_client(cid, {"name": "Ana"})) == "CUSTOMER_NOT_FOUND"
        assert verdict(await course.update_client(cid, {})) == "CUSTOMER_NOT_FOUND"
        assert verdict(await course.delete_client(cid)) == "CUSTOMER_NOT_FOUND"
        assert await course.retrieve_client_orders(cid) == []


async def test_a_deleted_client_is_gone_at_once_at_every_portal_and_leaves_nothing_to_the_next(course):
    cid = course.new_id("client")

    for turn in range(20):
        assert verdict(await course.create_client(cid, {"CID": cid, "name": "Ana", f"extra{turn}": turn})) == DONE
        assert await course.shown_client(cid) == {"CID": cid, "name": "Ana", f"extra{turn}": turn}
        assert verdict(await course.delete_client(cid)) == DONE
        for _ in range(2):
            assert await course.retrieve_client(cid) == NO_CLIENT


async def test_a_client_with_orders_is_not_deleted_until_they_are(course):
    cid = await course.client()
    pid = await course.product(10)
    full, empty = await course.order(cid, (pid, 4)), await course.order(cid)

    assert verdict(await course.delete_client(cid)) == "CUSTOMER_HAS_ORDERS"
    assert verdict(await course.delete_order(empty)) == DONE
    assert verdict(await course.delete_client(cid)) == "CUSTOMER_HAS_ORDERS"
    assert await course.units(full) == {pid: 4}
    assert verdict(await course.delete_order(full)) == DONE
    assert verdict(await course.delete_client(cid)) == DONE
    assert await course.stock(pid) == 10


@pytest.mark.parametrize(
    "name", [None, "", "   ", 7, True, ["Ana"], {"first": "Ana"}, "x" * 201, "a\nb"], ids=lambda name: repr(name)[:12]
)
async def test_a_name_that_is_none_is_refused(course, name):
    cid = course.new_id("client")

    assert verdict(await course.create_client(cid, {"CID": cid, "name": name})) == "INVALID_ARGUMENT"
    assert await course.retrieve_client(cid) == NO_CLIENT


async def test_a_client_without_a_name_is_refused(course):
    cid = course.new_id("client")

    for document in ({}, {"CID": cid}, {"CID": cid, "Name": "Ana"}):
        assert verdict(await course.create_client(cid, document)) == "INVALID_ARGUMENT"
