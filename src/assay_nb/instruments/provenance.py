"""Where a result came from, as JSON and as the lines that show it. Every instrument uses these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from assay_nb.instruments.base import Provenance
from assay_nb.messages import Usage


def encode_provenance(provenance: Provenance) -> dict[str, Any]:
    """Return the provenance as JSON-ready data, in a stable order of keys."""
    return {**asdict(provenance), "request_ids": list(provenance.request_ids)}


def decode_provenance(fields: Mapping[str, Any]) -> Provenance:
    """Return the provenance that `encode_provenance` was given."""
    read: dict[str, Any] = {
        "usage": Usage(**fields["usage"]),
        "request_ids": tuple(fields["request_ids"]),
    }
    return Provenance(**{**fields, **read})
