"""A real Prometheus reads metrics that ask for its certificate, with the configuration for identities."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.metrics import new_registry, serve
from quitanda_local.ports import free_ports
from quitanda_testing.blocking_wait import block_until
from quitanda_testing.identity_folders import CertificateAuthority, write_file, write_identity

CONFIGURATION = Path(__file__).parent.parent / "prometheus-secure.yml"
DEADLINE = 60.0


@pytest.fixture
def prometheus():
    program = shutil.which("prometheus")
    if program is None and os.environ.get("QUITANDA_TEST_PROMTOOL") != "required":
        pytest.skip("prometheus is not installed (Debian's package prometheus)")
    assert program is not None, "prometheus is demanded and not installed"
    return program


def configuration_for(target, folder):
    """The configuration as it stands in the repository, with one target and another place for the identity."""
    text = CONFIGURATION.read_text().replace("/identity/", f"{folder}/")
    found = yaml.safe_load(text) | {"global": {"scrape_interval": "1s"}, "rule_files": []}
    found["scrape_configs"] = found["scrape_configs"][:1]
    found["scrape_configs"][0]["static_configs"] = [{"targets": [str(target)]}]
    return yaml.safe_dump(found)


def test_a_prometheus_reads_the_metrics_with_its_certificate_before_and_after_every_certificate_is_replaced(
    prometheus, tmp_path
):
    authority, successor = CertificateAuthority("first"), CertificateAuthority("second")
    replica = write_identity(tmp_path / "replica1", "replica/replica1", authority)
    metrics = write_identity(tmp_path / "metrics", "metrics", authority)
    served = serve(Address("127.0.0.1", 0), new_registry(), LinkIdentity(replica))
    (tmp_path / "prometheus.yml").write_text(configuration_for(served.address, metrics))
    web = f"127.0.0.1:{free_ports(1)[0]}"
    command = [prometheus, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={web}"], stdout=log, stderr=log)
    try:
        wait_for_target(web, "up", "")
        for folder, name in ((replica, "replica/replica1"), (metrics, "metrics")):
            write_file(folder / "process.pem", successor.issue(name))
        wait_for_target(web, "down", "certificate")
        for folder in (replica, metrics):
            write_file(folder / "ca.pem", successor.pem)
        wait_for_target(web, "up", "")
    finally:
        process.kill()
        process.wait(10)
        served.close()


def wait_for_target(web, health, error):
    seen = {}

    def is_so():
        seen.update(target_of(web) or {})
        return seen.get("health") == health and error in seen["lastError"]

    block_until(is_so, f"the target to be {health}", DEADLINE, lambda: str(seen))


def target_of(web):
    try:
        with urlopen(f"http://{web}/api/v1/targets", timeout=5) as answer:
            targets = json.load(answer)["data"]["activeTargets"]
    except OSError:
        return None
    return targets[0] if targets else None
