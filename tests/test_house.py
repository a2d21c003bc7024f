"""The house keeps its own rules: floors, names, prose, and what loading costs."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import assay_nb

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
PROSE = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "changes").glob("*.md")]
)

PUBLIC = {
    "AssayError", "BadReply", "Batch", "BelowThreshold", "CallStopped", "Critique", "DemoExhausted",
    "EndpointRefused", "Improvement", "Judgement", "KeyPasted", "LintReport", "Measurement", "PermissionDenied",
    "ProviderAuthError", "ProviderError", "ProviderKeyMissing", "ProviderUnavailable",
    "RateLimited", "Rewrite", "Run", "SideBySide", "StoreUnavailable", "VaultIntegrityError", "VaultSealed",
    "WorkspaceNotFound", "WrongUsage", "__version__", "acritique", "aimprove",
    "ajudge", "aplayground", "arewrite", "critique", "improve", "judge", "lint",
    "load_ipython_extension", "measure", "playground", "rewrite", "to_gepa", "unload_ipython_extension",
}  # fmt: skip

HEAVY = {
    "IPython", "aiohttp", "alembic", "anthropic", "anyio", "cryptography", "google.genai", "httpx2",
    "ipywidgets", "keyring", "openai", "pydantic", "scipy", "sqlalchemy",
}  # fmt: skip


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _hits(paths: list[Path], pattern: str) -> dict[str, list[str]]:
    """Return what the pattern finds, by file; files where it finds nothing are left out."""
    found = {
        _name(path): re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
        for path in paths
    }
    return {name: hits for name, hits in found.items() if hits}


def _fresh(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def test_every_import_runs_downwards() -> None:
    cli = pytest.importorskip("importlinter.cli", reason="import-linter is in the group `lint`")

    assert cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_a_name_that_was_public_stays_public() -> None:
    assert set(assay_nb.__all__) >= PUBLIC


def test_every_public_name_can_be_had() -> None:
    assert [name for name in assay_nb.__all__ if getattr(assay_nb, name) is None] == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="critiqe"):
        assay_nb.critiqe  # noqa: B018 - reading it is the act under test


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = _fresh("import sys, json, assay_nb; print(json.dumps(sorted(sys.modules)))")

    assert HEAVY.isdisjoint(json.loads(loaded))


def test_every_module_says_what_it_is() -> None:
    texts = {path: path.read_text(encoding="utf-8").strip() for path in SOURCES}

    assert [
        _name(path) for path, text in texts.items() if text and not text.startswith(('"""', 'r"""'))
    ] == []


def test_every_exception_to_a_rule_has_its_reason_beside_it() -> None:
    bare = r"#\s*(?:type:\s*ignore|pyright:\s*ignore|noqa)(?:\[[^]]*\]|:\s*[A-Z0-9, ]+)?\s*$"

    assert _hits(SOURCES, bare) == {}


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    others = [path for path in [*SOURCES, *TESTS, *PROSE] if path != Path(__file__)]

    assert _hits(others, r"/work/|/tmp/venv|/root/|\.\./shared") == {}


def test_every_test_is_named_after_a_fact() -> None:
    empty = r"^\s*(?:async )?def (test_(?:basic|simple|works|ok|it|\d+)(?:_\w*)?)\("

    assert _hits(TESTS, empty) == {}


def test_every_attack_tells_what_happens() -> None:
    attacks = [path for path in TESTS if path.parent.name == "attacks"]

    functions = [
        node
        for path in attacks
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    numbered = [node for node in functions if re.match(r"test_a\d{3}_", node.name)]
    told = {node.name[:9] for node in numbered if ast.get_docstring(node)}

    assert {node.name[:9] for node in numbered} - told == set()


def test_every_link_within_the_project_leads_somewhere() -> None:
    links = {
        path: re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", path.read_text(encoding="utf-8"))
        for path in PROSE
    }

    dead = [
        (_name(path), to) for path in PROSE for to in links[path] if not (path.parent / to).exists()
    ]

    assert dead == []


def test_every_page_is_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")

    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}

    assert [page for page in sorted(pages) if f"({page})" not in index] == []


def test_every_change_fragment_says_what_kind_it_is() -> None:
    kinds = re.compile(r"[\w-]+\.(?:added|changed|fixed|removed|security)\.md")
    names = [path.name for path in (ROOT / "changes").glob("*") if path.name != "README.md"]

    assert [name for name in names if not kinds.fullmatch(name)] == []
