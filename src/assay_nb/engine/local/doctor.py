"""The doctor: look for common problems, and say what to do about each.

It reads and never repairs. What it says of protection is the same promise that the documentation makes.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from assay_nb import config
from assay_nb.engine.control import Diagnosis
from assay_nb.engine.local import dependencies, network
from assay_nb.engine.local.credentials import find_destinations
from assay_nb.engine.local.live_facts import this_day
from assay_nb.engine.local.models import warn_of
from assay_nb.engine.local.resources import PLATFORM, Resources
from assay_nb.engine.resolve import choose_model
from assay_nb.errors import AssayError
from assay_nb.models import catalog
from assay_nb.models.retirements import find_retirement

PROMISE = (
    "They are not written to notebooks, logs, history or the browser. Code that runs as you, notebook cells and "
    "installed packages included, can get at them, because it can do whatever you can. Hub mode keeps keys out "
    "of reach of notebook code."
)
"""What solo mode protects from and what it does not, wherever the master key is."""

_FOREIGN = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_CUSTOM_HEADERS",
)


def examine(resources: Resources) -> list[Diagnosis]:
    """Return what was found, worst first within each subject's place.

    One problem can stop several checks. It is reported once, where it was met first.
    """
    found: dict[str, Diagnosis] = {}
    for look in (
        _promise,
        _python,
        _versions,
        _database,
        _master_key,
        _vault,
        _environment,
        network.proxy,
        network.certificates,
        network.connection,
        _models,
    ):
        for finding in _guarded(look, resources):
            found.setdefault(finding.text, finding)
    return list(found.values())


def _guarded(
    look: Callable[[Resources], Iterator[Diagnosis]], resources: Resources
) -> list[Diagnosis]:
    """Run one look; an error of ours is a finding too, and the next check runs."""
    try:
        return list(look(resources))
    except AssayError as error:
        return [
            Diagnosis(
                level="problem",
                subject=look.__name__.strip("_").replace("_", " "),
                text=error.message,
                hint=error.hint or "",
            )
        ]


def _promise(resources: Resources) -> Iterator[Diagnosis]:
    text = f"{_encryption(resources)} {PROMISE}"
    yield Diagnosis(level="info", subject="what is protected", text=text)


def _encryption(resources: Resources) -> str:
    """Return what the encryption is worth here, which depends on where the master key is."""
    try:
        keystore, database = resources.keystore, resources.database.path
    except AssayError:  # the looks at database and master key say what is wrong
        return (
            "Keys are encrypted on disk; from whom that protects them here could not be found out."
        )
    where = keystore.describe()
    if keystore.protection().strong:
        return f"Keys are encrypted on disk, and the master key is in {where}, apart from them."
    if keystore.is_apart(database):
        return (
            f"Keys are encrypted on disk, and the master key is in {where}: "
            "anyone who gets that file and the database can open them."
        )
    return (
        f"Keys are encrypted on disk, but the master key is in {where}, beside the database: "
        "anyone who copies that directory can open them."
    )


def _python(resources: Resources) -> Iterator[Diagnosis]:
    yield Diagnosis(
        level="ok", subject="python", text=f"{platform.python_version()} on {sys.platform}"
    )


def _versions(resources: Resources) -> Iterator[Diagnosis]:
    yield from dependencies.look()


def _database(resources: Resources) -> Iterator[Diagnosis]:
    database = resources.database
    yield Diagnosis(
        level="ok", subject="database", text=f"{database.name} is private and up to date."
    )
    if others := _holders(database.path):
        yield Diagnosis(
            level="info", subject="database", text=f"It is open in {', '.join(others)} as well."
        )


def _holders(path: Path | None) -> list[str]:
    """Return the other processes that have a file open, by name and number, as far as one may look."""
    proc = Path("/proc")
    if path is None or not proc.is_dir():
        return []
    others = [p for p in proc.iterdir() if p.name.isdigit() and p.name != str(os.getpid())]
    return sorted(_process_name(other) for other in others if _has_open(other, path))


def _has_open(process: Path, path: Path) -> bool:
    try:
        return any(_target(link) == path for link in (process / "fd").iterdir())
    except OSError:  # it ended, or belongs to somebody else
        return False


def _target(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:
        return None


def _process_name(process: Path) -> str:
    with suppress(OSError):
        return f"{(process / 'comm').read_text().strip()} ({process.name})"
    return f"process {process.name}"


def _master_key(resources: Resources) -> Iterator[Diagnosis]:
    from assay_nb.vault.keystores.choose import explain_key_file

    keystore = resources.keystore
    protection = keystore.protection()
    why = "" if protection.strong else f" {explain_key_file(resources.config)}"
    yield Diagnosis(
        level="ok" if protection.strong else "info",
        subject="master key",
        text=f"Its place is {keystore.describe()}.{why} {protection.text}",
    )


def _vault(resources: Resources) -> Iterator[Diagnosis]:
    state = resources.vault.state()
    if state.name == "sealed":
        yield Diagnosis(
            level="problem", subject="vault", text=f"Sealed: {state.reason}", hint=state.hint
        )
        return
    yield Diagnosis(
        level="ok",
        subject="vault",
        text="Open." if state.name == "open" else "Empty: no key is stored yet.",
    )
    for warning in resources.vault.examine():
        yield Diagnosis(level="warning", subject="vault", text=warning)


def _environment(resources: Resources) -> Iterator[Diagnosis]:
    present = [name for name in _FOREIGN if config.is_set(name)]
    if present:
        yield Diagnosis(
            level="info",
            subject="environment",
            text=f"{', '.join(present)} set here: without effect on assay_nb, and readable by everything you run.",
            hint=f"Take a key over, once: `assay-nb keys set PROVIDER --from-env {present[0]}`.",
        )


def _models(resources: Resources) -> Iterator[Diagnosis]:
    age = catalog.table_age_days(this_day())
    if age > 90:
        yield Diagnosis(
            level="warning",
            subject="model table",
            text=f"is {age} days old.",
            hint="pip install --upgrade assay-nb",
        )
    yield from _retirements(resources)


def _retirements(resources: Resources) -> Iterator[Diagnosis]:
    """Yield a warning for each model in use that is about to be shut down, and for the demo's."""
    found: dict[str, str] = {}
    for workspace in resources.own_workspaces():
        places = find_destinations(resources, workspace.id)
        model = choose_model(None, workspace.model, places, resources.usable_models)
        warning = warn_of(resources, workspace.id, model)
        found |= dict([warning]) if warning else {}
    if resources.vault.find_key(PLATFORM, "anthropic", mode="demo") is not None:
        end = find_retirement(catalog.DEMO_MODEL)
        text = end.describe(f"The demo's model {catalog.DEMO_MODEL}", this_day()) if end else None
        if text:
            found[text] = f"Upgrade assay-nb: the demo continues on {catalog.DEMO_SUCCESSOR}."
    for text, hint in found.items():
        yield Diagnosis(level="warning", subject="model", text=text, hint=hint)
