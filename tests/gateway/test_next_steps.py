"""Next steps: whatever a command, magic, route, page or panel says to do, whoever reads it can do.

People in every role are put into workspaces with and without a key, with demo calls and without. All that there
is, as the parsers and the route table say, is tried as each of them; the commands in what is answered are then
carried out by the same person, and the pages opened by whoever is told to. Nothing of it may refuse.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from assay_nb.config import Config, load_config
from assay_nb.engine.control import Control
from assay_nb.engine.session import Session, set_session
from assay_nb.errors import AssayError
from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.teams import Team
from assay_nb.labserver.keys import tell_keyway
from assay_nb.messages import PROVIDERS
from assay_nb.panels.settings import SettingsPanel
from tests.commands.following import Follower, commands_in
from tests.commands.walking import (
    CELLS,
    LINES,
    NOTEBOOK,
    carry_out,
    cells_of,
    plain_words,
    unnamed,
    write_files,
)
from tests.fakes.practice import Practice
from tests.gateway.browsing import Browser
from tests.gateway.test_matrix import BODIES, FORMS, fill, name_of, path_of
from tests.gateway.threaded import Hub, open_hub
from tests.magics.shells import open_shell

# A walk over everything in every role: once, on the first Python.
pytestmark = pytest.mark.slow

OPERATORS = ("master", "platform-key")
"""What is the operator's on a hub: its hints are for the gateway's own machine."""

LOOKS_OUT = "doctor"
"""What asks the providers' own addresses where one has a vault."""

GROUP = "history"

_numbers = count(1)


@dataclass(frozen=True)
class Role:
    """Somebody, and the workspace that they work in.

    Attributes:
        user: Who it is; `""` for one person with a vault of their own.
        has_key: Whether the workspace has a key.
        place: `"team"`, `"personal"`, or `"headless"`: a hub group's team that nobody is in charge of.
    """

    user: str
    has_key: bool
    place: str = "team"


ROLES = {
    "alone, no key": Role("", False),
    "alone, with a key": Role("", True),
    "owner, no key": Role("olga", False),
    "owner, with a key": Role("olga", True),
    "member, no key": Role("bob", False),
    "member, with a key": Role("bob", True),
    "member, demo used up": Role("dan", False),
    "member of a team without an owner": Role("eve", False, "headless"),
    "on a hub, in one's own": Role("bob", False, "personal"),
}


@dataclass
class Place:
    """A person's session, and what is around it."""

    role: Role
    session: Session
    practice: Practice
    hub: Hub | None
    files: dict[str, str]

    @property
    def control(self) -> Control:
        return self.session.control

    def make(self) -> str:
        """Return the name of a fresh workspace that the person works in from now on."""
        name = self._make_team() if self.hub else self._make_own()
        self.session.portal.call(self.control.use_workspace, name)
        return name

    def _make_own(self) -> str:
        name = f"own-{next(_numbers)}"

        async def furnish() -> None:
            # One that somebody was told to store leads to the provider's own address.
            for provider in PROVIDERS:
                with suppress(AssayError):
                    await self.control.remove_platform_key(provider)
            made = await self.control.create_workspace(name)
            if self.role.has_key:
                key, there = (
                    bytearray(self.practice.key.encode()),
                    self.practice.endpoint("anthropic"),
                )
                await self.control.set_key(made.id, "anthropic", key, endpoint=there, check=False)

        self.session.portal.call(furnish)
        return name

    def _make_team(self) -> str:
        assert self.hub is not None
        if self.role.place != "team":
            return {"personal": "personal", "headless": "history-lab"}[self.role.place]
        workspaces, name = self.hub.stage.services.resources.workspaces, f"team-{next(_numbers)}"
        made = workspaces.create(name, "olga")
        for user in {"bob", "dan"}:
            workspaces.add_member("olga", made.id, user)
        if self.role.has_key:
            self.hub.wait(self.hub.stage.store_key(made.id.hex(), key=self.practice.key))
        return name

    def fill(self, line: str, x: str) -> str:
        endpoint = self.practice.endpoint("openai")
        return line.format(x=x, new=f"new-{next(_numbers)}", endpoint=endpoint, **self.files)

    def told(self, words: str) -> str:
        """Return what a command shows, or what it is refused with."""
        try:
            return plain_words(carry_out(self.session, words))
        except AssayError as error:
            return str(error)

    def follow(self, text: str) -> dict[str, str]:
        return Follower(self.session, self._open if self.hub else None).follow(text)

    def _open(self, page: str, asked: str | None) -> str:
        hub = self.hub
        assert hub is not None
        user = self.role.user if asked is None else asked
        return hub.wait(_read_page(hub, user, page)) if user else ""


