"""A store that commits one number after the other and says so on standard output. Arguments: folder, first number."""

import os
import sys
from itertools import count

from quitanda_replica.state.store import Store

WRITE_BUFFER_BYTES = 64 * 1024


def main():
    folder, first = sys.argv[1:]
    store = Store.open(folder, write_buffer_bytes=WRITE_BUFFER_BYTES)
    for number in count(int(first)):
        store.put(b"S%020d" % number, os.urandom(4000))
        store.put(b"L", b"%d" % number)
        store.commit()
        os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    main()
