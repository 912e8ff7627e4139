"""What is wrong with a file, and where."""

from dataclasses import dataclass

from quitanda_clients.i18n.speech import say


@dataclass(frozen=True, slots=True)
class FileProblem:
    """Something wrong at `line` (from 1; 0 for the whole file); `column` is a column's name, or empty."""

    line: int
    column: str
    message: str

    def at(self, file: str) -> str:
        """Write it in one line, in the form that editors understand."""
        place = f"{file}:{self.line}" if self.line else file
        column = say("column {column}", column=self.column) + ": " if self.column else ""
        return f"{place}: {column}{self.message}"
