"""Mistakes about webhooks: events that are skipped, lost, sent by two, or in another order."""

from typing import Final

from mutants.mutant import CORE, REPLICA, TESTS, Mutant

_RULES: Final = f"{CORE}/domain/webhooks.py"
_RULE_TESTS: Final = "core/tests/domain/test_webhooks.py"
_EVENTS: Final = f"{CORE}/domain/webhook_events.py"
_EVENT_TESTS: Final = "core/tests/domain/test_webhook_events.py"
_READS: Final = f"{REPLICA}/reads/webhook_events.py"
_READ_TESTS: Final = f"{TESTS}/test_webhook_events.py"
_ADMIN: Final = f"{CORE}/portal/webhook_admin.py"
_PORTAL: Final = "services/admin-portal"
_CODE: Final = f"{_PORTAL}/src/quitanda_admin_portal/webhooks"
_OPERATION_TESTS: Final = f"{_PORTAL}/tests/test_webhook_operations.py"
_SENDER_TESTS: Final = f"{_PORTAL}/tests/test_webhook_sender.py"
_DELIVERY_TESTS: Final = f"{_PORTAL}/tests/test_webhook_deliveries.py"

_OF_RULES: Final = (
    Mutant(
        "an-earlier-sender-moves-positions",
        "Only the present holder of the lease moves positions.",
        _RULES,
        "    if not lease.number or lease.number != command.lease_number:\n",
        "    if not lease.number or lease.number < command.lease_number:\n",
        (f"{_RULE_TESTS}::test_who_has_lost_the_lease_moves_no_position",),
    ),
    Mutant(
        "without-a-lease-anybody-moves-positions",
        "Where nobody has ever sent, nobody moves positions.",
        _RULES,
        "    if not lease.number or lease.number != command.lease_number:\n",
        "    if lease.number != command.lease_number:\n",
        (f"{_RULE_TESTS}::test_before_anybody_has_the_lease_nobody_moves_a_position",),
    ),
    Mutant(
        "a-renewed-lease-is-taken",
        "Who has not seen the last renewal does not get the lease.",
        _RULES,
        "    if (lease.number, lease.renewals) != (command.seen_number, command.seen_renewals):\n",
        "    if lease.number != command.seen_number:\n",
        (f"{_RULE_TESTS}::test_a_lease_is_taken_only_as_it_was_seen",),
    ),
    Mutant(
        "a-lease-keeps-its-number-when-its-holder-changes",
        "Each holder of the lease has a number of its own, so that the one before is refused.",
        _RULES,
        "    return _changed(SenderLease(command.holder, lease.number + 1))\n",
        "    return _changed(SenderLease(command.holder, lease.number or 1))\n",
        (f"{_RULE_TESTS}::test_a_lease_is_taken_only_as_it_was_seen",),
    ),
    Mutant(
        "a-position-goes-back",
        "A position never goes back.",
        _RULES,
        "    if command.position <= webhook.position:\n",
        "    if command.position == webhook.position:\n",
        (f"{_RULE_TESTS}::test_a_position_never_goes_back_and_counts_once",),
    ),
    Mutant(
        "a-position-goes-beyond-the-last-change",
        "What has not happened yet cannot be skipped.",
        _RULES,
        "    if command.position > view.last_version:\n",
        "    if command.position > view.last_version + 1:\n",
        (f"{_RULE_TESTS}::test_a_position_never_goes_beyond_the_last_change",),
    ),
    Mutant(
        "more-changes-are-missed-than-there-were",
        "No more changes are counted as missed than the position passes.",
        _RULES,
        "    if moved and command.missed > moved:\n",
        "    if moved and command.missed > command.position:\n",
        (f"{_RULE_TESTS}::test_no_more_changes_are_missed_than_the_position_passes",),
    ),
    Mutant(
        "a-new-webhook-is-told-the-past",
        "A webhook is told of what happens after its creation.",
        _RULES,
        "            position=view.last_version,\n",
        "            position=0,\n",
        (f"{_RULE_TESTS}::test_a_new_webhook_begins_after_the_last_change_and_has_its_events_in_order",),
    ),
    Mutant(
        "an-event-that-is-given-up-is-forgotten",
        "An event that was given up is a dead letter.",
        _RULES,
        "    if command.result != _DEAD:\n",
        "    if command.result:\n",
        (f"{_RULE_TESTS}::test_a_dead_letter_can_be_repeated_until_it_arrives",),
    ),
    Mutant(
        "what-became-of-a-letter-counts-twice",
        "What became of a letter is written down once.",
        _RULES,
        "        if letter.letter_id != command.letter_id or not letter.waiting:\n",
        "        if letter.letter_id != command.letter_id:\n",
        (f"{_RULE_TESTS}::test_what_became_of_a_letter_counts_once",),
    ),
    Mutant(
        "dead-letters-have-no-bound",
        "The dead letters of a webhook are bounded.",
        _RULES,
        "    kept = letters[-DEAD_LETTERS_MAX:]\n",
        "    kept = letters[-DEAD_LETTERS_MAX - 1 :]\n",
        (f"{_RULE_TESTS}::test_too_many_dead_letters_drop_the_oldest_and_count_it",),
    ),
    Mutant(
        "the-newest-dead-letter-is-dropped",
        "Of too many dead letters the oldest is dropped.",
        _RULES,
        "    kept = letters[-DEAD_LETTERS_MAX:]\n",
        "    kept = letters[:DEAD_LETTERS_MAX]\n",
        (f"{_RULE_TESTS}::test_too_many_dead_letters_drop_the_oldest_and_count_it",),
    ),
    Mutant(
        "one-letter-repeats-all",
        "Who asks for one letter repeats that one.",
        _RULES,
        "waiting=each.waiting or wanted in (0, each.letter_id))",
        "waiting=each.waiting or wanted >= 0)",
        (f"{_RULE_TESTS}::test_of_several_letters_only_the_one_that_is_asked_for_is_repeated",),
    ),
    Mutant(
        "a-rotation-forgets-the-secret-before",
        "After a rotation the secret before still signs, so that receivers have time to change.",
        _RULES,
        "secret=command.secret, previous_secret=webhook.secret, ",
        'secret=command.secret, previous_secret="", ',
        (f"{_RULE_TESTS}::test_a_rotated_secret_leaves_the_one_before_valid",),
    ),
    Mutant(
        "webhooks-without-a-bound",
        "The shop has a bounded number of webhooks.",
        _RULES,
        "    if len(view.webhook_ids(WEBHOOKS_MAX)) == WEBHOOKS_MAX:\n",
        "    if len(view.webhook_ids(WEBHOOKS_MAX)) > WEBHOOKS_MAX:\n",
        (f"{_RULE_TESTS}::test_there_are_only_so_many_webhooks",),
    ),
    Mutant(
        "a-webhooks-address-has-a-password",
        "Nothing secret stands in the address of a webhook.",
        f"{CORE}/domain/webhook_model.py",
        'r"https?://([A-Za-z0-9]',
        'r"https?://([^/]*@)?([A-Za-z0-9]',
        (f"{_RULE_TESTS}::test_an_address_is_http_with_a_host_and_nothing_secret",),
    ),
)

