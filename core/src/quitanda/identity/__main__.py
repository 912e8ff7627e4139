"""Make and keep the identity folders: `python -m quitanda.identity [--root DIR] COMMAND`; `--help` lists the commands.

Ends with 0 when everything is as it should be, 1 when something could not be done (the text says what, and what to do
next), and 2 when it was called wrongly. No secret is ever written to the output.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from quitanda.identity import listing, shared_secrets
from quitanda.identity.authority import WAIT_SECONDS, Authority
from quitanda.identity.folder import IdentityError, IdentityFile
from quitanda.identity.holders import Holder, HolderKind

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1

_NAMED_KINDS: Final = (HolderKind.REPLICA, HolderKind.ADMIN_PORTAL, HolderKind.CLIENT_PORTAL)
_KINDS_OF_ONE: Final = (HolderKind.BROKER, HolderKind.METRICS, HolderKind.WEB)


def main(arguments: Sequence[str]) -> int:
    """Read the command line, do it, say what was done; give the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    changes = listing.Changes()
    authority = Authority(given.root, changes.append, given.wait)
    now = datetime.now(UTC)
    try:
        try:
            told = list(given.run(authority, given, now))
        finally:  # what was done before a failure stays
            _say(changes.by_folder())
        if given.run in (_create, _renew) and changes.renewed:
            told.append(listing.after_renewal())
        elif given.run is _renew:
            told.append(listing.NOTHING_OLD)
        _say((*told, *listing.next_steps(authority, now)))
    except _WrongUse as error:
        parser.error(str(error))
    except (IdentityError, _NotUsable) as error:
        sys.stderr.write(f"{error}\n")
    except OSError as error:
        sys.stderr.write(
            f"{error.filename or given.root}: {error.strerror or error}; next: see to it that the folders belong to "
            "the user of this process and that the disk has space, then run the same command again: it goes on where "
            "it stopped\n"
        )
    else:
        return EXIT_OK
    return EXIT_FAILED


class _WrongUse(Exception):
    """The command line contradicts itself."""


class _NotUsable(Exception):
    """A folder that was listed is not usable."""


def _create(authority: Authority, given: argparse.Namespace, now: datetime) -> Iterable[str]:
    try:
        holders = _holders_of(given)
    except ValueError as error:
        raise _WrongUse(str(error)) from None
    authority.create(holders, now)
    return ()


def _renew(authority: Authority, given: argparse.Namespace, now: datetime) -> Iterable[str]:
    authority.renew(now, everything=given.all)
    return ()


def _rotate(authority: Authority, given: argparse.Namespace, now: datetime) -> Iterable[str]:
    root = authority.customers if given.customers else authority.processes
    return listing.after_rotation(root, authority.rotate(root, now, at_once=given.at_once))


def _rotate_secret(authority: Authority, given: argparse.Namespace, now: datetime) -> Iterable[str]:
    secret = authority.rotate_secret(IdentityFile(given.name), now, restarted=given.restarted)
    return listing.after_new_secret(secret)


def _show(authority: Authority, _given: argparse.Namespace, now: datetime) -> Iterable[str]:
    holders = authority.holders(now)
    _say(listing.everything(authority, holders, now))
    if problems := tuple(listing.problems(authority, holders, now)):
        raise _NotUsable("\n".join((*problems, "next: run `create`, which makes what is missing or not usable")))
    return ()


def _holders_of(given: argparse.Namespace) -> list[Holder]:
    """Read whom the command line names; ValueError where a name or a host is wrong."""
    hosts: dict[str, frozenset[str]] = {}
    for text in given.host:
        name, _, host = text.partition("=")
        if not name or not host:
            raise ValueError(f"--host takes NAME=HOST, not {text!r}")
        hosts[name] = hosts.get(name, frozenset()) | {host}
    holders = [
        Holder(name, kind, hosts.pop(name, frozenset()))
        for kind in _NAMED_KINDS
        for name in getattr(given, kind.name).split(",")
        if name
    ]
    holders += [Holder(kind.value, kind, hosts.pop(kind.value)) for kind in _KINDS_OF_ONE if kind.value in hosts]
    if hosts:
        raise ValueError(f"--host names {min(hosts)!r}, which is none of the processes that this command line names")
    return holders


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m quitanda.identity",
        description="Make and keep the identity folders of all processes (docs/OPERATIONS.md).",
    )
    parser.add_argument(
        "--root", type=Path, default=Path("identity"), metavar="DIR", help="where the folders are (default: identity)"
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=WAIT_SECONDS,
        metavar="SECONDS",
        help=f"how long to wait for another process that works on the folders (default: {WAIT_SECONDS:g})",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    create = commands.add_parser("create", help="make whatever is missing, renew what is old, and leave alone the rest")
    for kind in _NAMED_KINDS:
        create.add_argument(
            f"--{kind}s", dest=kind.name, default="", metavar="NAMES", help=f"names of {kind}s, with commas between"
        )
    create.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME=HOST",
        help="a host name or an address by which others reach the process NAME; may be given often",
    )
    create.set_defaults(run=_create)
    renew = commands.add_parser("renew", help="make new certificates for processes whose own are old")
    renew.add_argument("--all", action="store_true", help="for all processes, however new their certificates are")
    renew.set_defaults(run=_renew)
    rotate = commands.add_parser("rotate-ca", help="replace a CA in three steps; each call does the next one")
    rotate.add_argument("--customers", action="store_true", help="the CA of customers, not that of processes")
    rotate.add_argument(
        "--at-once", action="store_true", help="do not wait: every process was restarted after the last step"
    )
    rotate.set_defaults(run=_rotate)
    secret = commands.add_parser("rotate-secret", help="replace a secret that processes share")
    secret.add_argument(
        "name", choices=shared_secrets.REPLACEABLE, metavar="NAME", help="|".join(shared_secrets.REPLACEABLE)
    )
    secret.add_argument(
        "--restarted", action="store_true", help="all replicas were restarted after the last round (cluster-secret)"
    )
    secret.set_defaults(run=_rotate_secret)
    show = commands.add_parser("show", help="list all folders, until when they are valid, and fingerprints; no secret")
    show.set_defaults(run=_show)
    return parser


def _say(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
