"""Telling the story: one line for each step, and a summary of what was shown."""

import time

from rich.console import Console
from rich.text import Text


class CheckFailed(Exception):
    """Something was not as it should be; the text says what."""


class Reporter:
    """Prints the story; colours only on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._shown: list[str] = []
        self._marks = ("✓", "✗") if console.encoding.lower().startswith("utf") else ("ok", "NO")
        self.checks = 0

    @property
    def seconds(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self._began

    def act(self, title: str) -> None:
        """Begin a part of the story."""
        self._print(Text(f"\n[{self.seconds:5.1f} s] {title}", style="bold"))

    def say(self, text: str) -> None:
        """Tell something that is not checked."""
        self._print(Text(f"    {text}"))

    def check(self, as_it_should: bool, text: str, command: str = "", instead: object = "") -> None:
        """Tell what is true, with the command that shows it; raises CheckFailed where it is not true."""
        self.checks += 1
        good, bad = self._marks
        line = Text("  ").append(good if as_it_should else bad, style="green" if as_it_should else "bold red")
        line.append(f" {text}")
        if command:
            line.append(f"   [{command}]", style="dim")
        self._print(line)
        if not as_it_should:
            raise CheckFailed(f"{text}: instead, {instead}" if instead else text)

    def shown(self, promise: str) -> None:
        """Note for the summary that a promise was kept."""
        self._shown.append(promise)

    def summary(self) -> None:
        """Tell what the story has shown."""
        self._print(Text(f"\nIn {self.seconds:.0f} seconds and {self.checks} checks this has shown:", style="bold"))
        for promise in self._shown:
            self._print(Text(f"  {self._marks[0]} ", style="green").append(promise, style="default"))

    def broken(self, reason: str) -> None:
        """Tell that the story could not be told to its end."""
        self._print(Text(f"\nNot as it should be: {reason}", style="bold red"))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)
