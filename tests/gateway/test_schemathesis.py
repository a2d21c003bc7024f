"""Schemathesis takes the OpenAPI document at its word, and tries everything else too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.http.openapi import describe
from tests.fakes.providers import FakeProviders
from tests.gateway.processes import PREFIX, TOKEN, Process, place, threaded_hub
from tests.gateway.stage import browser_headers
from tests.kernel.replies import critique

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Process, str]]:
    limits = "[limits]\ncalls_per_minute = 1000000\n"
    with threaded_hub() as hub, FakeProviders() as fake, place(hub, fake, toml=limits) as where:
        fake.answers(critique())
        gateway = where.start()
        try:
            gateway.wait_ready()
            where.store_key(bytes(16), mode="demo")
            yield gateway, hub.add("ada", admin=True)
        finally:
            gateway.stop()
        # Not only refusals: what the schemas say of success was looked at too.
        assert len({line for line in gateway.log.splitlines() if '"status": 20' in line}) > 50


def without_security(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document without its schemes of security, so that no token is made up beside ours."""
    text = json.dumps(document)
    bare = json.loads(
        text, object_hook=lambda found: {k: v for k, v in found.items() if k != "security"}
    )
    del bare["components"]["securitySchemes"]
    return bare


schema = schemathesis.openapi.from_dict(without_security(describe(ROUTES, PREFIX)))


def validate(case: schemathesis.Case, gateway: Process, headers: dict[str, str]) -> None:
    base = gateway.url.rstrip("/")
    case.call_and_validate(base_url=base, headers=headers, checks=CHECKS, timeout=60)


@schema.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_schemathesis_with_a_token_finds_nothing(
    case: schemathesis.Case, running: tuple[Process, str]
) -> None:
    gateway, token = running

    validate(case, gateway, {"Authorization": f"token {token}"})


@schema.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_schemathesis_in_a_browser_finds_nothing(
    case: schemathesis.Case, running: tuple[Process, str]
) -> None:
    gateway, token = running

    validate(case, gateway, browser_headers(TOKEN, token))
