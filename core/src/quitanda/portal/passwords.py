"""Passwords at a portal: setting one, and signing in with one, which begins a session.

What signing in gives is an ordinary credential with an end. So whatever is asked for with its token is checked as with
any other one, and the rules end it (`quitanda.domain.credentials`).

Whoever calls may be anybody, and each look at a password costs tens of megabytes. So tries count with those of wrong
tokens (`failure_limits`), before they cost anything, and a portal computes two hashes at a time; beyond a few that wait
it refuses. Only a right password, and a try for which nothing was computed, is not counted in the end: whoever goes
away before the answer has cost the same. A name that nobody has costs the same, and is answered the same, as a wrong
password.
"""

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from quitanda.cluster_client import ClusterClient, Get, List, Page
from quitanda.domain import refusals
from quitanda.domain.commands import OpenSession, Request, SetPassword
from quitanda.domain.credentials import sign_in_name
from quitanda.domain.limits import NAME_LENGTH_MAX, PAGE_SIZE_MAX
from quitanda.domain.model import CallerRole, Credential, Kind
from quitanda.domain.outcomes import AuthenticationProblem, Problem, Reason, Refused, invalid, refused
from quitanda.domain.validation import check_for_any_level
from quitanda.domain.value_checks import check_id
from quitanda.errors import InternalError, OutcomeUnknown, Overloaded, QuitandaError, Rejected
from quitanda.identity.passwords import check_password, hash_password, is_password, is_possible
from quitanda.identity.tokens import Token, hash_secret, new_token
from quitanda.operations import PortalKind
from quitanda.portal.callers import Authenticator, Caller
from quitanda.portal.failure_limits import FailureLimiter
from quitanda.portal.ids import IdGenerator

T = TypeVar("T")

SESSION_MS: Final = 12 * 60 * 60 * 1_000
"""A session ends so long after it began."""

AT_A_TIME: Final = 2
WAITING_MAX: Final = 16
RETRY_SECONDS: Final = 2.0

_STAFF: Final = ""
_PASSWORD: Final = "password"  # noqa: S105 - the name of a field
_CURRENT: Final = "current_password"
_ATTEMPT: Final = "password of {name}"
"""Stands for the credential's id where failures are counted; no id has a space."""


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session that has begun: its credential as of `revision`, and its token."""

    revision: int
    credential: Credential
    token: Token = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewPassword:
    """What a caller asks for: `password` is empty to remove it, `credential_id` for the caller's own credential.

    `current_password` proves a caller whose token came from signing in.
    """

    password: str = field(repr=False)
    current_password: str = field(repr=False)
    request_id: str
    credential_id: str = ""


class NoTimeToCompute(Overloaded):
    """The time was over before a hash was computed; its computation may have begun."""


class HashingPool:
    """Computes hashes in threads: so many at a time, so many that wait, and Overloaded beyond; for one event loop."""

    def __init__(self, at_a_time: int = AT_A_TIME, waiting_max: int = WAITING_MAX) -> None:
        self._threads = ThreadPoolExecutor(at_a_time, "quitanda-password")
        self._taken_max = at_a_time + waiting_max
        self._taken = 0

    def check_room(self) -> None:
        """Raise Overloaded where there is no place for one more."""
        if self._taken >= self._taken_max:
            overloaded = Overloaded("too many passwords are being looked at")
            overloaded.retry_after = RETRY_SECONDS
            raise overloaded

    async def compute(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function in a thread. What has begun keeps its place until it ends, though nobody waits for it."""
        self.check_room()
        loop = asyncio.get_running_loop()
        self._taken += 1
        future = self._threads.submit(function, *arguments)
        future.add_done_callback(lambda _: _tell(loop, self._leave))
        return await asyncio.wrap_future(future)

    def _leave(self) -> None:
        self._taken -= 1


