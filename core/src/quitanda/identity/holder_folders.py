"""Gives every holder the files of its folder: copies of what the authority keeps, and a certificate of its own.

Every step can be done again, and does nothing where everything is as it should be.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from quitanda.identity import folder_writing
from quitanda.identity.certificates import (
    KeyedCertificate,
    NotACertificate,
    issue,
    read_certificates,
    why_unusable,
)
from quitanda.identity.folder import FirstCredential, IdentityError, IdentityFile, IdentityFolder
from quitanda.identity.holders import Holder, HolderKind
from quitanda.identity.roots import PUT_BACK, Root
from quitanda.identity.shared_secrets import SharedSecret
from quitanda.identity.tokens import Token, hash_secret, parse_token
from quitanda.mqtt.access_rules import RULES_OF_ROLES, AccessRules

_SECRETS: Final = frozenset(
    {
        IdentityFile.CLUSTER_SECRET,
        IdentityFile.FEED_KEY,
        IdentityFile.REQUEST_GROUP,
        IdentityFile.CUSTOMER_SECRET_KEY,
        IdentityFile.FIRST_CREDENTIAL,
    }
)
_OWNED_BY_THE_HOLDER: Final = frozenset({IdentityFile.CREDENTIAL})
"""Copied where it is missing, and never looked at again: an administrator replaces her token some day."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """What was done to one file, in words without any secret."""

    file: Path
    done: str
    note: str = ""


Report = Callable[[FileChange], None]
"""Is told of each change, after it."""

IsDue = Callable[[KeyedCertificate], bool]
"""Tells of a certificate that can be used whether it is to be replaced all the same."""


def never(_held: KeyedCertificate) -> bool:
    """Replace no certificate that can be used."""
    return False


def always(_held: KeyedCertificate) -> bool:
    """Replace every certificate."""
    return True


class HolderFolders:
    """The way from the authority's folder to the holders'. Methods raise IdentityError, and OSError of the disk."""

    def __init__(
        self,
        root: Path,
        own: IdentityFolder,
        processes: Root,
        customers: Root,
        secrets: Mapping[IdentityFile, SharedSecret],
        report: Report,
    ) -> None:
        self._root = root
        self._own = own
        self._secrets = secrets
        self._processes = processes
        self._customers = customers
        self._report = report

    def folder(self, holder: Holder) -> IdentityFolder:
        """Give the folder of a holder."""
        return IdentityFolder(self._root / holder.name)

    def check(self, holders: Iterable[Holder]) -> None:
        """Refuse where a holder has other secrets, or trusts other CAs; nothing is changed."""
        for holder in holders:
            folder = self.folder(holder)
            for name in sorted(holder.files & _SECRETS):
                if folder.has(name) and folder.file(name).read_bytes() not in self._known(name):
                    raise IdentityError(
                        folder.file(name),
                        f"it is not the same as in {self._own.path}",
                        "find out which of both the running processes have, and remove the other one's folder",
                    )
            for root in (self._processes, self._customers):
                if folder.has(root.files.trusted) and not _trusts(folder, root):
                    raise IdentityError(
                        folder.file(root.files.trusted),
                        f"it trusts none of the CAs of {root.files.whose} in {self._own.path}",
                        f"if the folder is left over from other identities, remove it: it is made again; otherwise: "
                        f"{PUT_BACK}",
                    )

    def give(self, holders: Iterable[Holder], now: datetime, is_due: IsDue) -> None:
        """Bring the folders of all holders up to date."""
        for holder in holders:
            folder_writing.make_folder(self.folder(holder).path)
            folder_writing.remove_partial_files(self.folder(holder).path)
            for name in sorted(holder.files - {IdentityFile.PROCESS}):
                self._copy(self.folder(holder), name, holders)
            if holder.kind is HolderKind.REPLICA:
                self._give_accepted(self.folder(holder))
            if IdentityFile.PROCESS in holder.files:
                self._certify(holder, now, is_due)
            self._restrict(holder)

    def _copy(self, folder: IdentityFolder, name: IdentityFile, holders: Iterable[Holder]) -> None:
        file = folder.file(name)
        content = _access_list(holders) if name is IdentityFile.ACL else self._content(name)
        if not file.exists():
            self._write(file, name, content, "made")
        elif name not in _OWNED_BY_THE_HOLDER and file.read_bytes() != content:
            self._write(file, name, content, "replaced")

    def _give_accepted(self, folder: IdentityFolder) -> None:
        """Let a replica accept another secret exactly as long as the secret is being replaced."""
        file = folder.file(IdentityFile.CLUSTER_SECRET_ACCEPTED)
        accepted = self._secrets[IdentityFile.CLUSTER_SECRET].also_accepted
        if accepted is None:
            if file.exists():
                file.unlink()
                self._report(FileChange(file, "removed"))
        elif not file.exists() or file.read_bytes() != accepted:
            done = "replaced" if file.exists() else "made"
            self._write(file, IdentityFile.CLUSTER_SECRET_ACCEPTED, accepted, done)

    def _known(self, name: IdentityFile) -> set[bytes]:
        """Give what the file of a secret may hold."""
        return self._secrets[name].known if name in self._secrets else {self._content(name)}

    def _content(self, name: IdentityFile) -> bytes:
        """Give what a copied file holds."""
        match name:
            case IdentityFile.CA:
                return self._processes.trusted_pem()
            case IdentityFile.CUSTOMERS_CA:
                return self._customers.trusted_pem()
            case IdentityFile.CLIENTS_CA:
                return self._processes.trusted_pem() + self._customers.trusted_pem()
            case IdentityFile.CUSTOMERS_CA_KEY:
                return self._customers.signing.pem()
            case IdentityFile.FIRST_CREDENTIAL:
                return f"{json.dumps(asdict(self._first_credential()))}\n".encode()
            case _:
                return self._secrets[name].current

    def _first_credential(self) -> FirstCredential:
        token = parse_token(self._own.credential())
        if not isinstance(token, Token):
            raise IdentityError(self._own.file(IdentityFile.CREDENTIAL), f"it is no token ({token})", PUT_BACK)
        return FirstCredential(token.credential_id, "admin", hash_secret(token.secret))

    def _certify(self, holder: Holder, now: datetime, is_due: IsDue) -> None:
        folder = self.folder(holder)
        file = folder.file(IdentityFile.PROCESS)
        is_there = file.exists()
        if is_there:
            why, held = why_not(folder, self._processes, holder, now)
            if held and not why and not is_due(held):
                return
        made = issue(self._processes.signing, holder.subject, now)
        until = f"valid until {made.certificate.not_valid_after_utc:%Y-%m-%d}"
        if is_there:
            self._write(file, IdentityFile.PROCESS, made.pem(), "replaced", f"{until}; {why or 'renewed'}")
        else:
            self._write(file, IdentityFile.PROCESS, made.pem(), "made", until)

    def _restrict(self, holder: Holder) -> None:
        for name in sorted(holder.files):
            file = self.folder(holder).file(name)
            if folder_writing.restrict(file):
                self._report(FileChange(file, "restricted", "others could read it, or its holder could not"))

    def _write(self, file: Path, name: IdentityFile, content: bytes, done: str, note: str = "") -> None:
        for root in (self._processes, self._customers):
            root.holders_change(name)
        folder_writing.write(file, content, replace=done == "replaced")
        self._report(FileChange(file, done, note))


def _access_list(holders: Iterable[Holder]) -> bytes:
    """Write who may use which topics of the broker, for mosquitto."""
    roles = {one.subject.common_name: one.kind.value for one in holders if one.kind.value in RULES_OF_ROLES}
    return AccessRules(roles).mosquitto_acl().encode()


def why_not(
    folder: IdentityFolder, processes: Root, holder: Holder, now: datetime
) -> tuple[str, KeyedCertificate | None]:
    """Say why a holder cannot use its certificate; empty where it can. Give the certificate where it can be read."""
    try:
        held = KeyedCertificate.read(folder.process())
    except NotACertificate as error:
        return str(error), None
    except IdentityError as error:
        return error.problem, None
    return why_unusable(held.certificate, processes.signing, holder.subject, now), held


def _trusts(folder: IdentityFolder, root: Root) -> bool:
    try:
        return bool(set(read_certificates(folder.certificates(root.files.trusted))) & set(root.trusted()))
    except (NotACertificate, IdentityError):
        return True  # it is damaged, and will be made again
