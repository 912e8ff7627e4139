"""The rules for webhooks: what administrators ask for, the lease, positions and dead letters."""

import pytest

from quitanda.domain.commands import CreateCustomer, RaiseLevel, Request
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.limits import DEAD_LETTERS_MAX, WEBHOOKS_MAX
from quitanda.domain.machine import execute
from quitanda.domain.outcomes import Done, Reason, Refused
from quitanda.domain.webhook_commands import (
    CreateWebhook,
    DeleteWebhook,
    RecordDelivery,
    RepeatDeadLetters,
    RotateWebhookSecret,
    SendTestEvent,
    TakeSenderLease,
    UpdateWebhook,
)
from quitanda.domain.webhook_model import is_webhook_url
from quitanda_testing.in_memory_state import InMemoryState

URL = "https://receiver.example/hook"
LAST_CHANGE = DEAD_LETTERS_MAX + 2
"""The number of the last change that there is in the shop; the webhook begins after the first."""


class ShopWithWebhooks:
    def __init__(self):
        self.state = InMemoryState()
        self.number = 0
        for level in range(2, SUPPORTED_LEVEL + 1):
            self.ask(RaiseLevel(level))

    def ask(self, command):
        self.number += 1
        request = Request("", f"r{self.number}", command)
        execution = execute(self.state, request, self.number)
        self.state.apply(request, execution)
        return execution.outcome

    def create(self, webhook_id="hook"):
        assert self.ask(CreateWebhook(webhook_id, URL, "product_low, order_placed", "a" * 64, 5)) == Done(None)

    def hook(self):
        return self.state.webhook("hook")


@pytest.fixture
def shop():
    made = ShopWithWebhooks()
    made.ask(CreateCustomer("ana", "Ana"))
    made.create()
    made.ask(TakeSenderLease("portal1", 0, 0))
    for number in range(3, LAST_CHANGE + 1):  # the webhook itself was the second
        made.ask(CreateCustomer(f"customer{number}", "Rui"))
    return made


def dead(position, lease=1, **others):
    return RecordDelivery(
        "hook", lease, "dead", position, event="order_placed", document_id="o1", attempts=10, problem="500", **others
    )


def reason(outcome):
    return outcome.reason if isinstance(outcome, Refused) else None


def test_a_new_webhook_begins_after_the_last_change_and_has_its_events_in_order(shop):
    assert (shop.hook().position, shop.hook().events) == (1, "order_placed,product_low")


@pytest.mark.parametrize(
    ("field", "command"),
    [
        ("url", CreateWebhook("new", "ftp://receiver.example", "order_placed", "a" * 64, 0)),
        ("url", CreateWebhook("new", "https://name:password@receiver.example", "order_placed", "a" * 64, 0)),
        ("events", CreateWebhook("new", URL, "order_eaten", "a" * 64, 0)),
        ("events", CreateWebhook("new", URL, "order_placed,order_placed", "a" * 64, 0)),
        ("secret", CreateWebhook("new", URL, "order_placed", "short", 0)),
        ("", UpdateWebhook("hook")),
        ("result", RecordDelivery("hook", 1, "eaten", 5)),
    ],
)
def test_what_is_wrong_is_refused_by_its_field_and_changes_nothing(shop, field, command):
    before = shop.hook()

    outcome = shop.ask(command)

    assert (outcome.reason, outcome.field) == (Reason.INVALID_ARGUMENT, field)
    assert (shop.hook(), list(shop.state.webhook_ids(9))) == (before, ["hook"])


def test_there_are_only_so_many_webhooks(shop):
    for number in range(1, WEBHOOKS_MAX):
        shop.create(f"hook{number}")

    outcome = shop.ask(CreateWebhook("another", URL, "order_placed", "a" * 64, 5))

    assert reason(outcome) is Reason.TOO_MANY_WEBHOOKS


@pytest.mark.parametrize(
    "command",
    [
        UpdateWebhook("no", URL),
        RotateWebhookSecret("no", "b" * 64),
        DeleteWebhook("no"),
        RepeatDeadLetters("no"),
        SendTestEvent("no"),
        RecordDelivery("no", 1, "none", 9),
    ],
)
def test_a_webhook_that_is_not_there_is_not_found(shop, command):
    assert reason(shop.ask(command)) is Reason.WEBHOOK_NOT_FOUND


def test_a_rotated_secret_leaves_the_one_before_valid(shop):
    shop.ask(RotateWebhookSecret("hook", "b" * 64))

    assert (shop.hook().secret, shop.hook().previous_secret) == ("b" * 64, "a" * 64)
    assert "a" * 64 not in repr(shop.hook())


def test_a_lease_is_taken_only_as_it_was_seen(shop):
    assert reason(shop.ask(TakeSenderLease("portal2", 0, 0))) is Reason.LEASE_LOST
    shop.ask(TakeSenderLease("portal1", 1, 0))
    assert reason(shop.ask(TakeSenderLease("portal2", 1, 0))) is Reason.LEASE_LOST
    assert shop.state.sender_lease().holder == "portal1"

    shop.ask(TakeSenderLease("portal2", 1, 1))

    assert (shop.state.sender_lease().holder, shop.state.sender_lease().number) == ("portal2", 2)


