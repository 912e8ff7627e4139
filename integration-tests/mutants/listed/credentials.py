"""Mistakes about credentials: who decides nothing any more, who may ask for what, and who is told of it."""

from typing import Final

from mutants.mutant import CORE, REPLICA, TESTS, Mutant

_DOMAIN: Final = f"{CORE}/domain"
_RULES: Final = "core/tests/domain/test_credentials.py"
_PERMISSIONS: Final = "core/tests/domain/test_permissions.py"
_SEQUENCES: Final = "core/tests/domain/test_credential_sequences.py"
_FIRST: Final = f"{TESTS}/test_first_credential.py"
_PASSWORDS: Final = "core/tests/domain/test_passwords.py"
_ENDS: Final = "test_a_new_password_a_rotation_and_a_revocation_end_all_sessions_of_the_credential_and_no_others"
_SIGNING_IN: Final = "core/tests/portal/test_passwords.py"

MUTANTS: Final = (
    Mutant(
        "a-revoked-credential-decides",
        "Nothing that a credential asks for takes effect after the entry that revoked it.",
        f"{_DOMAIN}/permissions.py",
        "    if credential is None or not is_current(credential, principal):\n",
        "    if credential is None:\n        return None\n    if not is_current(credential, principal):\n",
        (f"{_SEQUENCES}::test_what_is_revoked_decides_nothing_and_what_is_valid_is_not_refused",),
    ),
    Mutant(
        "an-old-generation-stays-valid",
        "After two rotations the secret from before them is not valid any more.",
        f"{_DOMAIN}/permissions.py",
        "    return credential.generation - principal.generation in (0, 1)",
        "    return credential.generation >= principal.generation",
        (f"{_PERMISSIONS}::test_the_current_and_the_previous_generation_are_valid_and_no_other",),
    ),
    Mutant(
        "a-rotation-ends-the-secret-in-use",
        "After one rotation the secret from before it is still valid.",
        f"{_DOMAIN}/permissions.py",
        "    return credential.generation - principal.generation in (0, 1)",
        "    return credential.generation == principal.generation",
        (f"{_PERMISSIONS}::test_the_current_and_the_previous_generation_are_valid_and_no_other",),
    ),
    Mutant(
        "a-revoked-caller-is-told-an-earlier-outcome",
        "Whether a principal may ask is decided before anybody looks for a remembered outcome.",
        f"{_DOMAIN}/machine.py",
        "    return validation.check_request(request, view.level) or permissions.check_principal(view, request)",
        "    if validation.check_id('request_id', request.request_id) is None and view.remembered(\n"
        "        request.scope, request.request_id\n"
        "    ):\n"
        "        return validation.check_request(request, view.level)\n"
        "    return validation.check_request(request, view.level) or permissions.check_principal(view, request)",
        (f"{_PERMISSIONS}::test_who_was_revoked_does_not_even_learn_what_became_of_the_own_request",),
    ),
    Mutant(
        "a-customer-asks-for-another",
        "A customer's credential is good for that customer alone.",
        f"{_DOMAIN}/permissions.py",
        "    return bool(command.customer_id == credential.customer_id)",
        "    return bool(command.customer_id)",
        (_PERMISSIONS,),
    ),
    Mutant(
        "a-customer-uses-anothers-request-ids",
        "A customer's request ids are remembered in her own scope only.",
        f"{_DOMAIN}/permissions.py",
        "    if (is_customer and request.scope != credential.customer_id) or not",
        "    if (is_customer and not credential.customer_id) or not",
        (f"{_PERMISSIONS}::test_a_customer_chooses_request_ids_among_her_own_only",),
    ),
    Mutant(
        "everybody-is-locked-out",
        "The last credential of an administrator that never expires is not revoked.",
        f"{_DOMAIN}/credentials.py",
        "    if _is_lasting_admin(credential) and sum(map(_is_lasting_admin, _staff(view))) == 1:\n",
        "    if _is_lasting_admin(credential) and not _staff(view):\n",
        (f"{_RULES}::test_the_last_lasting_credential_of_an_administrator_stays",),
    ),
    Mutant(
        "an-expiring-administrator-counts",
        "An administrator whose credential expires does not keep the shop administered.",
        f"{_DOMAIN}/credentials.py",
        "    return credential.role == CallerRole.ADMIN and credential.expires_at_ms == 0",
        "    return credential.role == CallerRole.ADMIN",
        (f"{_RULES}::test_the_last_lasting_credential_of_an_administrator_stays",),
    ),
    Mutant(
        "the-first-credential-comes-again",
        "The first credential is created only where no administrator has ever had a lasting one.",
        f"{_DOMAIN}/credentials.py",
        "    if is_administered(view):\n",
        "    if view.credential(command.credential_id) is not None:\n",
        (f"{_RULES}::test_the_last_lasting_credential_of_an_administrator_stays",),
    ),
    Mutant(
        "credentials-survive-their-customer",
        "When a customer is deleted, her credentials are deleted in the same step.",
        f"{_DOMAIN}/customers.py",
        "        *credentials.deletions_with_customer(view, command.customer_id),\n",
        "",
        (f"{_SEQUENCES}::test_what_is_revoked_decides_nothing_and_what_is_valid_is_not_refused",),
    ),
    Mutant(
        "principals-count-below-their-level",
        "Below level 3 a principal is ignored, as a version decides that knows none.",
        f"{_DOMAIN}/levels.py",
        "    principal = request.principal if level >= CREDENTIALS_LEVEL else None\n",
        "    principal = request.principal\n",
        (f"{_RULES}::test_below_level_three_nobody_looks_at_a_principal_as_no_version_without_them_does",),
    ),
    Mutant(
        "the-feed-tells-hashes",
        "The feed says of a credential that it changed, and nothing else.",
        f"{CORE}/mqtt/feed_message.py",
        "        if kind in WITHHELD_KINDS:\n",
        "        if kind in WITHHELD_KINDS and stored is None:\n",
        (f"{TESTS}/test_applier.py::test_the_feed_hears_that_a_credential_changed_and_never_what_it_is",),
    ),
    Mutant(
        "a-changed-credential-is-held-on",
        "A portal that hears that a credential changed does not answer from what it held of it.",
        f"{CORE}/cache/coherence.py",
        "                    self._entries.drop(key)\n",
        "                    pass\n",
        ("core/tests/cache/test_coherence.py",),
    ),
    Mutant(
        "a-changed-credential-is-taken-for-gone",
        "A credential that changed is not one that was revoked.",
        f"{CORE}/cache/coherence.py",
        "                if change.is_withheld:\n",
        "                if change.is_withheld and change.document is not None:\n",
        ("core/tests/cache/test_coherence.py",),
    ),
    Mutant(
        "a-portal-creates-the-first-credential",
        "The first credential is what stands in the replicas' identity folders: no portal may send it.",
        f"{REPLICA}/level_check.py",
        "OF_REPLICAS: Final = tuple(map(command_name, get_args(OwnCommand)))",
        "OF_REPLICAS: Final = tuple(set(map(command_name, get_args(OwnCommand))) - {'create_first_credential'})",
        (f"{_FIRST}::test_no_portal_may_send_it",),
    ),
    Mutant(
        "a-principal-comes-into-the-log-unseen",
        "Below level 3 nobody looks at a principal, so a request that names one is refused before the log.",
        f"{REPLICA}/level_check.py",
        "(too_low := levels.check_request(request, self._level))",
        "(too_low := levels.check(request.command, self._level))",
        (f"{_FIRST}::test_below_level_three_a_request_with_a_principal_is_refused_before_the_log",),
    ),
    Mutant(
        "the-first-credential-before-its-level",
        "Below level 3 a replica of an earlier version may be in the cluster, which does not know the command.",
        f"{REPLICA}/admin/first_credential.py",
        "            return view.level >= CREDENTIALS_LEVEL and not self._is_administered\n",
        "            return not self._is_administered\n",
        (f"{_FIRST}::test_below_the_level_of_credentials_nothing_comes_into_the_log",),
    ),
    Mutant(
        "a-command-without-a-principal-comes-into-the-log",
        "Where callers prove who they are, no command comes into the log that does not say who asks.",
        f"{REPLICA}/composition.py",
        "            demands_principals=self._identity is not None,\n",
        "            demands_principals=False,\n",
        (_FIRST,),
    ),
    Mutant(
        "a-session-needs-a-principal",
        "What portals ask for by themselves comes into the log, though it names no principal.",
        f"{REPLICA}/servicer.py",
        "map(command_name, get_args(PortalCommand))",
        "map(command_name, get_args(PortalCommand)[:-1])",
        (_FIRST,),
    ),
    Mutant(
        "a-caller-opens-a-session",
        "A session is begun by a portal that has checked a password, and by nobody who has a token.",
        f"{_DOMAIN}/permissions.py",
        "    **dict.fromkeys(get_args(PortalCommand), ()),\n",
        "    **dict.fromkeys(get_args(PortalCommand), _ADMIN),\n",
        (f"{_PASSWORDS}::test_nobody_who_has_to_prove_who_they_are_opens_a_session",),
    ),
    Mutant(
        "a-replaced-password-lets-in",
        "A password that was replaced after it was checked begins no session.",
        f"{_DOMAIN}/credentials.py",
        "    if wrong := check_expected(holder, command.expected_version):\n"
        "        return Decision(wrong)\n"
        "    if not holder.password_hash:\n",
        "    if not holder.password_hash:\n",
        (f"{_PASSWORDS}::test_a_password_that_was_checked_before_a_change_lets_nobody_in_after_it",),
    ),
    Mutant(
        "sessions-without-number",
        "A password has four sessions at most: a new one ends the oldest.",
        f"{_DOMAIN}/credentials.py",
        "    ending += lasting[: max(len(lasting) - SESSIONS_PER_CREDENTIAL_MAX + 1, 0)]\n",
        "",
        (f"{_PASSWORDS}::test_the_newest_sessions_are_kept_and_what_is_over_makes_room_first",),
    ),
    Mutant(
        "sessions-survive-a-rotation",
        "A rotation ends the sessions that began with the credential's password.",
        f"{_DOMAIN}/credentials.py",
        "    return _put_without_sessions(\n        view,\n",
        "    return put(\n        view,\n",
        (f"{_PASSWORDS}::{_ENDS}",),
    ),
    Mutant(
        "sessions-survive-a-revocation",
        "A revocation ends the sessions that began with the credential's password.",
        f"{_DOMAIN}/credentials.py",
        "(*_ends(sessions_of(view, credential)), _end(credential))",
        "(_end(credential),)",
        (f"{_PASSWORDS}::{_ENDS}",),
    ),
    Mutant(
        "a-session-takes-the-account",
        "With a session alone, nobody sets a password: the one until now is asked for.",
        f"{CORE}/portal/passwords.py",
        "        if caller.credential.session_of:\n",
        "        if caller.credential.session_of and asked.current_password:\n",
        (f"{_SIGNING_IN}::test_with_a_session_the_password_until_now_is_needed",),
    ),
    Mutant(
        "wrong-passwords-do-not-count",
        "Wrong passwords for a name from one address are bounded.",
        f"{CORE}/portal/passwords.py",
        "        if not is_right or holder is None:\n"
        "            raise self._wrong()\n"
        "        self._limiter.take_back(*attempt)\n",
        "        self._limiter.take_back(*attempt)\n"
        "        if not is_right or holder is None:\n"
        "            raise self._wrong()\n",
        (f"{_SIGNING_IN}::test_failures_are_bounded_for_a_name_from_one_address_and_shut_nobody_else_out",),
    ),
    Mutant(
        "who-goes-away-has-not-tried",
        "Whoever goes away before the answer has cost a computation, and tried.",
        f"{CORE}/portal/passwords.py",
        "        except QuitandaError as error:\n            if not isinstance(error, NoTimeToCompute):\n",
        "        except BaseException as error:\n            if error is not None:\n",
        (f"{_SIGNING_IN}::test_whoever_goes_away_before_the_answer_has_tried_all_the_same",),
    ),
    Mutant(
        "an-unknown-name-is-answered-at-once",
        "A name that nobody has costs the same computation as a wrong password: nobody learns which names there are.",
        f"{CORE}/portal/passwords.py",
        "        if not is_possible(password):\n",
        "        if holder is None or not is_possible(password):\n",
        (f"{_SIGNING_IN}::test_a_name_that_nobody_has_costs_one_computation_as_a_wrong_password_does",),
    ),
)
