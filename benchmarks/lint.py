"""How good and how fast lint is: precision and recall per rule, and time by size.

python benchmarks/lint.py               print both
python benchmarks/lint.py --write-docs  and put the rules and the figures into docs/lint.md
python benchmarks/lint.py --misses      list what was missed or wrongly reported, outside the held-out part
python benchmarks/lint.py --corpus DIR  precision per rule on labelled findings of other prompts, and how
                                        many findings there are per 1,000 prompts, by size and language

DIR holds `prompts.jsonl` (id, language, text) and `firings.jsonl` (prompt, rule, start, end, verdict: right,
arguable or wrong). A finding is labelled where one of its rule touches the same words.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from assay_nb.instruments.lint import RULES, LintFinding, Rule, lint  # noqa: E402
from assay_nb.instruments.lint.measured import PUBLIC  # noqa: E402
from assay_nb.text.redaction import redact  # noqa: E402
from tests.corpus.planted import Pair, Prompt, load_pairs  # noqa: E402

PAGE = ROOT / "docs" / "lint.md"
_PART = re.compile(
    r"(<!-- (rules|public|figures):begin[^>]*-->\n).*?(\n<!-- \2:end -->)", re.DOTALL
)
_LEVELS = {"error": "Errors", "warning": "Warnings", "hint": "Hints"}
_SIZES = (10_000, 100_000, 1_000_000)
_Z = 1.959964


@dataclass
class Count:
    """Right, wrong and missed findings."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def precision(self) -> float:
        """The share of findings that are right."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """The share of planted faults that are found."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0


@dataclass
class Tally:
    """The counts of every rule, and a line for each miss and each false alarm."""

    counts: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    notes: list[str] = field(default_factory=list)

    def of_level(self, level: str) -> Count:
        """Return the sum over the rules of a class."""
        return sum((self.counts[rule.id] for rule in RULES if rule.level == level), Count())


def measure(pairs: Iterable[Pair]) -> Tally:
    """Lint every prompt of the corpus and count.

    A planted fault is found when its rule speaks up in the twin that has it. Every other finding is a
    false alarm, in the clean prompt and in its twin alike, unless the corpus says that the planted words
    break that rule too.
    """
    tally = Tally()
    for pair in pairs:
        for finding in _findings(pair.clean):
            _count_wrong(tally, pair, finding, "clean")
        _count_twin(tally, pair)
    return tally


def _count_twin(tally: Tally, pair: Pair) -> None:
    faulty = pair.faulty
    found = _findings(faulty)
    own = [f for f in found if f.rule == faulty.rule]
    count = tally.counts[faulty.rule or ""]
    if own:
        count.right += 1
    else:
        count.missed += 1
        tally.notes.append(f"missed {pair.id}: {_planted_words(faulty)!r}")
    extra = [f for f in own[1:] if not _touches(f, faulty)]
    others = [f for f in found if f.rule != faulty.rule and f.rule not in faulty.also]
    for finding in [*extra, *others]:
        _count_wrong(tally, pair, finding, "twin")


def _count_wrong(tally: Tally, pair: Pair, finding: LintFinding, where: str) -> None:
    tally.counts[finding.rule].wrong += 1
    prompt = pair.clean if where == "clean" else pair.faulty
    words = prompt.text[finding.start : finding.end][:70]
    tally.notes.append(f"wrong {pair.id} ({where}): {finding.rule} on {words!r}")


def _findings(prompt: Prompt) -> list[LintFinding]:
    return list(lint(prompt.text, **prompt.known).findings)


def _touches(finding: LintFinding, prompt: Prompt) -> bool:
    if prompt.planted is None:
        return True
    start, end = prompt.planted
    return finding.start < end and start < max(finding.end, finding.start + 1)


def _planted_words(prompt: Prompt) -> str:
    start, end = prompt.planted or (0, 0)
    return prompt.text[start:end][:80]


def wilson(right: int, total: int) -> tuple[float, float]:
    """Return the Wilson 95% interval of a share: honest where the counts are small."""
    if total == 0:
        return 0.0, 1.0
    share = right / total
    centre = share + _Z**2 / (2 * total)
    spread = _Z * sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    scale = 1 + _Z**2 / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


