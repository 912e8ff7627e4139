"""How often wrong tokens are looked at: bounded for each address, and for each credential from one address.

Pure: the caller passes the time in.

A secret has 256 random bits, so no number of attempts finds one. The limits keep attempts cheap: beyond them a portal
asks no replica. They never count against a credential alone. Otherwise whoever knows a credential's id, which is
public, could shut its holder out. A right token that the portal has seen before passes without being counted; so does
any right token from another address.

Each limit is a leaky bucket (`leaky_buckets`).
"""

from dataclasses import dataclass
from typing import Final

from quitanda.runtime.leaky_buckets import LeakyBuckets, RateLimit

OF_CREDENTIAL: Final = RateLimit(10, 6.0)
"""For one credential from one address: ten at once, ten a minute."""
OF_ADDRESS: Final = RateLimit(100, 0.6)
"""For all credentials from one address together: a hundred at once, a hundred a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureLimits:
    """The limits; `remembered` bounds the addresses, and the pairs of address and credential, that are remembered."""

    of_credential: RateLimit = OF_CREDENTIAL
    of_address: RateLimit = OF_ADDRESS
    remembered: int = 10_000


class FailureLimiter:
    """Counts attempts, and takes back the count of those that did not fail; `now` is in seconds of one clock."""

    def __init__(self, limits: FailureLimits | None = None) -> None:
        limits = limits or FailureLimits()
        self._of_credential = LeakyBuckets(limits.of_credential, limits.remembered)
        self._of_address = LeakyBuckets(limits.of_address, limits.remembered)

    @property
    def remembered(self) -> int:
        """How many addresses, and pairs of address and credential, are remembered."""
        return len(self._of_credential) + len(self._of_address)

    def begin(self, address: str, credential_id: str, now: float) -> float:
        """Count an attempt, and return 0; or count nothing, and return the seconds until the next one is looked at.

        An attempt is counted before anybody knows whether it fails, so that many at the same time are bounded, too.
        """
        wait = self.wait(address, credential_id, now)
        if not wait:
            self._of_credential.add((address, credential_id), now)
            self._of_address.add(address, now)
        return wait

    def wait(self, address: str, credential_id: str, now: float) -> float:
        """Give the seconds until the next attempt is looked at; counts nothing."""
        return max(self._of_credential.wait((address, credential_id), now), self._of_address.wait(address, now))

    def take_back(self, address: str, credential_id: str) -> None:
        """Take back the count of an attempt that did not fail."""
        self._of_credential.take_back((address, credential_id))
        self._of_address.take_back(address)
