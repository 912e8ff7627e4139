"""What goes wrong: crashes, power losses, cut paths, lost disks and the like, at random moments, and mended again."""

from random import Random

STEPS_AHEAD_MAX = 14
LOOKS_AHEAD_MAX = 40
STALLED_SECONDS = 0.3, 3.0


class Faults:
    """Lets faults happen for a while; `NAMES` are their kinds."""

    def __init__(self, world, chance: Random):
        self._world = world
        self._chance = chance
        self._active = True
        self._replaced: set[str] = set()
        """Replicas whose first disk is lost; whether the flag for a new cluster is still set must not matter."""
        self._kinds = {
            "crash": self._crash,
            "stop": self._stop,
            "crash inside": self._crash_inside,
            "crash of the leader": self._crash_leader,
            "crash of all": self._crash_all,
            "disk failure": self._fail_disk,
            "cut one way": self._cut_one_way,
            "isolation": self._isolate,
            "split": self._split,
            "reset": self._reset,
            "pause": self._pause,
            "stall": self._stall,
            "slow disk": self._slow_disk,
            "handing over": self._hand_over,
            "lost disk": self._lose_disk,
            "damaged disk": self._damage_disk,
        }

    def begin(self) -> None:
        """Begin; each kind comes as often as the run_config says."""
        self._world.schedule.after(self._pause_length(), self._next)

    def end(self) -> None:
        """Mend everything, for good."""
        self._active = False
        self._world.fabric.delays = self._world.calm
        for path in self._world.fabric.paths.values():
            path.mend(self._world.schedule.now)
        for replica in self._world.replicas.values():
            replica.delays = self._world.calm
            replica.crash_in(1 << 60)
            replica.draw_stall()
            replica.resume()
            replica.hand_over(wanted=False)
            if not replica.disk.whole:
                self._replace_disk(replica)
            self._start(replica)

    def _next(self):
        if not self._active:
            return
        weights = self._world.config.fault_weights
        kinds = [kind for kind in self._kinds if weights.get(kind)]
        if kinds:
            (kind,) = self._chance.choices(kinds, [weights[kind] for kind in kinds])
            self._world.count(f"fault {kind}")
            self._kinds[kind]()
        self._world.schedule.after(self._pause_length(), self._next)

    def _pause_length(self):
        return self._chance.expovariate(1 / self._world.config.fault_mean_seconds)

    def _later(self, mean_seconds, action):
        """Do `action` after a while, unless everything has been mended by then."""
        self._world.schedule.after(
            0.01 + self._chance.expovariate(1 / mean_seconds), lambda: action() if self._active else None
        )

    def _any(self):
        return self._chance.choice(list(self._world.replicas.values()))

    def _leader(self):
        return max(
            (each for each in self._up() if each.view() and each.leads), key=lambda each: each.term, default=None
        )

    def _up(self):
        return [each for each in self._world.replicas.values() if each.up]

    # --- crashes

    def _crash(self):
        self._kill(self._any())

    def _stop(self):
        replica = self._any()
        if replica.up and replica.paused_since is None:
            replica.stop()
            self._later(0.3, lambda: self._start(replica))

    def _crash_leader(self):
        if (leader := self._leader()) is not None:
            self._kill(leader)

    def _crash_all(self):
        power = self._chance.random() < 0.5
        for replica in self._up():
            self._kill(replica, power=power)

    def _crash_inside(self):
        replica = self._leader() if self._chance.random() < 0.5 else self._any()
        if replica is not None and replica.up:
            replica.crash_in(self._chance.randint(0, STEPS_AHEAD_MAX))
            self._later(0.6, lambda: self._start(replica))

    def _fail_disk(self):
        replica = self._any()
        if replica.up:
            replica.crash_in(self._chance.randint(0, STEPS_AHEAD_MAX), disk_fails=True)
            self._later(0.8, lambda: self._start(replica))

    def _kill(self, replica, *, power=None):
        replica.crash(power=self._chance.random() < 0.5 if power is None else power)
        self._later(self._chance.choice((0.05, 0.5, 2.0)), lambda: self._start(replica))

    def _start(self, replica):
        """Start it; the flag for a new cluster stays on until there is one, and does not matter afterwards."""
        if not replica.up:
            begun = any(disk.counts for disk in self._world.disks)
            flag = replica.name not in self._replaced or not begun or self._chance.random() < 0.5
            replica.start(bootstrap=flag)

    def _lose_disk(self):
        """Replace a disk, but leave a majority that counts."""
        replica = self._any()
        if self._can_spare(replica):
            self._replace_disk(replica)
            self._later(0.5, lambda: self._start(replica))

    def _damage_disk(self):
        """Damage a stored value, or tear the last batch with the power; the replica stops, and its disk is replaced."""
        replica = self._any()
        if not self._can_spare(replica) or not replica.disk.content:
            return
        self._world.count("damaged disks")
        if self._chance.random() < 0.3:
            self._world.trace.note(replica.name, "its last batch is torn")
            replica.disk.torn = True
            self._kill(replica, power=True)
        else:
            key = self._chance.choice(sorted(replica.disk.content))
            self._world.trace.note(replica.name, f"its disk is damaged at {key!r}")
            replica.disk.damaged.add(key)
            if self._chance.random() < 0.5:
                self._kill(replica)
        self._later(2.0, lambda: self._repair(replica))

    def _repair(self, replica):
        if not replica.disk.whole:
            self._replace_disk(replica)
            self._later(0.5, lambda: self._start(replica))

    def _can_spare(self, replica):
        """Say whether a majority counts, and can be read, without this one; or it is the first, while all begin."""
        first = not self._replaced and all(disk.whole for disk in self._world.disks)
        if first and not self._world.counts["acknowledged writes"]:
            return True
        good = sum(disk.counts and disk.whole for disk in self._world.disks if disk is not replica.disk)
        return good * 2 > len(self._world.disks)

    def _replace_disk(self, replica):
        replica.lose_disk()
        self._replaced.add(replica.name)

    def any_name(self) -> str:
        """Return the name of some replica."""
        return self._any().name

    def hand_over_some_time(self) -> None:
        """Let the term grow a little."""
        for leader in filter(None, [self._leader()] * self._chance.randint(0, 1)):
            leader.hand_over(wanted=True)
            self._world.run(0.5)
            leader.hand_over(wanted=False)

    # --- faults that stay

    def lose_majority(self) -> bool:
        """Replace disks until the good ones are no majority any more; False where the cluster is not founded yet."""
        good = [each for each in self._world.replicas.values() if each.disk.counts and each.disk.whole]
        too_few = len(self._world.disks) // 2
        if len(good) <= too_few:
            return False
        for replica in self._chance.sample(good, len(good) - self._chance.randint(1, too_few)):
            self._replace_disk(replica)
        self._world.count("lost majorities")
        return True

    def stay(self) -> None:
        """Take a replica away for good, or cut a link for good, one way or both ways."""
        names = list(self._world.replicas)
        gone, peer = self._chance.sample(names, 2)
        kind = self._chance.choice(("replica", "link", "one way"))
        self._world.count("faults that stay")
        self._world.trace.note("faults", f"for good: {kind} {gone} {peer}")
        if kind == "replica":
            self._world.replicas[gone].crash(power=True)
            return
        now = self._world.schedule.now
        self._world.fabric.paths[gone, peer].cut(now)
        if kind == "link":
            self._world.fabric.paths[peer, gone].cut(now)

    # --- the network

    def _cut(self, cut):
        now = self._world.schedule.now
        paths = [path for path in self._world.fabric.paths.values() if cut(path.source, path.target)]
        for path in paths:
            path.cut(now)
        self._world.count("cuts")
        self._world.trace.note("network", "cuts " + " ".join(f"{path.source}>{path.target}" for path in paths))
        mean = self._chance.choice((0.2, 0.6, 2.0))
        if self._chance.random() < 0.5:
            self._later(mean, lambda: self._mend(paths))
            return
        for link in sorted({tuple(sorted((path.source, path.target))) for path in paths}):
            # one link after the other, so that who was cut off may meet one of the others first
            of_link = [path for path in paths if {path.source, path.target} == set(link)]
            self._later(mean, lambda of_link=of_link: self._mend(of_link))

    def _mend(self, paths):
        self._world.trace.note("network", "mends " + " ".join(f"{path.source}>{path.target}" for path in paths))
        for path in paths:
            path.mend(self._world.schedule.now)

    def _cut_one_way(self):
        one, other = self._chance.sample(list(self._world.replicas), 2)
        self._cut(lambda source, target: (source, target) == (one, other))

    def _isolate(self):
        leader = self._leader()
        alone = leader.name if leader is not None and self._chance.random() < 0.6 else self._any().name
        deaf, mute = self._chance.choice(((True, True), (True, True), (True, False), (False, True)))
        self._cut(lambda source, target: (mute and source == alone) or (deaf and target == alone))

    def _split(self):
        names = list(self._world.replicas)
        side = set(self._chance.sample(names, self._chance.randint(1, len(names) - 1)))
        self._cut(lambda source, target: (source in side) != (target in side))

    def _reset(self):
        for _ in range(self._chance.randint(1, 3)):
            one, other = self._chance.sample(list(self._world.replicas), 2)
            self._world.trace.note("network", f"resets {one}-{other}")
            self._world.count("resets")
            self._world.fabric.reset(one, other)

    # --- the rest

    def _pause(self):
        replica = self._any()
        replica.pause()
        self._later(self._chance.choice((0.2, 1.0)), replica.resume)

    def _stall(self):
        """Let a replica stand still in the middle of what it does, most of the time one that does not count."""
        blank = [each for each in self._up() if not each.disk.counts]
        replica = self._chance.choice(blank) if blank and self._chance.random() < 0.7 else self._any()
        replica.stall_in(self._chance.randint(0, LOOKS_AHEAD_MAX), self._chance.uniform(*STALLED_SECONDS))

    def _slow_disk(self):
        replica = self._any()
        replica.delays = self._world.slow
        self._later(1.5, lambda: setattr(replica, "delays", self._world.config.delays))

    def _hand_over(self):
        """Begin to hand over, to anyone or to a certain one, also where that is under way; and cease after a while."""
        if (leader := self._leader()) is None:
            return
        others = [name for name in self._world.replicas if name != leader.name]
        leader.hand_over(wanted=True, to=self._chance.choice(["", *others]))
        incarnation = leader.incarnation
        if self._chance.random() < 0.2:
            self._later(0.1, lambda: self._stop_if(leader, incarnation))
        self._later(0.8, lambda: leader.hand_over(wanted=False) if leader.incarnation == incarnation else None)

    def _stop_if(self, replica, incarnation):
        if replica.incarnation == incarnation and replica.up and replica.paused_since is None:
            replica.stop()
            self._later(0.3, lambda: self._start(replica))


NAMES = (
    "crash",
    "stop",
    "crash inside",
    "crash of the leader",
    "crash of all",
    "disk failure",
    "cut one way",
    "isolation",
    "split",
    "reset",
    "pause",
    "stall",
    "slow disk",
    "handing over",
    "lost disk",
    "damaged disk",
)
