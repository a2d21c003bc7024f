"""The page on connections has a paragraph for every preset, and each of its commands makes what it says."""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_nb import cli, playground
from assay_nb.connections.presets import PRESETS, Preset
from assay_nb.egress.origins import PLACEMENT
from assay_nb.engine.session import current_session, set_session
from tests.fakes.providers import FakeProviders, only

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "connections.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
KEY = "a-key-that-no-provider-ever-gave-to-anybody"
WIRES = {
    "anthropic": "anthropic",
    "openai-responses": "openai-responses",
    "openai-chat": "openai-chat",
    "gemini": "google",
}


def command_of(preset: Preset) -> list[str]:
    """Return the words of the command in a preset's section, without `assay-nb`."""
    (line,) = re.findall(r"^\$ assay-nb (.*)$", SECTIONS[preset.label], re.MULTILINE)
    return shlex.split(line)


def without(words: list[str], *flags: str) -> list[str]:
    """Return words without these flags and their values."""
    values = {words.index(flag) + 1 for flag in flags if flag in words}
    return [w for n, w in enumerate(words) if w not in flags and n not in values]


@pytest.fixture
def running(
    home: Path, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeProviders]:
    """A vault of its own, a key in the pipe, and servers that take any key."""
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(KEY.encode())))
    fake.keys = None
    fake.answers("Hello.")
    set_session(None)
    yield fake
    set_session(None)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_its_paragraph(name: str) -> None:
    preset = PRESETS[name]
    section = SECTIONS[preset.label]

    assert command_of(preset)[:2] == ["connect", name]
    assert preset.endpoint in section
    assert preset.keys_url in section
    assert f"*{preset.tried.capitalize()}.*" in section


def test_every_paragraph_is_of_a_preset() -> None:
    assert set(SECTIONS) == {preset.label for preset in PRESETS.values()}


@pytest.mark.parametrize("name", [name for name, one in PRESETS.items() if one.holes])
def test_what_fills_an_address_is_on_the_page(name: str) -> None:
    words = command_of(PRESETS[name])
    parts = {hole: words[words.index(f"--{hole}") + 1] for hole in PRESETS[name].holes}

    assert PRESETS[name].fill(parts).startswith("https://")


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_command_on_the_page_connects_and_a_call_goes_out_as_the_server_takes_it(
    name: str, running: FakeProviders
) -> None:
    """The address is the scripted server's; everything else is as it is on the page."""
    preset = PRESETS[name]
    words = without(command_of(preset), "--endpoint", "--resource", "--region")
    connection = words[2] if len(words) > 2 else name

    status = cli.main([*words, "--endpoint", running.endpoint(preset.provider)])
    running.calls.clear()
    run = playground("Say hello.", model=f"{connection}/some-model")

    session = current_session()
    stored = {one.connection: one for one in session.portal.call(session.control.keys, None)}
    call = only(running.calls)
    assert (status, run.output) == (0, "Hello.")
    # At another address than OpenAI's own, the connection `openai` speaks Chat Completions.
    kind = "openai-chat" if name == "openai" else preset.kind
    assert (stored[connection].kind, call.wire) == (kind, WIRES[kind])
    placement = "none" if preset.key == "none" else preset.placement or PLACEMENT[preset.provider]
    assert stored[connection].placement == placement
    header, _, begin = {"bearer": "authorization:Bearer "}.get(
        placement, f"{placement}:"
    ).partition(":")
    assert call.headers.get(header) == (None if placement == "none" else f"{begin}{KEY}")
