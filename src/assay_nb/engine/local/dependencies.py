"""The installed packages against the versions that this release asks for.

The versions stand in one place, the distribution's own metadata. An installer keeps to them once; afterwards
another package may bring an older one, and what only a gateway needs is not looked at by a solo install.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from assay_nb._version import DISTRIBUTIONS
from assay_nb.engine.control import Diagnosis

_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)[^;]*?>=\s*([0-9][0-9.]*)[^;]*(;?)")


@dataclass(frozen=True, slots=True)
class Floor:
    """The oldest version of a package that works here and has no known security fault.

    Attributes:
        optional: Whether it comes with an extra, or on some systems only.
    """

    package: str
    version: str
    optional: bool


@dataclass(frozen=True, slots=True)
class OldPackage:
    """An installed package below its floor."""

    package: str
    installed: str
    floor: str


def read_floors(requirements: Iterable[str]) -> list[Floor]:
    """Return the floors among requirements as a distribution's metadata states them."""
    matches = (_REQUIREMENT.match(requirement) for requirement in requirements)
    return [Floor(m[1].lower(), m[2], optional=bool(m[3])) for m in matches if m]


def find_floors() -> list[Floor]:
    """Return the floors of the installed distribution, extras included."""
    for distribution in DISTRIBUTIONS:
        with suppress(importlib.metadata.PackageNotFoundError):
            return read_floors(importlib.metadata.requires(distribution) or [])
    return []  # run from a source tree that is not installed


def find_old_packages() -> list[OldPackage]:
    """Return the installed packages that are below their floors, those of extras among them."""
    found: list[OldPackage] = []
    for floor in find_floors():
        installed = _installed(floor.package)
        if installed is not None and _parts(installed) < _parts(floor.version):
            found.append(OldPackage(floor.package, installed, floor.version))
    return found


def look() -> Iterator[Diagnosis]:
    """Yield what is missing and what is too old, for the doctor."""
    for floor in find_floors():
        if not floor.optional and _installed(floor.package) is None:
            yield Diagnosis(
                level="problem",
                subject=floor.package,
                text="is not installed.",
                hint="Reinstall assay-nb.",
            )
    for old in find_old_packages():
        yield Diagnosis(
            level="warning",
            subject=old.package,
            text=f"is {old.installed}; below {old.floor} it has known faults or does not work here.",
            hint=f"pip install --upgrade {old.package}",
        )


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _parts(version: str) -> tuple[int, ...]:
    """Return a version's numbers. Both sides have three, so that 3 and 3.0.0 are the same."""
    numbers = [int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3]]
    return (*numbers, 0, 0, 0)[:3]
