import pytest

from video.cast import BadCast, Cast, CastEvent, read, write

HEADER = '{"version": 2, "width": 80, "height": 24, "title": "A demo"}\n'


def file(folder, text):
    path = folder / "demo.cast"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_written_is_read_again(tmp_path):
    cast = Cast(
        "Conferência", 80, 24, (CastEvent(0.5, "é \x1b[1m✓\r\n"), CastEvent(1.25, "fim")), (CastEvent(0.75, "end"),)
    )

    write(cast, tmp_path / "new" / "a.cast")

    assert read(tmp_path / "new" / "a.cast") == cast
    assert cast.text == "é \x1b[1m✓\r\nfim"


def test_what_was_typed_is_no_output(tmp_path):
    assert read(file(tmp_path, f'{HEADER}[0.1, "i", "x"]\n[0.2, "o", "y"]\n')).outputs == (CastEvent(0.2, "y"),)


@pytest.mark.parametrize("text", ["", "{}\n", "[]\n", "nothing\n", '{"version": 2, "width": "wide", "height": 1}\n'])
def test_a_file_without_a_header_is_refused(tmp_path, text):
    with pytest.raises(BadCast, match=r"demo\.cast: line 1 is no header"):
        read(file(tmp_path, text))


def test_another_version_is_refused(tmp_path):
    with pytest.raises(BadCast, match="asciicast 3; only version 2"):
        read(file(tmp_path, '{"version": 3, "term": {"cols": 80}}\n'))


@pytest.mark.parametrize("line", ["{}", '[1, "o"]', '["soon", "o", "x"]', "5", "[1,"])
def test_a_line_that_is_no_event_is_named(tmp_path, line):
    with pytest.raises(BadCast, match=r"demo\.cast: line 3 is no event"):
        read(file(tmp_path, f'{HEADER}[0.1, "o", "x"]\n{line}\n'))
