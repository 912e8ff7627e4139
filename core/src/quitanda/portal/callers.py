"""Who calls a portal: a token, what the cluster knows of its credential, and what its role may do.

A caller is known before the request is decoded and before it takes a place among the requests that are worked on:

 1. A token that is missing or malformed is refused by its form alone.
 2. A token that this portal has seen to be right passes. So nobody else's wrong tokens can shut its holder out, and a
    request costs no read more than in the open mode.
 3. For any other token the leader is asked, as often as `failure_limits` allows for the caller's address.

What passes by step 2 may have been revoked since. Reads therefore ask for the credential again together with the
documents, at the same snapshot (`Caller.holds`), and commands carry the principal, which the rules check at the
command's place in the log. Whoever asks something else, about the cluster itself, is not let through by step 2.

A wrong secret and an unknown id take the same steps, and nobody is told which it was.
"""

import asyncio
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from quitanda.cache import CachedReader, Key
from quitanda.domain import refusals
from quitanda.domain.commands import Principal
from quitanda.domain.model import CallerRole, Credential, Document, Kind
from quitanda.domain.outcomes import AuthenticationProblem, Reason, Refused, refused
from quitanda.errors import Rejected, Unavailable
from quitanda.identity.tokens import Token, hash_secret, matching_hash, parse_token
from quitanda.identity.tokens import TokenProblem as FormProblem
from quitanda.operations import Operation
from quitanda.portal.failure_limits import FailureLimiter
from quitanda.runtime import log_context

REMEMBERED_CALLERS_MAX: Final = 10_000
"""Credentials that a portal remembers to have seen; the one not used for longest is forgotten first."""

BEARER: Final = "Bearer "
"""How the metadata `authorization` begins (RFC 6750, section 2.1)."""

AUTHORIZATION: Final = "authorization"
_ACCEPTED: Final = "accepted"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has proved by a token to hold a credential: `generation` is the one whose secret the token has."""

    credential: Credential
    generation: int
    secret_hash: str = field(repr=False)

    @property
    def principal(self) -> Principal:
        """Give what the log is told of the caller."""
        return Principal(self.credential.credential_id, self.generation)

    @property
    def key(self) -> Key:
        """Give the key of the credential, for reads that ask for it again."""
        return (Kind.CREDENTIAL, self.credential.credential_id)

    def holds(self, document: Document | None) -> bool:
        """Tell whether the caller's secret is still one of the credential's, of which the document is the newest."""
        return isinstance(document, Credential) and self.secret_hash in _hashes(document)

    def check_role(self, operation: Operation) -> Refused | None:
        """Refuse an operation that the caller's role may not ask for."""
        return None if self.credential.role in operation.roles else refusals.forbidden(self.credential)

    def check_customer(self, customer_id: str) -> Refused | None:
        """Refuse a customer who asks as another one; staff ask for any."""
        another = self.credential.role == CallerRole.CUSTOMER and self.credential.customer_id != customer_id
        return refusals.forbidden(self.credential) if another else None


