"""The business rules: pure, deterministic functions of (state, request).

Nothing in this package reads a clock, draws a random number, does I/O, uses floats, iterates over a
set or imports anything but data types of the standard library: every replica must come to the same
state from the same log.
"""