async def _read_page(hub: Hub, user: str, page: str) -> str:
    """Return a page without what every page has: the forms that are left are about the page's own matter."""
    browser = await Browser.sign_in(hub.stage, user, **about(user))
    return (await browser.open(page)).text.rpartition("</header>")[2]


def about(user: str) -> dict[str, Any]:
    """Return what the hub says of somebody."""
    return {"groups": [GROUP]} if user == ROLES["member of a team without an owner"].user else {}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("steps")


@pytest.fixture(scope="module")
def practice() -> Iterator[Practice]:
    with Practice() as server:
        yield server


@pytest.fixture(scope="module")
def hub(place: Path, practice: Practice) -> Iterator[Hub]:
    limits = {"calls_per_minute": 100_000, "calls_at_once": 64}
    teams = {GROUP: Team("history-lab")}
    with open_hub(place, practice, limits=limits, teams=teams) as hub:
        resources = hub.stage.services.resources
        hub.wait(hub.stage.store_key("00" * 16, key=practice.key, mode="demo"))
        for _ in range(resources.budget.granted):
            resources.budget.settle(resources.budget.reserve("dan"))
        yield hub


def _open_session(stack: ExitStack, role: Role, hub: Hub, place: Path) -> Session:
    if not role.user:
        config = Config(home=place / "vault", master_key_file=place / "own.key")
        return Session(config, lambda _: None)
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    patch.setenv("ASSAY_GATEWAY_URL", hub.stage.url)
    patch.setenv("JUPYTERHUB_API_TOKEN", hub.stage.token(role.user, **about(role.user)))
    session = Session(load_config())
    assert session.control.mode == "hub"
    return session


@pytest.fixture(scope="module", params=ROLES)
def whole_place(
    request: pytest.FixtureRequest, hub: Hub, practice: Practice, place: Path
) -> Iterator[Place]:
    """Somebody in their session."""
    role = ROLES[request.param]
    with ExitStack() as stack:
        session = _open_session(stack, role, hub, place)
        yield Place(role, session, practice, hub if role.user else None, write_files(place))
        session.close()