# --- the page ---------------------------------------------------------------------------------------


def render_page(page: str) -> str:
    """Return docs/lint.md with its generated parts made anew."""
    parts = {
        "rules": render_rules(),
        "public": render_public(),
        "figures": render_figures(load_pairs()),
    }
    return _PART.sub(lambda match: match[1] + parts[match[2]] + match[3], page)


def render_rules() -> str:
    """Return the rules as Markdown: an overview, then one section each."""
    head = ["| Rule | Class | What it looks for |", "|---|---|---|"]
    rows = [
        f"| [{rule.id} {rule.name}](#{rule.id.lower()}-{rule.name}) | {rule.level} | {rule.summary} |"
        for rule in RULES
    ]
    return "\n".join([*head, *rows, "", *(_section(rule) for rule in RULES)])


def _section(rule: Rule) -> str:
    reads = "Any language." if not rule.languages else "English, French, German, Spanish."
    model = " Only when the model is known." if rule.needs_model else ""
    return "\n".join(
        [
            f"### {rule.id} {rule.name}",
            "",
            f"**{rule.level.capitalize()}.** {rule.summary} {rule.why} *{reads}{model}*",
            "",
            "```text",
            f"✗ {_shown(rule.bad)}",
            f"✓ {_shown(rule.good)}",
            "```",
            "",
        ]
    )


def _shown(example: str) -> str:
    """Return an example that can be read: hidden characters by number, long data cut, lines indented."""
    example = redact(example)
    visible = "".join(c if c.isprintable() or c == "\n" else f"⟨U+{ord(c):04X}⟩" for c in example)
    lines = [
        line if len(line) <= 120 else f"{line[:60]}… ({len(line):,} characters)"
        for line in visible.split("\n")
    ]
    return "\n  ".join(lines)


def render_public() -> str:
    """Return what readers said of the findings on public prompts, per rule and class."""
    lines = ["| | right | arguable | wrong | precision |", "|---|---|---|---|---|"]
    names = {rule.id: rule.name for rule in RULES}
    for (rule, level), reading in PUBLIC.items():
        share = _with_interval(reading.right, reading.read)
        cells = f"{reading.right} | {reading.arguable} | {reading.wrong} | {share}"
        lines.append(f"| {rule} {names[rule]}, {level} | {cells} |")
    for level, name in _LEVELS.items():
        readings = [reading for (_, of), reading in PUBLIC.items() if of == level]
        right, read = sum(r.right for r in readings), sum(r.read for r in readings)
        arguable, wrong = sum(r.arguable for r in readings), sum(r.wrong for r in readings)
        share = _with_interval(right, read)
        lines.append(f"| **{name}** | {right} | {arguable} | {wrong} | {share} |")
    return "\n".join(lines)


def render_figures(pairs: list[Pair]) -> str:
    """Return precision and recall per rule and per class, with their intervals."""
    everything = measure(pairs)
    held_out = measure(pair for pair in pairs if pair.held_out)
    lines = [
        "| | right | wrong | missed | precision | recall |",
        "|---|---|---|---|---|---|",
        *(_row(f"{rule.id} {rule.name}", everything.counts[rule.id]) for rule in RULES),
        *(_row(f"**{name}**", everything.of_level(level)) for level, name in _LEVELS.items()),
        *(
            _row(f"{name}, held-out pairs", held_out.of_level(level))
            for level, name in _LEVELS.items()
        ),
    ]
    return "\n".join(lines)


def _row(name: str, count: Count) -> str:
    precision = _with_interval(count.right, count.right + count.wrong)
    recall = _with_interval(count.right, count.right + count.missed)
    return f"| {name} | {count.right} | {count.wrong} | {count.missed} | {precision} | {recall} |"


def _with_interval(right: int, total: int) -> str:
    if total == 0:
        return "–"
    low, high = wilson(right, total)
    return f"{right / total:.2f} ({low:.2f}–{high:.2f})"


# --- prompts of others ------------------------------------------------------------------------------

_VERDICTS = ("right", "arguable", "wrong")
_BUCKETS = (
    (2_000, "under 2 kB"),
    (8_000, "2 to 8 kB"),
    (30_000, "8 to 30 kB"),
    (10**9, "over 30 kB"),
)
Labels = dict[str, list[dict[str, Any]]]


