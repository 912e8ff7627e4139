"""The identity folders of a local run: made for its processes, kept, and renewed at a start where they are old."""

from datetime import UTC, datetime, timedelta

import pytest

from quitanda.identity.authority import Authority
from quitanda.identity.certificates import KeyedCertificate
from quitanda.identity.folder import IdentityFolder
from quitanda_local.errors import IdentitiesUnusable
from quitanda_local.identities import Identities
from quitanda_local.topology import fixed


def ends(identities, name):
    return KeyedCertificate.read(IdentityFolder(identities.folder(name)).process()).certificate.not_valid_after_utc


def test_every_process_has_a_folder_and_the_clients_have_one(tmp_path):
    identities = Identities(tmp_path / "identity")

    identities.make(fixed())

    for service in fixed().services:
        assert ends(identities, service.name) > datetime.now(UTC) + timedelta(days=89)
    assert IdentityFolder(identities.of_clients).credential().startswith("qt1_")
    assert identities.observer(fixed()).current().own


def test_a_later_start_keeps_what_is_there_and_renews_what_is_old(tmp_path):
    identities = Identities(tmp_path)
    long_ago = datetime.now(UTC) - timedelta(days=70)
    Authority(tmp_path, lambda _change: None).create((), long_ago)
    token = IdentityFolder(identities.of_clients).credential()

    identities.make(fixed())

    assert ends(identities, "replica1") > datetime.now(UTC) + timedelta(days=89)
    assert IdentityFolder(identities.of_clients).credential() == token


def test_folders_that_do_not_belong_together_are_told_with_the_next_step(tmp_path):
    identities = Identities(tmp_path)
    identities.make(fixed())
    (tmp_path / "ca" / "ca-key.pem").unlink()

    with pytest.raises(IdentitiesUnusable, match="trusts one; next: "):
        identities.make(fixed())


def test_a_place_that_cannot_be_written_is_told_with_the_next_step(tmp_path):
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(IdentitiesUnusable, match=r"cannot be written.*next: "):
        Identities(tmp_path / "file").make(fixed())
