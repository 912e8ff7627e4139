"""Waits on conditions, with a deadline that says what was waited for."""

import time


def wait_until(condition, what, seconds=10.0):
    """Give the condition's first true value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)
    return value
