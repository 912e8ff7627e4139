"""`python -m quitanda.identity`: what it says, how it ends, and what it does when things go wrong around it."""

import fcntl
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quitanda.identity.__main__ import main
from quitanda.identity.authority import Authority
from quitanda.identity.folder import IdentityFile
from quitanda.identity.tokens import parse_token
from quitanda_testing.limited_files import with_files_up_to

COMMAND = (sys.executable, "-m", "quitanda.identity", "--root")
SMALL = ("create", "--replicas", "replica1", "--admin-portals", "admin-portal-1", "--client-portals", "client-portal-1")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "identity"


@pytest.fixture
def run(root, capsys):
    def run_it(*arguments):
        code = returned_or_exited(["--root", str(root), *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run_it


def returned_or_exited(arguments):
    try:
        return main(arguments)
    except SystemExit as exit_:
        return exit_.code


def secrets_in(root):
    """Every secret text of the folders, and of private keys each line."""
    found = set()
    for path in root.rglob("*"):
        if path.name in {"holders.json", "lock"} or not path.is_file():
            continue
        text = path.read_text()
        for key in re.findall(r"-----BEGIN PRIVATE KEY-----\n(.*?)\n-----END", text, re.DOTALL):
            found |= set(key.splitlines())
        if path.name == IdentityFile.CREDENTIAL:
            found.add(parse_token(text.strip()).secret)
        elif "BEGIN" not in text and path.name != IdentityFile.FIRST_CREDENTIAL:
            found.add(text.strip())
    return found


@pytest.mark.slow
def test_two_first_starts_at_the_same_time_make_one_set_of_identities(root):
    def start(_number):
        return subprocess.run([*COMMAND, str(root), *SMALL], capture_output=True, text=True, check=False, timeout=100)

    with ThreadPoolExecutor(4) as pool:
        starts = list(pool.map(start, range(4)))

    assert [(start.returncode, start.stderr) for start in starts] == [(0, "")] * 4
    assert sorted(bool(start.stdout) for start in starts) == [False, False, False, True]
    assert len({path.read_bytes() for path in root.glob(f"*/{IdentityFile.FEED_KEY}")}) == 1


def test_while_another_process_works_on_the_folders_a_call_waits_and_then_says_so(root, run):
    (root / "ca").mkdir(parents=True)
    with (root / "ca" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        code, out, err = run("--wait", "0.1", *SMALL)

    assert (code, out) == (1, "")
    assert "another process has been working" in err
    assert "; next: " in err
    assert run(*SMALL)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 40, 64, 600, 863, 900, 960])
def test_on_a_full_disk_it_says_so_and_goes_on_later_with_what_was_made(root, run, limit):
    """No file may grow beyond a limit, which is reported as a full disk is; each limit stops it elsewhere."""
    command = with_files_up_to(limit, (*COMMAND, root, *SMALL))
    full = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    left = {path: path.read_bytes() for path in root.rglob("*.*") if path.is_file()}

    assert full.returncode == 1
    assert "File too large" in full.stderr
    assert "; next: " in full.stderr
    assert not any("partial" in path.name for path in left)
    code, _, err = run(*SMALL)
    assert (code, err) == (0, "")
    assert all(path.read_bytes() == content for path, content in left.items())
    assert run("show")[0] == 0


QUITANDA, MOSQUITTO, STRANGER = 10001, 1883, 65533


@contextmanager
def as_user(user, *groups):
    """Let this process be another user for a while."""
    own_groups = os.getgroups()
    os.setgroups(groups)
    os.setegid(user)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(own_groups)


def readers_of(file):
    def reads(user):
        with as_user(user):
            return os.access(file, os.R_OK, effective_ids=True)

    return {user for user in (QUITANDA, MOSQUITTO, STRANGER) if reads(user)}


@pytest.fixture
def volumes():
    """Folders with the owners and modes that the image gives to new volumes."""
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        for name in ("ca", "clients", "metrics", "web", "replica1", "admin-portal-1", "client-portal-1", "broker"):
            folder = Path(base) / name
            folder.mkdir()
            os.chown(folder, QUITANDA, MOSQUITTO if name == "broker" else QUITANDA)
            folder.chmod(0o750 if name == "broker" else 0o700)
        yield Path(base)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be other users")
def test_as_in_containers_it_needs_no_root_and_each_folder_is_readable_by_its_user_only(volumes):
    for arguments in (SMALL, ("renew", "--all"), ("rotate-ca",), ("create",), ("show",)):
        with as_user(QUITANDA, MOSQUITTO):
            assert main(["--root", str(volumes), *arguments]) == 0

    assert readers_of(volumes / "replica1" / IdentityFile.PROCESS) == {QUITANDA}
    assert readers_of(volumes / "ca" / "ca-key.pem") == {QUITANDA}
    for file in (volumes / "broker").iterdir():
        assert readers_of(file) == {QUITANDA, MOSQUITTO}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
def test_a_volume_of_another_user_is_told_with_the_next_step(volumes, capsys):
    os.chown(volumes / "replica1", STRANGER, STRANGER)

    with as_user(QUITANDA, MOSQUITTO):
        assert main(["--root", str(volumes), *SMALL]) == 1

    said = capsys.readouterr().err
    assert f"{volumes}/replica1" in said
    assert "Permission denied; next: see to it that the folders belong to the user" in said


def test_a_later_start_that_renews_certificates_says_that_the_broker_must_read_its_own(root, run):
    Authority(root, lambda _change: None).create((), datetime.now(UTC) - timedelta(days=61))

    code, out, err = run("create")

    assert (code, err) == (0, "")
    assert "replaced process.pem" in out
    assert "Send the broker SIGHUP." in out
    assert run("create") == (0, "", "")


def test_a_renewal_says_what_to_do_only_where_something_was_renewed(run):
    run("create")

    nothing, everything = run("renew"), run("renew", "--all")

    assert (nothing[0], nothing[2]) == (0, "")
    assert "No certificate is old enough" in nothing[1]
    assert "SIGHUP" not in nothing[1]
    assert "Send the broker SIGHUP." in everything[1]
    assert "was old" not in everything[1]


def test_a_new_secret_is_told_with_who_has_to_be_restarted_and_what_comes_next(run):
    run(*SMALL)

    told = [run("rotate-secret", "cluster-secret", "--restarted")[1] for _round in range(3)]
    of_the_feed = run("rotate-secret", "feed-key")[1]

    assert "Round 1 of 3 is done" in told[0]
    assert "Round 2 of 3 is done" in told[1]
    for text in told[:2]:
        assert "Restart all replicas, one after the other, then run `rotate-secret cluster-secret --restarted`" in text
    assert "The old cluster-secret is gone" in told[2]
    assert "Restart all replicas, one after the other, and then all portals." in of_the_feed


def test_a_root_that_cannot_be_a_folder_is_told(root, run):
    root.write_text("a file")

    code, _, err = run("create")

    assert code == 1
    assert str(root) in err
    assert "; next: " in err


def test_no_secret_is_ever_in_the_output(root, run):
    said = []
    for arguments in (
        SMALL,
        ("show",),
        ("renew", "--all"),
        ("rotate-ca",),
        ("rotate-ca",),
        ("rotate-ca", "--at-once"),
        ("rotate-ca", "--customers"),
        ("rotate-secret", "feed-key"),
        ("rotate-secret", "cluster-secret"),
        ("rotate-secret", "cluster-secret"),
        ("rotate-secret", "cluster-secret", "--restarted"),
        ("create",),
    ):
        said += run(*arguments)[1:]
    for path in [*root.glob("*/*-secret*"), *root.glob("*/*key*"), *root.glob("*/credential")]:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        said += run("create")[1:]
        said += run("show")[1:]
        path.write_bytes(content)

    secrets = secrets_in(root)
    assert len(secrets) > 10
    for text in said:
        assert not any(secret in text or secret[: len(secret) // 2] in text for secret in secrets)


def test_a_second_create_says_nothing(run):
    assert "made process.pem (valid until" in run(*SMALL)[1]
    assert run("create") == (0, "", "")


def test_what_is_shown_has_names_dates_and_fingerprints_as_openssl_shows_them(root, run):
    run(*SMALL, "--host", "admin-portal-1=shop.example", "--host", "broker=192.0.2.7")

    code, out, err = run("show")

    assert (code, err) == (0, "")
    assert "portal/admin-portal-1 at 127.0.0.1, ::1, admin-portal-1, localhost, shop.example" in out
    assert "broker at 127.0.0.1, 192.0.2.7, ::1, broker, localhost" in out
    certificate = root / "replica1" / IdentityFile.PROCESS
    fingerprint = subprocess.run(
        ["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha256"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.partition("=")[2]
    assert f"SHA-256 {fingerprint}" in out


def test_what_is_shown_ends_with_an_error_where_something_is_missing_or_damaged(root, run):
    run(*SMALL)
    (root / "replica1" / IdentityFile.FEED_KEY).unlink()
    (root / "broker" / IdentityFile.PROCESS).write_text("nothing")

    code, out, err = run("show")

    assert code == 1
    assert "replica1 (replica)" in out
    assert f"{root / 'replica1' / IdentityFile.FEED_KEY} is missing" in err
    assert f"{root / 'broker' / IdentityFile.PROCESS}: it has no PEM text" in err
    assert "next: run `create`" in err


def test_a_rotation_says_at_each_step_what_was_done_and_what_comes_next_and_when(run):
    run(*SMALL)

    first = run("rotate-ca")[1]
    too_early = run("rotate-ca")
    second = run("rotate-ca", "--at-once")[1]
    third = run("rotate-ca", "--at-once")[1]

    when = r"run `rotate-ca` again at or after 2\d\d\d-\d\d-\d\d \d\d:\d\d UTC"
    assert re.search(rf"Step 1 of 3 is done.*Restart the broker.*Next.*{when}", first, re.DOTALL)
    assert too_early[0] == 1
    assert "too early" in too_early[2]
    assert re.search(rf"Step 2 of 3 is done.*Restart the broker.*Next.*{when}", second, re.DOTALL)
    assert "The rotation is complete" in third
    assert "Next" not in third


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("make",),
        ("rotate-secret", "credential"),
        ("create", "--replicas", "a b"),
        ("create", "--replicas", "broker"),
        ("create", "--replicas", "replica1", "--host", "replica1"),
        ("create", "--replicas", "replica1", "--host", "replica2=192.0.2.7"),
        ("create", "--replicas", "replica1", "--host", "replica1=a b"),
    ],
)
def test_a_wrong_command_line_is_refused_and_nothing_is_made(root, run, arguments):
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert "usage: python -m quitanda.identity" in err
    assert not root.exists()
