"""Events that an engine sends while it works. The last one of a call that succeeds is `Finished`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from assay_nb.instruments.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The key is there, and the call goes out.

    Attributes:
        workspace: The workspace's name.
        provider: The name of the connection, which is the provider's for the three first.
        model: The model that was asked for.
        funding: `"workspace"`, or `"demo call 3 of 7"`.
        practice: True when the destination is the practice provider.
        budget: A sentence on a limit of which four fifths are counted; `""` where there is none.
    """

    workspace: str
    provider: str
    model: str
    funding: str = "workspace"
    practice: bool = False
    budget: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """More of a reply's text. `lane` tells replies apart that arrive at the same time."""

    text: str
    lane: int = 0


@dataclass(frozen=True, slots=True)
class Thought:
    """More of a model's thoughts, which are not a part of the reply's text.

    Attributes:
        text: The words.
        lane: The reply's lane, as in `Delta`.
        so_far: Whether the deltas that came before it in its lane were thoughts too. What was shown of them is
            to be taken back.
    """

    text: str
    lane: int = 0
    so_far: bool = False


@dataclass(frozen=True, slots=True)
class NextRound:
    """The instrument asked again: the deltas that follow start a new reply.

    Attributes:
        number: 2 for the first round after the first.
    """

    number: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The provider asked for patience, and the call is tried again in so many seconds."""

    seconds: float
    attempt: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The call is done, and this is what it gave."""

    result: Result


Event: TypeAlias = Started | Delta | Thought | NextRound | Waiting | Finished
