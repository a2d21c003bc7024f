"""`platform-key set | list | test | remove`: the key that pays for demo calls, and how old it is."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay_nb.cli import main
from tests.canaries import find_canary, make_canary
from tests.fakes.migrated import put_migrated
from tests.fakes.providers import FakeProviders

Operate = Callable[..., tuple[int, str, str]]


@pytest.fixture
def settings() -> str:
    return ""


@pytest.fixture
def operate(
    tmp_path: Path,
    fake: FakeProviders,
    settings: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Operate:
    home = put_migrated(tmp_path / "var" / "vault.sqlite").parent
    config = tmp_path / "gateway.toml"
    config.write_text(f'home = "{home}"\nallow_origins = ["{fake.origin}"]\n{settings}\n')

    def run(line: str, piped: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped.encode())))
        capsys.readouterr()
        status = main(["operator", "--config", str(config), "platform-key", *line.split()])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def key(operate: Operate, fake: FakeProviders) -> str:
    """A platform key that leads to the fake provider."""
    key = make_canary("anthropic")
    fake.keys = {key}
    status, out, err = operate(f"set anthropic --endpoint {fake.endpoint('anthropic')}", key)
    assert status == 0, out + err
    return key


def listed(operate: Operate) -> list[dict[str, Any]]:
    return json.loads(operate("list --json")[1])


def test_platform_key_is_listed_tested_and_removed(
    operate: Operate, key: str, fake: FakeProviders
) -> None:
    (before,) = listed(operate)
    tested = operate("test anthropic")
    (after,) = listed(operate)
    shown = operate("list")
    removed = operate("remove anthropic")

    assert (before["state"], before["verified"], before["last4"]) == ("ready", False, key[-4:])
    assert before["endpoint"] == fake.endpoint("anthropic")
    assert (tested[0], after["verified"], removed[0], listed(operate)) == (0, True, 0, [])
    assert {call.key for call in fake.calls if call.key} == {key}
    assert not find_canary("".join([*map(str, (before, after, tested, shown, removed))]), key)


def test_refused_platform_key_is_said(operate: Operate, key: str, fake: FakeProviders) -> None:
    fake.keys = {"another"}

    status, _, err = operate("test anthropic")

    assert status == 1
    assert "The platform key for Anthropic is not accepted" in err
    assert "assay-nb-operator platform-key set anthropic" in err
    assert listed(operate)[0]["verified"] is False


def test_missing_platform_key_names_the_command(operate: Operate) -> None:
    status, _, err = operate("test openai")

    assert status == 1
    assert "assay-nb-operator platform-key set openai" in err
    assert "no demo calls" in operate("list")[1]


def test_endpoint_that_is_not_on_the_list_is_refused(operate: Operate) -> None:
    status, _, err = operate(
        "set anthropic --endpoint https://other.example", make_canary("anthropic")
    )

    assert status != 0
    assert "allow_origins" in err
    assert listed(operate) == []


def later(days: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay_nb.engine.facts._now", lambda: int(time.time() + days * 86_400))


@pytest.mark.parametrize(
    ("settings", "days", "age", "old"),
    [
        ("", 0, 0, False),
        ("", 180.5, 180, False),
        ("", 400.5, 400, True),
        ("", -3, 0, False),
        ("remind_key_days = 30", 31.5, 31, True),
        ("remind_key_days = 0", 4000.5, 4000, False),
    ],
)
def test_old_key_is_named_with_its_age(
    operate: Operate,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    days: float,
    age: int,
    old: bool,
) -> None:
    later(days, monkeypatch)

    (fact,) = listed(operate)
    shown = operate("list")[1]

    assert (fact["age_days"], fact["old"]) == (age, old)
    assert (f"{age} days ago" in " ".join(shown.split())) is old
    assert ("revoke the old one" in shown) is old
