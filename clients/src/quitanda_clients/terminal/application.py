"""The full-screen application: its first screens, what it knows of the shop, and how it ends."""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import ClassVar, Final

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import LineFilter, NoColor
from textual.worker import Worker, WorkerError

from quitanda.codec.watches import WatchedChanges
from quitanda.errors import QuitandaError
from quitanda_clients.cli import exit_codes
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.portal_client import PortalClient
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.terminal.ascii_filter import AsciiFilter
from quitanda_clients.terminal.change_view import ChangeView, FailedStep, TerminalChange, UnknownChange
from quitanda_clients.terminal.driver import TerminalDriver
from quitanda_clients.terminal.feed import TerminalFeed
from quitanda_clients.terminal.safe_filter import SafeFilter
from quitanda_clients.terminal.steps import Step, StepQueue
from quitanda_clients.terminal.style import STYLE
from quitanda_clients.terminal.texts import TerminalTexts
from quitanda_clients.terminal.view import KeysView, TerminalView

STATE_SECONDS: Final = 1.0
"""How often the age of what is shown is written."""

DROPPED_STEPS: Final = N_("The keys that you pressed after it do not count.")


class QuitandaTerminal(App[int]):
    """The interface. `who` stands in the title; the digits choose the first screens.

    `ascii_alone` and `colourless` are for terminals that have nothing else.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS = STYLE
    BINDINGS: ClassVar = [
        Binding("ctrl+c", f"leave({exit_codes.INTERRUPTED})", show=False, priority=True),
        Binding("ctrl+q", "leave(0)", show=False, priority=True),
        Binding("q", "finish", N_("Quit")),
        Binding("u", "unknown", N_("Unknown change")),
        Binding("question_mark", "list_keys", N_("Keys")),
        Binding("f1", "list_keys", show=False),  # also where a question mark is typed into a field
    ]
    FIRST_SCREEN_NAMES: ClassVar[Sequence[str]] = ()
    FIRST_SCREENS: ClassVar[Sequence[Callable[[], TerminalView]]] = ()

    def __init__(self, texts: TerminalTexts, *, ascii_alone: bool = False, colourless: bool = False) -> None:
        super().__init__(driver_class=TerminalDriver, ansi_color=True)
        self.texts = texts
        self.who = ""
        self.unknown: list[UnknownChange] = []
        """Changes of which nobody knows whether they were made."""
        self._own_filters = [
            SafeFilter(),
            *([AsciiFilter()] if ascii_alone else []),
            *([NoColor()] if colourless else []),
        ]
        self._steps = StepQueue()
        self._stepping: Worker[None] | None = None
        self._sent_step: UnknownChange | None = None
        self._feed: TerminalFeed | None = None
        self._following: Worker[None] | None = None
        self._lost = False

    @property
    def client(self) -> PortalClient:
        """The client of the person."""
        raise AssertionError("each program has its own")

    @property
    def is_deep(self) -> bool:
        """Whether there is a screen below this one to go back to."""
        return len(self._views) > 1

    @property
    def _views(self) -> list[TerminalView]:
        return [screen for screen in self.screen_stack if isinstance(screen, TerminalView)]

    @property
    def _changes(self) -> list[ChangeView]:
        """The changes that are being asked for or sent."""
        return [view for view in self._views if isinstance(view, ChangeView)]

    def on_mount(self) -> None:
        """Take the terminal's own colours, and write how old what is shown is."""
        self.theme = "ansi-dark"
        self.set_interval(STATE_SECONDS, self._show_state)

    def first_screen_names(self) -> Iterator[str]:
        """Name the first screens with their keys."""
        for number, name in enumerate(self.FIRST_SCREEN_NAMES):
            yield f"{number + 1} {self.texts.gettext(name)}"

    def begin(self, client: PortalClient, who: str) -> None:
        """Show the first screen to somebody whose client this is, and what changes from now on."""
        self.who = who
        self._feed = TerminalFeed(client, self._told, self._gap)
        self._following = self.run_worker(self._feed.run(), group="feed")
        self.push_screen(self.FIRST_SCREENS[0]())

    async def end_feed(self) -> None:
        """Follow the shop no longer."""
        if self._following is not None:
            self._following.cancel()
            with suppress(WorkerError):
                await self._following.wait()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Let nothing through that commands the terminal, or that it cannot show."""
        return [*super().get_line_filters(), *self._own_filters]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what is possible now."""
        match action:
            case "unknown":
                return bool(self.unknown) and not self._changes and not self._is_stepping
            case "first_screen":
                return bool(self._views) and not self._changes
            case "list_keys":
                return not isinstance(self.screen, KeysView) and not any(each.is_sending for each in self._changes)
            case _:
                return super().check_action(action, parameters)

    def action_leave(self, code: int) -> None:
        """End the program; what was being sent may or may not be done."""
        for undecided in (*[view.undecided for view in self._changes], self._sent_step):
            if undecided is not None:
                self.keep_unknown(undecided)
        self.exit(code)

    def action_finish(self) -> None:
        """End the program when the steps are made that were asked for before; not where one of them failed."""
        if self._is_stepping:
            self._finish_after_steps()
        else:
            self.action_leave(exit_codes.DONE)

    def action_list_keys(self) -> None:
        """Show all keys of this screen."""
        self.push_screen(KeysView(self.screen))

    def action_unknown(self) -> None:
        """Show the change whose outcome is not known, to repeat it."""
        if self.unknown:
            self.make_change(self.unknown[0].change, unknown=self.unknown[0])

    async def action_first_screen(self, number: int) -> None:
        """Go to one of the first screens."""
        while len(self._views) > 1:
            await self.pop_screen()
        await self.switch_screen(self.FIRST_SCREENS[number]())

    def make_change(
        self,
        change: TerminalChange,
        then: Callable[[], object] | None = None,
        *,
        unknown: UnknownChange | None = None,
    ) -> None:
        """Ask for a change, and say on the screen below that it was made; `then` is called before that."""

        def made(notice: str | None) -> None:
            if notice is not None and then is not None:
                then()
            self._say_made(notice)

        self.push_screen(ChangeView(change, unknown=unknown), made)

    @work(exclusive=True, group="prepare")
    async def prepare_change(
        self,
        prepared: Callable[[], Awaitable[TerminalChange | None]],
        then: Callable[[], object] | None = None,
    ) -> None:
        """Ask for a change that needs something of the shop first; None: there is nothing to change.

        The steps that were asked for before are made first. A person who has gone to another screen meanwhile is asked
        nothing: a key for that screen would be her answer.
        """
        view = self._views[-1]
        await self._steps_made()
        try:
            change = await prepared()
        except QuitandaError as error:
            view.say(self.texts.explain(error).text)
            return
        if change is not None and view.is_current:
            self.make_change(change, then)

    def take_step(self, step: Step) -> None:
        """Make a change without a question, after those that were asked for before.

        It is made wherever the person goes meanwhile. Where it fails, that is shown, and the steps after it are
        dropped.
        """
        self._steps.add(step)
        if not self._is_stepping:
            self._stepping = self._make_steps()

    @property
    def _is_stepping(self) -> bool:
        return self._stepping is not None and not self._stepping.is_finished

    async def _steps_made(self) -> None:
        while self._stepping is not None and not self._stepping.is_finished:
            with suppress(WorkerError):
                await self._stepping.wait()

    @work(exclusive=True, group="leave")
    async def _finish_after_steps(self) -> None:
        await self._steps_made()
        if not self._changes:
            self.action_leave(exit_codes.DONE)

    @work(group="steps")
    async def _make_steps(self) -> None:
        while (step := self._steps.begin()) is not None:
            try:
                change = await step.prepare(step.by)
            except QuitandaError as error:
                self._views[-1].say("\n".join([self.texts.explain(error).text, *self._drop_steps()]))
                return
            if change is not None and not await self._made_at_once(change):
                return

    async def _made_at_once(self, change: TerminalChange) -> bool:
        """Send a change; where it failed, show what was sent and why."""
        sent = self._sent_step = UnknownChange(change, change.values, new_request_id())
        self._views[-1].say(self.texts.gettext("Sending …"))
        try:
            notice = await change.send(sent.values, sent.request_id)
        except QuitandaError as error:
            failed = FailedStep(sent, error, self._drop_steps())
            self._views[-1].say("")
            self.push_screen(ChangeView(change, failed=failed), self._say_made)
            return False
        else:
            self._say_made(notice)
            return True
        finally:
            self._sent_step = None

    def _drop_steps(self) -> list[str]:
        """Drop the steps that were not begun; say so if there are any."""
        return [self.texts.gettext(DROPPED_STEPS)] if self._steps.drop() else []

    def _say_made(self, notice: str | None) -> None:
        if notice is not None:
            view = self._views[-1]
            view.say(notice)
            view.load()

    def keep_unknown(self, unknown: UnknownChange) -> None:
        """Remember a change that may or may not have been made."""
        self.forget_unknown(unknown.request_id)
        self.unknown.append(unknown)

    def forget_unknown(self, request_id: str) -> None:
        """Drop a change whose outcome is known now."""
        self.unknown = [each for each in self.unknown if each.request_id != request_id]

    def lost(self) -> None:
        """Take that no portal answers."""
        self._lost = True

    def found(self) -> None:
        """Take that one answers again."""
        self._lost = False

    def state_text(self, shown_at: float) -> str:
        """Say as of when what is shown is, and whether a portal answers."""
        feed = self._feed.state if self._feed else None
        is_lost = self._lost or (feed is not None and feed.is_lost(time.time()))
        as_of = shown_at if feed is None or not shown_at else max(shown_at, feed.heard_at)
        moment = self.texts.formats.moment(int(as_of * 1000))
        parts = []
        if is_lost and not moment:
            parts.append(self.texts.gettext("No portal answers; trying again …"))
        elif is_lost:
            parts.append(self.texts.gettext("No portal answers; as of {moment}; trying again …").format(moment=moment))
        elif moment:
            parts.append(self.texts.gettext("As of {moment}").format(moment=moment))
        if self.unknown:
            parts.append(self.texts.gettext("A change is not known to be made: u"))
        return " · ".join(parts)

    def _show_state(self) -> None:
        for view in self._views[-1:]:
            view.show_state()

    def _told(self, part: WatchedChanges) -> None:
        self.found()
        for view in self._views:
            if view.is_ready and part.changes:
                view.told(part)

    def _gap(self) -> None:
        """Load again what may have changed before the watch began."""
        for view in self._views:
            if view.is_ready and not isinstance(view, ChangeView):
                view.load()


def first_screen_keys(names: Sequence[str]) -> list[BindingType]:
    """Make the keys 1, 2, … of the first screens, by their names."""
    return [Binding(str(number + 1), f"first_screen({number})", name) for number, name in enumerate(names)]
