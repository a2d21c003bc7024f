"""The rules, one module each, in the order of their ids."""

from __future__ import annotations

from assay_nb.instruments.lint.rule import Rule
from assay_nb.instruments.lint.rules import (
    a001_unbound_variable,
    a002_mixed_placeholder_syntax,
    a003_secret_in_prompt,
    a004_invisible_or_bidi,
    a005_broken_structure,
    a006_dangling_reference,
    a007_undelimited_input,
    a008_contradictory_limits,
    a010_unmeasurable_limit,
    a011_redundant_reasoning_cue,
    a012_unsupported_knob,
    a013_prohibition_without_alternative,
    a014_shouting,
    a015_duplicate_rule,
    a016_buried_task,
    a017_legacy_turns,
)

RULES: tuple[Rule, ...] = tuple(
    module.RULE
    for module in (
        a001_unbound_variable,
        a002_mixed_placeholder_syntax,
        a003_secret_in_prompt,
        a004_invisible_or_bidi,
        a005_broken_structure,
        a006_dangling_reference,
        a007_undelimited_input,
        a008_contradictory_limits,
        a010_unmeasurable_limit,
        a011_redundant_reasoning_cue,
        a012_unsupported_knob,
        a013_prohibition_without_alternative,
        a014_shouting,
        a015_duplicate_rule,
        a016_buried_task,
        a017_legacy_turns,
    )
)
