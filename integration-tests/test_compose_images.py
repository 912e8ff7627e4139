"""The images as they are made: nothing in them gives anybody more rights, or a secret."""

import json
import re
import subprocess

import pytest

from quitanda_testing.cluster.kinds import ClusterKind, chosen

if chosen() is not ClusterKind.CONTAINERS:
    pytest.skip("needs Docker: QUITANDA_TEST_CLUSTER=containers", allow_module_level=True)

from quitanda_testing.containers.docker_run import TAG

pytestmark = pytest.mark.timeout(120)

IMAGES = ("replica", "admin-portal", "client-portal", "clients")
SECRETS = re.compile(r"(SECRET|KEY|TOKEN|PASSWORD)")
PUBLIC_KEYS_OF_THE_BASE = {"GPG_KEY"}
"""Whose signature Python's source had."""
IDENTITY_OF = {"clients": "/identity"}
"""Where an image looks for an identity folder, unless somebody says otherwise; in the image itself there is none."""


def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def found(image, *conditions):
    """The files of the image for which the conditions of `find` hold, seen as root."""
    seen = ["run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "find", f"quitanda/{image}:{TAG}"]
    return docker(*seen, "/", "-xdev", *conditions).splitlines()


@pytest.mark.parametrize("image", IMAGES)
def test_no_file_of_an_image_is_setuid_or_setgid(image):
    assert found(image, "-perm", "/6000") == []


@pytest.mark.parametrize("image", IMAGES)
def test_everybody_may_write_into_nothing_of_an_image_but_tmp(image):
    assert found(image, "!", "-type", "l", "-perm", "/0002") == ["/tmp"]
    assert found(image, "-path", "/tmp", "-perm", "1777") == ["/tmp"], "and there only what is one's own"


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_in_particular_and_holds_no_secret(image):
    (config,) = json.loads(docker("image", "inspect", f"quitanda/{image}:{TAG}"))

    assert config["Config"]["User"] == "10001:10001"
    variables = dict(line.split("=", 1) for line in config["Config"]["Env"])
    assert {name for name in variables if SECRETS.search(name)} <= PUBLIC_KEYS_OF_THE_BASE
    assert variables.get("QUITANDA_IDENTITY") == IDENTITY_OF.get(image)
    assert found(image, "-path", "/identity") == []
    assert found(image, "-name", "*.pem", "-path", "/venv/*quitanda*") == []
    assert (
        found(image, "(", "-name", "credential", "-o", "-name", "cluster-secret", "-o", "-name", "process.pem", ")")
        == []
    )
