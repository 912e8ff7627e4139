"""The rules for credentials. Each function decides one command, whose fields are valid.

An administrator's credential that never expires is *lasting*. Once there is one, there is always one: the last one
cannot be revoked. So "no administrator has ever had a lasting credential" is the same as "there is none now", and the
state need not remember more to create the first credential only once.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from quitanda.domain import refusals
from quitanda.domain.commands import (
    CREDENTIALS_LEVEL,
    CreateCredential,
    CreateCustomer,
    CreateFirstCredential,
    OpenSession,
    RevokeCredential,
    RotateCredential,
    SetPassword,
)
from quitanda.domain.document_changes import BrokenInvariantError, check_expected, put
from quitanda.domain.limits import (
    CREDENTIALS_PER_CUSTOMER_MAX,
    SESSIONS_PER_CREDENTIAL_MAX,
    STAFF_CREDENTIALS_MAX,
)
from quitanda.domain.model import CallerRole, Credential, Kind
from quitanda.domain.outcomes import Done, Refused
from quitanda.domain.state import Decision, Delete, Rules, StateView

STAFF: Final = ""
"""Stands for the customer's id in the credentials of everybody who is no customer."""

FIRST_LABEL: Final = "first"
"""The label of a credential that came with its customer, or with the shop."""

_READ_MAX: Final = (max(STAFF_CREDENTIALS_MAX, CREDENTIALS_PER_CUSTOMER_MAX) + 1) * (1 + SESSIONS_PER_CREDENTIAL_MAX)
"""Credentials of staff at most, or of a customer, with their sessions: the first one is created whatever the bound."""


def create(view: StateView, command: CreateCredential) -> Decision:
    """Create a credential under a free id, for staff or for a customer who exists."""
    owner = command.customer_id or STAFF
    if owner != STAFF and view.customer(owner) is None:
        return Decision(refusals.customer_not_found(owner))
    if view.credential(command.credential_id) is not None:
        return Decision(refusals.credential_exists(command.credential_id))
    limit = STAFF_CREDENTIALS_MAX if owner == STAFF else CREDENTIALS_PER_CUSTOMER_MAX
    if sum(not each.session_of for each in _all_of(view, owner)) >= limit:
        return Decision(refusals.too_many_credentials(owner, limit))
    return put(view, _made(command, command.role, owner, command.label, command.expires_at_ms))


def create_first(view: StateView, command: CreateFirstCredential) -> Decision:
    """Create the first administrator's credential, where no administrator has ever had a lasting one."""
    if is_administered(view):
        return Decision(Done(None))
    if view.credential(command.credential_id) is not None:
        return Decision(refusals.credential_exists(command.credential_id))
    return put(view, _made(command, CallerRole.ADMIN.value, STAFF, FIRST_LABEL))


def is_administered(view: StateView) -> bool:
    """Whether an administrator has a lasting credential. Once it is so, it stays so."""
    return any(map(_is_lasting_admin, _staff(view)))


def rotate(view: StateView, command: RotateCredential) -> Decision:
    """Give a credential a new secret; with the secret that it has already, nothing changes."""
    credential = _find(view, command)
    if isinstance(credential, Refused):
        return Decision(credential)
    if credential.secret_hash == command.secret_hash:
        return Decision(Done(credential))
    return _put_without_sessions(
        view,
        replace(
            credential,
            generation=credential.generation + 1,
            secret_hash=command.secret_hash,
            previous_hash=credential.secret_hash,
        ),
    )


def revoke(view: StateView, command: RevokeCredential) -> Decision:
    """Delete a credential, unless it is the last lasting one of an administrator."""
    credential = _find(view, command)
    if isinstance(credential, Refused):
        return Decision(credential)
    if _is_lasting_admin(credential) and sum(map(_is_lasting_admin, _staff(view))) == 1:
        return Decision(refusals.last_admin_credential(credential.credential_id))
    return Decision(Done(None), (*_ends(sessions_of(view, credential)), _end(credential)))


def set_password(view: StateView, command: SetPassword) -> Decision:
    """Set or remove a password, which ends all sessions; a name has one password at most."""
    credential = _find(view, command)
    if isinstance(credential, Refused):
        return Decision(credential)
    if credential.session_of:
        return Decision(refusals.of_a_session(credential.credential_id))
    if command.password_hash:
        for other in _all_of(view, credential.customer_id):
            is_other = other.credential_id != credential.credential_id
            if is_other and other.password_hash and sign_in_name(other) == sign_in_name(credential):
                return Decision(refusals.password_exists(other.credential_id, sign_in_name(credential)))
    return _put_without_sessions(
        view, replace(credential, password_hash=command.password_hash, has_password=bool(command.password_hash))
    )


