"""Forms, derived from the commands that they send: the fields' kinds, bounds and whether they must be given."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from quitanda.domain.field_types import ChoiceRule, FieldType, Form, describe
from quitanda_clients.form_fields import (
    field_hint,
    is_free_text,
    is_moment,
    length_max,
    must_be_typed,
    read_number,
    read_value,
    written_value,
)
from quitanda_clients.i18n import labels
from quitanda_clients.request_ids import new_request_id
from quitanda_web.undo import UNDO

if TYPE_CHECKING:
    from quitanda_web.visit import Visit

REQUEST_ID: Final = "request_id"
VERSION: Final = "expected_version"
FORM_TOKEN: Final = "form_token"  # noqa: S105 - the name of a field

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FormField:
    """One field as a template shows it; `kind` is `text`, `area`, `number`, `money`, `moment`, `checkbox` or `choice`.

    `choices` are the values of a choice with the words that people read.
    """

    name: str
    label: str
    hint: str
    kind: str
    value: str
    required: bool
    length_max: int | None
    error: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FormView:
    """A form as a template shows it, with what makes sending it twice the same as once."""

    action: str
    fields: tuple[FormField, ...]
    hidden: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CommandForm:
    """A form that sends a command: which of its fields people fill in. `name` is that of the page's action."""

    name: str
    command: type
    shown: tuple[str, ...] = ()

    def fields(self) -> Iterator[FieldType]:
        """Describe the shown fields, in their order."""
        known = {field.name: field for field in describe(self.command)}
        return (known[name] for name in self.shown)

    def view(
        self,
        visit: "Visit",
        action: str,
        values: Mapping[str, Any],
        version: int | None = None,
        undo: str = "",
        **hidden: str,
    ) -> FormView:
        """Show the form with these values; after an error with what was typed.

        It carries a new request id, unless nobody knows whether the last one had its effect. `version` is that of the
        document that is shown beside it. `hidden` tells forms of one kind on a page apart. `undo` is
        what takes the form's change back, sealed (`undo`).
        """
        sent = visit.posted == self.name and all(visit.typed.get(name) == value for name, value in hidden.items())
        return FormView(
            action,
            tuple(_view(visit, field, values.get(field.name), sent=sent) for field in self.fields()),
            (
                (FORM_TOKEN, visit.form_token),
                (REQUEST_ID, _request_id(visit, sent=sent)),
                *hidden.items(),
                *(((UNDO, undo),) if undo else ()),
                *(((VERSION, str(version)),) if version is not None else ()),
            ),
        )

    def read(self, visit: "Visit") -> dict[str, Any]:
        """Give the values that were typed; Rejected names a field that cannot be read."""
        return {field.name: read_field(visit, field) for field in self.fields()}

    async def send(self, visit: "Visit", change: Callable[..., Awaitable[T]], document_id: str) -> T:
        """Ask for a change of a document as it was shown with the form; asked again it has one effect."""
        return await change(
            document_id, **self.read(visit), expected_version=read_version(visit), request_id=read_request_id(visit)
        )


def _request_id(visit: "Visit", *, sent: bool) -> str:
    if sent and visit.problem is not None and visit.problem.repeatable:
        return visit.typed.get(REQUEST_ID) or new_request_id()
    return new_request_id()


def _view(visit: "Visit", field: FieldType, value: Any, *, sent: bool) -> FormField:
    problem = visit.problem if sent else None
    return FormField(
        field.name,
        visit.gettext(labels.field_label(field.name)),
        field_hint(field, visit.gettext, visit.formats),
        _kind(field),
        visit.typed.get(field.name, "") if sent else written_value(field, value, visit.formats),
        must_be_typed(field),
        length_max(field),
        problem.text if problem is not None and problem.field == field.name else "",
        _choices(visit, field),
    )


def _choices(visit: "Visit", field: FieldType) -> tuple[tuple[str, str], ...]:
    words = labels.CHOICES.get(field.name, {})
    values = field.rule.choices if isinstance(field.rule, ChoiceRule) else ()
    return tuple((value, visit.gettext(words[value]) if value in words else value) for value in values)


def read_field(visit: "Visit", field: FieldType) -> Any:
    """Read what was typed into a field; None where it may be left out and is."""
    return read_value(field, visit.typed.get(field.name, ""), visit.formats)


def read_version(visit: "Visit") -> int | None:
    """Give the version of the document that the form was shown with; None where it had none."""
    text = visit.typed.get(VERSION, "")
    return read_number(text, VERSION) if text else None


def read_request_id(visit: "Visit") -> str:
    """Give the form's request id; a form that has none counts as a new request."""
    return visit.typed.get(REQUEST_ID, "") or new_request_id()


def _kind(field: FieldType) -> str:
    match field.form:
        case Form.FLAG:
            return "checkbox"
        case Form.NUMBER:
            return "moment" if is_moment(field) else "number"
        case Form.MONEY:
            return "money"
        case _ if isinstance(field.rule, ChoiceRule):
            return "choice"
        case _:
            return "area" if is_free_text(field) else "text"
