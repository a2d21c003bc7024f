"""A005: a fence, a tag or a JSON example that does not close."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay_nb.instruments.lint import examples
from assay_nb.instruments.lint.names import is_slip
from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.source import Source
from assay_nb.instruments.lint.tags import Tag
from assay_nb.instruments.lint.vocabulary import word_set

_COMMON = word_set(
    "rules instructions instruction context document documents example examples input output data text "
    "question task system role guidelines constraints format policy steps email article transcript "
    "background tools source sources regeln anweisungen kontext dokument daten aufgabe règles "
    "instructions contexte consignes données tâche reglas instrucciones contexto documento datos tarea"
)
_FORMAT_LINE = re.compile(
    r"(?i)(?:format|form|template|pattern|modèle|vorlage|plantilla|formato)[^\n]{0,40}:\s*$"
)

_REACH = 50
_LONGEST_TAG_LINE = 300


def _check(source: Source) -> Iterator[Hit]:
    yield from _open_fence(source)
    yield from _tags(source)
    yield from _json(source)


def _open_fence(source: Source) -> Iterator[Hit]:
    if not source.fences:
        return
    start, end = source.fences[-1]
    first, _, rest = source.text[start:end].partition("\n")
    opening = re.search(r"(`{3,}|~{3,})", first)
    last = rest.rstrip().rpartition("\n")[2].strip() if rest.strip() else ""
    if opening and not (last.startswith(opening[1]) and not last.strip(opening[1][0])):
        yield Hit(
            start + opening.start(1),
            start + len(first.rstrip()),
            f"This code fence never closes, so all that follows reads as code: add a line `{opening[1]}` "
            "where the code ends.",
        )


def _tags(source: Source) -> Iterator[Hit]:
    """Walk the tags with a stack; what is left over on either side is a fault."""
    stack: list[Tag] = []
    unopened: list[Tag] = []
    unclosed: list[Tag] = []
    opened: dict[str, int] = {}
    for tag in source.tags:
        if not tag.structural:
            continue
        if tag.kind == "open":
            stack.append(tag)
            opened[tag.name] = opened.get(tag.name, 0) + 1
        elif not opened.get(tag.name):
            unopened.append(tag)
        else:
            while (top := stack.pop()).name != tag.name:
                unclosed.append(top)
                opened[top.name] -= 1
            opened[tag.name] -= 1
    yield from _report(source, unopened, sorted([*unclosed, *stack], key=lambda tag: tag.start))


def _report(source: Source, unopened: list[Tag], unclosed: list[Tag]) -> Iterator[Hit]:
    open_names = {tag.name for tag in unclosed}
    closed_names = {tag.name for tag in unopened}
    mended: set[int] = set()
    for closing in unopened:
        opening = next((t for t in reversed(unclosed[-_REACH:]) if _is_slip_of(closing, t)), None)
        if closing.name in open_names:
            yield _crossed(closing)
        elif opening:
            mended.add(opening.start)
            yield _misspelt(closing, opening)
        else:
            yield _never_opened(closing)
    builders = {region.opening.name for region in source.regions}
    for tag in unclosed:
        if tag.start not in mended and tag.name not in closed_names:
            known = tag.name.lower() in _COMMON or bool(builders - {tag.name})
            if known and _is_meant(source, tag):
                yield _never_closed(tag)


def _is_slip_of(closing: Tag, opening: Tag) -> bool:
    a, b = closing.name, opening.name
    return opening.start < closing.start and (is_slip(a, b) or a + "s" == b or b + "s" == a)


def _crossed(tag: Tag) -> Hit:
    return Hit(
        *tag.span,
        f"`</{tag.name}>` closes a tag around one that is still open, so the two overlap and neither has "
        "clear bounds: close the inner one first.",
    )


def _misspelt(closing: Tag, opening: Tag) -> Hit:
    return Hit(
        *closing.span,
        f"`</{closing.name}>` does not close `<{opening.name}>`, so where it ends is left open: write "
        f"`</{opening.name}>`.",
        LintFix(*closing.span, f"</{opening.name}>"),
    )


def _never_opened(tag: Tag) -> Hit:
    return Hit(
        *tag.span,
        f"`</{tag.name}>` closes a tag that was never opened, so where its content begins is left open: "
        f"add `<{tag.name}>` or take it out.",
    )


def _never_closed(tag: Tag) -> Hit:
    return Hit(
        *tag.span,
        f"`<{tag.name}>` is never closed, so where its content ends is left open: add `</{tag.name}>`.",
    )


def _is_meant(source: Source, tag: Tag) -> bool:
    """Whether an unclosed tag builds the prompt, rather than standing for a word in a pattern."""
    line_start, line_end = source.line_span(tag.start)
    if line_end - line_start > _LONGEST_TAG_LINE:
        return False
    alone = source.structure[line_start:line_end].strip() == source.structure[tag.start : tag.end]
    before = source.structure[max(0, line_start - 120) : line_start].rstrip("\n")
    if not alone or _FORMAT_LINE.search(before.rpartition("\n")[2]):
        return False
    following = source.structure[line_end : line_end + 400].strip()
    return bool(following) and not following.startswith("<" + tag.name)


def _json(source: Source) -> Iterator[Hit]:
    for example in examples.find_json(source):
        for fault in examples.find_faults(example.text):
            start = example.start + fault.position
            yield Hit(
                start,
                start + 1,
                f"This JSON example does not parse ({fault.what}), and models copy what they are shown: "
                "mend it.",
                LintFix(start, start + 1, "") if fault.deletable else None,
            )


RULE = Rule(
    id="A005",
    name="broken-structure",
    level="error",
    summary="A code fence or tag that does not close, tags that cross, a JSON example that does not parse.",
    why="Where data ends and instructions begin is lost, and a model copies bad JSON as it was shown.",
    bad="<rules>\nAnswer in English.\n</rule>",
    good="<rules>\nAnswer in English.\n</rules>",
    check=_check,
)