_OF_HISTORY: Final = (
    Mutant(
        "a-delivery-is-a-change-of-the-history",
        "The history tells what administrators change of a webhook, not what a sender writes down.",
        f"{CORE}/domain/document_history.py",
        "if type(each) is Webhook and each.version > view.last_version]",
        "if type(each) is Webhook and each.version >= 0]",
        (
            "core/tests/domain/test_document_history.py::test_what_a_sender_writes_down_and_what_changes_nothing_is_not_recorded",
        ),
    ),
    Mutant(
        "who-deletes-a-webhook-is-not-told",
        "The history tells who deleted a webhook.",
        f"{CORE}/domain/document_history.py",
        "for each in webhooks if type(each) is WebhookRemoval]",
        "for each in webhooks[:0] if type(each) is WebhookRemoval]",
        (
            f"{TESTS}/test_document_history.py::test_the_history_of_a_webhook_says_who_made_and_changed_it_and_goes_on_when_it_is_made_anew",
        ),
    ),
    Mutant(
        "a-webhooks-secret-is-recorded",
        "The history never has a secret.",
        f"{CORE}/domain/webhook_model.py",
        '    secret: WebhookSecret = field(default="", repr=False, metadata=WITHHELD)\n',
        '    secret: WebhookSecret = field(default="", repr=False)\n',
        (
            "core/tests/domain/test_document_history.py::test_of_a_webhook_what_administrators_change_is_recorded_and_no_secret",
        ),
    ),
)

