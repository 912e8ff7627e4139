"""Why an address cannot be listened on, in words that say what to do."""

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from quitanda.runtime.addresses import Address

PROC: Final = Path("/proc")
"""Where Linux shows processes and their sockets; elsewhere no process is found."""
TCP_TABLES: Final = ("net/tcp", "net/tcp6")
LISTENING: Final = "0A"
"""The state of a listening socket in these tables (TCP_LISTEN in the kernel's tcp_states.h)."""
UNKNOWN_NAMES: Final = (socket.EAI_NONAME, socket.EAI_AGAIN)
COMMAND_CHARACTERS_MAX: Final = 120


class CannotListen(OSError):
    """A server cannot listen where its settings say; the text is for the person who started it."""


def cannot_listen(listen: Address, error: Exception) -> CannotListen:
    """Explain why listening on `listen` failed with `error`, by trying once more."""
    reason = str(error)
    try:
        with socket.create_server((listen.host, listen.port), family=_family(listen)):
            pass  # it is free by now, or only gRPC finds something wrong
    except OSError as found:
        reason = _explain(listen, found)
    return CannotListen(f"cannot listen on {listen}: {reason}")


def holder_of(port: int, proc: Path = PROC) -> str:
    """Describe the process that listens on the port, as far as this user may know it."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port, proc)}
    for process in _processes(proc) if sockets else ():
        with suppress(OSError):  # it has ended meanwhile
            if sockets & set(_open_files(process)):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f"process {process.name} ({command[:COMMAND_CHARACTERS_MAX]})"
    return "another process"


def _explain(listen: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        holder = holder_of(listen.port)
        return f"port {listen.port} is in use by {holder}; stop that process, or choose another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine does not have the address {listen.host}; choose one of its own, or 0.0.0.0 for all"
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {listen.port}; choose one above 1023"
    if error.errno in UNKNOWN_NAMES:
        return f"the name {listen.host} is not known here; choose an address of this machine"
    return str(error)


def _family(listen: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in listen.host else socket.AF_INET


def _listening(port: int, proc: Path) -> Iterator[str]:
    """Give the inodes of the sockets that listen on the port."""
    for table in TCP_TABLES:
        try:
            lines = (proc / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _processes(proc: Path) -> list[Path]:
    return [folder for folder in proc.iterdir() if folder.name.isdecimal()]


def _open_files(process: Path) -> Iterator[str]:
    """Say what each descriptor of the process stands for; nothing where it is another user's."""
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                yield str(descriptor.readlink())
