"""Following what a message tells somebody to do: its commands are carried out, and its pages are opened."""

from __future__ import annotations

import re
import shlex
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from assay_nb import cli
from assay_nb.commands import tree
from assay_nb.commands.parser import HelpWanted
from assay_nb.engine.session import Session
from assay_nb.errors import AssayError, ProviderError
from assay_nb.magics.line_magic import assay_parser
from assay_nb.practice.server import MODEL
from tests.canaries import make_canary
from tests.commands.walking import Person

_COMMAND = re.compile(r"`((?:assay-nb|%assay)(?=[ `])[^`]*)`")
_SENT = re.compile(r"\b[Oo]pen (?=\S*/services/assay/(workspaces/[^\s`]+))")
_numbers = count(1)
_STOREKEEPERS = ("keys set", "connect ")

FILLED = {
    r"\bCONNECTION/MODEL\b": f"anthropic/{MODEL}",
    r"(\S+)/MODEL\b": rf"\1/{MODEL}",
    r"\bPROVIDER\b": "google",
    r"\bPRESET\b": "ollama",
    r"\bNAME\b": "personal",
    r"\bNEW\b": "fresh",
    r"\bURL\b": "http://127.0.0.1:1/v1",
}
"""What stands for what somebody is to fill in."""


@dataclass(frozen=True)
class Step:
    """A page that somebody is told of.

    Attributes:
        page: Its path, below the service's prefix.
        asked: Who is to open it by name; None for whoever reads it, `""` for somebody who is not named.
    """

    page: str
    asked: str | None


def commands_in(text: str) -> Iterator[str]:
    """Yield the commands that a text names, as they would be typed."""
    for typed in _COMMAND.findall(text):
        typed = typed.replace("create NAME", f"create another-{next(_numbers)}")
        for pattern, value in FILLED.items():
            typed = re.sub(pattern, value, typed)
        yield typed


def pages_in(text: str) -> Iterator[Step]:
    """Yield the pages that a text sends somebody to, each with who that is."""
    for found in _SENT.finditer(text):
        page, start = found[1], max(text.rfind(end, 0, found.start()) for end in ".`") + 1
        before = text[start : found.end()]
        asked = re.search(r"\b[Aa]sk (.+?)(?: or |, | to open| to name)", before)
        name = None if asked is None else asked.group(1)
        yield Step(page.rstrip("."), "" if name == "the hub's operator" else name)


@dataclass
class Follower:
    """Somebody who does what they are told, in one session, each thing once.

    Attributes:
        session: Where commands are carried out.
        opened: Opens a page as somebody, and returns its text.
    """

    session: Session
    opened: Callable[[str, str | None], str] | None = None
    done: dict[str, str] = field(default_factory=dict)

    def follow(self, text: str) -> dict[str, str]:
        """Do all that a text says, and return what refused, with its reason."""
        refused = {typed: self._type(typed) for typed in commands_in(text)}
        for step in pages_in(text):
            refused[f"{step.page} as {step.asked}"] = self._open(step)
        return {what: why for what, why in refused.items() if why}

    def _type(self, typed: str) -> str:
        program, *words = shlex.split(typed)
        if any(f" {one}" in typed for one in _STOREKEEPERS) and len(words) > 1:
            words.append("--unverified")
        parser = assay_parser() if program == "%assay" else cli._parser()
        try:
            args: Namespace = parser.parse_words(words)
            tree.run(self.session, args, Willing())
        except (HelpWanted, ProviderError):
            return ""  # nobody is at that address; the command itself does its work
        except AssayError as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def _open(self, step: Step) -> str:
        if self.opened is None:
            return "there are no pages here"
        page = self.opened(step.page, step.asked)
        acts = "<form" in page or f"{step.page}/" in page  # a form, or the way to one
        return "" if acts or step.asked == "" else "there is nothing to do on it"


class Willing(Person):
    """Somebody who has a key of the provider that is asked for at hand."""

    def read_key(self, prompt: str) -> bytearray:
        named = next((one for one in ("openai", "anthropic") if one in prompt.lower()), "google")
        return bytearray(make_canary(named).encode())  # type: ignore[arg-type]
