"""Where the packages cannot be installed, one line gives the true reason."""

import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from virtual_environment import explain

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "deploy" / "install" / "virtual_environment.py"

WITHOUT_NETWORK = """
WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken by
'NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new
connection: [Errno -3] Temporary failure in name resolution')': /simple/setuptools/
ERROR: Could not find a version that satisfies the requirement setuptools==84.2.1 (from versions: none)
ERROR: No matching distribution found for setuptools==84.2.1
"""


def install(folder, **variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE"))}
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), "pysyncobj", "core"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"} | variables,
    )


def test_without_network_the_reason_is_the_network_and_not_a_missing_version():
    told = explain(WITHOUT_NETWORK, ".venv/install.log")

    assert told.startswith("The packages cannot be fetched: no way to the package index (Temporary failure in name")
    assert "Check the network, the proxy (HTTPS_PROXY)" in told
    assert "No matching distribution" not in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM ...", "not the one that was locked"),
        ("SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] ...", "(CERTIFICATE_VERIFY_FAILED)"),
        (
            "noise\nERROR: No matching distribution found for some==1\n",
            "ERROR: No matching distribution found for some",
        ),
        ("", "no reason was given"),
    ],
)
def test_other_reasons_are_told_in_one_line_too(said, words):
    told = explain(said, "log")

    assert words in told
    assert "\n" not in told


def test_an_index_that_nobody_serves_is_told_within_seconds(tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as taken:
        port = taken.server_port  # free again from here on
    ended = install(tmp_path / "environment", PIP_INDEX_URL=f"http://127.0.0.1:{port}/simple")

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert "no way to the package index (Connection refused)" in ended.stderr
    # pip's own five attempts, each after a longer pause, would show in its log
    assert (tmp_path / "environment" / "install.log").read_text().count("Retrying") == 1


class WithoutThePackage(http.server.BaseHTTPRequestHandler):
    """An index that answers and does not have what is asked for."""

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


def test_an_index_that_lacks_a_package_is_not_called_a_missing_network(tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), WithoutThePackage) as index:
        threading.Thread(target=index.serve_forever, daemon=True).start()
        ended = install(tmp_path / "environment", PIP_INDEX_URL=f"http://127.0.0.1:{index.server_port}/simple")
        index.shutdown()

    assert ended.returncode == 1
    assert ended.stderr.startswith("The packages cannot be installed: ERROR: No matching distribution found for ")
    assert len(ended.stderr.splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    ended = install(tmp_path / "file" / "environment")

    assert ended.returncode == 1
    assert "Not a directory" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
