#!/usr/bin/env bash
# Records `make demo` as docs/demo.cast (asciicast 2), for a terminal of 120 x 36.
#
# The recorder is installed for this one run, into a folder that is removed again. A story that did not end
# well, or a recording that names a path of this machine, is not kept.
set -euo pipefail
cd "$(dirname "$0")/../.."

recorder=$(mktemp -d)
trap 'rm -rf "$recorder"' EXIT
"${PYTHON:-python3}" -m venv "$recorder"
"$recorder/bin/python" -m pip install --quiet --disable-pip-version-check asciinema==2.4.0

"$recorder/bin/asciinema" rec --quiet --overwrite --cols 120 --rows 36 --env TERM --title "Quitanda: make demo" \
    --command 'echo "$ make demo"; make demo; echo "exit code $?"' "$recorder/demo.cast" </dev/null

grep -q '"exit code 0' "$recorder/demo.cast" || { echo "The demonstration failed; the old recording is kept."; exit 1; }
if grep -E "$PWD|$HOME|/tmp/" "$recorder/demo.cast"; then
    echo "These lines name paths of this machine; the old recording is kept."
    exit 1
fi
cp "$recorder/demo.cast" docs/demo.cast
echo "docs/demo.cast is new: asciinema play docs/demo.cast"
