"""Floors of dependencies: none with a known hole, one table of them, and told where one is not kept."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from assay_nb.engine.local import dependencies
from assay_nb.engine.local.dependencies import Floor, find_old_packages, look, read_floors

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
SAFE = {
    "aiohttp": "3.14.3",  # CVE-2026-54273, 54278, 69243, 69244
    "cryptography": "46.0.7",  # CVE-2026-39892
    "jupyter-server": "2.21",  # CVE-2026-44727, 86049
    "jupyterhub": "6.1",  # CVE-2026-108752 up to 6.0.1, and no fix of it is known in 5.5
    "jupyterlab": "4.6.2",  # CVE-2026-42557, 73415
}
"""The first version without a fault that is known today, for packages that had one."""


def floors_of_project() -> dict[str, str]:
    extras = [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    return {f.package: f.version for f in read_floors([*PROJECT["dependencies"], *extras])}


@pytest.mark.parametrize(("package", "version"), SAFE.items())
def test_floor_is_past_every_known_fault(package: str, version: str) -> None:
    parts = dependencies._parts
    assert parts(floors_of_project()[package]) >= parts(version)


def test_every_requirement_has_a_floor_that_is_looked_at() -> None:
    extras = [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    stated = [*PROJECT["dependencies"], *extras]
    foreign = [one for one in stated if not one.startswith("assay-nb")]

    assert len(read_floors(foreign)) == len(foreign)


def test_requirements_are_read_as_metadata_states_them() -> None:
    stated = [
        "aiohttp>=3.14.3; extra == 'hub'",
        "jupyterlab<5,>=4.6.2",
        'psycopg[binary]>=3.2; extra == "hub"',
        "uvloop>=0.21; (sys_platform != 'win32') and extra == 'hub'",
        "unbounded; extra == 'x'",
        "Comm>=0.2",
    ]

    assert read_floors(stated) == [
        Floor("aiohttp", "3.14.3", optional=True),
        Floor("jupyterlab", "4.6.2", optional=False),
        Floor("psycopg", "3.2", optional=True),
        Floor("uvloop", "0.21", optional=True),
        Floor("comm", "0.2", optional=False),
    ]


def pretend(
    monkeypatch: pytest.MonkeyPatch, requirements: list[str], installed: dict[str, str]
) -> None:
    """Have other packages installed, and other versions asked for."""

    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(importlib.metadata, "requires", lambda _: requirements)
    monkeypatch.setattr(importlib.metadata, "version", version)


HUB = ["keyring>=25", "aiohttp>=3.14.3; extra == 'hub'", "jupyterhub>=6.1; extra == 'hub'"]


@pytest.mark.parametrize(
    ("installed", "told"),
    [
        ({"keyring": "25", "aiohttp": "3.14.3", "jupyterhub": "6.1"}, []),
        ({"keyring": "25.6.0"}, []),
        ({"keyring": "25", "aiohttp": "3.14.2"}, ["warning aiohttp"]),
        ({"keyring": "25", "jupyterhub": "6.0.1"}, ["warning jupyterhub"]),
        ({"keyring": "24.9", "jupyterhub": "5.5.4"}, ["warning keyring", "warning jupyterhub"]),
        ({}, ["problem keyring"]),
    ],
)
def test_doctor_tells_what_is_old_also_of_the_hubs_extra(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], told: list[str]
) -> None:
    pretend(monkeypatch, HUB, installed)

    assert [f"{found.level} {found.subject}" for found in look()] == told


def test_old_package_is_told_with_both_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, HUB, {"keyring": "25", "aiohttp": "3.9"})

    (old,) = find_old_packages()
    (found,) = look()

    assert (old.package, old.installed, old.floor) == ("aiohttp", "3.9", "3.14.3")
    assert "3.9" in found.text
    assert "3.14.3" in found.text
    assert found.hint == "pip install --upgrade aiohttp"


def test_gateway_logs_what_is_old_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    from assay_nb.gateway.process.logs import DependencyOld
    from assay_nb.gateway.process.server import _warm_up

    pretend(monkeypatch, HUB, {"keyring": "25", "aiohttp": "3.14.0", "jupyterhub": "6.1.1"})
    logged: list[object] = []
    resources = SimpleNamespace(
        vault=SimpleNamespace(state=lambda: None), teams=SimpleNamespace(list_teams=list)
    )

    _warm_up(SimpleNamespace(resources=resources, log=logged.append))  # type: ignore[arg-type]

    assert logged == [DependencyOld("aiohttp", "3.14.0", "3.14.3")]
