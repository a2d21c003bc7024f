"""How often each rule was right about public prompts that nobody here wrote.

`docs/lint.md` says who read them and how. The figures decide what a rule may do beyond lint itself: only
what has proved right becomes a finding of a critique that no model made, or a word of the practice
provider. A rule that has not been measured on such prompts, or too little, has not proved right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay_nb.instruments.lint.report import LintFinding
    from assay_nb.instruments.lint.rule import Level

_FEWEST_READ = 5
_TRUSTED = 0.95


@dataclass(frozen=True, slots=True)
class Reading:
    """What readers said of a rule's findings.

    Attributes:
        right: The owner of the prompt, an expert, would be glad of it.
        arguable: True, and many would leave it as it is.
        wrong: False, or the change would do harm.
    """

    right: int
    arguable: int
    wrong: int

    @property
    def read(self) -> int:
        """How many findings were read."""
        return self.right + self.arguable + self.wrong


PUBLIC: Mapping[tuple[str, Level], Reading] = MappingProxyType(
    {
        ("A001", "error"): Reading(50, 1, 0),
        ("A001", "warning"): Reading(49, 0, 2),
        ("A004", "error"): Reading(4, 1, 0),
        ("A005", "error"): Reading(38, 2, 0),
        ("A007", "warning"): Reading(60, 9, 1),
        ("A008", "warning"): Reading(0, 0, 1),
        ("A010", "hint"): Reading(1, 14, 3),
        ("A014", "hint"): Reading(68, 65, 7),
        ("A015", "hint"): Reading(1, 0, 2),
        ("A015", "warning"): Reading(5, 1, 0),
        ("A017", "warning"): Reading(12, 0, 0),
    }
)
"""What was said of the findings of each rule and class; those that made none are left out."""


def has_proved_right(finding: LintFinding) -> bool:
    """Whether it is an error of a rule that was right at least 19 times in 20 about public prompts."""
    reading = PUBLIC.get((finding.rule, finding.level))
    if finding.level != "error" or reading is None or reading.read < _FEWEST_READ:
        return False
    return reading.right >= _TRUSTED * reading.read
