"""Numbers in sentences for people."""

from quitanda_clients.i18n.speech import say_number


def counted(count: int, noun: str) -> str:
    """Write a count with its noun in the singular or the plural: `1 row`, `2 rows`."""
    return say_number(f"{{count}} {noun}", f"{{count}} {noun}s", count)
