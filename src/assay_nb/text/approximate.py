"""Find the stretch of a text that is nearest to a pattern, in time linear in the text.

This is Myers' bit-vector algorithm (JACM 46(3), 1999): a column of the edit-distance table is one integer,
and Python's integers are as wide as the pattern.
"""

from __future__ import annotations

from collections.abc import Iterator


def find_approximate(pattern: str, text: str, similarity: float) -> tuple[int, int] | None:
    """Return the span of `text` that is nearest to `pattern`, or None if none is near, or two are.

    Near means at most `(1 - similarity) * len(pattern)` insertions, deletions and replacements.
    """
    allowed = int((1 - similarity) * len(pattern) + 1e-9)
    distances = list(_edit_distances(pattern, text, anywhere=True))
    near = [(distance, end) for end, distance in enumerate(distances, 1) if distance <= allowed]
    if not near:
        return None
    best, end = min(near, key=lambda found: (found[0], _splits_word(text, found[1])))
    if any(abs(other - end) > len(pattern) // 2 for _, other in near):
        return None
    tail = text[max(0, end - len(pattern) - allowed) : end][::-1]
    lengths = list(_edit_distances(pattern[::-1], tail, anywhere=False))
    starts = [end - n for n, distance in enumerate(lengths, 1) if distance == best]
    start = next((s for s in starts if not _splits_word(text, s)), starts[0])
    return start, end


def _splits_word(text: str, position: int) -> bool:
    return 0 < position < len(text) and text[position - 1 : position + 1].isalnum()


def _edit_distances(pattern: str, text: str, *, anywhere: bool) -> Iterator[int]:
    """Yield, for each end in `text`, the edit distance of `pattern` to the best stretch ending there.

    Myers' recurrence, a whole column of the table in one Python integer. With `anywhere` false the
    stretch has to begin at the beginning of `text`.
    """
    mask = (1 << len(pattern)) - 1
    high = 1 << (len(pattern) - 1)
    places: dict[str, int] = {}
    for index, character in enumerate(pattern):
        places[character] = places.get(character, 0) | 1 << index
    up, down, distance = mask, 0, len(pattern)
    for character in text:
        equal = places.get(character, 0)
        vertical = equal | down
        horizontal = (((equal & up) + up) ^ up) | equal
        right = (down | ~(horizontal | up)) & mask
        left = up & horizontal
        distance += bool(right & high) - bool(left & high)
        right = (right << 1) | (not anywhere)
        up = ((left << 1) | ~(vertical | right)) & mask
        down = right & vertical & mask
        yield distance
