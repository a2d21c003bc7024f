"""The installed version, for every room: importing it from the package root would close a circle through all."""

from __future__ import annotations

DISTRIBUTIONS = ("assay-nb", "assay-nb-core")
"""The distributions of this package: with all that one person needs, and in parts."""


def read_version() -> str:
    """Return the installed version of the distribution, such as `1.2.0`.

    It is read from the installed metadata each time, since loading `importlib.metadata` costs some
    milliseconds that `%load_ext` should not pay.
    """
    from importlib.metadata import PackageNotFoundError, version

    whole, parts = DISTRIBUTIONS
    try:
        return version(whole)
    except PackageNotFoundError:
        return version(parts)
