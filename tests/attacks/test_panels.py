"""Attacks on the widgets of `%assay panel`: who listens to the kernel's wires while a key is entered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.canaries import find_canary, make_canary
from tests.kernel.kernels import WAIT, Kernel, open_kernel
from tests.kernel.stage import Stage, open_stage

pytestmark = pytest.mark.slow

# A panel saves with the provider's official address; here that is out of reach.
_LEAD_TO_FAKE = """
from assay_nb.engine.session import current_session
control = current_session().control
save = control.set_key
async def save_there(workspace, provider, key, *, endpoint, check):
    return await save(workspace, provider, key, endpoint={endpoint!r}, check=check)
control.set_key = save_there
"""


@dataclass
class FrontEnd:
    """Draws no widget, but has each one's state, and types and clicks by messages as a page does."""

    kernel: Kernel
    states: dict[str, dict[str, Any]] = field(default_factory=dict)

    def show(self, code: str) -> None:
        """Run a cell, and keep the widgets that it opens."""
        message = self.kernel.client.execute(code)
        self.read(lambda note: is_idle_after(note, message))

    def update(self, widget: str, **state: Any) -> None:
        """Change a widget's state, as typing does."""
        self._send(widget, {"method": "update", "state": state, "buffer_paths": []})

    def click(self, widget: str) -> None:
        self._send(widget, {"method": "custom", "content": {"event": "click"}})

    def find(self, model: str, **state: Any) -> str:
        """Return the id of the first widget of a model with this state."""
        wanted = {"_model_name": model, **state}
        return next(one for one, has in self.states.items() if wanted.items() <= has.items())

    def read(self, is_last: Any) -> None:
        """Take in messages until one is the last."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            note = self.kernel.client.get_iopub_msg(timeout=WAIT)
            content = note["content"]
            if note["msg_type"] == "comm_open":
                self.states[content["comm_id"]] = dict(content["data"]["state"])
            elif note["msg_type"] == "comm_msg" and content["data"]["method"] != "custom":
                self.states[content["comm_id"]].update(content["data"]["state"])
            if is_last(note):
                return
        raise AssertionError("the kernel did not answer")

    def texts(self) -> str:
        """Return what the shown HTML says."""
        return "\n".join(str(state.get("value", "")) for state in self.states.values())

    def _send(self, widget: str, data: dict[str, Any]) -> None:
        client = self.kernel.client
        message = client.session.msg("comm_msg", {"comm_id": widget, "data": data})
        client.shell_channel.send(message)
        self.read(lambda note: is_idle_after(note, message["header"]["msg_id"]))


def is_idle_after(note: dict[str, Any], message: str) -> bool:
    return (
        note["parent_header"].get("msg_id") == message
        and note["content"].get("execution_state") == "idle"
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("panels")


@pytest.fixture(scope="module")
def stage(place: Path) -> Iterator[Stage]:
    with open_stage(place / "vault", empty=True) as stage:
        yield stage


@pytest.fixture(scope="module")
def kernel(place: Path, stage: Stage) -> Iterator[Kernel]:
    surroundings = {"ASSAY_HOME": str(stage.home), "HOME": str(place)}
    with open_kernel(place, surroundings, "--debug") as kernel:
        yield kernel


@pytest.fixture
def front_end(kernel: Kernel) -> FrontEnd:
    return FrontEnd(kernel)


def test_a043_no_message_after_a_key_was_saved_in_a_panel_holds_it(
    front_end: FrontEnd, kernel: Kernel, stage: Stage
) -> None:
    """Listen on all channels while a key is typed, saved, tested and shown in a panel → the one message that brought it."""
    key = stage.keys["google"]
    front_end.show(_LEAD_TO_FAKE.format(endpoint=stage.fake.endpoint("google")))
    front_end.show("%assay panel")
    typed = len(kernel.wire.went)
    front_end.update(front_end.find("PasswordModel", description="Google key"), value=key)
    bearing = kernel.wire.went[typed:]

    front_end.click(front_end.find("ButtonModel", description="Save"))
    saved = front_end.texts()
    front_end.click(front_end.find("ButtonModel", description="Test"))
    front_end.show("%assay panel")
    front_end.show("import ipywidgets; ipywidgets.Widget.get_manager_state(drop_defaults=False)")

    assert "Stored, sealed." in saved
    assert key in {call.key for call in stage.fake.calls}
    assert find_canary(b"".join(bearing), key), "the search sees it on its way in"
    assert len(kernel.wire.came) > 100
    assert stage.traces_in(b"\n".join(kernel.wire.came)) == {}
    others = [frame for frame in kernel.wire.went if frame not in bearing]
    assert stage.traces_in(b"\n".join(others)) == {}
    assert stage.traces_in(kernel.log.read_bytes()) == {}
    fields = [s for s in front_end.states.values() if s["_model_name"] == "PasswordModel"]
    assert {state["value"] for state in fields} == {""}


def test_a043_control_a_stock_password_field_sends_back_what_is_typed(
    front_end: FrontEnd, kernel: Kernel
) -> None:
    """Positive control: the same typing in a field of ipywidgets' own → found in what comes from the kernel."""
    key = make_canary("google")
    front_end.show("import ipywidgets; field = ipywidgets.Password(); field")
    before = len(kernel.wire.came)

    front_end.update(front_end.find("PasswordModel"), value=key)
    front_end.show("ipywidgets.Widget.get_manager_state(drop_defaults=False)")

    assert find_canary(b"\n".join(kernel.wire.came[before:]), key)
    assert find_canary(kernel.log.read_bytes(), key), "and in the log of a kernel in debug mode"
