"""Presets of connections: what each must say, and what may be written into the holes of an address."""

from __future__ import annotations

import dataclasses

import pytest

from assay_nb.connections.names import PLACEMENTS, is_name
from assay_nb.connections.presets import PRESETS, Preset, find_preset, path_at_host_of, preset_of
from assay_nb.egress.origins import SoloPolicy, is_official, parse_endpoint
from assay_nb.errors import WrongUsage
from assay_nb.messages import PROVIDER_OF_KIND, PROVIDERS

FILLED = {"resource": "my-resource", "region": "eu-central-1"}
WITH_ADDRESS = [one for one in PRESETS.values() if one.endpoint]
OPEN = [one for one in PRESETS.values() if one.holes]


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_a_preset_says_what_a_connection_needs(preset: Preset) -> None:
    assert is_name(preset.name)
    assert preset.kind in PROVIDER_OF_KIND
    assert preset.placement in ("", *PLACEMENTS)
    assert preset.label
    assert preset.to_begin.endswith(".")
    assert preset.caution == "" or preset.caution.endswith(".")
    assert preset.key != "required" or preset.keys_url.startswith("https://")
    assert set(preset.holes) <= set(FILLED)


@pytest.mark.parametrize("preset", WITH_ADDRESS, ids=lambda one: one.name)
def test_a_presets_address_is_one_that_a_key_can_be_bound_to(preset: Preset) -> None:
    url = preset.fill(FILLED)

    there = parse_endpoint(
        preset.provider, url, policy=SoloPolicy(), connection=preset.name, kind=preset.kind
    )

    assert there.endpoint == url
    assert is_official(there) is (preset.name in PROVIDERS)
    assert url.startswith("https://") or there.origin.startswith("http://localhost:")


def test_no_two_presets_lead_to_the_same_place() -> None:
    addresses = [one.endpoint for one in WITH_ADDRESS]

    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize("preset", OPEN, ids=lambda one: one.name)
@pytest.mark.parametrize(
    "value",
    [
        "",
        "evil.example/",
        "evil.example#",
        "a.b",
        "a/b",
        "a@b",
        "a:1",
        "a b",
        "a\n",
        "é",
        "-a",
        "x" * 64,
        "{region}",
        "%2e",
    ],
)
def test_a_hole_takes_a_name_and_no_part_of_an_address(preset: Preset, value: str) -> None:
    with pytest.raises(WrongUsage, match="needs the name"):
        preset.fill(dict.fromkeys(preset.holes, value))


@pytest.mark.parametrize("preset", OPEN, ids=lambda one: one.name)
def test_what_is_not_filled_in_is_asked_for(preset: Preset) -> None:
    with pytest.raises(WrongUsage) as caught:
        preset.fill({})

    assert f"--{preset.holes[0]}" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["groq", " Groq ", "OLLAMA"])
def test_a_preset_is_found_by_its_name(name: str) -> None:
    assert find_preset(name) is PRESETS[name.strip().lower()]


@pytest.mark.parametrize("name", ["", "groqq", "github", "x" * 1000])
def test_an_unknown_preset_is_refused_with_where_they_are_listed(name: str) -> None:
    with pytest.raises(WrongUsage, match="no preset") as caught:
        find_preset(name)

    assert "assay-nb connect" in (caught.value.hint or "")
    assert len(caught.value.message) < 100


@pytest.mark.parametrize(
    "preset", [one for one in WITH_ADDRESS if one.keys_url], ids=lambda one: one.name
)
def test_an_address_leads_back_to_its_preset(preset: Preset) -> None:
    assert preset_of(preset.fill(FILLED)) is preset


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:11434/v1",
        "https://api.groq.com.evil.example/openai/v1",
        "https://evil.example/https://api.openai.com/v1",
        "https://api.openai.com.evil/v1",
        "",
    ],
)
def test_any_other_address_leads_to_none(url: str) -> None:
    assert preset_of(url) is None


def test_presets_cannot_be_changed_by_accident() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS["groq"].endpoint = "https://evil.example"  # type: ignore[misc]


@pytest.mark.parametrize("preset", WITH_ADDRESS, ids=lambda one: one.name)
def test_path_of_a_service_is_known_by_its_host(preset: Preset) -> None:
    filled = preset.fill(FILLED)
    host = "/".join(filled.split("/")[:3])
    expected = filled.removeprefix(host) if preset.keys_url else None

    for endpoint in (filled, host, f"{host}/", f"{host}/elsewhere"):
        assert path_at_host_of(endpoint, preset.kind) == expected
    assert path_at_host_of(f"{host}.example/v1", preset.kind) is None
    other = "gemini" if preset.kind != "gemini" else "anthropic"
    assert path_at_host_of(filled, other) is None
