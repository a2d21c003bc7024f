"""A003: a credential in the prompt."""

from __future__ import annotations

from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.source import Source
from assay_nb.text.redaction import describe_secret


def _check(source: Source) -> Iterator[Hit]:
    for key in source.keys:
        step = f"revoke it {key.issuer}" if key.issuer else "replace it if it is real"
        yield Hit(
            key.start,
            key.end,
            f"This is shaped like {describe_secret(key)}, which the provider, the notebook's history "
            f"and every copy of it would hold: take it out, and {step}.",
        )


RULE = Rule(
    id="A003",
    name="secret-in-prompt",
    level="error",
    summary="Something shaped like a key, a token or a password. The value is never shown.",
    why="A prompt is sent, logged, saved in the notebook and committed; a credential in it is spent.",
    bad="Call the service with password: " + "hT7kq2LwZ9" + "rXv4Bn8sQe",  # in two, for scanners
    good="Call the service with the login tool.",
    check=_check,
)
