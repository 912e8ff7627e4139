"""Ask the page of this machine whether it is ready, for the health check of a container.

`python -m quitanda_web.health_probe HOST:PORT` ends with 0 where it is, with 1 where it is not or does not answer, and
with 2 where it was called wrongly.
"""

import sys
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from typing import Final

EXIT_SERVING: Final = 0
EXIT_NOT_SERVING: Final = 1
EXIT_USAGE: Final = 2
TIMEOUT_SECONDS: Final = 3.0

_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}  # noqa: S104 - nothing is bound here


def main(arguments: Sequence[str]) -> int:
    """Ask, say what was answered, and give the exit code."""
    host, colon, port = arguments[0].rpartition(":") if len(arguments) == 1 else ("", "", "")
    if not colon or not port.isdigit():
        sys.stderr.write("usage: python -m quitanda_web.health_probe HOST:PORT\n")
        return EXIT_USAGE
    connection = HTTPConnection(_LOOPBACK.get(host, host.strip("[]")), int(port), timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/readiness")
        answer = connection.getresponse()
        sys.stdout.write(answer.read().decode(errors="replace"))
    except (OSError, HTTPException) as error:
        sys.stdout.write(f"no answer: {error}\n")
        return EXIT_NOT_SERVING
    finally:
        connection.close()
    return EXIT_SERVING if answer.status == 200 else EXIT_NOT_SERVING


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
