"""The example files of a gateway: what an operator copies and adapts, as the package carries it."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from assay_nb.errors import WrongUsage


def write_examples(directory: Path) -> list[str]:
    """Write the example files into a directory, which is made, and return their names.

    Raises:
        WrongUsage: If one of them is there already, or the directory cannot be written to.
    """
    made: list[str] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # pip compiles what ends in `.py`, so an installed folder has a `__pycache__` too.
        found = (one for one in _find_examples().iterdir() if one.is_file())
        for one in sorted(found, key=lambda one: one.name):
            content = one.read_bytes()
            with (directory / one.name).open("xb") as file:
                file.write(content)
            if content.startswith(b"#!"):
                (directory / one.name).chmod(0o755)
            made.append(one.name)
    except FileExistsError as error:
        raise WrongUsage(
            f"{error.filename} is there already, and is not overwritten.",
            hint="Name an empty directory, or one that does not exist yet.",
        ) from None
    except OSError as error:
        raise WrongUsage(f"{directory} cannot be written to: {error.strerror}.") from None
    return made


def _find_examples() -> Traversable:
    """Return the folder that the wheel carries, or the one beside the source of an editable install."""
    shipped = files("assay_nb") / "examples" / "hub"
    return shipped if shipped.is_dir() else Path(__file__).parents[4] / "examples" / "hub"
