"""Request ids: Quitanda remembers the outcome of a write under its id."""

import uuid

NAMESPACE = uuid.UUID("5d0f63a2-7e0c-4a53-9a3c-2f6f1c0d8b7e")
"""The namespace of derived ids, so that no other program derives the same id from the same text."""


def new_request_id() -> str:
    """Make an id that nobody used before."""
    return str(uuid.uuid4())


def derived_request_id(*parts: str | int) -> str:
    """Derive an id from these parts: equal parts always give the same id."""
    # The lengths keep ("a", "bc") and ("ab", "c") apart.
    text = "".join(f"{len(str(part))}:{part}" for part in parts)
    return str(uuid.uuid5(NAMESPACE, text))
