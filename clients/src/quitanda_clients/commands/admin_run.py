"""What every command of quitanda-admin takes and has."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from quitanda_clients import connecting
from quitanda_clients.cli import options, running
from quitanda_clients.cli.effect import Effect
from quitanda_clients.cli.next_steps import STARTS_IT, NextSteps
from quitanda_clients.cli.running import Question, Run
from quitanda_clients.cli.settings import Given, read_portals, read_timeout
from quitanda_clients.results import TIMEOUT_DEFAULT

if TYPE_CHECKING:
    from quitanda_clients.client import AdminClient

P = ParamSpec("P")


class AdminRun(Run):
    """One run of a command of quitanda-admin."""

    def __init__(self, given: Given, effect: Effect) -> None:
        super().__init__(given, effect)
        self._portals = read_portals(given.portal, connecting.ADMIN_PORTALS_DEFAULT)
        self._timeout_given = None if given.timeout is None else read_timeout(given.timeout)

    def timeout(self, default: float = TIMEOUT_DEFAULT) -> float:
        """Give the seconds that were asked for, or the default."""
        return default if self._timeout_given is None else self._timeout_given

    def client(self, timeout_default: float = TIMEOUT_DEFAULT) -> "AdminClient":
        """Make the client; to be used as an asynchronous context manager."""
        from quitanda_clients.client import AdminClient  # noqa: PLC0415 - gRPC is loaded only when it is used

        timeout = self.timeout(timeout_default)
        return AdminClient(self._portals, timeout=timeout, slow=self.slow(self._places(), timeout))

    def next_steps(self) -> NextSteps:
        """Say what to do where no admin portal answers."""
        return NextSteps(
            no_connection=f"Is Quitanda running? {STARTS_IT}; --portal HOST:PORT names other portals.",
            not_offered=(
                f"{self._places()} is no admin portal; --portal HOST:PORT names one (default: "
                f"{connecting.ADMIN_PORTALS_DEFAULT})."
            ),
            unavailable=(
                "Try again in a moment; `quitanda-admin cluster status` says how the replicas are, and "
                "--portal HOST:PORT names other portals."
            ),
        )

    def _places(self) -> str:
        return ", ".join(map(str, self._portals))


def command(
    effect: Effect, question: Question | None = None
) -> Callable[[Callable[Concatenate[AdminRun, P], Coroutine[Any, Any, int | None]]], Callable[..., None]]:
    """Make a typer command of a coroutine function that takes an AdminRun."""
    return running.command(AdminRun, _shared_options, effect, question)


def _shared_options(
    portal: options.PortalOption = None,
    timeout: options.TimeoutOption = None,
    consistency: options.ConsistencyOption = None,
    request_id: options.RequestIdOption = None,
    json: options.JsonOption = False,
    output: options.FormatOption = None,
) -> None:
    """Take the options that may stand after every command."""
