"""Keys under which Quitanda remembers what became of a write."""

import uuid

NAMESPACE = uuid.UUID("5d0f63a2-7e0c-4a53-9a3c-2f6f1c0d8b7e")
"""Of ids that are derived, so that they never meet ids that others derive from the same text."""


def new_request_id() -> str:
    """Choose an id that nobody used before."""
    return str(uuid.uuid4())


def derived_request_id(*parts: str | int) -> str:
    """Choose the id that belongs to exactly these parts: the same parts give the same id, always."""
    # The lengths keep ("a", "bc") and ("ab", "c") apart.
    text = "".join(f"{len(str(part))}:{part}" for part in parts)
    return str(uuid.uuid5(NAMESPACE, text))
