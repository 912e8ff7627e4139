"""Keep the review of security advisories beside the lock files: each locked version has a row in the review.

    python advisories.py check REVIEW LOCK...
    python advisories.py refresh REVIEW LOCK... -- PIP_AUDIT...

`check` needs no network. It ends with 1 and names what has no row, what has a row without being locked, and what is
affected by an advisory without a reason to accept that.

`refresh` asks an advisory service by the command PIP_AUDIT about every locked version, and writes a row with today's
date for each that has no advisory. It ends with 1 and names those that have one, which a person must judge: take
another version, or write a row by hand; and those that the service does not know. Their rows stay as they are.

The review is a CSV table: package, version, the day, who looked (`pip-audit` or `by hand`), the advisories that were
looked at, and the verdict: `none known`, `fixed before`, or `accepted: REASON`.
"""

import csv
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

_LOCKED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\\n]+)", re.MULTILINE)
_VERDICT: Final = re.compile(r"none known|fixed before|accepted: .+")
NONE_KNOWN: Final = "none known"
FIXED_BEFORE: Final = "fixed before"
SERVICE: Final = "pip-audit"


@dataclass(frozen=True, order=True)
class Row:
    """The review of one version of one package."""

    package: str
    version: str
    reviewed_on: str
    """ISO date."""
    source: str
    advisories: str
    """Their ids, with blanks between them."""
    verdict: str


Versions = dict[tuple[str, str], Row]


def locked(files: Iterable[Path]) -> set[tuple[str, str]]:
    """Return each package with its version, as the lock files name them."""
    return {found for file in files for found in _LOCKED.findall(file.read_text(encoding="utf-8"))}


def read(review: Path) -> Versions:
    """Return the rows. Raises ValueError where one is malformed."""
    with review.open(encoding="utf-8", newline="") as file:
        rows = [Row(**_complete(row)) for row in csv.DictReader(file)]
    for row in rows:
        date.fromisoformat(row.reviewed_on)
        if not _VERDICT.fullmatch(row.verdict):
            raise ValueError(f"{row.package}: {row.verdict!r} is no verdict")
        if bool(row.advisories) is (row.verdict == NONE_KNOWN):
            raise ValueError(f"{row.package}: the verdict {row.verdict!r} does not fit {row.advisories!r}")
    return {(row.package, row.version): row for row in rows}


def _complete(row: Mapping[str, Any]) -> dict[str, str]:
    if [*row] != [field.name for field in fields(Row)] or None in row.values():
        raise ValueError(f"a row has other fields: {[*row.values()]}")
    return dict(row)


def write(review: Path, rows: Iterable[Row]) -> None:
    """Write the rows, sorted."""
    with review.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([field.name for field in fields(Row)])
        table.writerows(astuple(row) for row in sorted(rows))


def check(rows: Versions, versions: set[tuple[str, str]]) -> list[str]:
    """Return what the review lacks, a line each."""
    return [
        *(
            f"{name} {version} is locked, and nobody has looked at its advisories"
            for name, version in versions - {*rows}
        ),
        *(f"{name} {version} has a row, and is not locked" for name, version in {*rows} - versions),
    ]


def refresh(rows: Versions, versions: set[tuple[str, str]], answer: Mapping[str, Any]) -> list[str]:
    """Bring the rows up to date with a service's answer (pip-audit's JSON). Return what a person must look at."""
    for gone in {*rows} - versions:
        del rows[gone]
    unknown, affected = set(versions), []
    today = datetime.now(UTC).date().isoformat()
    for found in answer["dependencies"]:
        name, version = one = found["name"], found.get("version", "")
        if one not in unknown:
            continue  # a package that the service does not know has no version there
        unknown.remove(one)
        known = rows.get(one)
        if ids := " ".join(sorted(vulnerability["id"] for vulnerability in found["vulns"])):
            if known is None or known.advisories != ids:
                affected.append(f"{name} {version} is affected by {ids}: take another version, or accept it by hand")
        elif known is not None and known.verdict == FIXED_BEFORE:
            rows[one] = replace(known, reviewed_on=today, source=SERVICE)
        else:
            rows[one] = Row(name, version, today, SERVICE, "", NONE_KNOWN)
    return affected + [f"{name} {version} is not known to the advisory service" for name, version in unknown]


def ask(command: list[str], versions: set[tuple[str, str]]) -> Mapping[str, Any]:
    """Run pip-audit; return its answer. Raises OSError or ValueError where it gives none."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("".join(f"{name}=={version}\n" for name, version in sorted(versions)), encoding="utf-8")
        asking = [*command, "-r", str(requirements), "--no-deps", "--disable-pip", "--format", "json"]
        ended = subprocess.run(asking, check=False, capture_output=True, text=True)
    try:
        answer = json.loads(ended.stdout)
    except ValueError:
        last = (ended.stderr.strip() or "it said nothing").splitlines()[-1]
        raise ValueError(f"no answer from the advisory service: {last}") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("dependencies"), list):
        raise ValueError("the advisory service's answer has another form")  # noqa: TRY004 - what is wrong is a text
    return answer


def main(arguments: list[str]) -> int:
    """Do what the arguments say; give the exit code."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    action, review, *locks = arguments[:end]
    command = arguments[end + 1 :]
    versions = locked(map(Path, locks))
    try:
        rows = read(Path(review))
        if action == "check":
            told = check(rows, versions)
        else:
            told = refresh(rows, versions, ask(command, versions))
            write(Path(review), rows.values())
    except (OSError, ValueError) as error:
        told = [str(error)]
    if told:
        sys.stderr.write("\n".join(sorted(told)) + f"\nSee {review}; `make audit` asks where there is a network.\n")
        return 1
    sys.stdout.write(f"{len(versions)} locked versions, each with a review of its advisories.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
