"""A replica as a process of its own that may be killed: submits while it leads, writes what was acknowledged to stdout.

Arguments: name, run, folder, addresses as name=host:port,...; ends when its standard input ends.
"""

import os
import sys
import threading
from collections import deque

from raft_cluster import QUICK, SECRET, ListMachine

from quitanda.errors import QuitandaError
from quitanda_replica.raft import RaftNode, RaftOptions
from quitanda_replica.state.store import Store

WINDOW = 40


def main():
    name, run, folder, addresses = sys.argv[1:]
    options = RaftOptions(
        name=name,
        addresses=dict(pair.split("=") for pair in addresses.split(",")),
        secret=SECRET,
        bootstrap=True,
        log_entries_max=500,
        snapshot_chunk_bytes=5000,
        **QUICK,
    )
    store = Store.open(folder)
    node = RaftNode(options, store, ListMachine(store))
    node.start()
    ended = threading.Event()

    def wait_for_the_end():
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    load(node, f"{name}-{run}", ended)
    node.close(5)
    store.close()


def load(node, stem, ended):
    number = 0
    pending = deque()
    while not ended.is_set():
        try:
            while len(pending) < WINDOW:
                payload = f"{stem}-{number}"
                number += 1
                pending.append((payload, node.submit(payload.encode())))
            payload, proposal = pending.popleft()
            proposal.result(5)
            os.write(1, f"{payload}\n".encode())
        except QuitandaError:
            pending.clear()
            ended.wait(0.01)


if __name__ == "__main__":
    main()
