"""The systems that are measured: how each is started, and what a portal does in front of it."""
