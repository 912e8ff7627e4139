"""Mistakes in what is sent to a webhook: unsigned, to where nothing may be sent, or waited for without end."""

from typing import Final

from mutants.mutant import Mutant

_PORTAL: Final = "services/admin-portal"
_CODE: Final = f"{_PORTAL}/src/quitanda_admin_portal/webhooks"
_POST_TESTS: Final = f"{_PORTAL}/tests/test_webhook_post.py"
_MESSAGE_TESTS: Final = f"{_PORTAL}/tests/test_webhook_messages.py"

MUTANTS: Final = (
    Mutant(
        "the-signature-is-of-the-body-alone",
        "Id and time are signed with the body, so that nobody can repeat it under another id or later.",
        f"{_CODE}/messages.py",
        '    signed = f"{name}.{now_seconds}.".encode() + body\n',
        "    signed = body\n",
        (f"{_MESSAGE_TESTS}::test_the_signature_is_of_id_time_and_body",),
    ),
    Mutant(
        "the-secret-before-does-not-sign",
        "After a rotation both secrets sign.",
        f"{_CODE}/messages.py",
        "(webhook.secret, webhook.previous_secret) if secret]\n",
        "(webhook.secret,) if secret]\n",
        (f"{_MESSAGE_TESTS}::test_after_a_rotation_both_secrets_sign",),
    ),
    Mutant(
        "an-event-is-named-by-how-many-there-were",
        "The same event has the same id, whoever sends it, and however often.",
        f"{_CODE}/messages.py",
        '    return f"{webhook.webhook_id}.{number}" if number else',
        '    return f"{webhook.webhook_id}.{webhook.delivered}" if number else',
        (f"{_MESSAGE_TESTS}::test_an_event_has_the_name_of_its_change_and_a_test_that_of_its_letter",),
    ),
    Mutant(
        "one-public-address-is-enough",
        "Nothing is sent to a host of which any address is private.",
        f"{_CODE}/https_post.py",
        "not all(is_public(_parsed(each)) for each in addresses)",
        "not any(is_public(_parsed(each)) for each in addresses)",
        (f"{_POST_TESTS}::test_a_host_of_which_one_address_is_private_is_refused_before_anything_is_sent",),
    ),
    Mutant(
        "the-hosts-name-is-resolved-twice",
        "The connection goes to an address that was looked at.",
        f"{_CODE}/https_post.py",
        "                return await asyncio.open_connection(\n                    address,\n",
        "                return await asyncio.open_connection(\n                    host or address,\n",
        (f"{_POST_TESTS}::test_the_connection_goes_to_an_address_that_was_looked_at_and_the_host_is_asked_for_once",),
    ),
    Mutant(
        "a-private-address-hides-in-another-form",
        "An address is looked at in whatever form it is written.",
        f"{_CODE}/https_post.py",
        "        if address in _NAT64:\n",
        "        if address in _NAT64 and address.is_private:\n",
        (f"{_POST_TESTS}::test_an_address_is_public_only_if_it_is_so_in_whatever_form_it_is_written",),
    ),
    Mutant(
        "a-redirect-is-a-delivery",
        "A redirect is not followed, and the message has not arrived.",
        f"{_CODE}/https_post.py",
        '            raise PostFailed(f"answered with {status}; redirects are not followed")\n',
        "            return\n",
        (f"{_POST_TESTS}::test_every_answer_but_success_is_a_failure_that_says_why",),
    ),
    Mutant(
        "a-refusal-is-a-delivery",
        "Only a status from 200 to 299 says that the message has arrived.",
        f"{_CODE}/https_post.py",
        "_DELIVERED: Final = range(200, 300)\n",
        "_DELIVERED: Final = range(200, 500)\n",
        (f"{_POST_TESTS}::test_every_answer_but_success_is_a_failure_that_says_why",),
    ),
    Mutant(
        "the-head-of-an-answer-has-no-bound",
        "No more is read of an answer than its head, within a bound.",
        f"{_CODE}/https_post.py",
        "    while read < ANSWER_BYTES_MAX:\n",
        "    while read >= 0:\n",
        (f"{_POST_TESTS}::test_informational_answers_without_end_are_given_up",),
    ),
    Mutant(
        "a-slow-receiver-is-waited-for",
        "An attempt ends in time as a whole, however slowly the receiver answers.",
        f"{_CODE}/https_post.py",
        "            async with asyncio.timeout(self._options.timeout_seconds):\n",
        "            async with asyncio.timeout(None):\n",
        (f"{_POST_TESTS}::test_a_receiver_that_takes_its_time_is_given_up",),
    ),
    Mutant(
        "plain-http-is-always-allowed",
        "Nothing is sent without TLS unless a setting allows it.",
        f"{_CODE}/https_post.py",
        '        if parts.scheme != "https" and not self._options.plain_http:\n',
        "        if parts.scheme not in _PORTS and not self._options.plain_http:\n",
        (f"{_POST_TESTS}::test_plain_http_is_refused_unless_it_is_allowed",),
    ),
    Mutant(
        "any-certificate-is-believed",
        "The receiver's certificate is of its name, from an authority that is known.",
        f"{_CODE}/https_post.py",
        "                    ssl=self._roots if tls else None,\n",
        "                    ssl=ssl._create_unverified_context() if tls else None,\n",
        (f"{_POST_TESTS}::test_only_a_certificate_of_the_host_from_a_known_authority_is_believed",),
    ),
)
