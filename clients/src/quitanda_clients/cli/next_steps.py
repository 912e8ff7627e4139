"""What to do where nobody answers; each application, and each way of its requests, says it in its own words."""

from dataclasses import dataclass
from typing import Final

STARTS_IT: Final = "`make run` or `docker compose up --wait` starts it"


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSteps:
    """A sentence or more for each kind of failure (`quitanda.errors`: NoConnection, NotOffered, other Unavailable)."""

    no_connection: str
    not_offered: str
    unavailable: str
