"""What a cluster keeps on disk: a directory for each replica, its secrets, and whether its bootstrap is pending."""

import fcntl
import os
import secrets
import shutil
from pathlib import Path
from typing import IO, Final

from quitanda_local.errors import DataDirectoryInUse, DataDirectoryUnusable

SECRET_FILE: Final = "cluster.secret"  # noqa: S105 - a file's name
FEED_KEY_FILE: Final = "feed.key"
SECRET_BYTES: Final = 32
BOOTSTRAP_PENDING_FILE: Final = "founding"
IDENTITIES: Final = "identity"
"""The folder with the identity folders, in a run that has them."""
LOCK_FILE: Final = "lock"
IGNORE_FILE: Final = ".gitignore"
OF_THE_SYSTEM: Final = frozenset({"lost+found", ".DS_Store", IGNORE_FILE})
"""What may be in a directory that is empty otherwise."""


class DataDirectory:
    """A directory that one run at a time may use."""

    def __init__(self, path: Path, replicas: tuple[str, ...]) -> None:
        self.path = path
        self._replicas = replicas
        self._lock: IO[bytes] | None = None

    def open(self) -> None:
        """Make the directory where it is missing, and take it.

        DataDirectoryInUse if another run has it; DataDirectoryUnusable if it cannot be made or written, or holds other
        things, which nobody wants among a cluster's data.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_nothing_else_is_here()
            lock = (self.path / LOCK_FILE).open("ab")
            self._lock = _locked(lock)
            self._hide_from_git()
        except OSError as error:
            self.close()
            raise DataDirectoryUnusable(
                f"the data cannot be kept in {self.path}: {error.strerror or error} ({error.filename or self.path}); "
                "give another directory (`make run DATA=dir`), or mend this one"
            ) from None
        if self._lock is None:
            raise DataDirectoryInUse(f"another run of Quitanda uses {self.path}: stop it, or give another directory")

    def _check_nothing_else_is_here(self) -> None:
        here = {entry.name for entry in self.path.iterdir()} - OF_THE_SYSTEM
        if here and not here & {LOCK_FILE, *self._replicas}:
            raise DataDirectoryUnusable(
                f"{self.path} holds other things than the data of a Quitanda ({min(here)}): "
                "give a new or empty directory"
            )

    def _hide_from_git(self) -> None:
        """Let `git add .` pass the directory by, wherever it is: the data and the secrets belong in no repository."""
        ignore = self.path / IGNORE_FILE
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")

    def close(self) -> None:
        """Let others use the directory."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def secret(self) -> str:
        """Read what the replicas prove to each other that they belong together with; made at the first call."""
        return self._kept(SECRET_FILE)

    def feed_key(self) -> str:
        """Read what portals know the change feed by; made at the first call, and not from the replicas' secret."""
        return self._kept(FEED_KEY_FILE)

    def _kept(self, name: str) -> str:
        """Read a secret that only the owner of the directory may read; made where there is none."""
        file = self.path / name
        if not file.exists():
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as new:
                new.write(secrets.token_urlsafe(SECRET_BYTES))
        return file.read_text(encoding="ascii").strip()

    def begin(self) -> bool:
        """Return true if a new cluster starts here, so that replicas with empty disks may elect a leader.

        That is so if no replica has any data, or if an earlier start began like that and did not get as far as
        `finish_bootstrap`. A single empty disk among others is a replaced one, and its replica must first catch up.
        """
        pending = self.path / BOOTSTRAP_PENDING_FILE
        if all(self.is_empty(replica) for replica in self._replicas):
            pending.touch()
        return pending.exists()

    def finish_bootstrap(self) -> None:
        """Note that the cluster has had a leader: from now on an empty disk is a replaced one."""
        (self.path / BOOTSTRAP_PENDING_FILE).unlink(missing_ok=True)

    def folder(self, name: str) -> Path:
        """Name the folder with everything that the replica, or the broker, keeps."""
        return self.path / name

    def is_empty(self, replica: str) -> bool:
        """Say whether the replica's directory is missing or empty."""
        directory = self.folder(replica)
        return not directory.exists() or not any(directory.iterdir())

    def erase(self, name: str) -> None:
        """Remove everything that the replica, or the broker, keeps."""
        shutil.rmtree(self.folder(name), ignore_errors=True)

    def log(self, name: str) -> Path:
        """Name the file that the output of the process goes to."""
        return self.path / "logs" / f"{name}.log"


def _locked(lock: IO[bytes]) -> IO[bytes] | None:
    """Take the lock, or close the file and return None where another process has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock
