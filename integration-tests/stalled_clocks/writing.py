"""Customers are created without a pause, at whichever replica leads, and what was acknowledged is kept."""

import asyncio
from contextlib import asynccontextmanager, suppress

from quitanda.codec.protobuf import decode_outcome, encode_request
from quitanda.domain.commands import CreateCustomer, Request
from quitanda.domain.outcomes import Done
from quitanda.v1.replica_pb2 import DOCUMENT_KIND_CUSTOMER, GetItem, ReadItem
from quitanda_local.waiting import wait_until

CALL_SECONDS = 2.0
PAUSE_SECONDS = 0.02
READS_AT_ONCE = 500
ANSWER_SECONDS = 30.0


class CustomerWriters:
    """Writers at the replicas; `acknowledged` names the customers that exist by a replica's word."""

    def __init__(self, replicas, writers):
        self._replicas = replicas
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._under_way = 0
        self._tasks = [asyncio.create_task(self._write(f"w{number}")) for number in range(writers)]
        self.acknowledged = []

    async def close(self):
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def goes_on(self):
        """Wait until one more write is acknowledged."""
        before = len(self.acknowledged)

        async def more():
            return len(self.acknowledged) > before

        await wait_until(more, "a write to be acknowledged", ANSWER_SECONDS)

    @asynccontextmanager
    async def paused(self):
        """Nobody writes meanwhile."""

        async def nothing_under_way():
            return self._under_way == 0

        self._may_write.clear()
        try:
            await wait_until(nothing_under_way, "the writes under way to end", ANSWER_SECONDS)
            yield
        finally:
            self._may_write.set()

    async def missing(self):
        """Ask the leader for every customer that was acknowledged; name those that do not exist."""
        names, missing = list(self.acknowledged), []
        for start in range(0, len(names), READS_AT_ONCE):
            part = names[start : start + READS_AT_ONCE]
            missing += [name for name, there in zip(part, await self._exist(part), strict=True) if not there]
        return missing

    async def _write(self, writer):
        """Try each request, with its id, until it is answered: a lost answer is not a lost write."""
        number = 0
        while True:
            await self._may_write.wait()
            self._under_way += 1
            try:
                name = f"{writer}-{number}"
                if await self._created(name):
                    self.acknowledged.append(name)
                    number += 1
            finally:
                self._under_way -= 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def _created(self, name):
        request = Request("", name, CreateCustomer(name, "Conceição", ()))
        answer = await self._replicas.execute(encode_request(request), CALL_SECONDS)
        return answer is not None and isinstance(decode_outcome(answer.outcomes[0])[0], Done)

    async def _exist(self, names):
        items = [ReadItem(get=GetItem(kind=DOCUMENT_KIND_CUSTOMER, id=name)) for name in names]

        async def answered():
            return await self._replicas.read(items, ANSWER_SECONDS)

        answer = await wait_until(answered, "an answer of the leader", ANSWER_SECONDS)
        return [result.WhichOneof("result") == "document" for result in answer.results]
