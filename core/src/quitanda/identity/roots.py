"""The two CAs: one for processes, one for customers. Each signs itself, and neither says anything about the other.

Both are kept, with everything about their replacement, in the authority's own folder. A CA is replaced in the three
steps of `rotation`: everybody trusts a new one, too; the new one signs; nobody trusts the old one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final, NoReturn

from cryptography import x509

from quitanda.identity import folder_writing
from quitanda.identity.certificates import (
    KeyedCertificate,
    NotACertificate,
    new_root,
    pem_of,
    read_certificates,
    renewed_from,
)
from quitanda.identity.folder import IdentityError, IdentityFile, IdentityFolder
from quitanda.identity.rotation import Rotation, RotationStep

CLOCK_MIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time: Quitanda made no identities before."""

PUT_BACK: Final = (
    "put the authority's folder back from your copy; or remove all identity folders together and run `create`, after "
    "which every process and client needs its new folder, and customers need new certificates"
)


@dataclass(frozen=True, slots=True)
class RootFiles:
    """Where a CA is kept in the authority's folder, and how long a rotation waits."""

    whose: str
    key: str
    next_key: str
    retired: str
    trusted: IdentityFile
    """The file of the holders' folders with the certificates that are trusted."""
    given: frozenset[IdentityFile]
    """The files of the holders' folders that change while the CA is replaced."""
    pauses: tuple[timedelta, timedelta]
    """How long after the first, and after the second step somebody may still use what was there before."""


REREAD: Final = timedelta(minutes=15)
"""How long a process may keep connections that were opened with files which were replaced since, and then some."""

PROCESSES: Final = RootFiles(
    whose="processes",
    key="ca-key.pem",
    next_key="next-ca-key.pem",
    retired="retired-ca.pem",
    trusted=IdentityFile.CA,
    given=frozenset({IdentityFile.CA, IdentityFile.CLIENTS_CA, IdentityFile.PROCESS}),
    pauses=(REREAD, REREAD),
)
CUSTOMERS: Final = RootFiles(
    whose="customers",
    key=IdentityFile.CUSTOMERS_CA_KEY,
    next_key="next-customers-ca-key.pem",
    retired="retired-customers-ca.pem",
    trusted=IdentityFile.CUSTOMERS_CA,
    given=frozenset({IdentityFile.CUSTOMERS_CA, IdentityFile.CLIENTS_CA, IdentityFile.CUSTOMERS_CA_KEY}),
    pauses=(REREAD, timedelta(hours=25)),
)
"""Customers' certificates live 24 hours."""


class Root:
    """One of the two CAs, as it is kept. Every method raises IdentityError, or OSError where nothing can be written."""

    def __init__(self, folder: IdentityFolder, files: RootFiles) -> None:
        self.files = files
        self._folder = folder
        self._rotation = Rotation(folder, files.key, files.next_key, files.retired)
        self.signing: KeyedCertificate
        """The CA that signs now; there is none before `open` or `make`."""

    @property
    def exists(self) -> bool:
        """Tell whether there is a key that signs."""
        return self._folder.has(self.files.key)

    def make(self, now: datetime) -> None:
        """Make the first CA, with a new key."""
        self.signing = self._new(self.files.key, now)
        folder_writing.write(self._folder.file(self.files.key), self.signing.pem(), replace=False)

    def open(self, now: datetime) -> None:
        """Read the CA that signs, and check that the clock lies within its life."""
        self.signing = self._keyed(self.files.key)
        begins, ends = self.signing.certificate.not_valid_before_utc, self.signing.certificate.not_valid_after_utc
        if now < begins:
            self._refuse(
                self.files.key,
                f"the CA of {self.files.whose} is valid from {begins:%Y-%m-%d %H:%M} UTC, and the clock of this "
                f"machine shows {now:%Y-%m-%d %H:%M} UTC",
                "set the clock",
            )
        if now >= ends:
            self._refuse(
                self.files.key,
                f"the CA of {self.files.whose} expired at {ends:%Y-%m-%d %H:%M} UTC",
                f"set the clock, if it is wrong; otherwise: {PUT_BACK}",
            )

    def trusted(self) -> list[x509.Certificate]:
        """Give the certificates that everybody trusts now, the one that signs first."""
        found = [self.signing.certificate]
        if self._folder.has(self.files.next_key):
            found.append(self._keyed(self.files.next_key).certificate)
        if self._folder.has(self.files.retired):
            found += self._retired()
        return list(dict.fromkeys(found))

    def trusted_pem(self) -> bytes:
        """Write the trusted certificates as one PEM text."""
        return pem_of(self.trusted())

    def should_be_replaced(self, now: datetime) -> bool:
        """Tell whether the CA is so old that certificates will soon have to end before their time."""
        return now >= renewed_from(self.signing.certificate)

    @property
    def step(self) -> RotationStep:
        """Tell which step of a rotation was done last; NONE where no rotation is under way."""
        return self._rotation.step

    def next_step_from(self) -> datetime:
        """Give the time from which the next step harms nobody who reads the own folder again as the processes do."""
        if self.step is RotationStep.NONE:
            return datetime.min.replace(tzinfo=UTC)
        done = datetime.fromtimestamp(self._rotation.mark.stat().st_mtime, UTC)
        return done + self.files.pauses[self.step - 1]

    def holders_change(self, name: IdentityFile) -> None:
        """Begin the pause again before a holder gets a file that the last step was to give it."""
        if name in self.files.given and self.step is not RotationStep.NONE:
            self._rotation.mark.touch()

    def advance(self, now: datetime) -> RotationStep:
        """Do the next step, and give `step` as it is then: after the third one no rotation is under way."""
        match self.step:
            case RotationStep.NONE:
                self._rotation.begin(self._new(self.files.next_key, now).pem())
            case RotationStep.BOTH_ACCEPTED:
                new = self._keyed(self.files.next_key)
                self._rotation.switch(pem_of([self.signing.certificate]))
                self.signing = new
            case RotationStep.NEW_ONE_IN_USE:
                self._rotation.finish()
        return self.step

    def _new(self, name: str, now: datetime) -> KeyedCertificate:
        if now < CLOCK_MIN:
            self._refuse(name, f"the clock of this machine shows {now:%Y-%m-%d %H:%M} UTC", "set the clock")
        # The random part keeps two CAs apart for programs that find a CA by its name.
        return new_root(f"Quitanda CA of {self.files.whose} {token_hex(4)}", now)

    def _keyed(self, name: str) -> KeyedCertificate:
        try:
            return KeyedCertificate.read(self._folder.key_and_certificates(name))
        except (NotACertificate, IdentityError) as error:
            self._refuse(name, error.problem if isinstance(error, IdentityError) else str(error), PUT_BACK)

    def _retired(self) -> Sequence[x509.Certificate]:
        try:
            return read_certificates(self._folder.certificates(self.files.retired))
        except NotACertificate as error:
            self._refuse(self.files.retired, str(error), PUT_BACK)

    def _refuse(self, name: str, problem: str, next_step: str) -> NoReturn:
        raise IdentityError(self._folder.file(name), problem, next_step) from None