_OF_EVENTS: Final = (
    Mutant(
        "imported-orders-are-told",
        "An imported order happened elsewhere: it is no event.",
        _EVENTS,
        "    if kind is Kind.ORDER and command != _IMPORT:\n",
        "    if kind is Kind.ORDER:\n",
        (f"{_EVENT_TESTS}::test_an_imported_order_is_no_event_and_its_later_moves_are",),
    ),
    Mutant(
        "a-custom-field-makes-an-event",
        "A custom field named like one of ours is no event.",
        _EVENTS,
        '        if name == "low" and product_id:\n',
        '        if name == "low":\n',
        (f"{_EVENT_TESTS}::test_a_custom_field_with_the_name_low_is_no_event",),
    ),
    Mutant(
        "forgotten-changes-are-not-counted",
        "A webhook is told how many changes the history had forgotten.",
        _READS,
        "    missed = max(0, counters.history_first - 1 - after)\n",
        "    missed = max(0, counters.history_first - 1 - after) * 0\n",
        (
            f"{_READ_TESTS}::test_a_position_that_the_history_has_forgotten_is_told_with_the_number_of_changes_that_are_missed",
        ),
    ),
    Mutant(
        "an-event-before-the-position-is-told-again",
        "Reading on from a position tells what comes after it.",
        _READS,
        "            if number <= told:\n",
        "            if number < told:\n",
        (f"{_READ_TESTS}::test_a_position_in_the_middle_of_an_entry_tells_only_what_comes_after_it",),
    ),
    Mutant(
        "a-damaged-record-is-skipped",
        "A record that cannot be read stops the replica; it is not an event less.",
        _READS,
        '        raise StateCorrupt(f"a record of changes cannot be read: {value[:200]!r}") from error\n',
        "        result.up_to += bool(error)\n",
        (f"{_READ_TESTS}::test_a_record_that_cannot_be_read_is_a_corrupt_state_and_not_an_event_that_is_left_out",),
    ),
)

