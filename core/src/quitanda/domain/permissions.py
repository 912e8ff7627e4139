"""Who may ask for which command: the one table of roles, and the decision whether a request's principal may ask for it.

The decision is made when the request is decided, on the state that the entries before it left. So nothing that a
revoked credential asks for takes effect after the entry that revoked it, whatever a portal still believes.
"""

from collections.abc import Mapping
from typing import Any, Final, get_args

from quitanda.domain import refusals
from quitanda.domain.commands import (
    AdjustStock,
    Command,
    CreateCredential,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ImportOrder,
    OwnCommand,
    PortalCommand,
    Principal,
    Request,
    RevokeCredential,
    RotateCredential,
    SetPassword,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.model import CallerRole, Credential
from quitanda.domain.order_states import Asker, askers_of
from quitanda.domain.outcomes import Refused
from quitanda.domain.state import StateView
from quitanda.domain.webhook_commands import WebhookCommand

_ADMIN: Final = (CallerRole.ADMIN,)
_STAFF: Final = (CallerRole.ADMIN, CallerRole.CLERK)

ALLOWED_ROLES: Final[Mapping[type[Command], tuple[CallerRole, ...]]] = {
    CreateCustomer: _ADMIN,
    UpdateCustomer: _ADMIN,
    DeleteCustomer: _ADMIN,
    CreateProduct: _ADMIN,
    UpdateProduct: _ADMIN,
    DeleteProduct: _ADMIN,
    AdjustStock: _STAFF,
    CreateOrder: _STAFF,
    CreateCredential: _ADMIN,
    RotateCredential: _ADMIN,
    RevokeCredential: _ADMIN,
    SetPassword: _ADMIN,
    ImportOrder: _ADMIN,
    **{command: _STAFF for command in get_args(Command) if askers_of(command)},
    **dict.fromkeys(get_args(WebhookCommand), _ADMIN),
    **dict.fromkeys(get_args(PortalCommand), ()),
    **dict.fromkeys(get_args(OwnCommand), ()),
}
"""For each command the roles that may ask for it, whomever it is about; the last ones are the portals' and replicas'
own."""

ALLOWED_FOR_OWN: Final[Mapping[type[Command], tuple[CallerRole, ...]]] = {
    CreateOrder: (CallerRole.CUSTOMER,),
    **{each: (CallerRole.CUSTOMER,) for each in get_args(Command) if Asker.CUSTOMER in askers_of(each)},
    RotateCredential: (CallerRole.CLERK, CallerRole.READ_ONLY, CallerRole.CUSTOMER),
    SetPassword: (CallerRole.CLERK, CallerRole.READ_ONLY, CallerRole.CUSTOMER),
}
"""The roles that may ask for a command about themselves only: a customer's own orders, a caller's own credential."""


def check_principal(view: StateView, request: Request) -> Refused | None:
    """Refuse what the request's principal may not ask for; None where there is no principal, or it may.

    The principal and the command are valid. A customer also chooses request ids among her own only (`Request.scope`).
    """
    principal = request.principal
    if principal is None:
        return None
    credential = view.credential(principal.credential_id)
    if credential is None or not is_current(credential, principal):
        return refusals.credential_revoked(principal.credential_id)
    is_customer = credential.role == CallerRole.CUSTOMER
    if (is_customer and request.scope != credential.customer_id) or not may_ask(credential, request.command):
        return refusals.forbidden(credential)
    return None


def is_current(credential: Credential, principal: Principal) -> bool:
    """Whether the principal's secret is valid: the credential's current one, or the one before it."""
    return credential.generation - principal.generation in (0, 1)


def may_ask(credential: Credential, command: Command) -> bool:
    """Whether the credential's holder may ask for the command."""
    kind = type(command)
    if credential.role in ALLOWED_ROLES[kind]:
        return True
    return credential.role in ALLOWED_FOR_OWN.get(kind, ()) and _is_own(credential, command)


def _is_own(credential: Credential, command: Any) -> bool:
    if isinstance(command, SetPassword):
        return command.credential_id in (credential.credential_id, credential.session_of)
    if isinstance(command, RotateCredential):
        return command.credential_id == credential.credential_id
    return bool(command.customer_id == credential.customer_id)
