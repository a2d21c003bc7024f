"""What may be imported without paying for an SDK."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("anthropic", "openai", "google.genai", "httpx2", "httpx", "pydantic", "genai_prices")


@pytest.mark.parametrize(
    "module",
    [
        "models.catalog",
        "egress.origins",
        "egress.checks",
        "egress.credential",
        "egress.echo",
        "egress.headers",
        "egress.key_header",
        "providers.keys",
        "providers.setup",
        "providers.base",
        "providers.log_muting",
        "providers",
    ],
)
def test_light_module_imports_no_sdk(module: str) -> None:
    name = f"assay_nb.{module}"
    code = f"import {name}, sys; print([m for m in {HEAVY!r} if m in sys.modules])"

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
def test_one_provider_does_not_load_the_others(provider: str) -> None:
    code = (
        "import asyncio, sys\n"
        "from assay_nb.providers import get_provider, make_egress\n"
        f"asyncio.run(get_provider({provider!r}, make_egress()))\n"
        "print([m for m in ('anthropic', 'openai', 'google.genai') if m in sys.modules])"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    wanted = "google.genai" if provider == "google" else provider
    assert out.stdout.strip() == f"['{wanted}']"
