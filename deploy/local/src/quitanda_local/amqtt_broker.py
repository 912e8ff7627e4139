"""Run amqtt, a broker in Python, until SIGTERM: `python -m quitanda_local.amqtt_broker CONFIGURATION`.

Facts about amqtt 0.12: it speaks MQTT 3.1.1 only (a client that asks for version 5 is refused), knows no
shared subscriptions, delivers with the publisher's quality of service, whatever the subscriber asked for,
and carries about a thousand requests and replies a second.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any, Final

from amqtt.broker import Broker

from quitanda.runtime import logging
from quitanda.runtime.settings import LogFormat, LogLevel

STOP_SECONDS: Final = 3.0


async def serve(configuration: dict[str, Any]) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    broker = Broker(configuration)
    await broker.start()
    await stop.wait()
    await asyncio.wait_for(broker.shutdown(), STOP_SECONDS)


def main() -> None:
    """Read the configuration file named by the first argument, and serve."""
    logging.configure(LogLevel.WARNING, LogFormat.JSON, "broker", "broker")
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
