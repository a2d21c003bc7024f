"""The gateway's engine: which model answers where an operator allows only some."""

from __future__ import annotations

from typing import Any

import pytest
from anyio.to_thread import run_sync

from assay_nb.engine.events import Started
from assay_nb.errors import PermissionDenied
from assay_nb.experiments.run.target import find_target
from tests.gateway.stage import Stage
from tests.kernel.replies import PROMPT, critique

pytestmark = pytest.mark.anyio


async def test_call_that_names_no_model_goes_to_one_that_the_operator_allows(
    make_stage: Any,
) -> None:
    stage: Stage = await make_stage(allow_models=("anthropic/claude-haiku-5-5",))
    stage.fake.answers(critique())
    ada = await stage.kernel("ada", key="anthropic")

    started = (await ada.run("critique", PROMPT))[0]
    standing = await ada.control.standing()
    await run_sync(ada.control.known_models)  # it waits for the gateway, which runs in this loop
    target = await find_target(ada.control, None, None)

    assert isinstance(started, Started)
    assert f"{started.provider}/{started.model}" == "anthropic/claude-haiku-5-5"
    assert standing.model == target.name == "anthropic/claude-haiku-5-5"


async def test_call_is_refused_where_the_operator_allows_no_model_of_its_key(
    make_stage: Any,
) -> None:
    stage: Stage = await make_stage(allow_models=("openai/*",))
    ada = await stage.kernel("ada", key="anthropic")

    with pytest.raises(PermissionDenied, match="anthropic/claude"):
        await ada.run("critique", PROMPT)

    assert not stage.fake.calls
