"""Attacks on signing in: a session or a sign-in past its time, and a way back that leads elsewhere."""

from __future__ import annotations

import time
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import pytest

from assay_nb.gateway.auth import oauth, sessions
from tests.gateway.conftest import make_stage, stage
from tests.gateway.stage import PREFIX, Stage

__all__ = ["make_stage", "stage"]

pytestmark = pytest.mark.anyio

HOUR = 3600


def move_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have the sessions' clock say another time than it is."""
    now = time.time()
    monkeypatch.setattr(sessions.time, "time", lambda: now + seconds)


@pytest.mark.parametrize(
    ("later", "status"),
    [(0, 200), (8 * HOUR - 60, 200), (8 * HOUR + 60, 401), (30 * 24 * HOUR, 401), (-HOUR, 401)],
)
async def test_a125_session_ends_after_eight_hours(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, later: float, status: int
) -> None:
    """Use a copied session cookie after its time, or one from a clock that is ahead → refused."""
    headers = await stage.sign_in("ada")

    move_clock(monkeypatch, later)

    assert (await stage.ask("GET", "api/v1/me", headers=headers))[0] == status


async def come_back(stage: Stage, back_to: str, after: float = 0.0) -> tuple[int, str, str]:
    """Begin a sign-in that was going somewhere, finish it; return status, Location and the cookies."""
    begun = oauth.send_to_hub(stage.services, back_to)
    (morsel,) = begun.cookies.values()
    state = parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]
    stage.hub.codes["code"] = stage.token("ada")
    with pytest.MonkeyPatch.context() as patch:
        move_clock(patch, after)
        async with stage.http.get(
            f"{stage.url}oauth_callback?code=code&state={state}",
            headers={"Cookie": f"{morsel.key}={morsel.value}"},
            allow_redirects=False,
        ) as response:
            set_now = " ".join(response.headers.getall("Set-Cookie", []))
            return response.status, response.headers.get("Location", ""), set_now


@pytest.mark.parametrize(
    ("later", "status"), [(0, 302), (9 * 60, 302), (11 * 60, 403), (8 * HOUR - 60, 403), (-60, 403)]
)
async def test_a125_sign_in_ends_after_ten_minutes(stage: Stage, later: float, status: int) -> None:
    """Finish a sign-in that was begun long ago, in somebody's browser → refused, and no session."""
    got, _, cookies = await come_back(stage, f"{PREFIX}workspaces/-", later)

    assert got == status
    assert ("assay-session=" in cookies) is (status == 302)


async def test_a125_browsers_are_told_the_same_times(stage: Stage) -> None:
    """A browser that keeps cookies longer than the gateway takes them → told when each ends."""
    begun = oauth.send_to_hub(stage.services, PREFIX)
    (login,) = begun.cookies.values()
    _, _, set_now = await come_back(stage, PREFIX)

    session = SimpleCookie(set_now)["assay-session"]
    assert (login["max-age"], session["max-age"]) == (str(10 * 60), str(8 * HOUR))


INSIDE = [PREFIX, f"{PREFIX}workspaces/-", f"{PREFIX}workspaces/a%20b?x=../..&y=//evil.example"]
OUTSIDE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "/",
    "/user/mallory/",
    "/hub/logout",
    PREFIX.rstrip("/") + ".evil/",
    f"{PREFIX}../../user/mallory/",
    f"{PREFIX}..",
    f"{PREFIX}./../x",
    f"{PREFIX}%2e%2e/%2E%2e/user/mallory/",
    f"{PREFIX}.%2e/x",
    f"{PREFIX}..%2f..%2fuser/mallory",
    f"{PREFIX}..\\..\\user",
    f"{PREFIX}%5c..%5cuser",
    f"{PREFIX}.\t./user",
    f"{PREFIX}\u2025/user",
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("path", INSIDE)
async def test_a125_way_back_within_the_gateway_is_kept(stage: Stage, path: str) -> None:
    """The control: a browser comes back to the page of ours that it was going to."""
    assert (await come_back(stage, path))[:2] == (302, path)


@pytest.mark.parametrize("path", OUTSIDE)
async def test_a125_way_back_leads_nowhere_else(stage: Stage, path: str) -> None:
    """Send somebody to sign in with another site, or another path of the hub, to come back to → our page."""
    assert (await come_back(stage, path))[:2] == (302, PREFIX)