class PasswordKeeper:
    """Performs each `PasswordOperation` of the table. `now_ms` is the portal's clock, since 1970-01-01T00:00Z."""

    def __init__(
        self,
        portal: PortalKind,
        cluster: ClusterClient,
        authenticator: Authenticator,
        limiter: FailureLimiter,
        *,
        pool: HashingPool | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._of_customers = portal.names_customer
        self._cluster = cluster
        self._authenticator = authenticator
        self._limiter = limiter
        self._pool = pool or HashingPool()
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._ids = IdGenerator()

    async def sign_in(self, name: str, password: str, address: str, timeout: float) -> OpenedSession:
        """Begin a session with a name and its password, within `timeout` seconds.

        Raises Rejected (UNAUTHENTICATED), Unavailable and Overloaded (nothing happened), and OutcomeUnknown: then a
        session may have begun of which nobody has the token.
        """
        until = self._monotonic() + timeout
        if not self._of_customers:
            name = name.strip(" ")  # as `sign_in_name` is, so that a name has one count of failures
        if wrong := self._check_name(name) or (None if password else invalid(_PASSWORD, Problem.MISSING)):
            raise Rejected(wrong)
        attempt = (address, _ATTEMPT.format(name=name))
        if wait := self._limiter.begin(*attempt, self._monotonic()):
            problem = AuthenticationProblem.TOO_MANY_FAILURES
            self._authenticator.results[problem] += 1
            raise Rejected(refused(Reason.UNAUTHENTICATED, _PASSWORD, problem=problem.value, seconds=math.ceil(wait)))
        try:
            self._pool.check_room()  # before a replica is asked
            holder = await self._holder(name, self._left(until))
            is_right = await self._matches(password, holder, until)
        except QuitandaError as error:
            if not isinstance(error, NoTimeToCompute):
                self._limiter.take_back(*attempt)
            raise
        if not is_right or holder is None:
            raise self._wrong()
        self._limiter.take_back(*attempt)
        return await self._open_session(holder, until)

    async def _open_session(self, holder: Credential, until: float) -> OpenedSession:
        now_ms = self._now_ms()
        if 0 < holder.expires_at_ms <= now_ms:
            raise Rejected(refused(Reason.UNAUTHENTICATED, _PASSWORD, problem=AuthenticationProblem.EXPIRED.value))
        token = new_token()
        command = OpenSession(
            holder.credential_id,
            holder.version,
            token.credential_id,
            hash_secret(token.secret),
            now_ms,
            now_ms + SESSION_MS,
        )
        request = Request(holder.customer_id, self._ids.request_id(), command, None, now_ms)
        executed = await self._cluster.execute(request, self._left(until))
        outcome = executed.outcome
        if isinstance(outcome, Refused):
            # Whatever changed the credential meanwhile, the password was checked against what is over.
            changed = outcome.reason in (Reason.VERSION_MISMATCH, Reason.CREDENTIAL_NOT_FOUND)
            raise self._wrong() if changed else Rejected(outcome, executed.revision)
        return OpenedSession(executed.revision, _credential(outcome.document), token)

    async def set_password(
        self, asked: NewPassword, caller: Caller, address: str, timeout: float
    ) -> tuple[int, Credential]:
        """Set or remove a password within `timeout` seconds; gives the revision, and the credential as it is then.

        Raises Rejected, Unavailable and Overloaded (nothing happened), and OutcomeUnknown.
        """
        until = self._monotonic() + timeout
        own = caller.credential.session_of or caller.credential.credential_id
        target_id = asked.credential_id or own
        if target_id != own and caller.credential.role != CallerRole.ADMIN:
            raise Rejected(refusals.forbidden(caller.credential))
        command = SetPassword(target_id, "")
        request = Request(caller.credential.customer_id, asked.request_id, command, caller.principal, self._now_ms())
        if wrong := check_for_any_level(request):
            raise Rejected(wrong)
        holder, target = await self._read(own, target_id, self._left(until))
        if target is None:
            raise Rejected(refusals.credential_not_found(target_id))
        if caller.credential.session_of:
            await self._prove(asked.current_password, holder, address, until)
        password_hash = await self._new_hash(asked.password, sign_in_name(target), address, until)
        request = replace(request, command=replace(command, password_hash=password_hash))
        executed = await self._cluster.execute(request, self._left(until))
        if isinstance(executed.outcome, Refused):
            if executed.outcome.reason is Reason.CREDENTIAL_REVOKED:
                self._authenticator.forget(caller)
            raise Rejected(executed.outcome, executed.revision)
        left = _credential(executed.outcome.document)
        if left.password_hash != password_hash and not await self._is_what_was_asked(asked.password, left, until):
            raise Rejected(refusals.request_id_reused(executed.revision))
        return executed.revision, left

    async def _is_what_was_asked(self, password: str, left: Credential, until: float) -> bool:
        """Whether an earlier request of the same id has set the password that this one would: the salt differs."""
        if not password or not left.password_hash:
            return password == left.password_hash
        try:
            return await self._compute(until, is_password, password, left.password_hash)
        except Overloaded as error:  # but a password is set
            raise OutcomeUnknown("there was no time to compare the passwords of two requests") from error

    async def _prove(self, password: str, holder: Credential | None, address: str, until: float) -> None:
        """Let only somebody who knows the password go on: a session alone, on a machine left open, is not enough."""
        if not password:
            raise Rejected(invalid(_CURRENT, Problem.MISSING))
        name = "" if holder is None else sign_in_name(holder)
        self._count(address, name, _CURRENT)
        if not await self._matches(password, holder, until):
            raise Rejected(invalid(_CURRENT, Problem.NOT_THE_PASSWORD))
        self._limiter.take_back(address, _ATTEMPT.format(name=name))

    async def _new_hash(self, password: str, name: str, address: str, until: float) -> str:
        """Compute the hash of a new password; empty for none. What succeeds counts, too: it costs the same."""
        if not password:
            return ""
        if wrong := check_password(password, name):
            raise Rejected(wrong)
        self._count(address, name, _PASSWORD)
        return await self._compute(until, hash_password, password)

    def _count(self, address: str, name: str, field_name: str) -> None:
        """Count a try of somebody whose token is right: she is told of the field, and stays signed in."""
        if wait := self._limiter.begin(address, _ATTEMPT.format(name=name), self._monotonic()):
            raise Rejected(invalid(field_name, Problem.TOO_MANY_TRIES, seconds=math.ceil(wait)))

    async def _matches(self, password: str, holder: Credential | None, until: float) -> bool:
        if not is_possible(password):
            return False
        return await self._compute(until, is_password, password, "" if holder is None else holder.password_hash)

    async def _compute(self, until: float, function: Callable[..., T], *arguments: object) -> T:
        """Compute in the pool, as long as there is time: what has not begun by then is not computed."""
        try:
            async with asyncio.timeout(self._left(until)):
                return await self._pool.compute(function, *arguments)
        except TimeoutError:
            raise NoTimeToCompute("there was no time to look at the password") from None

    def _left(self, until: float) -> float:
        return max(0.0, until - self._monotonic())

    def _wrong(self) -> Rejected:
        problem = AuthenticationProblem.WRONG_PASSWORD
        self._authenticator.results[problem] += 1
        return Rejected(refused(Reason.UNAUTHENTICATED, _PASSWORD, problem=problem.value))

    def _check_name(self, name: str) -> Refused | None:
        if self._of_customers:
            return check_id("customer_id", name)
        if not name:
            return invalid("name", Problem.MISSING)
        too_long = len(name) > NAME_LENGTH_MAX
        return invalid("name", Problem.TOO_LONG, limit=NAME_LENGTH_MAX, length=len(name)) if too_long else None

    async def _holder(self, name: str, timeout: float) -> Credential | None:
        """Find the credential that has the password of a name: the rules let a name have one.

        One page has them all, whosever they are (`limits`).
        """
        owner = name if self._of_customers else _STAFF
        answer = await self._cluster.read((List(Kind.CREDENTIAL, owner, PAGE_SIZE_MAX),), timeout)
        (page,) = answer.results
        if not isinstance(page, Page):
            raise InternalError(f"credentials were answered with a {type(page).__name__}")
        holders = [each for each in page.documents if isinstance(each, Credential) and each.has_password]
        return next((each for each in holders if sign_in_name(each) == name), None)

    async def _read(self, first_id: str, second_id: str, timeout: float) -> tuple[Credential | None, Credential | None]:
        asked = (Get(Kind.CREDENTIAL, first_id), Get(Kind.CREDENTIAL, second_id))
        answer = await self._cluster.read(asked, timeout)
        for result in answer.results:
            if isinstance(result, Refused):
                raise Rejected(result)
        first, second = (getattr(each, "document", None) for each in answer.results)
        return first, second


def _credential(document: object) -> Credential:
    if not isinstance(document, Credential):
        raise InternalError("a password was answered without a credential")
    return document


def _tell(loop: asyncio.AbstractEventLoop, leave: Callable[[], None]) -> None:
    """Let the loop know from another thread; a loop that is closed needs to know nothing."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(leave)