def open_session(view: StateView, command: OpenSession) -> Decision:
    """Begin a session with a credential that has a password; the oldest one makes room, and what is over goes.

    A session never outlives its credential.
    """
    holder = view.credential(command.session_of)
    if holder is None:
        return Decision(refusals.credential_not_found(command.session_of))
    if wrong := check_expected(holder, command.expected_version):
        return Decision(wrong)
    if not holder.password_hash:
        return Decision(refusals.credential_not_found(command.session_of))
    if view.credential(command.credential_id) is not None:
        return Decision(refusals.credential_exists(command.credential_id))
    sessions = sorted(sessions_of(view, holder), key=lambda each: each.version)
    lasting = [each for each in sessions if each.expires_at_ms > command.created_at_ms]
    ending = [each for each in sessions if each not in lasting]
    ending += lasting[: max(len(lasting) - SESSIONS_PER_CREDENTIAL_MAX + 1, 0)]
    session = Credential(
        command.credential_id,
        holder.role,
        holder.customer_id,
        holder.label,
        generation=1,
        created_at_ms=command.created_at_ms,
        expires_at_ms=min(command.expires_at_ms, holder.expires_at_ms or command.expires_at_ms),
        version=0,
        secret_hash=command.secret_hash,
        session_of=holder.credential_id,
    )
    decision = put(view, session)
    return Decision(decision.outcome, (*_ends(ending), *decision.changes))


def sign_in_name(credential: Credential) -> str:
    """Give the name under which the holder signs in: a customer's id, or what people call the credential of staff."""
    return credential.customer_id or credential.label.strip(" ")


def sessions_of(view: StateView, credential: Credential) -> list[Credential]:
    """Return the sessions that began with the credential's password. Without one there are none to look for."""
    if not credential.has_password:
        return []
    return [each for each in _all_of(view, credential.customer_id) if each.session_of == credential.credential_id]


def first_of_customer(view: StateView, command: CreateCustomer) -> Credential | Refused | None:
    """Make the credential with which a new customer begins; None where the command brings none.

    A customer who does not exist has no credentials, so the bound is no question.
    """
    if command.credential_id is None:
        return None
    if view.credential(command.credential_id) is not None:
        return refusals.credential_exists(command.credential_id)
    return _made(command, CallerRole.CUSTOMER.value, command.customer_id, FIRST_LABEL)


def deletions_with_customer(view: StateView, customer_id: str) -> tuple[Delete, ...]:
    """Delete the customer's credentials, since they go with her. Below their level there are none to look for."""
    if view.level < CREDENTIALS_LEVEL:
        return ()
    credential_ids = view.credentials_of(customer_id, _READ_MAX)
    return tuple(Delete(Kind.CREDENTIAL, credential_id) for credential_id in credential_ids)


def _made(
    command: CreateCredential | CreateFirstCredential | CreateCustomer,
    role: str,
    owner: str,
    label: str,
    expires_at_ms: int = 0,
) -> Credential:
    return Credential(
        command.credential_id or "",
        role,
        owner,
        label,
        generation=1,
        created_at_ms=command.created_at_ms,
        expires_at_ms=expires_at_ms,
        version=0,
        secret_hash=command.secret_hash or "",
    )


def _is_lasting_admin(credential: Credential) -> bool:
    return credential.role == CallerRole.ADMIN and credential.expires_at_ms == 0


def _staff(view: StateView) -> list[Credential]:
    return _all_of(view, STAFF)


def _all_of(view: StateView, owner: str) -> list[Credential]:
    return [_indexed(view, credential_id) for credential_id in view.credentials_of(owner, _READ_MAX)]


def _put_without_sessions(view: StateView, credential: Credential) -> Decision:
    """Decide that a credential changes, and that the sessions that began with it end."""
    before = _indexed(view, credential.credential_id)
    decision = put(view, credential)
    return Decision(decision.outcome, (*decision.changes, *_ends(sessions_of(view, before))))


def _ends(sessions: Iterable[Credential]) -> tuple[Delete, ...]:
    return tuple(map(_end, sessions))


def _end(credential: Credential) -> Delete:
    return Delete(Kind.CREDENTIAL, credential.credential_id)


def _indexed(view: StateView, credential_id: str) -> Credential:
    credential = view.credential(credential_id)
    if credential is None:
        message = f"an index names credential {credential_id}, which does not exist"
        raise BrokenInvariantError(message)
    return credential


def _find(view: StateView, command: RotateCredential | RevokeCredential | SetPassword) -> Credential | Refused:
    credential = view.credential(command.credential_id)
    if credential is None:
        return refusals.credential_not_found(command.credential_id)
    return check_expected(credential, command.expected_version) or credential


RULES: Final[Rules] = {
    CreateCredential: create,
    CreateFirstCredential: create_first,
    RotateCredential: rotate,
    RevokeCredential: revoke,
    SetPassword: set_password,
    OpenSession: open_session,
}
