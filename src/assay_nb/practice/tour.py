"""`try`: the whole way a prompt goes, on the practice provider."""

from __future__ import annotations

import atexit
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from weakref import WeakKeyDictionary

from assay_nb.config import Config
from assay_nb.engine.call import Call
from assay_nb.engine.control import Control, WorkspaceFacts
from assay_nb.engine.events import Finished
from assay_nb.engine.local.control import LocalControl
from assay_nb.engine.local.practice import WORKSPACE, check_only_practice
from assay_nb.engine.session import Session
from assay_nb.errors import AssayError, WorkspaceNotFound, WrongUsage
from assay_nb.instruments.base import Result
from assay_nb.messages import PROVIDERS, ProviderId
from assay_nb.practice.server import MODEL, PracticeServer
from assay_nb.render.document import (
    Callout,
    Code,
    Document,
    Heading,
    Paragraph,
    Verbatim,
    sentence,
)

SAMPLE = """\
You are a support agent. Write in the tone of our guide: [INSERT TONE GUIDE]

<ticket>
{{ticket}}
</tiket>

Summarise the ticket in one sentence and say how angry the customer is. Return JSON like this:
{"summary": "The parcel is late.", "anger": 3,}
"""

_WHAT = (
    "What follows ran through the three official SDKs, with keys that were sealed in a vault and opened for one "
    "request each. The vault was made for this run and is gone afterwards; yours is not touched. The provider is a "
    "practice one on this machine. It is not a model: its findings come from the lint rules."
)

_STOPS: tuple[tuple[str, ProviderId], ...] = (
    ("critique", "anthropic"),
    ("improve", "openai"),
    ("rewrite", "google"),
)


_AFTERWARDS = (
    "In a notebook: `%load_ext assay_nb`, then `%assay try`, then `%%critique`.",
    "With a model: `assay-nb keys set google` (the fastest start, free), or anthropic, or openai.",
)
_ON_HUB = ("In a notebook on this hub: `%load_ext assay_nb`, then `%assay` says how to begin.",)
"""What to do after the tour."""

_servers: WeakKeyDictionary[Session, PracticeServer] = WeakKeyDictionary()


def start_practice(session: Session) -> Document:
    """Start the practice provider for this process, and work in its workspace from here on.

    It runs until the process ends. The person's stored default stays as it is, and so does what another
    process practises on.
    """
    control = session.control
    if not isinstance(control, LocalControl):
        raise WrongUsage(
            "The practice provider is for solo mode.",
            hint=_begin_on_hub(session),
        )
    session.portal.call(_furnish, control, _find_server(session))
    text = [
        "You are in workspace ",
        Code(WORKSPACE),
        ". Calls go through the real SDKs to a provider on this machine. It is not a model: it answers from the lint rules. ",
        Code("%assay workspace use NAME"),
        " goes back.",
    ]
    return Document([Callout("good", text)])


def _begin_on_hub(session: Session) -> str:
    """Return how to begin in the active workspace of a hub."""
    try:
        way = session.portal.call(session.control.keyway, None)
    except AssayError:  # the active one is gone, say: the status tells what to do about that
        return "See `%assay`: it says how to begin on this hub."
    if way.demo:
        return f"{way.say_demo()} {way.say('add')}"
    return way.say("change")


def _find_server(session: Session) -> PracticeServer:
    """Return the session's server, started at the first time."""
    if session not in _servers:
        _servers[session] = PracticeServer(pace=0.01).start()
        atexit.register(_servers[session].close)
    return _servers[session]


def run_tour(*, on_hub: bool = False) -> Iterator[Document]:
    """Yield what the tour shows, step by step: a prompt, and each instrument's result on it.

    Args:
        on_hub: Whether the person's keys are a hub's, and notebooks there cannot practise.
    """
    with _practising() as session:
        yield Document(
            [
                Heading("A prompt, three instruments, no key"),
                Paragraph([_WHAT]),
                Verbatim(SAMPLE),
            ]
        )
        for instrument, provider in _STOPS:
            yield _ask(session, instrument, provider).to_document()
    yield Document([Paragraph(sentence(line)) for line in (_ON_HUB if on_hub else _AFTERWARDS)])


def _ask(session: Session, instrument: str, provider: ProviderId) -> Result:
    call = Call(
        instrument=instrument, prompt=SAMPLE, workspace=WORKSPACE, model=f"{provider}/{MODEL}"
    )
    with session.stream(call) as events:
        return next(event.result for event in events if isinstance(event, Finished))


@contextmanager
def _practising() -> Generator[Session]:
    """Give a session that practises on a vault of its own, which is deleted afterwards.

    The person's vault is left alone: a notebook that practises has its keys there.
    """
    with (
        TemporaryDirectory(prefix="assay-nb-try-") as place,
        PracticeServer() as server,
        closing(Session(_config(Path(place)), say=lambda _: None)) as session,
    ):
        session.portal.call(_furnish, session.control, server)
        yield session


def _config(place: Path) -> Config:
    return Config(home=place / "vault", master_key_file=place / "master.key")


async def _furnish(control: Control, server: PracticeServer) -> None:
    """Make the practice workspace if need be, seal a key per provider, and work there."""
    assert isinstance(control, LocalControl)
    fact = await _find_workspace(control)
    check_only_practice(await control.keys(fact.id))
    endpoints: dict[ProviderId, str] = {one: server.endpoint(one) for one in PROVIDERS}
    for provider, url in endpoints.items():
        key = bytearray(server.key.encode())
        await control.set_key(fact.id, provider, key, endpoint=url, check=False)
    await control.set_model(fact.id, f"anthropic/{MODEL}")
    control.use_own_practice(fact.id, server.key.encode(), endpoints)


async def _find_workspace(control: Control) -> WorkspaceFacts:
    """Return the practice workspace. Another process may make it at the same moment."""
    with suppress(WorkspaceNotFound):
        return await control.show_workspace(WORKSPACE)
    with suppress(WrongUsage):
        return await control.create_workspace(WORKSPACE)
    return await control.show_workspace(WORKSPACE)
