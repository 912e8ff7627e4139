"""Who calls in the story, where the processes have identities: administrators, and customers with their own tokens."""

import shutil
from pathlib import Path

from quitanda.identity import folder_writing
from quitanda.identity.folder import IdentityFile
from quitanda_local.identities import Identities


class CallerFolders:
    """An identity folder for each customer who was given a token; everybody else has the administrators'."""

    def __init__(self, identities: Identities) -> None:
        self._administrators = identities.of_clients
        self._customers = identities.root.with_name("customers")

    def let_in(self, customer_id: str, token: str) -> None:
        """Give a customer a folder with her token, and with the CA by which she knows the shop."""
        folder = self._customers / customer_id
        folder_writing.make_folder(folder)
        shutil.copy(self._administrators / IdentityFile.CA, folder)
        folder_writing.write(folder / IdentityFile.CREDENTIAL, f"{token}\n".encode(), replace=True)

    def of(self, customer_id: str) -> Path:
        """Give the folder with which somebody calls in the customer's name; empty is an administrator."""
        folder = self._customers / customer_id
        return folder if customer_id and folder.exists() else self._administrators
