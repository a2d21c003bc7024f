"""The build of `assay-nb-core`: it packs what `assay-nb` packs, under another name and with fewer dependencies.

What goes where is written in the repository's own `pyproject.toml`, and read from there.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PLAN = "assay-nb.toml"
"""The name in an sdist of the `pyproject.toml` of `assay-nb`."""


class Sources(BuildHookInterface):
    """Adds to the wheel what the other distribution has in its own, and to the sdist what that takes."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files to add: each by where it is, and where it goes."""
        here = Path(self.root)
        brought = here / _PLAN
        top, plan = (
            (here, brought)
            if brought.exists()
            else (here.parents[1], here.parents[1] / "pyproject.toml")
        )
        wheel = tomllib.loads(plan.read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
        moved = {**_packages(top, wheel), **_spread(top, wheel["force-include"])}
        shared = _spread(top, wheel["shared-data"])
        if self.target_name == "sdist":
            build_data["force_include"].update(
                {str(top / name): name for name in (*moved, *shared)}
            )
            build_data["force_include"][str(plan)] = _PLAN
        else:
            build_data["force_include"].update(
                {str(top / name): place for name, place in moved.items()}
            )
            build_data["shared_data"].update(
                {str(top / name): place for name, place in shared.items()}
            )


def _packages(top: Path, wheel: dict[str, Any]) -> dict[str, str]:
    left_out = tuple(f"{name}/" for name in wheel.get("exclude", ()))
    files = (name for package in wheel["packages"] for name in _list_files(top, package))
    return {name: name.removeprefix("src/") for name in files if not name.startswith(left_out)}


def _spread(top: Path, table: dict[str, str]) -> dict[str, str]:
    """Return a table of files and directories as one of files."""
    return {
        name: place + name.removeprefix(source)
        for source, place in table.items()
        for name in _list_files(top, source)
    }


def _list_files(top: Path, source: str) -> Iterator[str]:
    path = top / source
    for each in sorted(path.rglob("*")) if path.is_dir() else (path,):
        if each.is_file() and "__pycache__" not in each.parts:
            yield each.relative_to(top).as_posix()
