"""The rules, one module each, in the order of their ids."""

from __future__ import annotations

from assay_nb.instruments.lint.rule import Rule
from assay_nb.instruments.lint.rules import (
    a001_unbound_variable,
    a003_secret_in_prompt,
    a004_invisible_or_bidi,
    a005_broken_structure,
    a010_unmeasurable_limit,
)

RULES: tuple[Rule, ...] = tuple(
    module.RULE
    for module in (
        a001_unbound_variable,
        a003_secret_in_prompt,
        a004_invisible_or_bidi,
        a005_broken_structure,
        a010_unmeasurable_limit,
    )
)
