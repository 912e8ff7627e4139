"""A screen that makes one change: a form or a question, derived from the command that it sends.

The change has a request id. While nobody knows whether it was made, it can only be repeated with the same id and the
same values, so it takes effect at most once.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from textual import on, work
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Static, TextArea

from quitanda.domain.field_types import FieldType, Form, describe
from quitanda.domain.outcomes import Reason
from quitanda.errors import OutcomeUnknown, QuitandaError
from quitanda_clients.form_fields import (
    field_hint,
    is_free_text,
    is_moment,
    length_max,
    must_be_typed,
    read_value,
    written_value,
)
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.terminal.text_line import TextLine
from quitanda_clients.terminal.texts import one_line
from quitanda_clients.terminal.view import TerminalView

EXAMPLE_MOMENT: Final = "2030-12-31 18:00"

Send = Callable[[Mapping[str, Any], str], Awaitable[str]]
"""Makes the change with the values that were typed and a request id; gives what to say then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalChange:
    """A change that a person is about to make.

    `command`, or another record, has the `fields` that she fills in, which begin with `values`. `reread` gives the same
    change as of now, for one that somebody else has overtaken.
    """

    title: str
    send: Send
    command: type | None = None
    fields: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""
    reread: "Callable[[], Awaitable[TerminalChange]] | None" = None


@dataclass(frozen=True, slots=True)
class UnknownChange:
    """A change of which nobody knows whether it was made."""

    change: TerminalChange
    values: Mapping[str, Any]
    request_id: str


@dataclass(frozen=True, slots=True)
class FailedStep:
    """What was sent without a question, why it failed, and what else there is to say."""

    sent: UnknownChange
    error: QuitandaError
    beside: Sequence[str]


class TickBox(Checkbox):
    """A box whose sign says whether it is ticked: where there are no colours, nothing else would."""

    BUTTON_LEFT, BUTTON_RIGHT = "[", "]"

    def __init__(self, label: str, value: bool, identity: str) -> None:
        super().__init__(label, value, id=identity, compact=True)
        self._show_sign()

    def watch_value(self) -> None:
        """Show the new sign."""
        self._show_sign()
        super().watch_value()

    def _show_sign(self) -> None:
        self.BUTTON_INNER = "X" if self.value else " "


