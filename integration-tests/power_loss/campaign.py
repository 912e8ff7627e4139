"""Round after round: three replicas write, the power of all fails, and everything acknowledged must be there once."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from power_loss.recorder import RecordedDisk, build
from rounds_command import PromiseBroken

from quitanda_local import ports

LOADED_REPLICA = Path(__file__).with_name("loaded_replica.py")
NAMES = ("replica1", "replica2", "replica3")
ANSWER_SECONDS = 180.0
"""Long, because a replica that is behind may get the whole state, through tiny write buffers, on a busy machine."""
WRITES = (200, 1500)
"""Acknowledged writes of a round, at least; the power fails shortly afterwards."""
LATE_EVERY = 3
"""In every so-manieth round one replica starts when the log reaches back no more, and gets a snapshot meanwhile."""
LATE_WRITES = 700
PAUSE = threading.Event()


class LoadedReplicaProcess:
    """A replica's process."""

    def __init__(self, name, disk, addresses, environment):
        self.name = name
        self.acknowledged = []
        self._answers = queue.SimpleQueue()
        command = [sys.executable, str(LOADED_REPLICA), name, str(disk.live), addresses]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            if not line.endswith("\n"):
                return  # the kill cut it short: nobody was told
            fact = json.loads(line)
            if fact["kind"] == "acknowledged":
                self.acknowledged.append((fact["request"], fact["revision"]))
            else:
                self._answers.put(fact)

    def tell(self, do, **values):
        try:
            self._process.stdin.write(json.dumps({"do": do} | values) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PromiseBroken(f"{self.name} has ended by itself with {self._process.wait()}") from None

    def answer(self):
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            try:
                return self._answers.get(timeout=0.1)
            except queue.Empty:
                if self._process.poll() is not None:
                    raise PromiseBroken(f"{self.name} has ended by itself with {self._process.returncode}") from None
        raise PromiseBroken(f"{self.name} does not answer")

    def ask(self, do, **values):
        self.tell(do, **values)
        return self.answer()

    def kill(self):
        self._process.kill()

    def end(self):
        self.kill()
        self._process.wait()
        self._reader.join()
        with suppress(BrokenPipeError):  # it ended by itself, with a command unread
            self._process.stdin.close()
        self._process.stdout.close()


@dataclass
class PowerLossFigures:
    rounds: int = 0
    acknowledged: int = 0
    names_lost: int = 0
    bytes_lost: int = 0
    late_starts: int = 0
    seconds: float = 0.0

    def __str__(self):
        return (
            f"{self.rounds} power failures of all three replicas in {self.seconds:.0f} s: {self.acknowledged} writes "
            f"acknowledged, none lost, none twice, digests equal; thrown away: "
            f"{self.names_lost} changes of a folder, {self.bytes_lost} bytes of files; "
            f"{self.late_starts} times a replica was behind the log"
        )


class PowerLossCampaign:
    """`ignore` breaks the disks on purpose, see recorder.c."""

    def __init__(self, folder, seed, ignore=""):
        self._chance = Random(seed)
        self._ignore = ignore
        self._library = build(folder)
        self._disks = {name: RecordedDisk(folder / name) for name in NAMES}
        free = ports.free_ports(len(NAMES))
        self._addresses = ",".join(f"{name}=127.0.0.1:{port}" for name, port in zip(NAMES, free, strict=True))
        self._acknowledged = []
        self._unchecked = 0
        self.figures = PowerLossFigures()

    def run(self, rounds, report=lambda _: None):
        """Return the figures. Raises PromiseBroken."""
        begun = time.monotonic()
        for number in range(rounds):
            self._round(late=self._chance.choice(NAMES) if number % LATE_EVERY == LATE_EVERY - 1 else None)
            self.figures.seconds = time.monotonic() - begun
            report(self.figures)
        with ExitStack() as ending:
            self._check([self._start(name, ending) for name in NAMES], self._acknowledged)
        self.figures.seconds = time.monotonic() - begun
        return self.figures

    def _round(self, late):
        with ExitStack() as ending:
            children = [self._start(name, ending) for name in NAMES if name != late]
            self._check(children, self._acknowledged[self._unchecked :])
            for child in children:
                child.tell("load", seed=self._chance.getrandbits(32))
            if late:
                wait_until(lambda: count(children) >= LATE_WRITES, "writes without the third replica")
                children.append(self._start(late, ending))
            goal = count(children) + self._chance.randrange(*WRITES)
            wait_until(lambda: count(children) >= goal, "writes")
            PAUSE.wait(self._chance.random() * 0.05)
            for child in children:
                child.kill()
        self._fail_power(children)
        self.figures.late_starts += late is not None

    def _fail_power(self, children):
        self._unchecked = len(self._acknowledged)
        for child in children:
            self._acknowledged += child.acknowledged
        for disk in self._disks.values():
            names, size = disk.power_failure(self._chance)
            self.figures.names_lost += names
            self.figures.bytes_lost += size
        self.figures.rounds += 1
        self.figures.acknowledged = len(self._acknowledged)

    def _start(self, name, ending):
        disk = self._disks[name]
        child = LoadedReplicaProcess(name, disk, self._addresses, disk.environment(self._library, self._ignore))
        ending.callback(child.end)
        return child

    def _check(self, children, acknowledged):
        """Every acknowledged write is there, everything that is there is there once, and all replicas agree."""
        settle(children)
        facts = {child.name: child.ask("check", acknowledged=acknowledged) for child in children}
        for name, fact in facts.items():
            if fact["missing"]:
                some = ", ".join(fact["missing"][:5])
                raise PromiseBroken(
                    f"{name} lacks {len(fact['missing'])} of {len(acknowledged)} acknowledged writes: {some}"
                )
            if fact["adjustments"] != fact["stock"]:
                raise PromiseBroken(
                    f"{name} was told {fact['adjustments']} times to add a unit, and has {fact['stock']}"
                )
        if len({fact["digest"] for fact in facts.values()}) != 1:
            raise PromiseBroken(f"the replicas differ: {facts}")


def settle(children):
    """Wait until there is a leader and all have applied whatever was acknowledged, the same."""
    index = wait_until(
        lambda: next(filter(None, (child.ask("settle")["index"] for child in children)), None), "a leader"
    )

    def level():
        applied = {child.ask("status")["applied"] for child in children}
        return len(applied) == 1 and applied.pop() >= index

    wait_until(level, "all replicas to apply the same")


def count(children):
    return sum(len(child.acknowledged) for child in children)


def wait_until(condition, what):
    deadline = time.monotonic() + ANSWER_SECONDS
    while not (outcome := condition()):
        if time.monotonic() > deadline:
            raise PromiseBroken(f"waited {ANSWER_SECONDS:g} s for {what}")
        PAUSE.wait(0.01)
    return outcome
