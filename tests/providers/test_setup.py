"""How to get a key."""

from __future__ import annotations

from urllib.parse import urlsplit

from assay_nb.messages import PROVIDERS
from assay_nb.providers.setup import SETUP


def test_every_provider_says_where_its_keys_are_made_and_revoked() -> None:
    for provider in PROVIDERS:
        setup = SETUP[provider]
        assert urlsplit(setup.keys_url).scheme == urlsplit(setup.billing_url).scheme == "https"
        assert setup.label
        assert setup.looks_like
        assert setup.to_begin


def test_fastest_start_comes_first_and_warns_about_training() -> None:
    first = next(iter(SETUP.values()))

    assert first.provider == "google"
    assert "improve its products" in first.caution
