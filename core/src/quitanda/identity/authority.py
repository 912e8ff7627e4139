"""The authority: makes the identity folders under one root, and keeps them usable. One at a time works on a root.

The authority has a folder of its own, `ca`. It holds both CAs with their keys, every secret, and the list of the
holders. All other folders are made from it (`holder_folders`). So whatever was interrupted is completed by the next
call, and a folder that was lost is made again. What the authority's own folder holds is made once, and never replaced
but by the rotation of a CA.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from quitanda.identity import folder_writing, holders, shared_secrets
from quitanda.identity.certificates import renewed_from
from quitanda.identity.folder import IdentityError, IdentityFile, IdentityFolder
from quitanda.identity.holder_folders import FileChange, HolderFolders, IsDue, Report, always, never
from quitanda.identity.holders import Holder
from quitanda.identity.roots import CUSTOMERS, PROCESSES, PUT_BACK, Root
from quitanda.identity.rotation import RotationStep
from quitanda.identity.shared_secrets import SharedSecret

HOLDERS_FILE: Final = "holders.json"
LOCK_FILE: Final = "lock"
WAIT_SECONDS: Final = 60.0
"""How long a call waits for another one that works on the same root, unless somebody wants it otherwise."""
_LOCK_POLL_SECONDS: Final = 0.05


class Authority:
    """Makes and mends the folders under `root`. Methods raise IdentityError, and OSError where nothing can be written.

    Everything but `create` needs that there are identities already. What a method did before it failed stays, and the
    next call goes on from there.
    """

    def __init__(self, root: Path, report: Report, wait_seconds: float = WAIT_SECONDS) -> None:
        self._base = root
        self._own = IdentityFolder(root / holders.AUTHORITY)
        self._report = report
        self._wait_seconds = wait_seconds
        self.processes = Root(self._own, PROCESSES)
        self.customers = Root(self._own, CUSTOMERS)
        self._secrets = {name: SharedSecret(self._own, name) for name in shared_secrets.NAMES}
        self._holder_folders = HolderFolders(root, self._own, self.processes, self.customers, self._secrets, report)

    @property
    def roots(self) -> tuple[Root, Root]:
        """Both CAs."""
        return self.processes, self.customers

    def folder(self, holder: Holder) -> IdentityFolder:
        """Give the folder of a holder."""
        return self._holder_folders.folder(holder)

    def create(self, given: Iterable[Holder], now: datetime) -> None:
        """Make whatever is missing, and certificates that cannot be used or are old; leave everything else as it is.

        So a system whose every start calls this renews its certificates by itself. `given` is added to the list of the
        holders; if there is neither a list nor anything given, holders.DEFAULT is taken. IdentityError, with nothing
        changed, where what is there does not belong together.
        """
        with self._locked():
            known = self._known_holders()
            wanted = self._together(known, tuple(given) or (() if known else holders.DEFAULT))
            self._check_nothing_was_lost(wanted)
            for root in self.roots:
                self._open_or_make(root, now)
            for name, secret in self._secrets.items():
                if not secret.exists:
                    secret.make()
                    self._report(FileChange(self._own.file(name), "made"))
            self._holder_folders.check(wanted)
            if wanted != known:
                self._write(HOLDERS_FILE, holders.to_text(wanted), "replaced" if known else "made")
            self._holder_folders.give(wanted, now, _old_at(now))

    def renew(self, now: datetime, *, everything: bool) -> None:
        """Make new certificates for processes whose own are past two thirds of their life, or for all of them."""
        with self._locked():
            self._give(self.holders(now), now, always if everything else _old_at(now))

    def rotate(self, root: Root, now: datetime, *, at_once: bool) -> RotationStep:
        """Do the next step of the replacement of a CA, and give the step that was done.

        IdentityError where it is too early: a process may not have read its folder again since the last step. `at_once`
        says that each has.
        """
        with self._locked():
            wanted = self.holders(now)
            self._give(wanted, now, never)  # what the last step may have left undone
            if not at_once and now < root.next_step_from():
                raise IdentityError(
                    self._own.path,
                    f"the next step of the rotation would come too early: until {root.next_step_from():%Y-%m-%d %H:%M} "
                    "UTC somebody may still use what was there before the last step",
                    "wait until then; or, if every process was restarted after the last step, give --at-once",
                )
            step = root.advance(now)
            self._give(wanted, now, never)
            return step

    def rotate_secret(self, name: IdentityFile, now: datetime, *, restarted: bool) -> SharedSecret:
        """Replace a secret of shared_secrets.REPLACEABLE, and give it.

        The cluster's secret needs three calls, one for each step of `rotation`, and all replicas are restarted after
        each; `restarted` says that they were, without which IdentityError is raised. Others are replaced by one call.
        """
        with self._locked():
            wanted, secret = self.holders(now), self._secrets[name]
            self._give(wanted, now, never)
            if name is not IdentityFile.CLUSTER_SECRET:
                while secret.advance() is not RotationStep.NEW_ONE_IN_USE:
                    pass
                self._give(wanted, now, never)
                secret.advance()
                return secret
            if secret.step is not RotationStep.NONE and not restarted:
                raise IdentityError(
                    self._own.file(name),
                    f"it is being replaced, and round {secret.step:d} of 3 is done; a replica that was not restarted "
                    "since would be cut off by the next one",
                    "restart all replicas, one after the other, and then give --restarted",
                )
            secret.advance()
            self._give(wanted, now, never)
            return secret

    def holders(self, now: datetime) -> tuple[Holder, ...]:
        """Read the list of the holders and both CAs; nothing is changed."""
        known = self._known_holders()
        if not known:
            raise IdentityError(self._own.path, "there are no identities", "run `create` first")
        self._check_nothing_was_lost(known)
        for root in self.roots:
            if not root.exists:
                raise IdentityError(self._own.path, f"there is no CA of {root.files.whose}", "run `create` first")
            root.open(now)
        return known

    def _give(self, wanted: Iterable[Holder], now: datetime, is_due: IsDue) -> None:
        self._holder_folders.check(wanted)
        self._holder_folders.give(wanted, now, is_due)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        folder_writing.make_folder(self._base)
        folder_writing.make_folder(self._own.path)
        lock = os.open(self._own.file(LOCK_FILE), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = time.monotonic() + self._wait_seconds
            while not _taken(lock):
                if time.monotonic() > deadline:
                    raise IdentityError(
                        self._own.file(LOCK_FILE),
                        f"another process has been working on these folders for {self._wait_seconds:g} s",
                        "wait for it or end it, then run the same command again; nothing was changed",
                    )
                time.sleep(_LOCK_POLL_SECONDS)
            folder_writing.remove_partial_files(self._own.path)
            yield
        finally:
            os.close(lock)

    def _known_holders(self) -> tuple[Holder, ...]:
        if not self._own.has(HOLDERS_FILE):
            return ()
        try:
            return holders.from_text(self._own.text(HOLDERS_FILE))
        except ValueError as error:
            raise IdentityError(
                self._own.file(HOLDERS_FILE), str(error), "mend it, or remove it and run `create` with all names"
            ) from None

    def _together(self, known: Iterable[Holder], given: Iterable[Holder]) -> tuple[Holder, ...]:
        try:
            return holders.together(known, given)
        except ValueError as error:
            raise IdentityError(self._own.file(HOLDERS_FILE), str(error), "give another name") from None

    def _check_nothing_was_lost(self, wanted: Iterable[Holder]) -> None:
        """Refuse to make a CA or a secret where a holder has one: its process would be cut off from the others."""
        for holder in wanted:
            folder = self.folder(holder)
            for root in self.roots:
                if not root.exists and folder.has(root.files.trusted):
                    raise IdentityError(
                        self._own.file(root.files.key),
                        f"the CA of {root.files.whose} is missing, but the folder {holder.name} trusts one",
                        PUT_BACK,
                    )
            for name, secret in self._secrets.items():
                if not secret.exists and folder.has(name):
                    raise IdentityError(
                        self._own.file(name),
                        f"it is missing, but the folder {holder.name} has one",
                        f"copy {folder.file(name)} to it",
                    )

    def _open_or_make(self, root: Root, now: datetime) -> None:
        if root.exists:
            root.open(now)
        else:
            root.make(now)
            self._report(FileChange(self._own.file(root.files.key), "made", f"the CA of {root.files.whose}"))

    def _write(self, name: str, text: str, done: str) -> None:
        folder_writing.write(self._own.file(name), text.encode(), replace=done == "replaced")
        self._report(FileChange(self._own.file(name), done))


def _old_at(now: datetime) -> IsDue:
    """Replace the certificates that are past two thirds of their life."""
    return lambda held: now >= renewed_from(held.certificate)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
