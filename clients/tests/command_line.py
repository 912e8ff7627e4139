"""Runs the applications in this process, in a thread of its own: the fake portals need the event loop."""

import asyncio
import json
from dataclasses import dataclass

from typer.testing import CliRunner

from quitanda_clients.commands.admin import app as admin_app
from quitanda_clients.commands.shop import app as shop_app

PATIENCE = "2"
"""Seconds for a call, as the option --timeout takes them: enough for one that is answered, on a machine with much other
work too, and soon over where a call is not answered."""


@dataclass(frozen=True)
class Finished:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def result(self):
        return json.loads(self.stdout)

    @property
    def error(self):
        return json.loads(self.stderr)

    @property
    def message(self):
        """What is said on stderr, without the frame that is drawn around usage errors."""
        return " ".join(self.stderr.replace("│", " ").split())


async def run(app, *arguments, env=None):
    environment = {"QUITANDA_ADMIN_PORTALS": None, "QUITANDA_CLIENT_PORTALS": None, "QUITANDA_MQTT": None}
    environment |= {"QUITANDA_TOKEN": None, "QUITANDA_IDENTITY": None}
    runner = CliRunner(env=environment | {"QUITANDA_CUSTOMER": None} | (env or {}))
    done = await asyncio.to_thread(runner.invoke, app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Finished(done.exit_code, done.stdout, done.stderr)


async def admin(portal, *arguments):
    return await run(admin_app, "--portal", portal.address, "--timeout", "5", *arguments)


async def shop_over_grpc(portal, *arguments, customer="ana"):
    return await run(shop_app, "--portal", portal.address, "--timeout", "5", "--customer", customer, *arguments)
