"""`try`: the whole way a prompt goes, on the practice provider."""

from __future__ import annotations

import atexit
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from assay_nb.engine.call import Call
from assay_nb.engine.control import Control
from assay_nb.engine.events import Finished
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.instruments.base import Result
from assay_nb.messages import PROVIDERS, ProviderId
from assay_nb.practice.server import MODEL, PracticeServer
from assay_nb.render.document import Callout, Code, Document, Heading, Paragraph, Verbatim

WORKSPACE = "practice"

SAMPLE = """\
You are a support agent. Summarise {{ticket}} briefly and say how angry the customer is.
Return JSON. NEVER EVER GUESS!!
"""

_WHAT = (
    "What follows ran through the three official SDKs, with keys that were sealed in your vault and opened for one "
    "request each. The provider is a practice one on this machine. It is no model: its findings come from the lint "
    "rules."
)

_STOPS: tuple[tuple[str, ProviderId], ...] = (
    ("critique", "anthropic"),
    ("improve", "openai"),
    ("rewrite", "google"),
)


def start_practice(session: Session) -> Document:
    """Start the practice provider for this process, and work in its workspace from here on.

    It runs until the process ends. The person's stored default stays as it is.
    """
    if session.mode == "hub":
        raise WrongUsage(
            "The practice provider is for solo mode.",
            hint="On a hub, your demo calls show everything: `%assay budget`.",
        )
    server = PracticeServer(pace=0.01).start()
    atexit.register(server.close)
    session.control.selected = session.portal.call(_furnish, session.control, server)
    text = [
        "You are in workspace ",
        Code(WORKSPACE),
        ". Calls go through the real SDKs to a provider on this machine. It is no model: it answers from the lint rules. ",
        Code("%assay workspace use NAME"),
        " goes back.",
    ]
    return Document([Callout("good", text)])


def run_tour(session: Session) -> Iterator[Document]:
    """Yield what the tour shows, step by step: a prompt, and each instrument's result on it."""
    if session.mode == "hub":
        raise WrongUsage(
            "`try` is for solo mode, and ASSAY_GATEWAY_URL is set.",
            hint="Unset it for this one command.",
        )
    with _practising(session):
        yield Document(
            [
                Heading("A prompt, three instruments, no key"),
                Paragraph([_WHAT]),
                Verbatim(SAMPLE),
            ]
        )
        for instrument, provider in _STOPS:
            yield _ask(session, instrument, provider).to_document()
    yield Document(
        [
            Paragraph(
                [
                    "In a notebook: ",
                    Code("%load_ext assay_nb"),
                    ", then ",
                    Code("%assay try"),
                    ", then ",
                    Code("%%critique"),
                    ".",
                ]
            ),
            Paragraph(
                [
                    "With a model: ",
                    Code("assay-nb keys set google"),
                    " (the fastest start, free), or anthropic, or openai.",
                ]
            ),
        ]
    )


def _ask(session: Session, instrument: str, provider: ProviderId) -> Result:
    call = Call(
        instrument=instrument, prompt=SAMPLE, workspace=WORKSPACE, model=f"{provider}/{MODEL}"
    )
    with session.stream(call) as events:
        return next(event.result for event in events if isinstance(event, Finished))


@contextmanager
def _practising(session: Session) -> Generator[None]:
    """Have the practice provider and its keys for a while; afterwards the keys are gone."""
    with PracticeServer() as server:
        session.portal.call(_furnish, session.control, server)
        try:
            yield
        finally:
            session.portal.call(_clear, session.control)


async def _furnish(control: Control, server: PracticeServer) -> str:
    """Make the practice workspace if need be, seal a key per provider, and return the workspace's id."""
    known = {fact.name: fact for fact in await control.workspaces()}
    fact = known.get(WORKSPACE) or await control.create_workspace(WORKSPACE)
    for provider in PROVIDERS:
        key = bytearray(server.key.encode())
        await control.set_key(
            fact.id, provider, key, endpoint=server.endpoint(provider), check=False
        )
    await control.set_model(fact.id, f"anthropic/{MODEL}")
    return fact.id


async def _clear(control: Control) -> None:
    for provider in PROVIDERS:
        await control.remove_key(WORKSPACE, provider)
