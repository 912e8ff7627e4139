"""Callers of a portal in tests: tokens whose credentials a cluster in memory knows."""

from quitanda.domain.commands import CreateCredential, RaiseLevel
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.model import CallerRole
from quitanda.identity.tokens import hash_secret, new_token


def raise_to_highest_level(cluster):
    for level in range(cluster.state.level + 1, SUPPORTED_LEVEL + 1):
        cluster.does(RaiseLevel(level))


def let_in(cluster, role, customer_id=None, expires_at_ms=0):
    """Create a credential in the cluster, and give its token."""
    token = new_token()
    secret_hash = hash_secret(token.secret)
    label = f"{role} {customer_id or ''}"
    cluster.does(
        CreateCredential(token.credential_id, CallerRole(role).value, label, secret_hash, 1, customer_id, expires_at_ms)
    )
    return token
