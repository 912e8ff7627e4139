"""What every act of the story works with."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quitanda.identity.folder import IdentityFolder
from quitanda.runtime.addresses import parse_address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_clients.cli import exit_codes
from quitanda_clients.client import AdminClient, ShopClient
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_local.demo.caller_folders import CallerFolders
from quitanda_local.demo.inventory_audit import InventoryAudit
from quitanda_local.demo.programs import ProgramCall, ProgramResult, Programs
from quitanda_local.demo.reporter import Reporter
from quitanda_local.local_cluster import LocalCluster


@dataclass(frozen=True, slots=True)
class DemoStep:
    """One run of a program, what it tells, and the refusal that must come (none, if empty)."""

    tells: str
    call: ProgramCall
    refused: str = ""


@dataclass(slots=True)
class DemoContext:
    """The cluster, the voice, the programs and the books."""

    cluster: LocalCluster
    reporter: Reporter
    programs: Programs
    callers: CallerFolders | None = None
    """The folders of those who call; None in the open mode, where nobody proves who calls."""
    audit: InventoryAudit = field(default_factory=InventoryAudit)
    customer_ids: set[str] = field(default_factory=set)
    """Everybody who may have orders."""

    def admin(self, portal: int, *arguments: str) -> ProgramCall:
        """Make a call of quitanda-admin through admin portal 1 or 2."""
        return ProgramCall(self.cluster.admin_portals[portal - 1], arguments)

    def shop(self, endpoint: int | str, customer: str, *arguments: str) -> ProgramCall:
        """Make a call of quitanda-shop through client portal 1 or 2, or through "mqtt"."""
        name = self.cluster.client_portals[endpoint - 1] if isinstance(endpoint, int) else self.cluster.broker
        return ProgramCall(name, arguments, customer)

    async def play(self, *steps: DemoStep) -> list[Mapping[str, Any]]:
        """Run steps that do not depend on each other, tell them in order, and return the documents of the answers."""
        ends = await asyncio.gather(*(self.programs.run(step.call) for step in steps))
        for step, ended in zip(steps, ends, strict=True):
            self._tell(step, ended)
        return [ended.document() for ended in ends]

    async def play_one(self, tells: str, call: ProgramCall) -> Mapping[str, Any]:
        """Run one step that must succeed and return the document of its answer."""
        (document,) = await self.play(DemoStep(tells, call))
        return document

    def check(self, as_it_should: bool, text: str, instead: object = "") -> None:
        """Tell what is true, or end the story."""
        self.reporter.check(as_it_should, text, instead=instead)

    def admin_client(self) -> AdminClient:
        """Make a client of both admin portals."""
        portals = [parse_address(self.cluster.address(name)) for name in self.cluster.admin_portals]
        if self.callers is None:
            return AdminClient(portals)
        folder = self.callers.of("")
        return AdminClient(portals, identity=LinkIdentity(folder), token=IdentityFolder(folder).credential())

    def shop_client(self, customer_id: str, transport: Transport, first_portal: int = 1) -> ShopClient:
        """Make a customer's client; with gRPC it turns to the other portal when the first does not answer."""
        names = self.cluster.client_portals
        order = names[first_portal - 1 :] + names[: first_portal - 1]
        folder = self.callers.of(customer_id) if self.callers else None
        return make_shop_client(
            transport,
            customer_id,
            portals=[parse_address(self.cluster.address(name)) for name in order],
            broker=parse_address(self.cluster.address(self.cluster.broker)),
            token=IdentityFolder(folder).credential() if folder else "",
            identity=LinkIdentity(folder) if folder else None,
        )

    def _tell(self, step: DemoStep, ended: ProgramResult) -> None:
        command = f"{step.call.endpoint} $ {step.call.shown}"
        instead = f"exit code {ended.code}, {ended.reason or dict(ended.error) or dict(ended.output)}"
        if step.refused:
            refused = ended.code == exit_codes.REFUSED and ended.reason == step.refused
            said = f"{step.refused}: {ended.message.partition('. ')[0]}" if refused else ""
            self.reporter.check(refused, f"{step.tells}: {said}" if said else step.tells, command, instead)
        else:
            self.reporter.check(ended.code == exit_codes.DONE, step.tells, command, instead)
        if self.callers and ended.token:
            self.callers.let_in(str(ended.document()["customer_id"]), ended.token)
