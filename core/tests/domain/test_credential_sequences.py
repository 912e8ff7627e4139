"""Whatever happens in whatever order: a revoked secret decides nothing, a valid one is never refused as revoked.

The model knows for each credential which generations are valid, and follows what was done by the commands alone.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from quitanda.domain.commands import (
    AdjustStock,
    CreateCredential,
    CreateCustomer,
    CreateFirstCredential,
    CreateProduct,
    DeleteCustomer,
    OpenSession,
    Principal,
    RaiseLevel,
    Request,
    RevokeCredential,
    RotateCredential,
    SetPassword,
)
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda.domain.limits import SESSIONS_PER_CREDENTIAL_MAX
from quitanda.domain.machine import execute
from quitanda.domain.outcomes import Done, Reason, Refused
from quitanda_testing import invariants
from quitanda_testing.in_memory_state import InMemoryState

IDS = ["a" * 12, "b" * 12, "c" * 12]
SESSIONS = [letter * 12 for letter in "stuvwxyz"]
ids = st.sampled_from(IDS)
customers = st.sampled_from(["ana", "bia"])
hashes = st.sampled_from([digit * 64 for digit in "123"])
commands = st.one_of(
    st.builds(CreateFirstCredential, ids, hashes, st.just(1)),
    st.builds(
        CreateCredential,
        ids,
        st.sampled_from(["admin", "clerk"]),
        st.just("x"),
        hashes,
        st.just(1),
        st.none(),
        st.sampled_from([0, 9]),
    ),
    st.builds(CreateCredential, ids, st.just("customer"), st.just("x"), hashes, st.just(1), customers),
    st.builds(RotateCredential, ids, hashes),
    st.builds(RevokeCredential, ids),
    st.builds(SetPassword, ids, st.sampled_from(["", "$argon2id$one", "$argon2id$two"])),
    st.builds(
        OpenSession, ids, st.integers(1, 60), ids | st.sampled_from(SESSIONS), hashes, st.integers(1, 9), st.just(9)
    ),
    st.builds(CreateCustomer, customers, st.just("x"), credential_id=ids, secret_hash=hashes),
    st.builds(DeleteCustomer, customers),
    st.just(AdjustStock("rice", 1)),
)
principals = st.none() | st.none() | st.builds(Principal, ids, st.integers(1, 4))
steps = st.lists(st.tuples(commands, principals), max_size=30)


class Model:
    """The newest generation of each credential and its hash; who owns it; which are administrators' for ever."""

    def __init__(self):
        self.newest = {}
        self.owner = {}
        self.lasting = set()
        self.sessions = {}  # of each credential with a password its sessions, the oldest first

    def valid(self, principal):
        newest, _ = self.newest.get(principal.credential_id, (0, ""))
        return newest > 0 and principal.generation in {newest, newest - 1}

    def create(self, credential_id, secret_hash, owner=""):
        self.newest[credential_id] = 1, secret_hash
        self.owner[credential_id] = owner

    def delete(self, credential_id):
        self.end_sessions(credential_id)
        del self.newest[credential_id], self.owner[credential_id]
        for sessions in self.sessions.values():
            sessions[:] = [each for each in sessions if each[0] != credential_id]
        self.lasting.discard(credential_id)

    def end_sessions(self, credential_id):
        for session_id, _ in list(self.sessions.get(credential_id, [])):
            self.delete(session_id)
        self.sessions.pop(credential_id, None)

    def open(self, command):
        sessions = self.sessions.setdefault(command.session_of, [])
        for session_id, ends_at in list(sessions):
            if ends_at <= command.created_at_ms:
                self.delete(session_id)
        while len(sessions) >= SESSIONS_PER_CREDENTIAL_MAX:
            self.delete(sessions[0][0])
        self.create(command.credential_id, command.secret_hash, self.owner[command.session_of])
        sessions.append((command.credential_id, command.expires_at_ms))

    def follow(self, command):  # noqa: C901 - a case for each command
        match command:
            case CreateFirstCredential() if not self.lasting:
                self.create(command.credential_id, command.secret_hash)
                self.lasting.add(command.credential_id)
            case CreateCredential():
                self.create(command.credential_id, command.secret_hash, command.customer_id or "")
                if command.role == "admin" and command.expires_at_ms == 0:
                    self.lasting.add(command.credential_id)
            case CreateCustomer():
                self.create(command.credential_id, command.secret_hash, command.customer_id)
            case RotateCredential():
                generation, held = self.newest[command.credential_id]
                if held != command.secret_hash:
                    self.end_sessions(command.credential_id)
                    self.newest[command.credential_id] = generation + 1, command.secret_hash
            case RevokeCredential():
                self.delete(command.credential_id)
            case SetPassword():
                self.end_sessions(command.credential_id)
            case OpenSession():
                self.open(command)
            case DeleteCustomer():
                for each in [each for each, owner in self.owner.items() if owner == command.customer_id]:
                    if each in self.owner:
                        self.delete(each)


def new_state():
    state = InMemoryState()
    raises = map(RaiseLevel, range(FIRST_LEVEL + 1, SUPPORTED_LEVEL + 1))
    for command in (*raises, CreateProduct("rice", "Rice", 1, 0)):
        request = Request("", "begin", command)
        state.apply(request, execute(state, request, 1))
    return state


@given(steps)
def test_what_is_revoked_decides_nothing_and_what_is_valid_is_not_refused(log):
    state, model = new_state(), Model()
    for number, (command, principal) in enumerate(log, start=2):
        request = Request("", f"r{number}", command, principal)
        known = principal is None or model.valid(principal)
        before = list(state.documents())

        execution = execute(state, request, number)
        state.apply(request, execution)

        reason = execution.outcome.reason if isinstance(execution.outcome, Refused) else None
        assert (reason is Reason.CREDENTIAL_REVOKED) == (not known)
        if not known:
            assert (list(state.documents()), execution.remember) == (before, None)
        if isinstance(execution.outcome, Done):
            model.follow(command)
        held = {each.credential_id: (each.generation, each.secret_hash) for each in state.credentials()}
        assert held == model.newest
        assert invariants.check(state) == []


@settings(max_examples=300)
@given(steps)
def test_once_there_is_an_administrator_there_is_always_one_and_the_first_credential_does_not_come_again(log):
    state = new_state()
    administered = False
    for number, (command, principal) in enumerate(log, start=2):
        request = Request("", f"r{number}", command, principal)

        execution = execute(state, request, number)
        state.apply(request, execution)

        if administered and isinstance(command, CreateFirstCredential):
            assert execution.changes == ()
        lasting = [each for each in state.credentials() if each.role == "admin" and each.expires_at_ms == 0]
        assert lasting or not administered
        administered = bool(lasting)
