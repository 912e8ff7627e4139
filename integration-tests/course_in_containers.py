"""The system in containers with the course's portals, started once for all tests that need it, and what it says."""

import pytest
from captured_traffic import Capture
from compose_project import PROJECT_LABEL, ComposeProject, written


class CapturedProject(ComposeProject):
    """A project whose whole traffic is captured, from the first start on."""

    capture: Capture

    def start(self) -> None:
        """Make the network, begin to capture, and start everything with the command of the document."""
        (command,) = [line for line in written("docs/COURSE.md", "Switch it on").splitlines() if "docker" in line]
        self.run("docker compose --profile course create")
        network = self.run(f"docker network inspect --format '{{{{.Id}}}}' {self.name}").strip()
        label = f"{PROJECT_LABEL}={self.name}"
        self.capture = Capture(f"br-{network[:12]}", label, self.folder / "traffic")
        self.run(command)

    def close(self) -> None:
        """Remove everything."""
        try:
            self.capture.close()
        finally:
            super().close()


@pytest.fixture(scope="session")
def course_project(tmp_path_factory):
    """The system with the course's endpoints."""
    project = CapturedProject(tmp_path_factory.mktemp("course"))
    try:
        project.start()
        yield project
    finally:
        project.close()
