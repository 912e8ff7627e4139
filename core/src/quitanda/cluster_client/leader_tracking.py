"""What is known of who leads, and whom to ask next; pure decisions, no I/O and no clock of their own.

Two kinds of knowledge differ in weight. An answer proves who leads (or led a moment ago); a NOT_LEADER
hint is hearsay and only fills a gap, or replaces the replica that gave it. So a follower that lags
cannot send everybody back to a leader that is gone.

A replica that stayed silent is under suspicion for a while: it is asked only where no other could be,
since each try there costs a whole time-out (paused process, cut network), while others answer at once.
"""

from collections.abc import Collection, Sequence


class Leadership:
    """The leader as far as known, shared by all calls of one client; times are in seconds of one clock."""

    def __init__(self, names: Sequence[str], suspicion: float) -> None:
        """`suspicion` is how long a silent replica is avoided.

        Raises ValueError without names or with duplicates.
        """
        if not names or len(set(names)) != len(names):
            raise ValueError("replicas need names, each its own")
        self._names = tuple(names)
        self._suspicion = suspicion
        self._suspected_until: dict[str, float] = {}
        self._turn = 0
        self._answered_last: str | None = None
        self.known: str | None = None

    def candidate(self, tried: Collection[str], now: float) -> str | None:
        """Whom to ask, not among `tried`: the leader, else each in turn; None where all were tried."""
        trusted = [name for name in self._names if self._suspected_until.get(name, now) <= now] or list(self._names)
        left = [name for name in trusted if name not in tried]
        if not left:
            return None
        if self.known in left:
            return self.known
        return left[self._turn % len(left)]

    def answered(self, name: str) -> bool:
        """Learn that the replica answered as the leader; tell whether it is another than before."""
        self._suspected_until.pop(name, None)
        changed = self._answered_last != name
        self.known = self._answered_last = name
        return changed

    def redirected(self, name: str, hint: str) -> None:
        """Learn that the replica does not lead and believes that `hint` does ('': it knows of none)."""
        self._turn += 1
        self._suspected_until.pop(name, None)
        if self.known in {None, name}:
            self.known = hint if hint in self._names and hint != name else None

    def failed(self, name: str) -> None:
        """Learn that the replica cannot be reached or cannot lead now."""
        self._turn += 1
        if self.known == name:
            self.known = None

    def silent(self, name: str, now: float) -> None:
        """Learn that the replica did not answer in time."""
        self.failed(name)
        self._suspected_until[name] = now + self._suspicion
