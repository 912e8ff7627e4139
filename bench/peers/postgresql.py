"""One PostgreSQL. Portals lock order and product (SELECT ... FOR UPDATE), and update both in one transaction.

Every transaction locks the order before the product, so that none waits for another in a circle. A commit is on disk
before it is answered (synchronous_commit is on). With `remember`, the request's id and outcome are a row that the same
transaction writes.
"""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final

from bench import cases
from bench.cases import Case
from bench.peers.order_change import Document, NotFound, change
from bench.peers.system import HOST, PeerSystem
from quitanda_local.ports import free_ports

INSTALLED: Final = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs, in a folder for each version."""
USER: Final = "postgres"
CONNECTIONS: Final = 16
"""Of each portal."""

TABLES: Final = """
CREATE TABLE orders (id text PRIMARY KEY, document text NOT NULL);
CREATE TABLE products (id text PRIMARY KEY, document text NOT NULL);
CREATE TABLE requests (id text PRIMARY KEY, outcome text NOT NULL);
"""


def program(name: str) -> str | None:
    """Find a program of the newest version that is installed."""
    versions = sorted(INSTALLED.glob("*/bin"), key=lambda folder: float(folder.parent.name))
    places = [str(versions[-1])] if versions else []
    return shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))


class PostgresqlSystem(PeerSystem):
    """One server as Debian's package `postgresql` has it, with its default settings."""

    name = "postgresql"
    title = "one PostgreSQL"
    backend = "postgresql"
    cases: ClassVar[tuple[Case, ...]] = (*cases.WRITES, *cases.READS)
    remember = False

    @classmethod
    def missing(cls) -> str:
        """Look for the server of the system's package, and for the client of requirements/bench.lock."""
        if program("initdb") is None:
            return "postgresql (apt)"
        return "" if find_spec("asyncpg") else "asyncpg (requirements/bench.lock)"

    async def start_servers(self, folder: Path) -> Sequence[dict[str, Any]]:
        """Make a new database and start its server."""
        data = folder / "data"
        data.mkdir()
        as_user: tuple[str, ...] = ()
        if os.geteuid() == 0:  # the server refuses to run as root
            os.chmod(folder, 0o755)  # noqa: PTH101, S103 - in an asynchronous function; there is nothing secret in it
            shutil.chown(data, USER, USER)
            as_user = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--pdeathsig=KILL")
        initdb = (*as_user, str(program("initdb")), "-D", str(data), "-A", "trust", "-U", USER, "-E", "UTF8")
        await asyncio.to_thread(subprocess.run, initdb, check=True, capture_output=True, cwd=data)
        port = free_ports(1)[0]
        options = ("-D", str(data), "-h", HOST, "-p", str(port), "-k", str(data), "-c", "synchronous_commit=on")
        self.spawn("postgres", (*as_user, str(program("postgres")), *options), folder)
        return [{"port": port, "remember": self.remember}]


class PostgresqlRememberingSystem(PostgresqlSystem):
    """The same, which also remembers each request's outcome."""

    name = "postgresql_remembering"
    title = "PostgreSQL, same duty"
    cases = cases.WRITES
    remember = True


class PostgresqlBackend:
    """A pool of connections of asyncpg."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._port: int = settings["port"]
        self._remember: bool = settings["remember"]
        self._pool: Any = None

    async def open(self) -> None:
        """Connect as often as the pool has room, when the server takes connections."""
        import asyncpg  # noqa: PLC0415 - only this portal needs it

        async with asyncio.timeout(30):
            while self._pool is None:
                with contextlib.suppress(OSError, asyncpg.CannotConnectNowError):
                    self._pool = await asyncpg.create_pool(
                        host=HOST, port=self._port, user=USER, min_size=CONNECTIONS, max_size=CONNECTIONS
                    )
                await asyncio.sleep(0.1)

    async def seed(self, products: dict[str, Document], orders: dict[str, Document]) -> None:
        """Make the tables and store all documents."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(TABLES)
            for table, documents in (("orders", orders), ("products", products)):
                rows = [(key, json.dumps(document)) for key, document in documents.items()]
                await connection.copy_records_to_table(table, records=rows)

    async def set_order_item(self, order_id: str, product_id: str, quantity: int, request_id: str) -> Document:
        """Lock both, change both, commit."""
        async with self._pool.acquire() as connection, connection.transaction():
            order = await _found(connection, "SELECT document FROM orders WHERE id = $1 FOR UPDATE", order_id)
            if self._remember:
                known = await connection.fetchval("SELECT outcome FROM requests WHERE id = $1", request_id)
                if known is not None:
                    return _document(known)
            product = await _found(connection, "SELECT document FROM products WHERE id = $1 FOR UPDATE", product_id)
            change(order, product, quantity)
            text = json.dumps(order)
            await connection.execute("UPDATE orders SET document = $2 WHERE id = $1", order_id, text)
            await connection.execute("UPDATE products SET document = $2 WHERE id = $1", product_id, json.dumps(product))
            if self._remember:
                await connection.execute("INSERT INTO requests VALUES ($1, $2)", request_id, text)
        return order

    async def order(self, order_id: str) -> Document:
        """Read the one copy that there is."""
        return await self._read("SELECT document FROM orders WHERE id = $1", order_id)

    async def product(self, product_id: str) -> Document:
        """Read the one copy that there is."""
        return await self._read("SELECT document FROM products WHERE id = $1", product_id)

    async def _read(self, query: str, key: str) -> Document:
        async with self._pool.acquire() as connection:
            return await _found(connection, query, key)


async def _found(connection: Any, query: str, key: str) -> Document:
    text = await connection.fetchval(query, key)
    if text is None:
        raise NotFound(key)
    return _document(text)


def _document(text: str) -> Document:
    document: Document = json.loads(text)
    return document
