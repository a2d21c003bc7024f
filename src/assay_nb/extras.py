"""Parts of the package that need other packages, and what to install where those are missing.

`assay-nb` brings everything that one person needs. On a hub, and for checks in CI, `assay-nb-core` is installed
with some of its extras, so an environment may have no SDK or no vault.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

from assay_nb.errors import AssayError

Part = Literal["vault", "sdk", "hub"]

_NEEDED_BY: dict[Part, str] = {
    "vault": "A vault of keys in this environment",
    "sdk": "A call to a provider from this environment",
    "hub": "The gateway",
}
_OURS = "assay_nb"


class PartMissing(AssayError):
    """A package that something needs is not installed here."""

    code = "part_missing"
    exit_status = 2
    http_status = 503


@contextmanager
def needing(part: Part) -> Generator[None]:
    """Say what to install if a package is missing that the block imports.

    Raises:
        PartMissing: If one is, other than a module of this package itself.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        if name in ("", _OURS):
            raise
        raise PartMissing(
            f"{_NEEDED_BY[part]} needs the package {name}, which is not installed.",
            hint=_advise(part),
        ) from None


def _advise(part: Part) -> str:
    if part == "hub":
        return "Install what it needs: `pip install 'assay-nb[hub]'`."
    return (
        f"Install `assay-nb`, or `assay-nb-core[{part}]`. On a hub with a gateway neither is needed: "
        "there ASSAY_GATEWAY_URL is set."
    )
