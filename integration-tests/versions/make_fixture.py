"""Make a fixture of old data: `python -m versions.make_fixture COMMIT` in `integration-tests`.

Starts three replicas and portals of the commit as processes, plays `shop_story` to them through the public contract,
and keeps what they answered, their data folders and a backup in `versions/fixtures/COMMIT`.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from quitanda_local.ports import free_ports
from quitanda_local.topology import MODULES, PORTS_NEEDED, on_ports
from quitanda_testing.cluster.process_cluster import ProcessCluster
from versions.contract_calls import ContractCalls, Exchange
from versions.installed_version import InstalledVersion, full_hash, installed
from versions.old_data import ANSWERS_FILE, BACKUP_FILE, DISKS_FILE, FIXTURES
from versions.shop_story import CLOSING, OPENING, bulk, play, read_everything

BEHIND: Final = "replica3"
"""Is stopped before the last requests, so that another version has to apply them from the log."""
BULK_AT_ONCE: Final = 16
SECRET_FILE: Final = "cluster.secret"


async def make(version: InstalledVersion, commit: str, target: Path) -> None:
    """Make the fixture in the empty folder `target`."""
    with tempfile.TemporaryDirectory(prefix="quitanda-fixture-") as folder:
        data = Path(folder) / "data"
        commands = {role: version.module(module) for role, module in MODULES.items()}
        cluster = ProcessCluster(data, on_ports(free_ports(PORTS_NEEDED)), commands=commands)
        try:
            await cluster.start()
            answers = await _play(cluster, version, target / BACKUP_FILE)
        finally:
            await cluster.stop()
            cluster.close()
        _pack(data, target / DISKS_FILE)
    text = json.dumps({"commit": commit, **answers}, ensure_ascii=False, indent=1)
    (target / ANSWERS_FILE).write_text(text + "\n", encoding="utf-8")


async def _play(cluster: ProcessCluster, version: InstalledVersion, backup: Path) -> dict[str, object]:
    admin, client = cluster.address(cluster.admin_portals[0]), cluster.address(cluster.client_portals[0])
    orders: dict[str, str] = {}
    async with ContractCalls({"AdminPortal": admin, "ClientPortal": client}) as calls:
        exchanges = await play(calls, OPENING, orders)
        exchanges += await _play_bulk(calls)
        await cluster.wait_until_replicas_agree()
        await cluster.shut_down(BEHIND)
        exchanges += await play(calls, CLOSING, orders)
        reads = await read_everything(calls, orders)
    program = version.python.with_name("quitanda-admin")
    command = [str(program), "--portal", admin, "cluster", "backup", str(backup)]
    await asyncio.to_thread(subprocess.run, command, check=True)
    up_to_date = [name for name in cluster.replicas if name != BEHIND]
    statuses = [status for name in up_to_date if (status := await cluster.status(name)) is not None]
    (digest,) = {status.state_digest for status in statuses}
    first = statuses[0]
    return {
        "exchanges": [exchange.as_json() for exchange in exchanges],
        "reads": [exchange.as_json() for exchange in reads],
        "state": {
            "digest": digest,
            "revision": first.revision,
            "customers": first.customers,
            "products": first.products,
            "orders": first.orders,
        },
        "behind": BEHIND,
    }


async def _play_bulk(calls: ContractCalls) -> list[Exchange]:
    """Send the long requests, some at a time; return the last exchange, which stands for all."""
    steps = bulk()
    last: list[Exchange] = []

    async def work() -> None:
        for step in steps:
            last[:] = [await calls.call(step.method, step.request)]

    async with asyncio.TaskGroup() as group:
        for _ in range(BULK_AT_ONCE):
            group.create_task(work())
    return last


def _pack(data: Path, archive: Path) -> None:
    with tarfile.open(archive, "w:xz", preset=9) as packed:
        for path in _files(data):
            packed.add(path, path.relative_to(data), filter=_nameless)


def _files(data: Path) -> Iterator[Path]:
    yield data / SECRET_FILE
    for replica in sorted(data.glob("replica*")):
        yield from sorted(path for path in replica.rglob("*") if path.is_file())


def _nameless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def main() -> None:
    """Make the fixture of the commit that is named on the command line; one that is there is made anew."""
    commit = full_hash(sys.argv[1])
    target = FIXTURES / commit[:7]
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    asyncio.run(make(installed(commit), commit, target))
    for file in sorted(target.iterdir()):
        sys.stdout.write(f"{file.stat().st_size:>9,}  {file}\n")


if __name__ == "__main__":
    main()
