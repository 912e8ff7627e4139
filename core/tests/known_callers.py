"""Callers of a portal in tests: tokens whose credentials a cluster in memory knows."""

from fake_cluster import FakeCluster

from quitanda.domain.commands import CreateCredential, CreateCustomer, RaiseLevel
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.model import CallerRole
from quitanda.identity.tokens import hash_secret, new_token


def raise_to_highest_level(cluster):
    for level in range(cluster.state.level + 1, SUPPORTED_LEVEL + 1):
        cluster.does(RaiseLevel(level))


def cluster_of_known_callers(*customer_ids):
    """Make a cluster at the highest level, with these customers; from now on each request must say who asks."""
    cluster = FakeCluster(demands_principals=True)
    raise_to_highest_level(cluster)
    for customer_id in customer_ids:
        cluster.does(CreateCustomer(customer_id, customer_id))
    return cluster


def let_in(cluster, role, customer_id=None, expires_at_ms=0):
    """Create a credential in the cluster, and give its token."""
    token = new_token()
    secret_hash = hash_secret(token.secret)
    label = f"{role} {customer_id or ''}"
    cluster.does(
        CreateCredential(token.credential_id, CallerRole(role).value, label, secret_hash, 1, customer_id, expires_at_ms)
    )
    return token
