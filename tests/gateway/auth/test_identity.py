from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from assay_nb.errors import AssayError, PermissionDenied
from assay_nb.gateway.auth.identity import Identity, Person, parse_authorization
from assay_nb.gateway.http.responses import HubUnavailable, NotSignedIn
from tests.fakes.hub import SCOPE
from tests.tools import until

pytestmark = pytest.mark.anyio


class Asked:
    """A hub that counts what it is asked."""

    def __init__(self, answer: Mapping[str, Any] | AssayError | None) -> None:
        self.answer = answer
        self.count = 0

    async def __call__(self, token: str) -> Mapping[str, Any] | None:
        self.count += 1
        await asyncio.sleep(0)
        if isinstance(self.answer, AssayError):
            raise self.answer
        return self.answer


def model(**changes: Any) -> dict[str, Any]:
    base = {"kind": "user", "name": "ada", "groups": ["g"], "admin": False, "scopes": [SCOPE]}
    return base | changes


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


def make(ask: Asked, clock: list[float], **more: Any) -> Identity:
    return Identity(ask, clock=lambda: clock[0], **more)


async def test_an_answer_is_remembered_for_less_than_a_minute(clock: list[float]) -> None:
    ask = Asked(model())
    identity = make(ask, clock)

    for clock[0] in (0.0, 10.0, 29.9):
        await identity.identify("t")
    assert ask.count == 1
    clock[0] = 30.0
    await identity.identify("t")

    assert ask.count == 2


async def test_a_refusal_is_remembered_for_a_few_seconds(clock: list[float]) -> None:
    ask = Asked(None)
    identity = make(ask, clock)

    for clock[0] in (0.0, 4.9, 5.0):
        with pytest.raises(NotSignedIn):
            await identity.identify("t")

    assert ask.count == 2


async def test_callers_at_the_same_moment_are_one_question(clock: list[float]) -> None:
    ask = Asked(model())
    identity = make(ask, clock)

    await asyncio.gather(*(identity.identify("t") for _ in range(50)))

    assert ask.count == 1


async def test_a_caller_who_hangs_up_does_not_take_the_answer_from_the_others(
    clock: list[float],
) -> None:
    identity = make(Asked(model()), clock)
    first = asyncio.create_task(identity.identify("t"))
    second = asyncio.create_task(identity.identify("t"))
    await asyncio.sleep(0)

    first.cancel()

    assert (await second).name == "ada"


async def test_a_revoked_token_is_out_when_the_hub_says_so_also_while_it_was_known(
    clock: list[float],
) -> None:
    ask = Asked(model())
    identity = make(ask, clock)
    await identity.identify("t")
    ask.answer = None
    clock[0] = 31.0

    with pytest.raises(NotSignedIn):
        await identity.identify("t")
    ask.answer = HubUnavailable("down")
    clock[0] = 40.0
    with pytest.raises(HubUnavailable):
        await identity.identify("t")


async def test_made_up_tokens_do_not_stand_in_the_way_of_a_person_who_is_known(
    clock: list[float],
) -> None:
    asked: list[str] = []
    answered = asyncio.Event()

    async def ask(token: str) -> Mapping[str, Any] | None:
        asked.append(token)
        if token.startswith("made-up"):
            await answered.wait()
            return None
        return model()

    identity = Identity(ask, clock=lambda: clock[0])
    await identity.identify("t")
    flood = [asyncio.create_task(identity.identify(f"made-up-{n}")) for n in range(200)]
    await until(lambda: len(asked) == 1 + 16)
    clock[0] = 31.0

    assert (await identity.identify("t")).name == "ada"

    assert len(asked) == 1 + 16 + 1, "the hub is asked about a few strangers at a time"
    answered.set()
    assert {type(one) for one in await asyncio.gather(*flood, return_exceptions=True)} == {
        NotSignedIn
    }


@pytest.mark.parametrize(
    "scopes", [[], ["access:services!service=assay2"], ["access:servers"], ["inherit"], None]
)
async def test_a_token_without_the_scope_may_not(clock: list[float], scopes: Any) -> None:
    with pytest.raises(PermissionDenied):
        await make(Asked(model(scopes=scopes)), clock).identify("t")


async def test_groups_are_told_of_before_anybody_is_let_in(clock: list[float]) -> None:
    told: list[Person] = []

    async def joined(person: Person) -> None:
        told.append(person)

    await make(Asked(model()), clock, joined=joined).identify("t")

    assert [person.groups for person in told] == [{"g"}]


@pytest.mark.parametrize(
    "answer", [{}, model(name=""), model(name=None), model(kind="robot"), model(name=["ada"])]
)
async def test_an_answer_that_names_nobody_is_a_refusal(clock: list[float], answer: Any) -> None:
    with pytest.raises(NotSignedIn):
        await make(Asked(answer), clock).identify("t")


@pytest.mark.parametrize("token", ["", "é", "a\nb", "x" * 513, "a\x00"])
async def test_what_can_be_no_token_is_not_asked_about(clock: list[float], token: str) -> None:
    ask = Asked(model())

    with pytest.raises(NotSignedIn):
        await make(ask, clock).identify(token)

    assert ask.count == 0


async def test_nothing_of_a_token_is_kept(clock: list[float]) -> None:
    identity = make(Asked(model()), clock)
    await identity.identify("a-token-to-look-for")

    assert "a-token-to-look-for" not in repr(vars(identity))


@pytest.mark.parametrize("header", ["token t", "Bearer t", "bearer t", "TOKEN  t ", " token t"])
def test_a_token_is_taken_by_either_word(header: str) -> None:
    assert parse_authorization(header) == "t"


@pytest.mark.parametrize("header", ["", "t", "Basic dDp0", "token", "token ", "Digest t"])
def test_any_other_authorization_is_refused(header: str) -> None:
    with pytest.raises(NotSignedIn):
        parse_authorization(header)
