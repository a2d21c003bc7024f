"""A real JupyterLab in a real browser, on a vault whose keys lead to a scripted provider.

A test module asks for it with `pytest_plugins = ["tests.lab.fixtures"]`: one server and one browser serve all.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.kernel.stage import Stage, open_stage
from tests.lab.browsing import Browser, Lab, make_page, open_browser, work_in_personal
from tests.labserver.serving import Server, serve
from tests.tools import require_tool

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "src" / "assay_nb" / "labextension"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for notebooks, vault and Jupyter's data, with the built extension in the data."""
    place = tmp_path_factory.mktemp("lab")
    data = place / "data" / "labextensions"
    data.mkdir(parents=True)
    (data / "assay-nb").symlink_to(EXTENSION)
    write_shell_kernel(place / "data" / "kernels" / "shell")
    settings = place / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = json.dumps({"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": False})
    (settings / "notification.jupyterlab-settings").write_text(quiet)
    return place


def write_shell_kernel(folder: Path) -> None:
    """Write the spec of a kernel that is not Python's, as far as anybody can see who asks for its language."""
    folder.mkdir(parents=True)
    start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": start, "display_name": "Shell", "language": "bash"}
    (folder / "kernel.json").write_text(json.dumps(spec))


@pytest.fixture(scope="session")
def shared_stage(place: Path) -> Iterator[Stage]:
    with open_stage(place / "vault") as stage:
        yield stage


@pytest.fixture(scope="session")
def server(place: Path, shared_stage: Stage) -> Iterator[Server]:
    surroundings = [
        ("ASSAY_HOME", str(shared_stage.home)),
        ("JUPYTER_PATH", str(place / "data")),
        ("JUPYTER_CONFIG_DIR", str(place / "config")),
    ]
    with serve(
        "jupyterlab",
        place / "notebooks",
        "--expose-app-in-browser",
        environment=surroundings,
    ) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=20_000)
    with open_browser(require_tool("chromium")) as browser:
        yield browser


@pytest.fixture
def stage(shared_stage: Stage) -> Stage:
    """The vault, with the provider's script as new."""
    shared_stage.fake.calls.clear()
    shared_stage.fake.arrived.clear()
    shared_stage.fake.answers()
    shared_stage.fake.keys = set(shared_stage.keys.values())
    shared_stage.fake.open_listing = False
    return shared_stage


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with make_page(browser) as page:
        yield page


@pytest.fixture
def lab(server: Server, page: Page, place: Path, stage: Stage) -> Lab:
    """JupyterLab, with the personal workspace as the active one."""
    work_in_personal(server)
    return Lab(server, page, place / "notebooks", stage)
