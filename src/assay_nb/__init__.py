"""Prompts made better where the data is: critique, improve and rewrite in Jupyter.

    %load_ext assay_nb

    %%critique -o review
    Summarise {{ticket}} briefly and be detailed.

The same in Python: `from assay_nb import critique, improve, rewrite, lint`, each with an async twin
(`acritique`, …). Keys belong to workspaces and are stored sealed; see `assay-nb keys -h`.

Importing this package imports nothing else of it: every name loads at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from assay_nb.api import (
        acritique,
        aimprove,
        ajudge,
        aplayground,
        arewrite,
        critique,
        improve,
        judge,
        lint,
        measure,
        playground,
        rewrite,
        to_gepa,
    )
    from assay_nb.errors import (
        AssayError,
        BadReply,
        BelowThreshold,
        CallStopped,
        DemoExhausted,
        EndpointRefused,
        KeyPasted,
        PermissionDenied,
        ProviderAuthError,
        ProviderError,
        ProviderKeyMissing,
        ProviderUnavailable,
        RateLimited,
        StoreUnavailable,
        VaultIntegrityError,
        VaultSealed,
        WorkspaceNotFound,
        WrongUsage,
    )
    from assay_nb.experiments.batch import Batch
    from assay_nb.experiments.comparison import SideBySide
    from assay_nb.experiments.measure.result import Measurement
    from assay_nb.instruments.critique import Critique
    from assay_nb.instruments.improve import Improvement
    from assay_nb.instruments.judge import Judgement
    from assay_nb.instruments.lint import LintReport
    from assay_nb.instruments.playground import Run
    from assay_nb.instruments.rewrite import Rewrite

    __version__: str

_HOMES = {
    "assay_nb.api": (
        "acritique",
        "aimprove",
        "ajudge",
        "aplayground",
        "arewrite",
        "critique",
        "improve",
        "judge",
        "lint",
        "measure",
        "playground",
        "rewrite",
        "to_gepa",
    ),
    "assay_nb.errors": (
        "AssayError",
        "BadReply",
        "BelowThreshold",
        "CallStopped",
        "DemoExhausted",
        "EndpointRefused",
        "KeyPasted",
        "PermissionDenied",
        "ProviderAuthError",
        "ProviderError",
        "ProviderKeyMissing",
        "ProviderUnavailable",
        "RateLimited",
        "StoreUnavailable",
        "VaultIntegrityError",
        "VaultSealed",
        "WorkspaceNotFound",
        "WrongUsage",
    ),
    "assay_nb.instruments.critique": ("Critique",),
    "assay_nb.instruments.improve": ("Improvement",),
    "assay_nb.instruments.judge": ("Judgement",),
    "assay_nb.instruments.lint": ("LintReport",),
    "assay_nb.instruments.playground": ("Run",),
    "assay_nb.instruments.rewrite": ("Rewrite",),
    "assay_nb.experiments.batch": ("Batch",),
    "assay_nb.experiments.measure.result": ("Measurement",),
    "assay_nb.experiments.comparison": ("SideBySide",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AssayError",
    "BadReply",
    "Batch",
    "BelowThreshold",
    "CallStopped",
    "Critique",
    "DemoExhausted",
    "EndpointRefused",
    "Improvement",
    "Judgement",
    "KeyPasted",
    "LintReport",
    "Measurement",
    "PermissionDenied",
    "ProviderAuthError",
    "ProviderError",
    "ProviderKeyMissing",
    "ProviderUnavailable",
    "RateLimited",
    "Rewrite",
    "Run",
    "SideBySide",
    "StoreUnavailable",
    "VaultIntegrityError",
    "VaultSealed",
    "WorkspaceNotFound",
    "WrongUsage",
    "__version__",
    "acritique",
    "aimprove",
    "ajudge",
    "aplayground",
    "arewrite",
    "critique",
    "improve",
    "judge",
    "lint",
    "load_ipython_extension",
    "measure",
    "playground",
    "rewrite",
    "to_gepa",
    "unload_ipython_extension",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from assay_nb._version import read_version

        return read_version()
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'assay_nb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics: what `%load_ext assay_nb` does."""
    from assay_nb.magics.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics away again: what `%unload_ext assay_nb` does."""
    from assay_nb.magics.extension import unload

    unload(shell)
