"""What takes a change back: a command that a page carries, sealed, until somebody presses "Undo".

No process keeps anything for it. The command says what was there before, and the version that the change left: so the
portals refuse it where somebody has changed the document since.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeAlias

from quitanda.domain.commands import (
    AdjustStock,
    CreateCustomer,
    CreateProduct,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
    command_name,
)
from quitanda.domain.field_types import Form, describe
from quitanda_clients.request_ids import derived_request_id
from quitanda_web.sessions import SessionSeal, WebSession

UNDO: Final = "undo"
"""The name of the field that carries it."""
UNDO_LENGTH_MAX: Final = 3_000
"""What is longer does not fit into an address, and is not offered."""

Undoing: TypeAlias = AdjustStock | CreateCustomer | CreateProduct | SetOrderItems | UpdateCustomer | UpdateProduct

_KINDS: Final[Mapping[str, type[Undoing]]] = {
    command_name(each): each
    for each in (AdjustStock, CreateCustomer, CreateProduct, SetOrderItems, UpdateCustomer, UpdateProduct)
}


@dataclass(frozen=True, slots=True)
class OfferedUndo:
    """A command that takes a change back, and the path of the page that shows the effect."""

    command: Undoing
    back: str

    def after(self, version: int) -> "OfferedUndo":
        """Let it be refused unless the document is still at the version that the change left."""
        command: Any = self.command
        return OfferedUndo(replace(command, expected_version=version), self.back)


def seal_undo(seal: SessionSeal, session: WebSession, undo: OfferedUndo) -> str:
    """Write it for a form or an address of this session; empty where it is too long for one."""
    facts = [command_name(type(undo.command)), asdict(undo.command), undo.back]
    sealed = seal.carry(session, UNDO, facts)
    return sealed if len(sealed) <= UNDO_LENGTH_MAX else ""


def open_undo(seal: SessionSeal, session: WebSession | None, sealed: str) -> OfferedUndo | None:
    """Read it; None where it is none of this session's, or older than an hour."""
    facts = seal.carried(session, UNDO, sealed) if session is not None and sealed else None
    if facts is None:
        return None
    name, fields, back = facts
    return OfferedUndo(_read(_KINDS[name], fields), back)


def undo_request_id(sealed: str) -> str:
    """Give the request id with which it is asked for: however often the page is loaded, it has one effect."""
    return derived_request_id(UNDO, sealed)


def _read(kind: type, fields: Mapping[str, Any]) -> Any:
    """Make a command of what JSON has left of it."""
    values = dict(fields)
    for field in describe(kind):
        if field.form is Form.CUSTOM_FIELDS:
            values[field.name] = tuple((name, text) for name, text in values[field.name])
        elif field.item is not None:
            values[field.name] = tuple(_read(field.item, each) for each in values[field.name])
    return kind(**values)
