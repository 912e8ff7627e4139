import sys

import pytest

from video.cast import Cast, CastEvent
from video.chapters import ChapterFailed
from video.terminal_chapters import ROOT, require_no_paths
from video.terminal_session import TerminalSession

SECONDS = 30
ASKS = 'import sys; print("tty", sys.stdin.isatty(), sys.stdout.isatty()); print("got", input("name? ")); sys.exit(3)'


def session(program, **options):
    return TerminalSession([sys.executable, "-c", program], "a test", 60, 5, **options)


@pytest.mark.slow
def test_a_program_runs_on_a_terminal_is_typed_to_and_recorded():
    with session(ASKS) as running:
        running.wait_for("name?", SECONDS)
        running.type("A", "n", "a", "\r")
        code = running.finish(SECONDS)
        cast = running.cast

    assert code == 3
    assert "tty True True" in cast.text
    assert "got Ana" in cast.text
    assert (cast.columns, cast.rows) == (60, 5)
    assert [output.seconds for output in cast.outputs] == sorted(output.seconds for output in cast.outputs)


@pytest.mark.slow
def test_a_program_that_ends_without_showing_what_is_waited_for_is_told_with_its_screen():
    with session('print("something else")') as running, pytest.raises(ChapterFailed, match="something else"):
        running.wait_for("name?", SECONDS)


@pytest.mark.slow
def test_a_program_that_does_not_end_is_told_and_ended():
    with session("input()") as running, pytest.raises(ChapterFailed, match="did not end within"):
        running.finish(0.1)


@pytest.mark.parametrize("path", [str(ROOT / "data"), "/tmp/quitanda-demo-1/data"])
def test_a_recording_that_names_a_path_of_this_machine_is_refused(path):
    with pytest.raises(ChapterFailed, match="a path of this machine"):
        require_no_paths(Cast("a test", 80, 24, (CastEvent(0.0, f"see {path}"),)))
