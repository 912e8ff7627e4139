"""What `python -m quitanda.identity` says: the changes, the folders, and what is to be done next and when."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from quitanda.identity.authority import Authority
from quitanda.identity.certificates import fingerprint, hosts_of, renewed_from
from quitanda.identity.folder import IdentityFile
from quitanda.identity.holder_folders import FileChange, why_not
from quitanda.identity.holders import Holder
from quitanda.identity.roots import Root
from quitanda.identity.rotation import RotationStep
from quitanda.identity.shared_secrets import SharedSecret

_COPY = "Copy the folders to the other machines, if there are any."

NOTHING_OLD = "No certificate is old enough to be replaced; `renew --all` replaces all."


class Changes(list[FileChange]):
    """The changes in the order in which they were made."""

    @property
    def renewed(self) -> bool:
        """Whether a process got another certificate than it had."""
        return any(change.done == "replaced" and change.file.name == IdentityFile.PROCESS for change in self)

    def by_folder(self) -> Iterator[str]:
        """List them by folder."""
        in_order = sorted(self, key=lambda change: change.file.parent)
        for folder, its in groupby(in_order, key=lambda change: change.file.parent):
            yield f"{folder.name}:"
            for change in its:
                yield f"  {change.done} {change.file.name}{f' ({change.note})' if change.note else ''}"


def after_rotation(root: Root, step: RotationStep) -> Iterator[str]:
    """Say what a step of a rotation did, and what comes next."""
    whose = root.files.whose
    match step:
        case RotationStep.BOTH_ACCEPTED:
            yield f"Step 1 of 3 is done: everybody trusts a new CA of {whose} beside the present one."
        case RotationStep.NEW_ONE_IN_USE:
            yield f"Step 2 of 3 is done: the new CA of {whose} signs; the old one is still trusted."
        case RotationStep.NONE:
            yield f"Step 3 of 3 is done: nobody trusts the old CA of {whose} any more. The rotation is complete."
    # On SIGHUP mosquitto reads its certificate again, but not whom it trusts.
    yield f"Restart the broker. {_COPY}"


_RESTARTED_AFTER_CHANGE = {
    IdentityFile.CLUSTER_SECRET: "all replicas, one after the other",
    IdentityFile.FEED_KEY: "all replicas, one after the other, and then all portals",
    IdentityFile.REQUEST_GROUP: "all client portals",
    IdentityFile.CUSTOMER_SECRET_KEY: "all admin portals",
}


def after_new_secret(secret: SharedSecret) -> Iterator[str]:
    """Say what a call that replaces a secret did, and who is to be restarted."""
    match secret.step:
        case RotationStep.BOTH_ACCEPTED:
            yield f"Round 1 of 3 is done: replicas accept a new {secret.name}, too, from their next start on."
        case RotationStep.NEW_ONE_IN_USE:
            yield f"Round 2 of 3 is done: replicas use the new {secret.name} from their next start on, and accept both."
        case RotationStep.NONE:
            yield f"The old {secret.name} is gone; nobody accepts it after the next start."
    again = f", then run `rotate-secret {secret.name} --restarted`" if secret.step is not RotationStep.NONE else ""
    yield f"{_COPY} Restart {_RESTARTED_AFTER_CHANGE[secret.name]}{again}."


def next_steps(authority: Authority, now: datetime) -> Iterator[str]:
    """Say which CA waits for a step of its rotation, and which one is old."""
    for root in authority.roots:
        command = "rotate-ca --customers" if root is authority.customers else "rotate-ca"
        if root.step is not RotationStep.NONE:
            yield (
                f"Next: the CA of {root.files.whose} is being replaced, and step {root.step:d} of 3 is done; run "
                f"`{command}` again at or after {root.next_step_from():%Y-%m-%d %H:%M} UTC."
            )
        elif root.should_be_replaced(now):
            ends = root.signing.certificate.not_valid_after_utc
            yield f"Next: the CA of {root.files.whose} ends at {ends:%Y-%m-%d}; run `{command}` well before."


def after_renewal() -> str:
    """Say who has to be told of new certificates."""
    return f"Processes read new certificates by themselves. Send the broker SIGHUP. {_COPY}"


def everything(authority: Authority, holders: Iterable[Holder], now: datetime) -> Iterator[str]:
    """List both CAs and all folders, with fingerprints and without any secret."""
    for root in authority.roots:
        yield f"CA of {root.files.whose}"
        for certificate in root.trusted():
            use = "signs, valid" if certificate == root.signing.certificate else "is trusted, valid"
            yield f"  {use} until {certificate.not_valid_after_utc:%Y-%m-%d}, SHA-256 {fingerprint(certificate)}"
    for holder in holders:
        folder = authority.folder(holder)
        yield f"{holder.name} ({holder.kind})"
        yield f"  files {', '.join(sorted(name for name in holder.files if folder.has(name)))}"
        if not folder.has(IdentityFile.PROCESS):
            continue
        _, held = why_not(folder, authority.processes, holder, now)
        if held:
            certificate = held.certificate
            yield f"  {holder.subject.common_name} at {', '.join(sorted(hosts_of(certificate)))}"
            yield (
                f"  valid until {certificate.not_valid_after_utc:%Y-%m-%d}, renewed from "
                f"{renewed_from(certificate):%Y-%m-%d}, SHA-256 {fingerprint(certificate)}"
            )


def problems(authority: Authority, holders: Iterable[Holder], now: datetime) -> Iterator[str]:
    """Say what keeps holders from working."""
    for holder in holders:
        folder = authority.folder(holder)
        for name in sorted(holder.files):
            if not folder.has(name):
                yield f"{folder.file(name)} is missing"
            elif name is IdentityFile.PROCESS:
                why, _ = why_not(folder, authority.processes, holder, now)
                if why:
                    yield f"{folder.file(name)}: {why}"