def bearer_token(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """Give the token that a call's metadata carries; empty where there is none."""
    for name, value in metadata:
        if name == AUTHORIZATION and isinstance(value, str) and value.startswith(BEARER):
            return value.removeprefix(BEARER).strip()
    return ""


def check_form(text: str) -> Token | Refused:
    """Read a token, or refuse it by its form alone."""
    token = parse_token(text)
    if isinstance(token, Token):
        return token
    missing = token is FormProblem.MISSING
    return unauthenticated(AuthenticationProblem.MISSING if missing else AuthenticationProblem.MALFORMED)


class Authenticator:
    """Finds out who calls; for one event loop. Every refusal is raised as Rejected (UNAUTHENTICATED).

    `now_ms` is the portal's clock, by which credentials expire: milliseconds since 1970-01-01T00:00Z.
    """

    def __init__(
        self,
        reader: CachedReader,
        limiter: FailureLimiter | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
        remembered: int = REMEMBERED_CALLERS_MAX,
    ) -> None:
        self._remembered = remembered
        self._reader = reader
        self._limiter = limiter or FailureLimiter()
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._known: OrderedDict[str, Credential] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Task[Credential | None]] = {}
        self.results: Counter[str] = Counter()
        """How many callers were accepted, and refused for each problem."""

    async def authenticate(self, text: str, address: str, timeout: float) -> Caller:
        """Find out who has sent the token, within `timeout` seconds; also raises Unavailable and Overloaded.

        A token that the portal has seen to be right passes unasked: the caller's request is checked again with what it
        reads or writes. `address` counts the caller's failures.
        """
        return await self._counted(self._authenticate(text, address, timeout, ask=False))

    async def authenticate_now(self, text: str, address: str, timeout: float, *, without_leader: bool) -> Caller:
        """Do as `authenticate` by what the leader says now.

        `without_leader`: where no leader answers, a token passes that the portal has seen to be right.
        """
        try:
            return await self._counted(self._authenticate(text, address, timeout, ask=True))
        except Unavailable:
            if without_leader and isinstance(token := check_form(text), Token) and (caller := self._seen(token)):
                return caller
            raise

    def look(self, text: str, address: str = "") -> Caller | Refused | None:
        """Tell what is known of who has sent the token, without asking anybody.

        That is the caller, if the portal has seen the token to be right; a refusal, where the leader would not be asked
        either, which is counted; and None where it would. Without an `address` its failures count for nothing.
        """
        token = check_form(text)
        if isinstance(token, Token):
            if caller := self._seen(token):
                return caller
            wait = self._limiter.wait(address, token.credential_id, self._monotonic()) if address else 0.0
            if not wait:
                return None
            token = _too_many_failures(wait)
        self.count_refusal(token)
        return token

    def forget(self, caller: Caller) -> None:
        """Let the leader be asked at the caller's next request: the credential is not what it was."""
        self._known.pop(caller.credential.credential_id, None)

    def check_again(self, caller: Caller, document: Document | None) -> Refused | None:
        """Refuse a caller whose credential has changed since; `document` is the credential as it is now."""
        if caller.holds(document):
            return None
        self.forget(caller)
        return unauthenticated(AuthenticationProblem.WRONG)

    def check_expiry(self, caller: Caller) -> None:
        """Refuse a caller whose credential has expired meanwhile: raises Rejected."""
        if self._has_expired(caller.credential):
            raise Rejected(_expired(caller.credential))

    def count_refusal(self, refusal: Refused) -> None:
        """Count a caller who was refused before the call was read."""
        self.results[dict(refusal.details)["problem"]] += 1

    async def _counted(self, authenticating: Awaitable[Caller]) -> Caller:
        try:
            caller = await authenticating
        except Rejected as rejected:
            self.count_refusal(rejected.refused)
            raise
        self.results[_ACCEPTED] += 1
        return caller

    async def _authenticate(self, text: str, address: str, timeout: float, *, ask: bool) -> Caller:
        token = check_form(text)
        if isinstance(token, Refused):
            raise Rejected(token)
        log_context.bind(credential_id=token.credential_id)
        seen = self._seen(token)
        if seen is not None and not ask:
            return seen
        if seen is not None:
            return self._caller(token, await self._ask(token, timeout))
        return await self._try(token, address, timeout)

    def _seen(self, token: Token) -> Caller | None:
        """Give the caller, if the token was right when the portal last saw the credential and has not expired."""
        known = self._known.get(token.credential_id)
        if known is None or self._has_expired(known):
            return None
        self._known.move_to_end(token.credential_id)
        return _match(token, known)

    async def _try(self, token: Token, address: str, timeout: float) -> Caller:
        """Ask the leader, as an attempt that counts until it has turned out to be right.

        Who shares the read of another request with the same token counts with that one.
        """
        if (token.credential_id, token.secret) in self._asking:
            return self._caller(token, await self._ask(token, timeout))
        if wait := self._limiter.begin(address, token.credential_id, self._monotonic()):
            raise Rejected(_too_many_failures(wait))
        failed = False
        try:
            return self._caller(token, await self._ask(token, timeout))
        except Rejected as rejected:
            failed = rejected.details["problem"] == AuthenticationProblem.WRONG
            raise
        finally:
            if not failed:
                self._limiter.take_back(address, token.credential_id)

    def _caller(self, token: Token, credential: Credential | None) -> Caller:
        """Give the caller by what the leader said of the credential. Raises Rejected."""
        caller = _match(token, credential)
        if caller is None:
            raise Rejected(unauthenticated(AuthenticationProblem.WRONG))
        self._remember(caller.credential)
        if self._has_expired(caller.credential):
            raise Rejected(_expired(caller.credential))
        return caller

    async def _ask(self, token: Token, timeout: float) -> Credential | None:
        """Read the credential; requests with one token that come at the same time share a read."""
        key = (token.credential_id, token.secret)
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._read(token.credential_id, timeout))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key))
        return await asyncio.shield(task)

    async def _read(self, credential_id: str, timeout: float) -> Credential | None:
        (document,) = (await self._reader.get(((Kind.CREDENTIAL, credential_id),), timeout)).documents
        return document if isinstance(document, Credential) else None

    def _remember(self, credential: Credential) -> None:
        self._known[credential.credential_id] = credential
        self._known.move_to_end(credential.credential_id)
        if len(self._known) > self._remembered:
            self._known.popitem(last=False)

    def _has_expired(self, credential: Credential) -> bool:
        return 0 < credential.expires_at_ms <= self._now_ms()


def show_authentications(registry: CollectorRegistry, authenticator: Authenticator) -> None:
    """Show how many callers were accepted and refused. Their ids are in the log: there may be any number of them."""
    registry.register(_AuthenticationCollector(authenticator))


class _AuthenticationCollector(Collector):
    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def collect(self) -> Iterator[Metric]:
        """Tell what the authenticator has counted."""
        family = CounterMetricFamily("quitanda_authentications", "Callers accepted and refused", labels=("result",))
        for result in (_ACCEPTED, *AuthenticationProblem):
            family.add_metric((result,), self._authenticator.results[result])
        yield family


def _match(token: Token, credential: Credential | None) -> Caller | None:
    """Compare a token with what is known of its credential; takes the same time where there is none."""
    hashes = ("", "") if credential is None else _hashes(credential)
    place = matching_hash(token.secret, hashes)
    if credential is None or place is None:
        return None
    return Caller(credential, credential.generation - place, hash_secret(token.secret))


def _hashes(credential: Credential) -> tuple[str, str]:
    """Give the hashes of the secrets that are valid: of the current generation, and of the one before it."""
    return (credential.secret_hash, credential.previous_hash)


def _expired(credential: Credential) -> Refused:
    expired_at = datetime.fromtimestamp(credential.expires_at_ms / 1_000, UTC)
    return unauthenticated(AuthenticationProblem.EXPIRED, expired_at=expired_at.isoformat(timespec="seconds"))


def _too_many_failures(wait: float) -> Refused:
    return unauthenticated(AuthenticationProblem.TOO_MANY_FAILURES, seconds=math.ceil(wait))


def unauthenticated(problem: AuthenticationProblem, **details: object) -> Refused:
    """Refuse a caller whom nobody knows."""
    return refused(Reason.UNAUTHENTICATED, "token", problem=problem.value, **details)
