"""What a portal sends of a backup."""

from quitanda.backup import DIGEST_KEY, StateDigest, encode_pairs
from quitanda.v1.admin_portal_pb2 import BackupChunk, BackupHeader, BackupPart, BackupTrailer


def parts(count=5):
    """A whole backup of so many keys, in two chunks."""
    digest = StateDigest()
    pairs = [(b"Sc%d" % number, b"customer %d" % number) for number in range(count)]
    for key, value in pairs:
        digest.add(key, value)
    pairs.append((DIGEST_KEY, bytes.fromhex(digest.computed)))
    header = BackupHeader(
        revision=70, term=3, state_digest=digest.computed, customers=count, keys_expected=count, replica="replica1"
    )
    return [
        BackupPart(header=header),
        *(BackupPart(chunk=BackupChunk(pairs=encode_pairs(some))) for some in (pairs[:2], pairs[2:])),
        BackupPart(trailer=BackupTrailer(chunks=2, keys=len(pairs))),
    ]
