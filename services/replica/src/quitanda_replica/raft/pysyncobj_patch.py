"""PySyncObj, imported without what its import does to the rest of the process, and with our clock.

Its module `win_inet_pton` replaces `socket.inet_ntop` by a routine of Windows on every platform, so that whatever else
formats an IPv6 or a packed address in this process would fail. This package imports the library here first.

Its clock on Linux is CLOCK_MONOTONIC_RAW, which the adjustment of the machine's time does not touch, and ours is the
adjusted one. The two move apart, by seconds in a week, and deadlines of the library are compared with times of ours:
a blank disk could stand for election because it was told to wait until a time that had passed already.
"""

import socket
import time

_inet_ntop = socket.inet_ntop
from pysyncobj import syncobj  # noqa: E402 - between taking the function and putting it back

socket.inet_ntop = _inet_ntop
syncobj.monotonicTime = time.monotonic
