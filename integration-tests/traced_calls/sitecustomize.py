"""Write down which of our functions a process calls; Python imports this at its start, by way of PYTHONPATH.

TRACED_CALLS names the folder for the lists, TRACED_ROOT the repository. At its end each process writes one file, named
after itself and its process id: a JSON list of "path:qualified name".
"""

import atexit
import json
import os
import sys
import threading
from pathlib import Path

_FOLDER, _ROOT = os.environ.get("TRACED_CALLS"), os.environ.get("TRACED_ROOT", "")
_called = set()


def _record(frame, event, _argument):
    if event == "call" and frame.f_code.co_filename.startswith(_ROOT):
        _called.add(frame.f_code)


def _write():
    sys.setprofile(None)
    named = {f"{code.co_filename.removeprefix(_ROOT).lstrip('/')}:{code.co_qualname}" for code in list(_called)}
    process = os.environ.get("QUITANDA_NAME", "client")
    Path(_FOLDER, f"{process}.{os.getpid()}.json").write_text(json.dumps(sorted(named)), encoding="utf-8")


if _FOLDER:
    atexit.register(_write)
    threading.setprofile(_record)
    sys.setprofile(_record)
