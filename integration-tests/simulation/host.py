"""A replica's process on a simulated machine: it starts, works in rounds, stands still, dies, and starts again.

Within a round time passes: for the processor, for the disk, and at every look at the clock, where the process may also
stand still for a while (its machine is paused, another process has the processor, the interpreter's lock is taken). So
no two looks show the same time, and seconds may lie between two neighbouring lines. A crash comes between two rounds
or, planned with `crash_in`, at a write or at a message.
"""

from abc import ABC, abstractmethod
from random import Random
from typing import Any

from quitanda.errors import QuitandaError
from quitanda_replica.integrity.divergence import StateDiverged
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.store import StoreFailed
from simulation.disk import Crash, SimulatedDisk

POLL_SECONDS = 0.05
ROUND_SECONDS = 0.00005
LOOK_SECONDS = 0.0000005
"""What passes at least between two looks at the clock."""
NO_STALL = 1 << 60
"""Looks ahead: never."""
UNTRACED = frozenset({"type", "transfer"})
"""A transfer's identity is true chance; everything else of a message depends on the seed alone."""


class SimulatedHost(ABC):
    """The machine and the process on it; what runs there is the subclass's."""

    def __init__(self, name: str, world, disk: SimulatedDisk, chance: Random):
        self.name = name
        self.disk = disk
        self.world = world
        self.up = False
        self.paused_since: float | None = None
        self.died_at: float | None = None
        self.incarnation = 0
        self.delays = world.config.delays
        self.network: Any = None
        """The SimulatedNetwork of the running process."""
        self._chance = chance
        self._stall_chance = Random(chance.getrandbits(64))
        self._looks_to_stall = NO_STALL
        self._stall_seconds: float | None = None
        """Of a stall that is planned; None where it is drawn."""
        self._clock_rate = chance.uniform(0.95, 1.05)
        self._clock_offset = chance.uniform(0, 1000)
        self._elapsed = 0.0
        self._idle_at = 0.0
        self._next_round = float("inf")
        self._steps_left: int | None = None
        self._disk_fails = False
        self._pending: list = []
        self.wrote_state = True

    # --- time

    @property
    @abstractmethod
    def leads(self) -> bool:
        """Whether the running process takes itself for the leader."""

    @property
    @abstractmethod
    def voting(self) -> bool:
        """Whether the replica votes."""

    @property
    @abstractmethod
    def durable_applied(self) -> int:
        """The index of the last entry whose effects are on the disk."""

    @property
    def now(self) -> float:
        """True time, as far as this replica has come in its round."""
        return self.world.schedule.now + self._elapsed

    def clock(self) -> float:
        """Look at this machine's clock; no two of them agree, and none shows the same time twice."""
        self._elapsed += LOOK_SECONDS
        self._looks_to_stall -= 1
        if self._looks_to_stall < 0:
            self._stall()
        return self._clock_offset + (self.world.schedule.now + self._elapsed) * self._clock_rate

    def clock_reading(self) -> float:
        """What the clock shows to somebody who looks at it without taking any time."""
        return self._clock_offset + self.now * self._clock_rate

    def stall_in(self, looks: int, seconds: float) -> None:
        """Stand still for `seconds` at the look at the clock that is `looks` ahead."""
        self._looks_to_stall, self._stall_seconds = looks, seconds

    def draw_stall(self) -> None:
        """Forget a stall that is planned, and draw when the next one comes."""
        self._stall_seconds = None
        self._looks_to_stall = self.delays.looks_to_stall(self._stall_chance, NO_STALL)

    def _stall(self) -> None:
        seconds = self.delays.stall_in_round(self._stall_chance) if self._stall_seconds is None else self._stall_seconds
        self.draw_stall()
        self._elapsed += seconds
        self.world.count("stalls")
        self.world.trace.note(self.name, f"stands still within its round for {seconds:.4f} s")

    def wake(self, time: float) -> None:
        """Let a round begin at `time`, unless one does before."""
        time = max(time, self._idle_at)
        if time < self._next_round and self.up:
            self._next_round = time
            self.world.schedule.at(time, lambda: self._round_if_due(time))

    @property
    def runs(self) -> bool:
        """True unless the process is dead or stands still."""
        return self.up and self.paused_since is None

    # --- life

    def start(self, **settings) -> None:
        """Start the process, which finds its disk as the last crash has left it."""
        self.up = True
        self.paused_since = None
        self.incarnation += 1
        self._elapsed = 0.0
        self._idle_at = self.world.schedule.now
        self._next_round = float("inf")
        self._clock_offset += self._chance.uniform(0, 1000)
        self.world.trace.note(self.name, f"starts, number {self.incarnation}")
        if self._stall_seconds is None:
            self.draw_stall()
        self._work(lambda: self._boot(settings))
        if self.up:
            self.world.fabric.refuse_half_open(self.name)
            self.wake(self._idle_at)

    def crash(self, *, power: bool) -> None:
        """Die: the process alone, or (`power`) the machine with all that was not synced."""
        if self.up:
            self.world.trace.note(self.name, "loses power" if power else "is killed")
            self.world.count("power losses" if power else "kills")
            self._end(silently=power)
            if power:
                self.disk.lose_power(self._chance)

    def lose_disk(self) -> None:
        """Die with the disk, which is replaced by a blank one."""
        self.crash(power=True)
        self.disk.wipe()
        self.world.count("lost disks")
        self.world.trace.note(self.name, "loses its disk")
        self.world.checker.lost_disk(self.name)

    def stop(self) -> None:
        """End in order."""
        if self.up:
            self.world.trace.note(self.name, "stops")
            self.world.count("stops")
            self._work(self._finish)
            self._end(silently=False)

    def _end(self, *, silently: bool) -> None:
        if not self.up:
            return
        self.up = False
        self.paused_since = None
        self.died_at = self.world.schedule.now
        self._next_round = float("inf")
        self._steps_left = None
        self._disk_fails = False
        self._abandon_pending()
        self.world.fabric.vanish(self.name, silently=silently)
        self.network = None
        self._halt()

    def crash_in(self, steps: int, *, disk_fails: bool = False) -> None:
        """Die at the step (write or message) that is `steps` ahead; by a disk that fails, if so wished."""
        self._steps_left, self._disk_fails = steps, disk_fails

    def pause(self) -> None:
        """Stand still, like a process that is stopped."""
        if self.up and self.paused_since is None:
            self.world.trace.note(self.name, "stands still")
            self.world.count("pauses")
            self.paused_since = self.world.schedule.now

    def resume(self) -> None:
        """Go on."""
        if self.paused_since is not None:
            self.world.trace.note(self.name, "goes on")
            self.paused_since = None
            self._next_round = float("inf")
            self.wake(self.world.schedule.now)

    def close(self) -> None:
        """End the process at the end of a run."""
        self.up = False
        self._halt()

    # --- what its parts tell

    def step(self, kind: str) -> None:
        """Pass a point at which a crash may be planned."""
        if kind == "write":
            self._elapsed += self.delays.disk(self._chance)
        if self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left < 0:
                if self._disk_fails and kind in {"write", "written"}:
                    self.world.count("disk failures")
                    raise StoreFailed("the disk fails, as planned")
                if not self._disk_fails:
                    self.world.trace.note(self.name, f"dies at {kind}")
                    self.world.count("crashes inside")
                    raise Crash

    def disk_lags(self) -> bool:
        """Say whether the disk does not keep up with what it was given."""
        return self._chance.random() < self.delays.lag_chance

    def before_commit(self) -> None:
        """Let what was sent leave before the disk is asked."""
        if self.network is not None:
            self.network.flush()

    def wrote(self, batch: dict[bytes, bytes | None]) -> None:
        """Take note of a durable batch."""
        self.wrote_state = True
        self.world.checker.wrote(self.disk, batch)

    def note_message(self, peer: str, message: dict) -> None:
        """Take note of a message that is received."""
        trace = self.world.trace
        fields = (
            [f"{key}={_brief(value)}" for key, value in message.items() if key not in UNTRACED] if trace.read else ()
        )
        trace.note(self.name, f"< {peer} {message['type']}", " ".join(fields))
        self.world.count("messages")

    def refuses(self, peer: str, reason: str) -> None:
        """Take note of a connection that is refused."""
        self.world.count("refused greetings")
        self.world.trace.note(self.name, f"refuses {peer}", reason)

    # --- rounds

    def _round_if_due(self, time: float) -> None:
        if time != self._next_round or not self.up or self.paused_since is not None:
            return
        self._next_round = float("inf")
        self._work(self._turn)
        if self.up:
            self.wake(min(self._idle_at + POLL_SECONDS, self.world.fabric.next_arrival(self.name)))

    def _work(self, action) -> None:
        """Let the process do something, for which it needs time; it hears nothing meanwhile."""
        self._elapsed = ROUND_SECONDS * (0.5 + self._chance.random())
        self.world.running = self
        self._guarded(action)
        self._idle_at = self.now
        self._elapsed = 0.0

    def _guarded(self, action) -> None:
        """Do a part of the process's life; it may end in it."""
        try:
            action()
            if self.network is not None:
                self.network.flush()
        except Crash:
            self._observe()
            self.crash(power=self._chance.random() < 0.5)
        except StoreFailed as failure:
            self._observe()
            self._stop_over(failure, expected=self._disk_fails or not self.disk.whole)
        except (StateCorrupt, StateDiverged) as finding:
            self._observe()
            self._stop_over(finding, expected=not self.disk.whole)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            self._stop_over(error, expected=False)
        else:
            self._observe()
        self._tell_settled()

    def _stop_over(self, error, *, expected) -> None:
        if not expected:
            self.world.checker.accuse("stopped", f"{self.name} stopped: {type(error).__name__}: {error}")
        elif not self.disk.whole:
            self.world.count("damage noticed")
            self.world.trace.note(self.name, f"notices its damaged disk: {error}")
        self.crash(power=False)

    def hear_digests(self, told: dict[str, tuple[int, int]]) -> None:
        """Compare the own state with what others say of theirs; a difference may make the replica stop."""
        self._guarded(lambda: self._compare(told))

    def _observe(self) -> None:
        if (view := self.view()) is not None:
            self.world.checker.observe(self.name, self.incarnation, view)

    # --- what clients ask

    def _tell_settled(self) -> None:
        settled = [each for each in self._pending if each[0].done()]
        if settled:
            self._pending = [each for each in self._pending if not each[0].done()]
            for request, finish in settled:
                self._tell(request, finish)

    def _tell(self, request, finish) -> None:
        try:
            answer = request.result(0)
        except QuitandaError as error:
            self.world.schedule.at(self.now, lambda error=error: finish(None, error))
            return
        pause = 0.0 if isinstance(answer, bytes) else self.delays.reader(self._chance)
        incarnation = self.incarnation
        if not pause:
            self._answer(answer, finish)
            return
        self.world.schedule.at(
            self.now + pause,
            lambda: self._answer(answer, finish) if self.up and self.incarnation == incarnation else None,
        )

    def _answer(self, answer, finish) -> None:
        try:
            outcome = self.outcome(answer)
        except QuitandaError as error:
            self.world.schedule.at(self.now, lambda error=error: finish(None, error))
            return
        self.world.schedule.at(self.now, lambda: finish(outcome, None))

    def _abandon_pending(self) -> None:
        self._tell_settled()
        self._pending = []

    def follow(self, request, finish) -> None:
        """Call `finish(outcome, error)` once `request` is settled, unless the replica dies before."""
        self._pending.append((request, finish))
        self._tell_settled()

    # --- the subclass's

    @abstractmethod
    def view(self):
        """Return what the checker looks at; None where there is nothing (yet)."""

    @abstractmethod
    def submit(self, payload: bytes):
        """Put a command on its way; return what can be followed. Raises QuitandaError."""

    @abstractmethod
    def ask(self):
        """Begin a linearizable read; return what can be followed. Raises QuitandaError."""

    @abstractmethod
    def outcome(self, answer):
        """Return what a client sees of an answer, as of now. Raises QuitandaError."""

    @abstractmethod
    def note_sent(self, message: dict) -> None:
        """Take note of a message that leaves."""

    @abstractmethod
    def hand_over(self, *, wanted: bool, to: str = "") -> None:
        """Begin or cease to hand the leadership over, to anyone or to `to`."""

    @abstractmethod
    def digest_told(self) -> tuple[int, int] | None:
        """Return an entry and the digest of the state behind it, as the others are told; None where there is none."""

    @abstractmethod
    def listens_to(self, peer: str) -> bool:
        """Say whether what a peer tells of its state is compared with the own."""

    @abstractmethod
    def _compare(self, told: dict[str, tuple[int, int]]) -> None: ...

    @abstractmethod
    def _boot(self, settings) -> None: ...

    @abstractmethod
    def _turn(self) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...

    @abstractmethod
    def _halt(self) -> None: ...


def _brief(value):
    if isinstance(value, list):
        return f"[{value[0][1]}..{value[-1][1]}]" if value else "[]"
    return f"{len(value)}B" if isinstance(value, bytes) else value
