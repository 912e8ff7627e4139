"""Dead letters that were to be sent once more, each with what became of that."""

from dataclasses import dataclass
from typing import Final

from quitanda.errors import QuitandaError, Rejected
from quitanda_clients.cli import exit_codes

REPEATED_COLUMNS: Final = ("letter_id", "repeated", "reason", "message")


@dataclass(frozen=True, slots=True)
class RepeatedLetter:
    """What became of the request to send a dead letter once more; `failure` is None where it is done."""

    letter_id: int
    failure: QuitandaError | None = None

    @property
    def exit_code(self) -> int:
        """The exit code that goes with it."""
        return exit_codes.DONE if self.failure is None else exit_codes.of_failure(self.failure)

    @property
    def problem(self) -> tuple[str, str]:
        """Reason and message of the failure; empty where there is none."""
        if self.failure is None:
            return "", ""
        from quitanda.error_status import describe  # noqa: PLC0415 - most requests end well

        described = describe(self.failure.refused if isinstance(self.failure, Rejected) else self.failure)
        return described.reason, described.message


def cells_of_repeated(letter: RepeatedLetter) -> tuple[int, bool, str, str]:
    """Give the cells of a letter that was to be repeated, by REPEATED_COLUMNS."""
    return (letter.letter_id, letter.failure is None, *letter.problem)
