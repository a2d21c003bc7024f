"""What a command gives back, and what it may ask of the face that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from assay_nb.render.bundle import draw, plain
from assay_nb.render.document import Document
from assay_nb.render.surroundings import find_width
from assay_nb.text.english import join as join

if TYPE_CHECKING:
    from assay_nb.experiments.run.progress import Progress


@dataclass(frozen=True, slots=True)
class Outcome:
    """A command's result: a document for people, data for programs.

    Attributes:
        document: What is shown.
        data: What `--json` prints.
        exit_status: 0 done, 1 failed.
        text: What is printed as it is in place of the document, such as CSV.
    """

    document: Document
    data: Any
    exit_status: int = 0
    text: str = ""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return draw(self.document, width=find_width())

    def __repr__(self) -> str:
        return plain(self.document)


class Console(Protocol):
    """The person at the other side, as far as a command may turn to them."""

    @property
    def answers(self) -> bool:
        """Whether a person answers; False where a pipe stands in their place."""
        ...

    def read_key(self, prompt: str) -> bytearray:
        """Return a key from a hidden prompt, or from standard input when that is no terminal.

        Raises:
            NotAsked: Where nobody can be asked.
        """
        ...

    def confirm(self, question: str) -> bool:
        """Ask yes or no; False where nobody can be asked."""
        ...

    def say(self, line: str) -> None:
        """Show a line while the command works."""
        ...

    def watch(self, progress: Progress) -> None:
        """Show how far a long command is, in place of what was shown of it before."""
        ...
