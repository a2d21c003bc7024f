"""Batches: what a batch of requests allows itself, read from its body as it passes.

A batch names each request's most tokens, and its size says little of them: a prompt of a line may ask for a book.
"""

from __future__ import annotations

import re

MOST_OUTPUT = re.compile(
    rb'"(?:max_tokens|max_completion_tokens|max_output_tokens|maxOutputTokens)"\s*:\s*(\d{1,9})\b'
)
"""How a request says how many tokens its reply may have."""

MOST_WITHOUT = 64 * 1024
"""Bytes of a batch that names a file of requests, at most: it holds a few settings and labels."""

_REQUESTS = re.compile(rb'"requests"\s*:')
_ONE = re.compile(rb'"(?:params|contents)"\s*:')
"""What each request of a batch has once: Anthropic's the first, Google's the second."""

_LEAST = 1_000
"""Tokens that the reply to a request is taken to have at most which does not say."""

_HELD = 512


class BatchReader:
    """Reads a batch's body, piece by piece, however it is cut.

    Attributes:
        has_requests: Whether the requests are in it; otherwise it names a file of them.
    """

    def __init__(self) -> None:
        self.has_requests = False
        self._held = b""
        self._requests = 0
        self._stated = 0
        self._tokens = 0

    @property
    def most_output(self) -> int:
        """The tokens that all replies together may have."""
        return self._tokens + max(0, self._requests - self._stated) * _LEAST

    def feed(self, piece: bytes) -> None:
        """Take a piece of the body."""
        data = self._held + piece
        # None of what is looked for holds one of these, so that it is never cut.
        end = max(data.rfind(b","), data.rfind(b"}"), data.rfind(b"{"), data.rfind(b"[")) + 1
        self._held = data[max(end, len(data) - _HELD) :]
        seen = data[:end]
        stated = [int(number) for number in MOST_OUTPUT.findall(seen)]
        self._stated += len(stated)
        self._tokens += sum(stated)
        self._requests += len(_ONE.findall(seen))
        self.has_requests = self.has_requests or bool(_REQUESTS.search(seen))
