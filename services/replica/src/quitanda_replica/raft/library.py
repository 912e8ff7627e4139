"""PySyncObj, imported without what its import does to the rest of the process.

Its module `win_inet_pton` replaces `socket.inet_ntop` by a routine of Windows on every platform, so that whatever else
formats an IPv6 or a packed address in this process would fail. This package imports the library here first.
"""

import socket

_inet_ntop = socket.inet_ntop
import pysyncobj  # noqa: E402, F401 - between taking the function and putting it back

socket.inet_ntop = _inet_ntop
