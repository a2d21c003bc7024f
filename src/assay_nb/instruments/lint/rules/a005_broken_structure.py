"""A005: a fence, a tag or a JSON example that does not close."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from assay_nb.instruments.lint.examples import find_stray_braces
from assay_nb.instruments.lint.json_faults import find_faults
from assay_nb.instruments.lint.names import is_slip
from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.source import Source
from assay_nb.instruments.lint.tags import Tag
from assay_nb.text.templates import covers, find_fences

_FORMAT_LINE = re.compile(
    r"(?i)(?:format|form|template|pattern|structure|output|example|schema|syntax|modèle|vorlage|"
    r"plantilla|"
    r"formato|格式|模板|输出|形式)[^\n]{0,60}[:：]\s*$"
)
_FENCE = re.compile(r"(?P<marks>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*?)[ \t\r]*(?:\n|$)")
_INNER_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[ \t]*\w", re.MULTILINE)
_PROSE_FOLLOWS = re.compile(
    r"^[ \t]*\n(?:#{2,6} |\*\*\w|\d\. [A-Z]|[-*] [A-Z]\w+ \w+ )", re.MULTILINE
)
_PROSE_FENCES = frozenset({"markdown", "md", "text", "txt", "yaml", "yml", ""})
_MARKS = frozenset("*_'\"“‘(「《")
_EXERCISE = re.compile(
    r"(?i)\b(?:invalid|broken|malformed|faulty)\s+(?:\w+\s+)?json\b|\bjson\b[^.\n]{0,40}\b(?:is|"
    r"are)\s+(?:invalid|broken|malformed)"
    r"|\b(?:repair|fix|correct)\s+(?:\w+\s+){0,3}json\b"
    r"|\binput\b[^.\n]{0,40}[:：]\s*(?:```\w*\s*)?\Z"
)
_REACH = 50
_FEWEST_AFTER = 2


def _check(source: Source) -> Iterator[Hit]:
    yield from _open_fence(source)
    yield from _tags(source)
    yield from _json(source)
    yield from _stray_braces(source)


def _open_fence(source: Source) -> Iterator[Hit]:
    """Report a last fence without an end, unless all of it may be code, or fences within fences mislead."""
    fences = find_fences(source.text)
    if not fences or source.fences[-1][1] < len(source.text) or _has_nested(source.text, fences):
        return
    start, end = fences[-1]
    opening = _FENCE.search(source.text, start, end)
    if start == 0 or opening is None or opening["info"].lower() in _PROSE_FENCES:
        return
    rest = source.text[opening.end() : end]
    if opening["marks"] not in rest and _PROSE_FOLLOWS.search(rest):
        yield Hit(
            opening.start("marks"),
            opening.end("info"),
            f"This code fence is never closed, so all that follows reads as code: add a line "
            f"`{opening['marks']}` where the code ends.",
        )


def _has_nested(text: str, fences: list[tuple[int, int]]) -> bool:
    """Whether a fence seems to be opened within another: `find_fences` then pairs the wrong lines."""
    return any(_INNER_FENCE.search(text, start + 3, end) for start, end in fences)


def _tags(source: Source) -> Iterator[Hit]:
    tree = source.tree
    unclosed = [tag for tag in tree.unclosed if _is_meant(source, tag)]
    starts = [tag.start for tag in unclosed]
    matched: set[int] = set()
    for closing in tree.unopened:
        if not _is_meant(source, closing):
            continue
        last = bisect_left(starts, closing.start)
        before = (tag for tag in reversed(unclosed[max(0, last - _REACH) : last]))
        opening = next(
            (t for t in before if t.start not in matched and _is_slip_of(closing, t)), None
        )
        if opening:
            matched.add(opening.start)
            yield _misspelt(source, opening, closing)
        elif closing.name not in source.opened_names and not _follows_variable(source, closing):
            yield _never_opened(closing)
    if source.has_blocks:
        return  # a branch of the template may open or close what another does not
    yield from (_crossed(tag) for tag in tree.crossed if _is_meant(source, tag))
    yield from _left_open(source, [tag for tag in unclosed if tag.start not in matched])


def _follows_variable(source: Source, closing: Tag) -> bool:
    """Whether what is filled in just before it may have opened it: `{{answer}}</search>`."""
    return source.text[closing.start - 1 : closing.start] == "}"


def _left_open(source: Source, unclosed: list[Tag]) -> Iterator[Hit]:
    """Report a tag without an end, where it is neither a slot nor a sample of the reply beyond doubt.

    It has its line to itself, as others do that are closed, and the prompt goes on after it: another tag
    is opened and closed twice, so the model is not meant to go on from there.
    """
    pairs = [r for r in source.tree.regions if r.opening.alone and r.closing.alone]
    names = {pair.opening.name for pair in pairs}
    starts = [pair.opening.start for pair in pairs]
    few = sum(tag.alone for tag in source.tree.unclosed) <= 1 and len(pairs) > 1
    for tag in unclosed:
        is_bare = tag.alone and tag.end - tag.start == len(tag.name) + 2  # else, a command's syntax
        after = len(starts) - bisect_left(starts, tag.end)
        is_built = (few or tag.name in names) and after >= _FEWEST_AFTER
        if is_bare and is_built and _has_content(source, tag):
            yield _never_closed(tag)


def _has_content(source: Source, tag: Tag) -> bool:
    """Whether something is in it, and no format is laid out there."""
    line_start, line_end = source.line_span(tag.start)
    above = source.structure[max(0, line_start - 200) : line_start].rstrip().rpartition("\n")[2]
    below = source.structure[line_end : line_end + 400].strip()
    return bool(below) and not _FORMAT_LINE.search(above) and not below.startswith("<" + tag.name)


def _is_meant(source: Source, tag: Tag) -> bool:
    """Whether a tag builds the prompt: it does not stand in data, and the prose does not speak of it."""
    if covers(source.tree.data_spans, tag.start) or covers(source.quoted, tag.start):
        return False
    if tag.kind == "close":
        if tag.start <= source.first_word:
            return False  # it goes on where another text has ended
        before = source.structure[max(0, tag.start - 30) : tag.start].rpartition("\n")[2]
        return (
            tag.alone or not before.strip() or not (before[-1:].isspace() or before[-1:] in _MARKS)
        )
    return True


def _is_slip_of(closing: Tag, opening: Tag) -> bool:
    a, b = closing.name, opening.name
    return opening.start < closing.start and (is_slip(a, b) or a + "s" == b or b + "s" == a)


def _misspelt(source: Source, opening: Tag, closing: Tag) -> Hit:
    wrong, name = _wrong_half(source, opening, closing)
    message = (
        f"`</{closing.name}>` does not close `<{opening.name}>`, so where it ends is left open: "
    )
    if wrong is None:
        return Hit(*closing.span, f"{message}write the name in one way.")
    written = source.text[wrong.start : wrong.end]
    fixed = written.replace(wrong.name, name, 1)
    return Hit(*wrong.span, f"{message}write `{fixed}`.", LintFix(*wrong.span, fixed))


def _wrong_half(source: Source, opening: Tag, closing: Tag) -> tuple[Tag | None, str]:
    """Return the tag whose name is the slip, with the name that is meant; the rest of the text decides."""
    uses = source.name_counts
    if uses[opening.name] > uses[closing.name]:
        return closing, opening.name
    if uses[closing.name] > uses[opening.name]:
        return opening, closing.name
    return None, ""


def _crossed(tag: Tag) -> Hit:
    return Hit(
        *tag.span,
        f"`</{tag.name}>` closes a tag around one that is still open, so the two overlap and neither has "
        "clear bounds: close the inner one first.",
    )


def _never_opened(tag: Tag) -> Hit:
    return Hit(
        *tag.span,
        f"`</{tag.name}>` closes a tag that was never opened, so where its content begins is left open: "
        f"add `<{tag.name}>`, or delete it.",
    )


def _never_closed(tag: Tag) -> Hit:
    return Hit(
        *tag.span,
        f"`<{tag.name}>` is never closed, so where its content ends is left open: add `</{tag.name}>`.",
    )


def _json(source: Source) -> Iterator[Hit]:
    for example in source.json_examples:
        if example.start < source.front_matter or _is_exercise(source, example.start):
            continue  # YAML, which has braces of its own, or JSON that is there to be repaired
        for fault in find_faults(example.text, named=example.named):
            start, end = example.start + fault.position, example.start + fault.end
            yield Hit(
                start,
                end,
                f"This JSON example is broken ({fault.what}), and models copy what they are shown: fix it.",
                LintFix(start, end, "") if fault.deletable else None,
            )


def _is_exercise(source: Source, start: int) -> bool:
    """Whether the words just before say that it is broken, or an input, which no reply copies."""
    return bool(_EXERCISE.search(source.text, max(0, start - 160), start))


def _stray_braces(source: Source) -> Iterator[Hit]:
    for start, end in find_stray_braces(source.text):
        yield Hit(
            start,
            end,
            "These closing braces are left over behind a placeholder, and reach the model: delete them.",
            LintFix(start, end, ""),
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
