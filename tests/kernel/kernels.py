"""A real kernel, driven as a front end drives it, with every frame on its wires kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session

from tests.watching import watch

WAIT = 60.0


class RecordingSession(Session):
    """Signs and reads messages, and keeps their bytes: `wire` has those that came and those that went."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.came: list[bytes] = []
        self.went: list[bytes] = []

    def deserialize(self, msg_list: list[Any], content: bool = True, copy: bool = True) -> Any:
        self.came += [bytes(getattr(frame, "bytes", frame)) for frame in msg_list]
        return super().deserialize(msg_list, content, copy)

    def serialize(self, msg: dict[str, Any], ident: Any = None) -> list[bytes]:
        frames = super().serialize(msg, ident)
        self.went += frames
        return frames


@dataclass
class Ran:
    """One executed cell.

    Attributes:
        outputs: What the cell holds in the end, as a notebook would save it.
        drawn: Every state of the display, as it was updated.
        reply: The content of the reply on the shell channel.
        asked: The prompts of input requests, each with whether it was a password's.
        text: What it printed.
    """

    outputs: list[dict[str, Any]] = field(default_factory=list)
    drawn: list[dict[str, Any]] = field(default_factory=list)
    reply: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, bool]] = field(default_factory=list)
    text: str = ""

    @property
    def error(self) -> str | None:
        """The name of the exception that it failed with."""
        return self.reply.get("ename")

    @property
    def data(self) -> dict[str, Any]:
        """The MIME bundle of its last output."""
        return [output for output in self.outputs if "data" in output][-1]["data"]


class Kernel:
    """A kernel with the extension loaded."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient, log: Path) -> None:
        self.manager = manager
        self.client = client
        self.log = log

    @property
    def wire(self) -> RecordingSession:
        session = self.client.session
        assert isinstance(session, RecordingSession)
        return session

    def run(
        self,
        code: str,
        *,
        answer: str | None = None,
        until: Callable[[Ran], bool] | None = None,
        then: Callable[[], object] = lambda: None,
    ) -> Ran:
        """Run a cell to its end.

        Args:
            code: The cell.
            answer: What is typed when the kernel asks; None makes a cell that nobody can answer.
            until: Once this holds, `then` is called, once.
            then: Such as an interrupt.
        """
        ran = Ran()
        message = self.client.execute(code, allow_stdin=answer is not None)
        deadline = time.monotonic() + WAIT
        idle = False
        while not (idle and ran.reply):
            assert time.monotonic() < deadline, f"no end of {code!r}"
            if answer is not None and self.client.stdin_channel.msg_ready():
                self._type(ran, answer)
            if self.client.shell_channel.msg_ready():
                reply = self.client.get_shell_msg(timeout=WAIT)
                if reply["parent_header"].get("msg_id") == message:
                    ran.reply = reply["content"]
            if until is not None and until(ran):
                until = None
                then()
            if not self.client.iopub_channel.msg_ready():
                time.sleep(0.005)
                continue
            note = self.client.get_iopub_msg(timeout=WAIT)
            if note["parent_header"].get("msg_id") == message:
                idle |= note["content"].get("execution_state") == "idle"
                _take(ran, note)
        return ran

    def complete(self, code: str) -> list[str]:
        """Return what Tab offers at the end of `code`."""
        reply = self.client.complete(code, len(code), reply=True, timeout=WAIT)
        return reply["content"]["matches"]

    def inspect(self, code: str) -> str:
        """Return what Shift-Tab shows."""
        reply = self.client.inspect(code, len(code), reply=True, timeout=WAIT)
        return reply["content"]["data"].get("text/plain", "")

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def _type(self, ran: Ran, answer: str) -> None:
        request = self.client.get_stdin_msg(timeout=WAIT)["content"]
        ran.asked.append((request["prompt"], request["password"]))
        self.client.input(answer)


def _take(ran: Ran, note: dict[str, Any]) -> None:
    kind, content = note["msg_type"], note["content"]
    if kind == "stream":
        ran.text += content["text"]
        ran.outputs.append({"output_type": kind, **content})
    elif kind in {"execute_result", "display_data"}:
        ran.outputs.append({"output_type": kind, **content})
        ran.drawn.append(content["data"])
    elif kind == "update_display_data":
        ran.drawn.append(content["data"])
        for output in ran.outputs:
            if output.get("transient") == content["transient"]:
                output.update(data=content["data"], metadata=content["metadata"])
    elif kind == "error":
        ran.outputs.append({"output_type": kind, **content})


@contextmanager
def open_kernel(
    folder: Path, environment: Mapping[str, str] = {}, *arguments: str, load: bool = True
) -> Generator[Kernel]:
    """Start a kernel in `folder`, with its own output in a file there, and load the extension.

    Args:
        folder: Its working directory.
        environment: What it has besides this process's own variables.
        arguments: More arguments on its command line.
        load: Whether the extension is loaded.
    """
    log = folder / "kernel.log"
    manager = KernelManager(kernel_name="python3")
    with log.open("wb") as out:
        manager.start_kernel(
            cwd=str(folder),
            env={**os.environ, **environment},
            extra_arguments=[*arguments],
            stdout=out,
            stderr=out,
        )
        watch(manager.provisioner.pid)
        client = manager.blocking_client()
        key, scheme = client.session.key, client.session.signature_scheme
        client.session = RecordingSession(key=key, signature_scheme=scheme)
        client.start_channels()
        try:
            client.wait_for_ready(timeout=WAIT)
            kernel = Kernel(manager, client, log)
            if load:
                kernel.run("%load_ext assay_nb")
            yield kernel
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            manager.cleanup_resources()
