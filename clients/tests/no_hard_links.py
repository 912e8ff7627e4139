"""A program for which the file system has no hard links, as exFAT and SMB have none.

Run as a program itself, this file lets the kernel refuse to make them, and becomes the program that its arguments name.
A function between fork and exec (`preexec_fn`) would do, but not where gRPC is loaded, as in the tests: its handlers of
forks abort such a child now and then.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

NO_SYSTEM_CALL = {"x86_64": (0xC000003E, (86, 265)), "aarch64": (0xC00000B7, (37,))}
"""By machine: how the kernel names it, and the numbers of link and linkat."""


def without_hard_links(command):
    """Give the command that runs another one which can make no hard links."""
    return (sys.executable, __file__, *map(str, command))


def refuse_hard_links():
    """Let the kernel refuse to make hard links; for this process and those that it becomes."""
    machine, refused = NO_SYSTEM_CALL[platform.machine()]
    load, jump_if_equal, give = 0x20, 0x15, 0x06
    program = [(load, 0, 0, 4), (jump_if_equal, 0, len(refused) + 1, machine), (load, 0, 0, 0)]
    program += [(jump_if_equal, len(refused) - at, 0, number) for at, number in enumerate(refused)]
    program += [(give, 0, 0, 0x7FFF0000), (give, 0, 0, 0x00050000 | errno.EPERM)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    given = Filter(len(program), ctypes.cast(code, ctypes.c_void_p))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(given)):  # no new privileges; the filter
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")


if __name__ == "__main__":
    refuse_hard_links()
    os.execv(sys.argv[1], sys.argv[1:])
