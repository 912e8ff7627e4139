"""One PostgreSQL. The whole order change is one call of a function in the database: one message there, one back.

What it does: the function locks the order, then the product, so that no two changes wait for each other in a circle. It
runs in a transaction of its own, which is on disk before it is answered (synchronous_commit is on; all other settings
are Debian's). Each portal keeps its connections open with their prepared statements, and gives one back without the
message by which asyncpg's pool resets a session: nothing here changes a session. Pages of orders and products keep room
for new versions of their rows. With `remember`, the same transaction writes the request's id and outcome as a row.

What it does not do: no copy on a second machine, no index but the primary keys, no feed, no cache in the portal, no log
line for each request, no encryption. Without `remember`, a request that is repeated takes effect again. With it,
outcomes are kept for ever.
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
from bench.peers.order_change import Document, NotFound, OutOfStock
from bench.peers.system import HOST, PeerSystem
from quitanda_local.ports import free_ports

INSTALLED: Final = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs, in a folder for each version."""
USER: Final = "postgres"
CONNECTIONS: Final = 16
"""Of each portal."""

SCHEMA: Final = """
CREATE TABLE orders (id text PRIMARY KEY, document jsonb NOT NULL) WITH (fillfactor = 50);
CREATE TABLE products
    (id text PRIMARY KEY, name text NOT NULL, price bigint NOT NULL, quantity bigint NOT NULL, version bigint NOT NULL)
    WITH (fillfactor = 50);
CREATE TABLE requests (id text PRIMARY KEY, outcome jsonb NOT NULL);

CREATE FUNCTION set_order_item(the_order text, the_product text, wanted bigint, request text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found_order jsonb;
    found_product products;
    more bigint;
BEGIN
    SELECT document INTO found_order FROM orders WHERE id = the_order FOR UPDATE;
    IF NOT FOUND THEN RAISE no_data_found; END IF;
    IF request IS NOT NULL THEN
        DECLARE known jsonb;
        BEGIN
            SELECT outcome INTO known FROM requests WHERE id = request;
            IF FOUND THEN RETURN known; END IF;
        END;
    END IF;
    more := wanted - coalesce((found_order #>> ARRAY['items', the_product, 'quantity'])::bigint, 0);
    UPDATE products SET quantity = quantity - more, version = version + 1
        WHERE id = the_product AND quantity >= more RETURNING * INTO found_product;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM products WHERE id = the_product) THEN RAISE check_violation; END IF;
        RAISE no_data_found;
    END IF;
    found_order := jsonb_set(
        jsonb_set(found_order, '{version}', to_jsonb((found_order ->> 'version')::bigint + 1)),
        ARRAY['items', the_product],
        jsonb_build_object('name', found_product.name, 'price', found_product.price, 'quantity', wanted));
    UPDATE orders SET document = found_order WHERE id = the_order;
    IF request IS NOT NULL THEN INSERT INTO requests VALUES (request, found_order); END IF;
    RETURN found_order;
END
$$;
"""
CHANGE: Final = "SELECT set_order_item($1, $2, $3, $4)"
READ_ORDER: Final = "SELECT document FROM orders WHERE id = $1"
READ_PRODUCT: Final = "SELECT id AS product_id, name, price, quantity, version FROM products WHERE id = $1"


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
    cases = (cases.CHANGES, cases.SAME_PRODUCT)
    remember = True


class PostgresqlBackend:
    """A pool of connections of asyncpg."""

    def __init__(self, settings: dict[str, Any]) -> None:
        import asyncpg  # noqa: PLC0415 - only this portal needs it

        self._asyncpg: Any = asyncpg
        self._port: int = settings["port"]
        self._remember: bool = settings["remember"]
        self._pool: Any = None

    async def open(self) -> None:
        """Connect as often as the pool has room, when the server takes connections."""
        async with asyncio.timeout(30):
            while self._pool is None:
                with contextlib.suppress(OSError, self._asyncpg.CannotConnectNowError):
                    self._pool = await self._asyncpg.create_pool(
                        host=HOST,
                        port=self._port,
                        user=USER,
                        min_size=CONNECTIONS,
                        max_size=CONNECTIONS,
                        max_inactive_connection_lifetime=0,
                        reset=_leave_as_it_is,
                    )
                await asyncio.sleep(0.1)

    async def seed(self, products: dict[str, Document], orders: dict[str, Document]) -> None:
        """Make the tables and the function, and store all documents."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SCHEMA)
            rows = [(key, json.dumps(document)) for key, document in orders.items()]
            await connection.executemany("INSERT INTO orders VALUES ($1, $2)", rows)
            await connection.copy_records_to_table(
                "products",
                records=[tuple(product.values()) for product in products.values()],
                columns=("id", "name", "price", "quantity", "version"),
            )

    async def set_order_item(self, order_id: str, product_id: str, quantity: int, request_id: str) -> Document:
        """Let the database's function change both."""
        request = request_id if self._remember else None
        try:
            order: Document = json.loads(await self._pool.fetchval(CHANGE, order_id, product_id, quantity, request))
        except self._asyncpg.CheckViolationError as refusal:
            raise OutOfStock from refusal
        except self._asyncpg.NoDataFoundError as refusal:
            raise NotFound(order_id, product_id) from refusal
        return order

    async def order(self, order_id: str) -> Document:
        """Read the one copy that there is."""
        text = await self._pool.fetchval(READ_ORDER, order_id)
        if text is None:
            raise NotFound(order_id)
        order: Document = json.loads(text)
        return order

    async def product(self, product_id: str) -> Document:
        """Read the one copy that there is."""
        product = await self._pool.fetchrow(READ_PRODUCT, product_id)
        if product is None:
            raise NotFound(product_id)
        return dict(product)


async def _leave_as_it_is(connection: Any) -> None:
    """Do nothing to a connection that comes back to the pool."""