def show_corpus(folder: Path) -> None:
    """Print precision per rule on labelled findings, and the rates of findings by size and language."""
    prompts = _read_lines(folder / "prompts.jsonl")
    labels: Labels = defaultdict(list)
    for label in _read_lines(folder / "firings.jsonl"):
        labels[label["prompt"]].append(label)
    verdicts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    sizes, languages = Rates(), Rates()
    for prompt in prompts:
        report = lint(prompt["text"])
        sizes.add(_bucket(len(prompt["text"])), report.findings)
        languages.add(prompt.get("language") or "not known", report.findings)
        open_labels = list(labels[prompt["id"]])
        for finding in report.findings:
            label = next((x for x in open_labels if _speaks_of(x, finding)), None)
            verdicts[finding.rule, finding.level][
                str(label["verdict"]) if label else "unlabelled"
            ] += 1
            if label:
                open_labels.remove(label)
        for label in open_labels:
            verdicts[label["rule"], "no longer made"][str(label["verdict"])] += 1
    print(
        f"{len(prompts):,} prompts\n\nrule   class           right arguable wrong unlabelled  precision"
    )
    for (rule, level), counts in sorted(verdicts.items()):
        labelled = sum(counts[verdict] for verdict in _VERDICTS)
        share = "" if level == "no longer made" else _with_interval(counts["right"], labelled)
        cells = "".join(f"{counts[verdict]:>8}" for verdict in (*_VERDICTS, "unlabelled"))
        print(f"{rule:6} {level:14}{cells}   {share}")
    sizes.show("Findings per 1,000 prompts, by size")
    languages.show("Findings per 1,000 prompts, by language")


class Rates:
    """How many prompts there are of a kind, and how many findings of each class they have."""

    def __init__(self) -> None:
        self._prompts: Counter[str] = Counter()
        self._findings: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, kind: str, findings: Iterable[LintFinding]) -> None:
        """Count a prompt."""
        self._prompts[kind] += 1
        self._findings[kind].update(finding.level for finding in findings)

    def show(self, title: str) -> None:
        """Print a line for each kind, the most frequent first."""
        print(f"\n{title}\n{'':14}prompts  errors warnings   hints")
        for kind, prompts in self._prompts.most_common(12):
            rates = [1_000 * self._findings[kind][level] / prompts for level in _LEVELS]
            print(f"{kind:14}{prompts:>7,}" + "".join(f"{rate:>8.0f}" for rate in rates))


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _bucket(size: int) -> str:
    return next(name for most, name in _BUCKETS if size < most)


def _speaks_of(label: dict[str, Any], finding: LintFinding) -> bool:
    overlaps = finding.start < max(label["end"], label["start"] + 1) and label["start"] < max(
        finding.end, finding.start + 1
    )
    return label["rule"] == finding.rule and overlaps


# --- time -------------------------------------------------------------------------------------------


def timings() -> Iterator[tuple[int, float]]:
    """Yield the size of a text and the seconds that lint takes for it, the best of five."""
    prompts = [pair.clean.text for pair in load_pairs()]
    for size in _SIZES:
        repeated = "\n\n".join(prompts) * (size // sum(map(len, prompts)) + 1)
        text = repeated[:size]
        yield size, min(_seconds(text) for _ in range(5))


def _seconds(text: str) -> float:
    start = time.process_time()
    lint(text, variables=["message"], model="claude-opus-5-5")
    return time.process_time() - start


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--misses", action="store_true")
    parser.add_argument("--corpus", type=Path, metavar="DIR")
    options = parser.parse_args()
    if options.corpus:
        show_corpus(options.corpus)
        return
    pairs = load_pairs()
    if options.misses:
        print(*measure(pair for pair in pairs if not pair.held_out).notes, sep="\n")
        return
    print(render_figures(pairs))
    for size, seconds in timings():
        print(f"{size:>9,} characters: {seconds * 1000:6.0f} ms")
    if options.write_docs:
        PAGE.write_text(render_page(PAGE.read_text("utf-8")), "utf-8")
        print(f"Wrote {PAGE.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
