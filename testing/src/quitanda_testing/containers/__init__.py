"""The system in containers, for scenarios: started, broken and mended from outside, and gone afterwards.

What testcontainers has to know it reads from the environment when it is imported, so it is said here.
"""

import os
from typing import Final

ENVIRONMENT: Final = {
    # Its own remover is another image to pull; `removal_guard` does that work.
    "TESTCONTAINERS_RYUK_DISABLED": "true",
    # Ports are published on the loopback of this machine, also where this program runs in a container itself.
    "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",
    "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
}

for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)
