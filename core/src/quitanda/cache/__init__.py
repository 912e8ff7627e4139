"""A portal's memory of documents: bounded, kept current by the change feed, never trusted without proof."""

from quitanda.cache.coherence import ReadResult
from quitanda.cache.lru import Key
from quitanda.cache.reader import CachedReader, ReaderOptions, open_reader

__all__ = ["CachedReader", "Key", "ReadResult", "ReaderOptions", "open_reader"]
