"""Mistakes about links with TLS: who is taken for whom, and when another certificate counts."""

from typing import Final

from mutants.mutant import CORE, REPLICA, TESTS, Mutant

_LINKS: Final = f"{TESTS}/test_links.py"

_CHANNEL: Final = "core/tests/runtime/test_secure_channel.py"
_AUTHORITY: Final = "core/tests/identity/test_authority.py"
_ENDS: Final = "core/tests/runtime/test_certificate_ends.py"

MUTANTS: Final[tuple[Mutant, ...]] = (
    Mutant(
        "whoever-has-a-certificate-calls-a-replica",
        "Only portals and replicas may call a replica; the broker has a certificate of the same authority.",
        f"{REPLICA}/grpc_server.py",
        "        if not name.startswith(CALLERS):",
        "        if not name:",
        (f"{_LINKS}::test_whoever_is_called_otherwise_gets_nothing_of_any_service",),
    ),
    Mutant(
        "a-port-that-asks-for-no-certificate",
        "A replica's port demands a certificate in the handshake.",
        f"{REPLICA}/grpc_server.py",
        "server_credentials(self._identity, client_certificates=True)",
        "server_credentials(self._identity, client_certificates=False)",
        (f"{_LINKS}::test_a_caller_without_a_certificate_is_refused_and_told_what_it_may_be",),
    ),
    Mutant(
        "any-process-of-the-machine-answers-for-a-peer",
        "The certificate at a replica's address must have that replica's name.",
        f"{REPLICA}/peer_statuses.py",
        "secure_channel_options(name)",
        "secure_channel_options()",
        (f"{_LINKS}::test_each_peer_must_have_the_certificate_of_its_name",),
    ),
    Mutant(
        "a-connection-that-lasts-for-ever",
        "A connection ends, so that an authority that is dropped counts.",
        f"{REPLICA}/grpc_server.py",
        "        age = () if identity is None else connection_age_options(connection_age_seconds)",
        "        age = ()",
        (f"{_LINKS}::test_a_caller_whose_authority_is_dropped_is_out_within_the_age_of_a_connection",),
    ),
    Mutant(
        "certificates-that-are-read-once",
        "A renewed certificate and another authority count without a restart.",
        f"{CORE}/runtime/link_credentials.py",
        "        if certificates.generation == used:",
        "        if certificates.generation >= used:",
        (f"{_LINKS}::test_a_caller_whose_authority_is_dropped_is_out_within_the_age_of_a_connection",),
    ),
    Mutant(
        "a-channel-that-keeps-its-certificates",
        "A portal's channel is replaced when the certificates change.",
        f"{CORE}/runtime/grpc_channel.py",
        "        if generation == self._current.generation and now < self._current.replaced_at:",
        "        if now < self._current.replaced_at:",
        (_CHANNEL,),
    ),
    Mutant(
        "a-start-that-renews-nothing",
        "Each start renews the certificates that are past two thirds of their life.",
        f"{CORE}/identity/authority.py",
        "            self._holder_folders.give(wanted, now, _old_at(now))",
        "            self._holder_folders.give(wanted, now, never)",
        (f"{_AUTHORITY}::test_certificates_are_renewed_when_two_thirds_of_their_life_are_over_and_not_before",),
    ),
    Mutant(
        "a-ca-that-ends-unnoticed",
        "Of several CAs that are trusted, the end of the first one to end is shown.",
        f"{CORE}/runtime/certificate_ends.py",
        "    return min(certificate",
        "    return max(certificate",
        (f"{_ENDS}::test_of_several_cas_the_first_one_to_end_is_shown_until_nobody_trusts_it_any_more",),
    ),
)
