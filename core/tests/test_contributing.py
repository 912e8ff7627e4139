"""CONTRIBUTING.md names every file that a new field and a new operation touch, and there are few of them."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()

# What names the example for a reason of its own, and so is no file that every field or operation touches.
OF_THE_TYPE = {"core/src/quitanda/domain/limits.py"}
OF_ONE_IMPORT = {"clients/src/quitanda_clients/csv_import/columns.py"}  # Shopify's variants share their texts
# The screens of a terminal choose what they offer, as the page does.
OF_SCREENS = {str(path.relative_to(ROOT)) for path in (ROOT / "clients/src/quitanda_clients/terminal").glob("*.py")}
OF_A_SEARCH = {"core/src/quitanda/codec/document_filters.py"}
OF_THE_COURSE = {"core/src/quitanda/compat/orders.py", "core/src/quitanda/compat/methods.py"}


def listed(heading):
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)


def mentioning(pattern, *folders):
    """The hand-written files of the product that name something."""
    found = subprocess.run(
        ["git", "grep", "-lE", pattern, "--", *folders], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return {name for name in found if "_pb2" not in name and name.endswith((".py", ".proto"))}


@pytest.mark.parametrize(
    ("heading", "most"), [("How a field is added", 9), ("How an operation is added", 9)], ids=["field", "operation"]
)
def test_few_files_are_touched_and_all_of_them_exist(heading, most):
    files = listed(heading)

    assert 0 < len(files) <= most
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_the_description_of_a_product_is_named_in_the_files_of_a_field_and_nowhere_else():
    product = ["domain", "codec", "portal", "mqtt", "cache", "cluster_client", "operation*.py"]
    folders = [f"core/src/quitanda/{name}" for name in product]
    named = mentioning(r"\bdescription\b", *folders, "clients/src", "proto/quitanda/v1")

    assert named - OF_THE_TYPE - OF_ONE_IMPORT - OF_A_SEARCH - OF_SCREENS == set(listed("How a field is added"))


def test_cancelling_an_order_is_named_in_the_files_of_an_operation_and_nowhere_else():
    named = mentioning(
        r"cancel_order\b|\bCancelOrder(Request|Response|Command)?\b",
        "core/src",
        "services/*/src",
        "clients/src",
        "proto/quitanda/v1",
    )

    assert named - OF_THE_COURSE - OF_SCREENS == set(listed("How an operation is added"))
