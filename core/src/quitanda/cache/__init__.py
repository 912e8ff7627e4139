"""A portal's memory of documents: bounded, kept current by the change feed, never trusted without proof."""

from quitanda.cache.reader import Answer, CachedReader, Consistency, Key, ReaderOptions, Reads, open_reader

__all__ = ["Answer", "CachedReader", "Consistency", "Key", "ReaderOptions", "Reads", "open_reader"]
