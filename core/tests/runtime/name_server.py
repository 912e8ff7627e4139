"""A name server that knows one address, or none, and may change its mind."""

import asyncio
import socket
import struct

ANSWER = 0x8180
NO_SUCH_NAME = 0x8183
IPV4_ADDRESS = 1


class NameServer(asyncio.DatagramProtocol):
    """Tells `address` (IPv4) for every name, or that there is no such name where it is None."""

    def __init__(self):
        self.address = None
        self.questions = 0
        self._transport = None

    async def start(self):
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))

    def close(self):
        self._transport.close()

    def target(self, port):
        """Give what gRPC connects to in order to ask this server for the name of a server at that port."""
        own_port = self._transport.get_extra_info("sockname")[1]
        return f"dns://127.0.0.1:{own_port}/replica.test:{port}"

    def datagram_received(self, data, addr):
        self.questions += 1
        end = data.index(b"\0", 12) + 5
        question = data[12:end]
        (kind,) = struct.unpack(">H", question[-4:-2])
        answers = b""
        if self.address is not None and kind == IPV4_ADDRESS:
            answers = struct.pack(">HHHIH", 0xC00C, IPV4_ADDRESS, 1, 1, 4) + socket.inet_aton(self.address)
        flags = NO_SUCH_NAME if self.address is None else ANSWER
        head = data[:2] + struct.pack(">HHHHH", flags, 1, bool(answers), 0, 0)
        self._transport.sendto(head + question + answers, addr)
