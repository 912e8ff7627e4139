"""A backup of the replicated state: its pairs of keys and values, its digest, and its file."""

from quitanda.backup.file_format import BackupDamaged, BackupReader, BackupWriter, Contents, Header, OneDisk
from quitanda.backup.pairs import MalformedPairs, decode_pairs, encode_pairs
from quitanda.backup.state_digest import DIGEST_KEY, StateDigest, entry_hash

__all__ = [
    "DIGEST_KEY",
    "BackupDamaged",
    "BackupReader",
    "BackupWriter",
    "Contents",
    "Header",
    "MalformedPairs",
    "OneDisk",
    "StateDigest",
    "decode_pairs",
    "encode_pairs",
    "entry_hash",
]