_OF_DELIVERIES: Final = (
    Mutant(
        "events-come-in-another-order",
        "Events are sent in the order in which they happened.",
        f"{_CODE}/deliveries.py",
        "            for event in page.events:\n",
        "            for event in reversed(page.events):\n",
        (f"{_SENDER_TESTS}::test_events_arrive_in_order_and_the_position_follows",),
    ),
    Mutant(
        "an-event-is-tried-once",
        "An event that the receiver does not take is tried again.",
        f"{_CODE}/deliveries.py",
        "            stop=stop_after_attempt(self._options.attempts),\n",
        "            stop=stop_after_attempt(1),\n",
        (f"{_SENDER_TESTS}::test_a_failing_event_is_tried_so_often_then_dead_and_can_be_repeated",),
    ),
    Mutant(
        "pauses-do-not-grow",
        "The pauses between attempts grow.",
        f"{_CODE}/deliveries.py",
        "max=options.pause_seconds_max)\n",
        "max=options.pause_seconds_max, exp_base=1)\n",
        (f"{_DELIVERY_TESTS}::test_the_pauses_between_attempts_double_up_to_a_bound_and_have_a_random_part",),
    ),
    Mutant(
        "pauses-have-no-bound",
        "The pauses between attempts have a bound.",
        f"{_CODE}/deliveries.py",
        "max=options.pause_seconds_max)\n",
        "max=options.pause_seconds_max * 60)\n",
        (f"{_DELIVERY_TESTS}::test_the_pauses_between_attempts_double_up_to_a_bound_and_have_a_random_part",),
    ),
    Mutant(
        "a-letter-is-repeated-until-the-portal-sees-it",
        "A letter that is to be repeated is sent once.",
        f"{_CODE}/deliveries.py",
        "        if not letter.waiting or (letter.letter_id, letter.attempts) in self._repeated:\n",
        "        if not letter.waiting:\n",
        (f"{_DELIVERY_TESTS}::test_a_letter_is_sent_once_although_the_portal_still_sees_it_waiting",),
    ),
    Mutant(
        "letters-are-repeated-unasked",
        "A dead letter is sent again when somebody asks for it.",
        f"{_CODE}/deliveries.py",
        "        if not letter.waiting or (letter.letter_id, letter.attempts) in self._repeated:\n",
        "        if (letter.letter_id, letter.attempts) in self._repeated:\n",
        (f"{_SENDER_TESTS}::test_a_failing_event_is_tried_so_often_then_dead_and_can_be_repeated",),
    ),
    Mutant(
        "missed-changes-are-not-told",
        "What the history has forgotten is written down and told.",
        f"{_CODE}/deliveries.py",
        "            if page.missed:\n",
        "            if page.missed < 0:\n",
        (
            f"{_DELIVERY_TESTS}::test_changes_that_the_history_has_forgotten_are_counted_and_told_before_anything_is_sent",
        ),
    ),
    Mutant(
        "the-position-stands-still-where-nothing-is-sent",
        "A position follows the history, or it falls behind its beginning although nothing was missed.",
        f"{_CODE}/deliveries.py",
        "            if position - recorded >= self._options.changes_skipped_max:\n",
        "            if recorded - position >= self._options.changes_skipped_max:\n",
        (f"{_DELIVERY_TESTS}::test_the_position_follows_where_nothing_is_for_the_webhook",),
    ),
    Mutant(
        "who-lost-the-lease-goes-on",
        "Who has lost the lease sends nothing more.",
        f"{_CODE}/deliveries.py",
        "        if not await self._events.record(command, self._lease_number):\n            raise WebhookGone\n",
        "        await self._events.record(command, self._lease_number)\n",
        (f"{_DELIVERY_TESTS}::test_who_has_lost_the_lease_stops_after_the_event_that_it_was_sending",),
    ),
    Mutant(
        "a-living-sender-loses-its-lease",
        "A portal takes the lease of another one when it has seen no sign of life for a while.",
        f"{_CODE}/sender.py",
        "now - self._seen_at < self._options.takeover_seconds:\n",
        "now - self._seen_at < 0:\n",
        (f"{_SENDER_TESTS}::test_a_sender_leaves_the_lease_to_one_that_shows_signs_of_life",),
    ),
    Mutant(
        "a-renewal-is-no-sign-of-life",
        "Each renewal that is seen counts as a sign of life.",
        f"{_CODE}/sender.py",
        "        if lease != self._seen:\n",
        "        if lease.holder != self._seen.holder:\n",
        (f"{_SENDER_TESTS}::test_a_sender_leaves_the_lease_to_one_that_shows_signs_of_life",),
    ),
    Mutant(
        "a-dead-senders-lease-is-left-alone",
        "The lease of a portal that shows no sign of life is taken.",
        f"{_CODE}/sender.py",
        "now - self._seen_at < self._options.takeover_seconds:\n",
        "self._seen_at <= now:\n",
        (f"{_SENDER_TESTS}::test_a_sender_takes_the_lease_of_one_that_shows_no_sign_of_life",),
    ),
    Mutant(
        "a-sender-never-looks-again",
        "A sender that found no webhooks looks again when something has happened.",
        f"{_CODE}/sender.py",
        "and recently and self._is_quiet(self._none_at)\n",
        "and recently\n",
        (f"{_SENDER_TESTS}::test_a_sender_without_webhooks_asks_only_when_the_feed_tells_of_something",),
    ),
    Mutant(
        "a-silent-feed-says-that-nothing-happened",
        "Where the feed is not heard, nobody knows that nothing has happened.",
        f"{_CODE}/feed_silence.py",
        "        if recent is None or not self._reader.feed_alive():\n",
        "        if recent is None:\n",
        (f"{_SENDER_TESTS}::test_a_sender_that_does_not_hear_the_feed_finds_a_new_webhook_all_the_same",),
    ),
    Mutant(
        "revisions-of-another-history-are-compared",
        "Revisions of another history mean nothing in this one.",
        f"{_CODE}/feed_silence.py",
        "        return before == recent.history and 0 < recent.position <= revision\n",
        "        return before is not None and 0 < recent.position <= revision\n",
        (f"{_SENDER_TESTS}::test_the_feed_is_not_believed_about_another_history",),
    ),
    Mutant(
        "a-repeated-request-makes-another-webhook",
        "A request that is repeated makes one webhook, and tells its secret again.",
        _ADMIN,
        "        name = hashlib.blake2b(request_id.encode(), ",
        "        name = hashlib.blake2b(self._random_bytes(_ID_BYTES), ",
        (
            f"{_OPERATION_TESTS}::test_the_secret_is_told_by_the_request_that_made_it_and_its_repetition_and_by_nothing_else",
        ),
    ),
    Mutant(
        "a-repeated-request-tells-a-secret-that-does-not-sign",
        "The secret that is told is the one that the state keeps.",
        _ADMIN,
        "base64.b64encode(bytes.fromhex(webhook.secret)).decode()",
        "base64.b64encode(bytes.fromhex(command.secret)).decode()",
        (
            f"{_OPERATION_TESTS}::test_the_secret_is_told_by_the_request_that_made_it_and_its_repetition_and_by_nothing_else",
        ),
    ),
)

MUTANTS: Final = (*_OF_RULES, *_OF_HISTORY, *_OF_EVENTS, *_OF_DELIVERIES)
