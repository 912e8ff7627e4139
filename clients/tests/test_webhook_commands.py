"""quitanda-admin webhook: what is shown of webhooks, and dead letters that are repeated, each answered by itself."""

import csv
import io

import pytest
from command_line import admin

from quitanda.v1.documents_pb2 import DeadLetter, Webhook


@pytest.fixture
def hook(shop, portal):
    letters = [DeadLetter(letter_id=n, event="order_placed", document_id=f"o{n}", problem="500") for n in (3, 4, 7)]
    shop.webhooks["hook"] = Webhook(webhook_id="hook", url="https://receiver.example/", enabled=True, letters=letters)
    return portal


def waiting(shop):
    return [letter.letter_id for letter in shop.webhooks["hook"].letters if letter.waiting]


async def test_several_letters_are_repeated_at_once(hook, shop):
    done = await admin(hook, "webhook", "repeat", "hook", "3", "7")

    assert (done.exit_code, waiting(shop)) == (0, [3, 7])
    assert done.stdout.splitlines() == ["Letter 3 is sent once more.", "Letter 7 is sent once more."]


async def test_each_letter_is_answered_by_itself(hook, shop):
    done = await admin(hook, "webhook", "repeat", "hook", "3", "5", "4", "--json")

    assert (done.exit_code, waiting(shop)) == (1, [3, 4])
    assert done.result["webhook_id"] == "hook"
    told = [(each["letter_id"], each["repeated"], each["reason"]) for each in done.result["letters"]]
    assert told == [(3, True, ""), (5, False, "DEAD_LETTER_NOT_FOUND"), (4, True, "")]


async def test_for_people_the_refused_letter_says_why_on_stderr(hook):
    done = await admin(hook, "webhook", "repeat", "hook", "3", "5")

    assert done.stdout.splitlines() == ["Letter 3 is sent once more."]
    assert done.message.startswith("Letter 5 is not repeated (DEAD_LETTER_NOT_FOUND): ")


async def test_for_spreadsheets_each_letter_is_a_row(hook):
    done = await admin(hook, "webhook", "repeat", "hook", "4", "5", "-o", "csv")

    rows = list(csv.DictReader(io.StringIO(done.stdout.removeprefix("\ufeff"))))
    assert [(row["letter_id"], row["reason"]) for row in rows] == [("4", ""), ("5", "DEAD_LETTER_NOT_FOUND")]


async def test_all_letters_are_repeated_by_one_request(hook, shop):
    done = await admin(hook, "webhook", "repeat", "hook", "--all")

    assert (done.exit_code, waiting(shop)) == (0, [3, 4, 7])
    assert len(hook.requests("RepeatDeadLetters")) == 1


async def test_a_letter_that_is_named_twice_is_asked_for_once(hook):
    await admin(hook, "webhook", "repeat", "hook", "3", "3")

    assert [request.letter_id for request in hook.requests("RepeatDeadLetters")] == [3]


@pytest.mark.parametrize("arguments", [(), ("3", "--all"), ("0",), ("x",)])
async def test_which_letters_must_be_said_and_nothing_is_sent_otherwise(hook, arguments):
    done = await admin(hook, "webhook", "repeat", "hook", *arguments)

    assert (done.exit_code, hook.calls) == (2, [])


async def test_a_webhook_that_has_missed_changes_says_how_to_go_on(hook, shop):
    shop.webhooks["hook"].missed = 12
    listed = await admin(hook, "webhook", "list")
    shown = await admin(hook, "webhook", "list", "--json")

    assert "quitanda-admin export" in listed.message
    assert shown.result["webhooks"][0]["missed"] in (12, "12")


async def test_a_webhook_that_has_missed_nothing_says_nothing_of_it(hook):
    assert (await admin(hook, "webhook", "list")).message == ""
