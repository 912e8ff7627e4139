"""A portal's memory of documents: bounded, kept current by the change feed, never trusted without proof."""

from quitanda.cache.coherence import Answer
from quitanda.cache.lru import Key
from quitanda.cache.probe import Reads
from quitanda.cache.reader import CachedReader, Consistency, ReaderOptions, open_reader

__all__ = ["Answer", "CachedReader", "Consistency", "Key", "ReaderOptions", "Reads", "open_reader"]