def test_who_has_lost_the_lease_moves_no_position(shop):
    shop.ask(TakeSenderLease("portal2", 1, 0))

    assert reason(shop.ask(RecordDelivery("hook", 1, "delivered", 7))) is Reason.LEASE_LOST
    assert shop.hook().position == 1


def test_before_anybody_has_the_lease_nobody_moves_a_position():
    shop = ShopWithWebhooks()
    shop.create()

    assert reason(shop.ask(RecordDelivery("hook", 0, "none", 1))) is Reason.LEASE_LOST
    assert shop.hook().position == 0


def test_a_position_never_goes_back_and_counts_once(shop):
    shop.ask(RecordDelivery("hook", 1, "delivered", 7, missed=2))
    shop.ask(RecordDelivery("hook", 1, "delivered", 7, missed=2))
    shop.ask(RecordDelivery("hook", 1, "delivered", 5))

    assert (shop.hook().position, shop.hook().delivered, shop.hook().missed) == (7, 1, 2)


@pytest.mark.parametrize("result", ["none", "delivered", "dead"])
def test_a_position_never_goes_beyond_the_last_change(shop, result):
    outcome = shop.ask(RecordDelivery("hook", 1, result, LAST_CHANGE + 1))

    assert (outcome.reason, outcome.field) == (Reason.INVALID_ARGUMENT, "position")
    assert (shop.hook().position, shop.hook().letters) == (1, ())
    assert shop.ask(RecordDelivery("hook", 1, result, LAST_CHANGE)) == Done(None)
    assert shop.hook().position == LAST_CHANGE


def test_no_more_changes_are_missed_than_the_position_passes(shop):
    outcome = shop.ask(RecordDelivery("hook", 1, "none", 7, missed=7))

    assert (outcome.reason, outcome.field) == (Reason.INVALID_ARGUMENT, "missed")
    assert (shop.hook().position, shop.hook().missed) == (1, 0)
    assert shop.ask(RecordDelivery("hook", 1, "none", 7, missed=6)) == Done(None)
    assert (shop.hook().position, shop.hook().missed, shop.hook().delivered) == (7, 6, 0)


def test_what_became_of_a_letter_counts_once(shop):
    shop.ask(dead(7))
    again = RecordDelivery("hook", 1, "dead", letter_id=1, attempts=1, problem="again")
    shop.ask(again)
    assert (shop.hook().letters[0].attempts, shop.hook().letters[0].problem) == (10, "500")

    shop.ask(RepeatDeadLetters("hook", 1))
    shop.ask(again)
    shop.ask(again)
    assert (shop.hook().letters[0].attempts, shop.hook().letters[0].problem) == (11, "again")


def test_of_several_letters_only_the_one_that_is_asked_for_is_repeated(shop):
    for position in (7, 8, 9):
        shop.ask(dead(position))

    shop.ask(RepeatDeadLetters("hook", 2))
    assert [letter.waiting for letter in shop.hook().letters] == [False, True, False]

    shop.ask(RepeatDeadLetters("hook"))
    assert [letter.waiting for letter in shop.hook().letters] == [True, True, True]


def test_a_dead_letter_can_be_repeated_until_it_arrives(shop):
    shop.ask(dead(7))
    (letter,) = shop.hook().letters
    assert (letter.number, letter.waiting) == (7, False)

    shop.ask(RepeatDeadLetters("hook", letter.letter_id))
    shop.ask(RecordDelivery("hook", 1, "dead", letter_id=letter.letter_id, attempts=1, problem="no answer"))
    (letter,) = shop.hook().letters
    assert (letter.attempts, letter.problem, letter.waiting) == (11, "no answer", False)

    shop.ask(RepeatDeadLetters("hook"))
    shop.ask(RecordDelivery("hook", 1, "delivered", letter_id=letter.letter_id))
    shop.ask(RecordDelivery("hook", 1, "delivered", letter_id=letter.letter_id))
    assert (shop.hook().letters, shop.hook().delivered) == ((), 1)
    assert reason(shop.ask(RepeatDeadLetters("hook", letter.letter_id))) is Reason.DEAD_LETTER_NOT_FOUND


def test_too_many_dead_letters_drop_the_oldest_and_count_it(shop):
    for position in range(2, DEAD_LETTERS_MAX + 3):
        shop.ask(dead(position))

    assert (len(shop.hook().letters), shop.hook().dropped, shop.hook().letters[0].number) == (DEAD_LETTERS_MAX, 1, 3)


def test_a_test_waits_among_the_letters(shop):
    shop.ask(SendTestEvent("hook"))

    (letter,) = shop.hook().letters
    assert (letter.event, letter.waiting, letter.number) == ("test", True, 0)


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("https://receiver.example", True),
        ("https://receiver.example:8443/a/b?c=d&e=%20", True),
        ("http://127.0.0.1:8080/", True),
        ("https://[2001:db8::1]/", True),
        ("https://user:password@receiver.example/", False),
        ("https://receiver.example/#part", False),
        ("https://receiver.example/a b", False),
        ("https://receiver.example/\r\nHost: other", False),
        ("https://-receiver.example/", False),
        ("file:///etc/passwd", False),
        ("https:///nothing", False),
    ],
)
def test_an_address_is_http_with_a_host_and_nothing_secret(url, usable):
    assert is_webhook_url(url) is usable