class ChangeView(TerminalView):
    """Asks for the values, or whether to go on, and makes the change. Its result is what to say; None: not done."""

    BINDINGS: ClassVar = [
        Binding("ctrl+s", "send", N_("Send"), priority=True),
        Binding("enter", "agree", N_("Yes")),
        Binding("ctrl+r", "repeat", N_("Repeat"), priority=True),
    ]

    def __init__(
        self, change: TerminalChange, *, unknown: UnknownChange | None = None, failed: FailedStep | None = None
    ) -> None:
        super().__init__()
        self._change = change
        self._failed_step = failed
        known = {each.name: each for each in describe(change.command)} if change.command else {}
        self._fields = [known[name] for name in change.fields]
        self.unknown = unknown
        """What was sent, and may or may not have been done."""
        sent = failed.sent if failed else unknown
        self._request_id = sent.request_id if sent else new_request_id()
        self._sending: UnknownChange | None = None

    @property
    def undecided(self) -> UnknownChange | None:
        """What would be undecided if the program ended now."""
        return self._sending or self.unknown

    @property
    def is_sending(self) -> bool:
        """Whether an answer is awaited."""
        return self._sending is not None

    def heading(self) -> str:
        """Name the change."""
        return one_line(self._change.title)

    def named_keys(self) -> dict[str, str]:
        """Name the key that leads from field to field."""
        return {"tab": N_("Next field")} if len(self._fields) > 1 else {}

    def body(self) -> Iterator[Widget]:
        """Show the question and the fields."""
        question = Static(self._change.detail, id="question", markup=False)
        widgets = [widget for each in self._fields for widget in self._widgets(each)]
        yield VerticalScroll(question, *widgets, id="form", can_focus=not self._fields)

    def on_mount(self) -> None:
        """Begin in the first field."""
        if self.unknown is not None:
            self._show_unknown()
        elif self._failed_step is not None:
            step = self._failed_step
            self.run_worker(self._failed(step.error, step.sent, step.beside), group="send")
        elif self._fields:
            self._widget(self._fields[0].name).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what is possible: a question is answered, a form is sent, what is unknown is repeated."""
        if action in {"send", "agree", "repeat"} and self._sending is not None:
            return False
        match action:
            case "repeat":
                return self.unknown is not None
            case "agree":
                return self.unknown is None and not self._fields
            case "send":
                return self.unknown is None and bool(self._fields)
            case _:
                return super().check_action(action, parameters)

    @on(Input.Submitted)
    def action_send(self) -> None:
        """Read the form, and send it."""
        if self._sending is not None or self.unknown is not None:
            return
        try:
            values = {each.name: read_value(each, self._typed(each), self.texts.formats) for each in self._fields}
        except QuitandaError as error:
            self._explain(error)
            return
        self._carry_out(values)

    def action_agree(self) -> None:
        """Answer the question with yes."""
        self._carry_out({})

    def action_repeat(self) -> None:
        """Send once more what was sent, with the same request id."""
        if self.unknown is not None:
            self._carry_out(self.unknown.values)

    def action_back(self) -> None:
        """Leave the form; what is unknown can be repeated later."""
        if self._sending is not None:
            self.say(self.texts.gettext("An answer is awaited; ^C leaves at once."))
        else:
            if self.unknown is not None:
                self.terminal.keep_unknown(self.unknown)
            self.dismiss(None)

    @work(exclusive=True, group="send")
    async def _carry_out(self, values: Mapping[str, Any]) -> None:
        self._sending = UnknownChange(self._change, values, self._request_id)
        self.say(self.texts.gettext("Sending …"))
        self._enable(on=False)
        try:
            notice = await self._change.send(values, self._request_id)
        except QuitandaError as error:
            sent, self._sending = self._sending, None
            await self._failed(error, sent)
        else:
            self._sending = None
            self.terminal.forget_unknown(self._request_id)
            self.dismiss(notice)

    async def _failed(self, error: QuitandaError, sent: UnknownChange, beside: Sequence[str] = ()) -> None:
        told = self.texts.explain(error)
        if not told.definite:
            self.unknown = sent
            self._show_unknown(beside)
            return
        self.terminal.forget_unknown(self._request_id)
        self.unknown, self._request_id = None, new_request_id()
        self._enable(on=True)
        self._explain(error, beside)
        if told.reason == Reason.VERSION_MISMATCH:
            await self._read_again("\n".join([told.text, *beside]))

    async def _read_again(self, text: str) -> None:
        """Show how it is now; what was typed stays."""
        if self._change.reread is None:
            return
        try:
            fresh = await self._change.reread()
        except QuitandaError as error:
            self._explain(error)
            return
        now = [
            f"{self.texts.label(each.name)}: {one_line(self._written(each, fresh))}"
            for each in self._fields
            if fresh.values.get(each.name) != self._change.values.get(each.name)
        ]
        self._change = fresh
        question = self.query_one("#question", Static)
        question.update(fresh.detail)
        self.say("\n".join([text, *([self.texts.gettext("It is now:"), *now] if now else [])]))

    def _explain(self, error: QuitandaError, beside: Sequence[str] = ()) -> None:
        told = self.texts.explain(error)
        self.say("\n".join([told.text, *beside]))
        names = [each.name for each in self._fields]
        if names:
            self._widget(told.field if told.field in names else names[0]).focus()

    def _show_unknown(self, beside: Sequence[str] = ()) -> None:
        self._enable(on=False)
        self.say("\n".join([self.texts.explain(OutcomeUnknown("interrupted")).text, *beside]))
        self.refresh_bindings()

    def _enable(self, *, on: bool) -> None:
        for each in self._fields:
            self._widget(each.name).disabled = not on
        self.refresh_bindings()

    def _written(self, each: FieldType, change: TerminalChange) -> str:
        return written_value(each, change.values.get(each.name), self.texts.formats)

    def _widget(self, name: str) -> Widget:
        return self.query_one(f"#field-{name}")

    def _typed(self, each: FieldType) -> str:
        match self._widget(each.name):
            case Checkbox() as box:
                return "on" if box.value else ""
            case TextArea() as area:
                return area.text
            case Input() as line:
                return line.value
            case other:
                raise TypeError(f"{type(other).__name__} is no field")

    def _widgets(self, each: FieldType) -> Iterator[Widget]:
        at = f"field-{each.name}"
        label = self.texts.label(each.name)
        written = self._written(each, self._change)
        if each.form is Form.FLAG:
            yield TickBox(label, bool(self._change.values.get(each.name)), at)
            return
        needed = "*" if must_be_typed(each) else ""
        hint = field_hint(each, self.texts.gettext, self.texts.formats)
        if is_moment(each):
            hint += "\n" + self.texts.gettext("For example {moment}").format(moment=EXAMPLE_MOMENT)
        yield Static(f"{label}{needed}", markup=False, classes="label")
        if is_free_text(each):
            yield TextArea(written, id=at, compact=True, tab_behavior="focus")
        else:
            yield TextLine(label, written, identity=at, limit=length_max(each) or 0)
        if hint:
            yield Static(hint, markup=False, classes="hint")
