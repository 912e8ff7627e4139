"""The chapter of the full-screen terminal: a customer orders with the keyboard alone."""

import sys
from pathlib import Path
from typing import Final

from quitanda_testing.cluster.process_cluster import ProcessCluster
from video.cast import Cast
from video.chapters import ChapterFailed
from video.page_chapter import CUSTOMER_ID, PRODUCT_ID
from video.terminal_chapters import require_no_paths
from video.terminal_session import TerminalSession

PROGRAM: Final = Path(sys.executable).with_name("quitanda-shop")
COLUMNS, ROWS = 100, 27
SECONDS_MAX: Final = 30
"""For an answer of the program, on a busy machine."""
READING_SECONDS: Final = 2.0
UNITS: Final = "2"


def play_full_screen(cluster: ProcessCluster) -> Cast:
    """Record the interface, once the page was played. Raises ChapterFailed where it does not do as told."""
    environment = {
        **cluster.callers.environment(CUSTOMER_ID),
        "QUITANDA_CUSTOMER": CUSTOMER_ID,
        "QUITANDA_LANG": "en",
        "COLORTERM": "truecolor",
    }
    with TerminalSession([str(PROGRAM)], "Quitanda: quitanda-shop", COLUMNS, ROWS, environment) as session:
        session.mark("opened")
        session.wait_for("Broa de milho", SECONDS_MAX)
        session.watch(READING_SECONDS)
        session.mark("searched")
        session.type("/", *PRODUCT_ID, "\r")
        session.watch(READING_SECONDS)
        session.mark("ordered")
        session.type("a")
        session.wait_for("How many", SECONDS_MAX)
        session.type(UNITS, "\r")
        session.wait_for("Your order is changed", SECONDS_MAX)
        session.watch(READING_SECONDS)
        session.type("2")
        session.wait_for("State: open", SECONDS_MAX)
        session.watch(READING_SECONDS)
        session.mark("confirmed")
        session.type("p")
        session.wait_for("Place the order", SECONDS_MAX)
        session.watch(READING_SECONDS)
        session.type("\r")
        session.wait_for("Your order is placed", SECONDS_MAX)
        session.watch(READING_SECONDS)
        cast = session.cast  # what comes is the emptied screen
        session.type("q")
        if code := session.finish(SECONDS_MAX):
            raise ChapterFailed(f"{PROGRAM.name} ended with {code}")
    require_no_paths(cast)
    return cast