@pytest.fixture
def there(whole_place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Somebody in their session, with what the hub has put into its environment."""
    hub, user = whole_place.hub, whole_place.role.user
    if hub is not None:
        monkeypatch.setenv("ASSAY_GATEWAY_URL", hub.stage.url)
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", hub.stage.token(user, **about(user)))
    return whole_place


@pytest.mark.parametrize("command", LINES)
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_what_a_command_says_can_be_done(there: Place, command: str, named: bool) -> None:
    if command.startswith(OPERATORS if there.hub else LOOKS_OUT):
        return
    x = there.make()
    line = LINES[command] if named else unnamed(LINES[command])

    told = there.told(f"{command} {there.fill(line, x)}")

    with suppress(AssayError):
        there.session.portal.call(there.control.use_workspace, x)
    assert there.follow(told) == {}, told


@pytest.mark.parametrize("magic", CELLS)
def test_what_a_magic_says_can_be_done(
    there: Place, magic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    there.make()
    with open_shell(capsys) as shell:
        set_session(there.session)
        shell.run(NOTEBOOK)
        ran = [shell.run(cell) for cell in cells_of(magic)]
        told = " ".join(f"{one.shown} {one.error or ''}" for one in ran)

        assert there.follow(" ".join(told.replace("┃", "").split())) == {}, told


def test_what_the_panel_says_can_be_done(there: Place) -> None:
    there.make()
    panel = SettingsPanel(there.session)
    static = " ".join(panel._repr_mimebundle_()["text/plain"].replace("┃", "").split())
    live = " ".join(_text_of(one.value) for one in _walk(panel.widget) if hasattr(one, "value"))

    assert there.follow(f"{static} {live}") == {}


def test_what_lab_says_can_be_done(there: Place) -> None:
    x = there.make()
    told = tell_keyway(there.session.portal.call(there.control.keyway, x))

    said = [str(told[name]) for name in ("text", "last", "demo")]

    assert there.follow(" ".join(said)) == {}
    assert not any("`" in text for text in said), "nothing is typed in a sidebar"
    assert (told["page"] is not None) == (there.hub is not None)


def _walk(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _walk(child)


def _text_of(value: object) -> str:
    """Return the text of a widget, with its code between backticks."""
    coded = re.sub(r"<code[^>]*>(.*?)</code>", r"`\1`", value) if isinstance(value, str) else ""
    return html.unescape(re.sub(r"<[^>]+>", " ", coded))


# --- the gateway's own routes


BY_PROGRAMS = [route for route in ROUTES if route.who == "member"]
BY_BROWSERS = [route for route in ROUTES if route.who in {"page", "session"}]


@pytest.mark.parametrize("route", BY_PROGRAMS, ids=name_of)
def test_what_a_route_says_can_be_done(there: Place, route: Route) -> None:
    if there.hub is None:
        return
    body, told = _ask(there, route, {})

    assert there.follow(told) == {}, (body, told)


@pytest.mark.parametrize("route", BY_BROWSERS, ids=name_of)
def test_what_a_page_says_is_not_to_be_typed(there: Place, route: Route) -> None:
    """Nobody types a command into a page. What the JSON for pages says is for pages too."""
    if there.hub is None:
        return
    headers = there.hub.wait(there.hub.stage.sign_in(there.role.user, **about(there.role.user)))
    _, told = _ask(there, route, headers)

    if route.who == "page":
        assert list(commands_in(_text_of(told))) == []
    assert there.follow(_text_of(told)) == {}


def _ask(there: Place, route: Route, headers: dict[str, str]) -> tuple[Any, str]:
    hub, x = there.hub, there.make()
    assert hub is not None
    where = there.session.portal.call(there.control.show_workspace, x)
    values = {
        "name": x,
        "fresh": f"new-{next(_numbers)}",
        "key": there.practice.key,
        "endpoint": there.practice.endpoint("anthropic"),
        "program": "none",
    }
    body, form = (fill(sent.get(name_of(route)), values) for sent in (BODIES, FORMS))
    token = None if headers else hub.stage.token(there.role.user, **about(there.role.user))
    method = "POST" if route.method == "*" else route.method
    path = path_of(route, where.id)
    asked = hub.stage.ask(method, path, token, headers=headers, body=body, data=form)
    return body, str(hub.wait(asked)[1])


# --- the walk can fail


def test_step_that_refuses_is_found(there: Place) -> None:
    """The sentences that people on a hub were sent into dead ends with."""
    x = there.make()
    told = f"Add one: `assay-nb keys set google -w {x}`. `%assay try` shows everything."

    refused = there.follow(told)

    assert len(refused) == (0 if there.hub is None else 2), refused


def test_page_with_nothing_to_do_on_it_is_found(there: Place) -> None:
    if there.hub is None:
        return
    where = there.session.portal.call(there.control.show_workspace, there.make())
    told = (
        f"Open {there.hub.stage.url}workspaces/{where.id}/keys/google in a browser and enter one."
    )

    refused = there.follow(told)

    assert (refused == {}) is (where.role in {"owner", "admin"})
