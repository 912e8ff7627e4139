"""Prometheus takes the configuration and the alerts; each alert fires where it should, and nowhere else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from quitanda_local.topology import ServiceRole, fixed

HERE = Path(__file__).parent
FOLDER = HERE.parent
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
JOBS = {ServiceRole.REPLICA: "replicas", ServiceRole.WEB: "page"}
CASES = yaml.safe_load((HERE / "alerts_test.yml").read_text())["tests"]


def promtool(*arguments):
    program = shutil.which("promtool")
    if program is None and os.environ.get("QUITANDA_TEST_PROMTOOL") != "required":
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    assert program is not None, "promtool is demanded and not installed (Debian's package prometheus)"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, cwd=HERE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_configuration_and_the_rules():
    promtool("check", "config", str(FOLDER / "prometheus.yml"))


def test_prometheus_takes_the_configuration_for_identities_which_differs_by_tls_only():
    promtool("check", "config", "--syntax-only", str(FOLDER / "prometheus-secure.yml"))
    secure = yaml.safe_load((FOLDER / "prometheus-secure.yml").read_text())
    for job in secure["scrape_configs"]:
        assert job.pop("scheme") == "https"
        assert set(job.pop("tls_config")) == {"ca_file", "cert_file", "key_file"}

    assert secure == yaml.safe_load((FOLDER / "prometheus.yml").read_text())


def test_each_alert_fires_where_it_should_and_nowhere_else():
    promtool("test", "rules", "alerts_test.yml")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(rule):
    expected = {
        bool(check["exp_alerts"])
        for case in CASES
        for check in case["alert_rule_test"]
        if check["alertname"] == rule["alert"]
    }

    assert expected == {True, False}
    assert all(rule["annotations"][text] for text in ("summary", "next_step"))


def test_every_process_of_the_local_run_that_shows_metrics_is_scraped():
    jobs = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    scraped = {(job["job_name"], at) for job in jobs for static in job["static_configs"] for at in static["targets"]}

    assert scraped == {
        (JOBS.get(service.role, "portals"), f"{service.name}:{service.metrics_port}")
        for service in fixed(web=True).services
        if service.metrics_port
    }
