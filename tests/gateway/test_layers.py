"""The gateway's contract for `lint-imports` names every module once, so that a new one needs a place."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = ROOT / "src" / "assay_nb" / "gateway"


def _layers() -> list[str]:
    """Return the names in the contract, as dotted paths below the gateway."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    found = next(one for one in contracts if one.get("containers") == ["assay_nb.gateway"])
    names = " ".join(found["layers"]).replace("|", " ").replace(":", " ").split()
    return [name.strip("()") for name in names]


def _modules() -> list[str]:
    paths = (path.relative_to(GATEWAY) for path in GATEWAY.rglob("*.py"))
    return [".".join(path.with_suffix("").parts) for path in paths if path.name != "__init__.py"]


def test_every_module_is_in_one_layer() -> None:
    layers, modules = _layers(), _modules()

    found = {
        module: [one for one in layers if module == one or module.startswith(f"{one}.")]
        for module in modules
    }

    assert len(modules) > 30
    assert {module: names for module, names in found.items() if len(names) != 1} == {}
