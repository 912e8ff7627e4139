"""Say in one line why Quitanda cannot be installed here, and what to do: `PYTHON supported.py`.

Every Python that somebody may have can run this, also one that is far too old: 2.7, and all since 3.0. So there are no
annotations and no f-strings. Exit code 0 where Quitanda can be installed, otherwise 2.
"""

import ctypes
import platform
import struct
import subprocess
import sys

NEWEST = (3, 14)
OLDEST = {("Linux", "x86_64"): (3, 11), ("Linux", "aarch64"): (3, 12), ("Darwin", "arm64"): (3, 12)}
"""The oldest Python on each platform: `make lock` verifies that every locked package is published from it to NEWEST."""
GLIBC_OLDEST = (2, 28)
"""What the wheels for Linux ask for (manylinux_2_28): Debian 10, Ubuntu 20.04, RHEL 8 and everything after."""
DOCKER = 'Docker runs it here, too (README.md, "With Docker")'


class Machine:
    """What is asked about this Python and the machine that it runs on.

    `glibc` is (0, 0) where there is none; `others` are the commands of other Pythons that PATH has, the newest first.
    """

    def __init__(self, version, implementation, free_threaded, bits, system, processor, glibc, has_venv, others):
        self.version = version
        self.implementation = implementation
        self.free_threaded = free_threaded
        self.bits = bits
        self.system = system
        self.processor = processor
        self.glibc = glibc
        self.has_venv = has_venv
        self.others = others


def refusal(machine):
    """Give the line that says why not, and what to do; empty where Quitanda can be installed."""
    oldest = OLDEST.get((machine.system, machine.processor))
    if oldest is None or machine.bits != 64:
        here = "%s, %s, %d bits" % (machine.system, machine.processor, machine.bits)
        return "Quitanda needs Linux on x86-64 or ARM64, or a Mac with Apple silicon; this is %s. %s." % (here, DOCKER)
    if machine.system == "Linux" and machine.glibc < GLIBC_OLDEST:
        has = "glibc %d.%d" % machine.glibc if any(machine.glibc) else "another C library (musl)"
        return "Quitanda needs glibc %d.%d or newer, and this system has %s. %s." % (
            GLIBC_OLDEST[0],
            GLIBC_OLDEST[1],
            has,
            DOCKER,
        )
    version = machine.version[:2]
    if machine.implementation != "CPython" or machine.free_threaded:
        kind = "free-threaded Python" if machine.free_threaded else machine.implementation
        return "Quitanda needs the usual CPython, and this is %s. %s" % (kind, _another(machine, oldest))
    if not oldest <= version <= NEWEST:
        return "Python %s is too %s for Quitanda here, which needs %d.%d to %d.%d. %s" % (
            ".".join(str(part) for part in machine.version[:3]), "old" if version < oldest else "new",
            oldest[0], oldest[1], NEWEST[0], NEWEST[1], _another(machine, oldest),
        )  # fmt: skip
    if not machine.has_venv:
        return "This Python cannot make virtual environments: install what it lacks (Debian: apt install python3-venv)."
    return ""


def _another(machine, oldest):
    fitting = [name for name in machine.others if oldest <= _named_version(name) <= NEWEST]
    if fitting:
        return "There is another one here: give PYTHON=%s to make." % fitting[0]
    return "Install Python %d.%d, and give PYTHON=python%d.%d to make." % (NEWEST + NEWEST)


def _named_version(name):
    return tuple(int(part) for part in name[len("python") :].split("."))


def this_machine():
    """Ask the running Python, and PATH."""
    try:
        import sysconfig  # noqa: PLC0415 - Python 2.6 has none

        free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    except ImportError:
        free_threaded = False
    return Machine(
        tuple(sys.version_info[:3]),
        platform.python_implementation(),
        free_threaded,
        struct.calcsize("P") * 8,
        platform.system(),
        platform.machine(),
        _glibc(),
        _has("venv") and _has("ensurepip"),
        [name for name in _names() if _runs(name)],
    )


def _glibc():
    """Give the version of the C library; (0, 0) where it is another one."""
    try:
        tell = ctypes.CDLL(None).gnu_get_libc_version
    except (AttributeError, OSError, TypeError):
        return (0, 0)
    tell.restype = ctypes.c_char_p
    return tuple(int(part) for part in tell().decode("ascii").split(".")[:2])


def _has(module):
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def _names():
    return ["python%d.%d" % (NEWEST[0], minor) for minor in range(NEWEST[1], 10, -1)]


def _runs(name):
    """Say whether PATH has it and it starts: a version manager may have put a command there that only complains."""
    try:
        started = subprocess.Popen([name, "-c", ""], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError:
        return False
    started.communicate()
    return started.returncode == 0


if __name__ == "__main__":
    told = refusal(this_machine())
    if told:
        sys.stderr.write(told + "\n")
        sys.exit(2)
