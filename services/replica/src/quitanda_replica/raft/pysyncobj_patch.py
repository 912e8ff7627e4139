"""Imports PySyncObj before any other module does, and repairs what its import changes.

Its module `win_inet_pton` replaces `socket.inet_ntop` by a routine for Windows on every platform. Whatever else formats
an IPv6 or a packed address in this process would fail. So this module puts the original function back.

Its clock on Linux is CLOCK_MONOTONIC_RAW, which ignores adjustments of the machine's time, and ours is the adjusted
one. The two drift apart by seconds in a week, and deadlines of the library are compared with times of ours. A learner
could start an election because it was told to wait until a time that had already passed. So the library gets our clock.
"""

import socket
import time

_inet_ntop = socket.inet_ntop
from pysyncobj import syncobj  # noqa: E402 - between taking the function and putting it back

socket.inet_ntop = _inet_ntop
syncobj.monotonicTime = time.monotonic
