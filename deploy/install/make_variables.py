"""Say in one line which variables make was given that it does not know: `PYTHON make_variables.py NAME... -- KNOWN...`.

Without it `make run PORT=8000` would start with the usual ports, as if nothing had been said.
"""

import difflib
import sys


def told(unknown: list[str], known: list[str]) -> str:
    """Name each unknown variable, with the known one that it is most like."""
    return "; ".join(f"{name} is no variable of this Makefile: {_advice(name, known)}" for name in unknown)


def _advice(name: str, known: list[str]) -> str:
    upper = {candidate.upper(): candidate for candidate in known}
    like = difflib.get_close_matches(name.upper(), list(upper), 1)
    return f"did you mean {upper[like[0]]}?" if like else f"there are {', '.join(sorted(known))}"


if __name__ == "__main__":
    between = sys.argv.index("--")
    sys.stdout.write(told(sys.argv[1:between], sys.argv[between + 1 :]))
