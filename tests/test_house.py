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


def _method_calls(path: Path, method: str) -> list[ast.Call]:
    """Return the calls of a method in a file, on whatever object."""
    return [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == method
    ]


def _opens_a_credential(call: ast.Call) -> bool:
    """Say whether a call of `open` may be a credential's: it takes no arguments, unlike a file's."""
    return not call.args and not call.keywords and ast.unparse(call.func) != "self.upstream.open"


def test_only_egress_opens_a_credential() -> None:
    opening = {
        _name(path): count
        for path in SOURCES
        if (count := sum(map(_opens_a_credential, _method_calls(path, "open"))))
    }

    assert opening == {
        "src/assay_nb/egress/key_header.py": 3
    }  # for an SDK, and passed through, at once or in a thread


def test_only_a_few_files_outside_the_vault_read_a_secret() -> None:
    reading = {
        _name(path)
        for path in SOURCES
        if "vault" not in path.parts and _method_calls(path, "reveal")
    }

    assert reading == {
        "src/assay_nb/engine/local/connection_control.py",  # a key that was just entered
        "src/assay_nb/engine/local/operator.py",  # the platform key that was just entered
        "src/assay_nb/engine/local/credentials.py",  # what a credential opens
        "src/assay_nb/gateway/auth/run_tokens.py",  # a hub token, which is not a provider's key
        "src/assay_nb/gateway/process/main.py",  # a new key file for the operator
    }


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


def test_a_local_engine_differs_by_what_it_is_handed_and_has_no_subclass() -> None:
    bases = {
        f"{_name(path)}:{node.name}": [ast.unparse(base).split(".")[-1] for base in node.bases]
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }

    assert bases["src/assay_nb/engine/local/engine.py:LocalEngine"] == ["Engine"]
    assert [name for name, names in bases.items() if "LocalEngine" in names] == []


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


RETIRED = (
    "mend", "anew", "whoever", "for ever", "is no", "so-manieth", "the way out", "as many as there", "of one's own",
)  # fmt: skip
FRAGMENTS = {path for path in PROSE if path.parent.name == "changes"} | {ROOT / "CHANGELOG.md"}
UNWRAPPED = FRAGMENTS | {
    ROOT / "docs" / "lint.md",  # its rules are copied from their docstrings, a line each
}


def _without_blocks(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def _prose(path: Path) -> str:
    """Return a page without code, and CONTRIBUTING without its examples of what not to write."""
    text = re.sub(r"`[^`\n]+`", "`code`", _without_blocks(path))
    return re.sub(r'Instead\s+of\s+"[^"]+"', "", text)


def _retired(text: str) -> list[str]:
    """Return the retired idioms in a text; "there is no …" is ordinary English and not one of them."""
    words = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in RETIRED)
    ordinary = re.sub(r"\bthere\s+is\s+no\b", "", text, flags=re.IGNORECASE)
    return re.findall(rf"\b(?:{words})\b", ordinary, re.IGNORECASE)


def _too_long(text: str) -> list[str]:
    return [
        line
        for line in text.splitlines()
        if len(line) > 110 and not line.lstrip().startswith("|") and "](" not in line
    ]


def test_a_page_without_retired_idioms_is_told_from_one_with_them() -> None:
    assert _retired("Mend it. This is\nno key.") == ["Mend", "is\nno"]
    assert _retired("Recommend the fix. There is no key. This is not a key.") == []
    assert len(_too_long("a " * 56)) == 1
    assert _too_long("| " + "a " * 56) == []


@pytest.mark.parametrize("path", [path for path in PROSE if path not in FRAGMENTS], ids=_name)
def test_no_page_uses_a_retired_idiom(path: Path) -> None:
    assert _retired(_prose(path)) == []


@pytest.mark.parametrize("path", [path for path in PROSE if path not in UNWRAPPED], ids=_name)
def test_prose_wraps_at_110_columns(path: Path) -> None:
    assert _too_long(_without_blocks(path)) == []


_POSSESSIVE_GROUP = re.compile(r"[^\\]\)(?:[?*+]|\{[0-9]*,?[0-9]*\})\+")


def test_no_expression_has_a_possessive_group() -> None:
    """Python 3.11.2, Debian 12's, stays where such a group has matched in part. An atomic group goes back."""
    assert _POSSESSIVE_GROUP.search(r"(?:\.[0-9]+)?+")
    assert not _POSSESSIVE_GROUP.search(r"(?>(?:\.[0-9]+)?)[0-9]*+ \)*+")
    found = [
        f"{_name(path)}: {line.strip()}"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if "re.compile(" in line or line.lstrip().startswith(('r"', 'rb"', 'rf"', "|", "(?"))
        if _POSSESSIVE_GROUP.search(line)
    ]
    assert found == []
