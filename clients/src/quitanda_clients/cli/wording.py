"""Numbers in sentences for people."""


def counted(count: int, noun: str) -> str:
    """Write a count with its noun in the singular or the plural: `1 row`, `2 rows`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
