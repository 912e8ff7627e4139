"""The review of advisories: every locked version has a row, and what a service answers is not taken for more."""

import json
import sys
from pathlib import Path

import advisories
import pytest

ROOT = Path(__file__).parents[3]
HEADER = "package,version,reviewed_on,source,advisories,verdict\n"
LOCK = (
    "# a comment\nclean==1.0 \\\n    --hash=sha256:00\nfixed==2.0 ; python_version < '3.12' \\\n    --hash=sha256:11\n"
)
REVIEW = HEADER + "clean,1.0,2026-11-29,by hand,,none known\nfixed,2.0,2026-11-29,by hand,CVE-1,fixed before\n"


class Files:
    """A lock file, its review, and a stand-in for pip-audit."""

    def __init__(self, folder):
        self.lock, self.review, self._program = folder / "a.lock", folder / "review.csv", folder / "pip-audit"
        self.lock.write_text(LOCK, encoding="utf-8")
        self.review.write_text(REVIEW, encoding="utf-8")

    def check(self):
        return advisories.main(["check", str(self.review), str(self.lock)])

    def refresh(self, *dependencies, text=None):
        answer = text if text is not None else json.dumps({"dependencies": dependencies, "fixes": []})
        self._program.write_text(
            f"import sys\nsys.stdout.write({answer!r})\nsys.stderr.write('no route')", encoding="utf-8"
        )
        return advisories.main(["refresh", str(self.review), str(self.lock), "--", sys.executable, str(self._program)])

    def rows(self):
        return self.review.read_text(encoding="utf-8").splitlines()[1:]


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def found(name, version, *ids):
    return {"name": name, "version": version, "vulns": [{"id": each} for each in ids]}


def test_what_is_locked_in_this_repository_has_been_reviewed():
    locks = map(str, sorted((ROOT / "requirements").glob("*.lock")))

    assert advisories.main(["check", str(ROOT / "requirements" / "advisories.csv"), *locks]) == 0


def test_a_changed_lock_needs_a_new_review(files, capsys):
    assert files.check() == 0
    files.lock.write_text(LOCK.replace("clean==1.0", "clean==1.1"), encoding="utf-8")

    assert files.check() == 1
    told = capsys.readouterr().err
    assert "clean 1.1 is locked, and nobody has looked at its advisories" in told
    assert "clean 1.0 has a row, and is not locked" in told


@pytest.mark.parametrize(
    "row",
    [
        "clean,1.0,2026-11-29,by hand,,",
        "clean,1.0,2026-11-29,by hand,,fine",
        "clean,1.0,2026-11-29,by hand,CVE-1,accepted: ",
        "clean,1.0,2026-11-29,by hand,CVE-1,none known",
        "clean,1.0,2026-11-29,by hand,,fixed before",
        "clean,1.0,yesterday,by hand,,none known",
        "clean,1.0,2026-11-29,by hand,none known",
    ],
)
def test_a_row_without_a_verdict_that_means_something_is_refused(files, row):
    files.review.write_text(REVIEW.replace("clean,1.0,2026-11-29,by hand,,none known", row), encoding="utf-8")

    assert files.check() == 1


def test_an_affected_version_may_be_accepted_with_a_reason(files):
    accepted = "clean,1.0,2026-11-29,by hand,CVE-2,accepted: we do not call it"
    files.review.write_text(REVIEW.replace("clean,1.0,2026-11-29,by hand,,none known", accepted), encoding="utf-8")

    assert files.check() == 0
    assert files.refresh(found("clean", "1.0", "CVE-2"), found("fixed", "2.0")) == 0
    assert accepted in files.rows()
    assert files.refresh(found("clean", "1.0", "CVE-2", "CVE-3"), found("fixed", "2.0")) == 1, "that is another one"


def test_what_the_service_clears_gets_a_row(files):
    files.lock.write_text(LOCK.replace("clean==1.0", "clean==1.1"), encoding="utf-8")

    assert files.refresh(found("clean", "1.1"), found("fixed", "2.0")) == 0

    assert files.check() == 0
    assert all(row.split(",")[3] == "pip-audit" for row in files.rows())
    assert [row.split(",")[-1] for row in files.rows()] == ["none known", "fixed before"]


def test_an_affected_version_is_named_and_gets_no_row(files, capsys):
    files.lock.write_text(LOCK.replace("clean==1.0", "clean==1.1"), encoding="utf-8")

    assert files.refresh(found("clean", "1.1", "CVE-9"), found("fixed", "2.0")) == 1

    assert "clean 1.1 is affected by CVE-9" in capsys.readouterr().err
    assert files.check() == 1


def test_a_package_that_the_service_does_not_know_is_not_taken_for_a_clean_one(files, capsys):
    before = files.rows()

    assert files.refresh({"name": "clean", "skip_reason": "not found"}, found("fixed", "2.0")) == 1

    assert "clean 1.0 is not known to the advisory service" in capsys.readouterr().err
    assert before[0] in files.rows(), "who looked by hand has looked by hand"


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}"])
def test_without_an_answer_nothing_is_changed(files, capsys, text):
    before = files.review.read_bytes()

    assert files.refresh(text=text) == 1

    assert "advisory service" in capsys.readouterr().err
    assert files.review.read_bytes() == before
