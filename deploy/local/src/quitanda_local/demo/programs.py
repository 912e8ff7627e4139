"""Running the two command-line applications as people do, each in a process of its own."""

import asyncio
import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from quitanda_local.demo.caller_folders import CallerFolders
from quitanda_local.local_cluster import LocalCluster

PROGRAM_SECONDS: Final = 60.0
"""How long one run of a program may take in all."""
AT_A_TIME: Final = 3
"""Programs that run at the same time: starting one costs half a second of a core."""

ORDER_ID: Final = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


@dataclass(frozen=True, slots=True)
class ProgramCall:
    """One run of an application through one endpoint: a portal's name, or the broker's for MQTT.

    `customer` is who acts, for quitanda-shop; empty for quitanda-admin. `holder` is whose token is sent, where it is
    not the customer's own.
    """

    endpoint: str
    arguments: tuple[str, ...]
    customer: str = ""
    holder: str = ""

    @property
    def program(self) -> str:
        """Name of the application."""
        return "quitanda-shop" if self.customer else "quitanda-admin"

    @property
    def shown(self) -> str:
        """The command as a person types it, without addresses, long ids cut short."""
        who = ("--customer", self.customer) if self.customer else ()
        return ORDER_ID.sub(r"\1...", f"{self.program} {shlex.join((*who, *self.arguments))}")


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """How a run ended: exit code, the JSON object of its output, and that of its error."""

    code: int
    output: Mapping[str, Any]
    error: Mapping[str, Any]

    @property
    def reason(self) -> str:
        """Name of the refusal or failure; empty where there was none."""
        return str(self.error.get("error", {}).get("reason", ""))

    @property
    def message(self) -> str:
        """The text of the refusal or failure."""
        return str(self.error.get("error", {}).get("message", ""))

    @property
    def token(self) -> str:
        """The token of a new customer, which is shown this once; empty where there is none."""
        return str(self.output.get("token", ""))

    def document(self) -> Mapping[str, Any]:
        """Return the customer, product or order of the answer, or the report that it is; empty where it has none."""
        if "report" in self.output:
            return self.output
        for kind in ("customer", "product", "order"):
            if kind in self.output:
                return dict(self.output[kind])
        return {}


class Programs:
    """Runs the applications against a cluster."""

    def __init__(self, cluster: LocalCluster, callers: CallerFolders | None = None) -> None:
        self._cluster = cluster
        self._callers = callers
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def run(self, call: ProgramCall) -> ProgramResult:
        """Run the application and wait for its end; TimeoutError after PROGRAM_SECONDS."""
        module = "quitanda_clients.shop" if call.customer else "quitanda_clients.admin"
        command = [sys.executable, "-m", module, "--json", *self._options(call), *call.arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("QUITANDA_")}
        if self._callers:
            environment["QUITANDA_IDENTITY"] = str(self._callers.of(call.holder or call.customer))
            environment["QUITANDA_CLIENT_PORTALS"] = ",".join(map(self._cluster.address, self._cluster.client_portals))
        async with self._turns:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(PROGRAM_SECONDS):
                    output, error = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        return ProgramResult(process.returncode or 0, _last_object(output), _last_object(error))

    def _options(self, call: ProgramCall) -> list[str]:
        address = self._cluster.address(call.endpoint)
        if not call.customer:
            return ["--portal", address]
        if call.endpoint == self._cluster.broker:
            return ["--customer", call.customer, "--transport", "mqtt", "--mqtt", address]
        return ["--customer", call.customer, "--portal", address]


def _last_object(text: bytes) -> Mapping[str, Any]:
    """Read the JSON object in the last line, or {'text': …} where it is something else."""
    lines = text.decode("utf-8", errors="replace").strip().splitlines()
    if not lines:
        return {}
    try:
        read = json.loads(lines[-1], parse_float=Decimal)
    except ValueError:
        return {"text": "\n".join(lines)}
    return read if isinstance(read, dict) else {"text": lines[-1]}
