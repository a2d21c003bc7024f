"""`env`: what sends other software on a hub through the gateway, as variables, files and commands.

Only a kernel can set variables for itself (`%assay env --export`), and only a terminal can print them with the token
in them (`assay-nb env --shell`): what a notebook shows is saved with it.
"""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from assay_nb import config
from assay_nb.commands.foreign_clients import (
    BASE_URLS,
    CLIENTS,
    KEYS,
    NOT_SET,
    SET,
    TOKEN,
    Client,
    fill,
)
from assay_nb.commands.outcome import Console, Outcome, join
from assay_nb.commands.output import write_out
from assay_nb.commands.registry import Adder, add_json, add_workspace
from assay_nb.engine.session import Session
from assay_nb.errors import AssayError, WrongUsage
from assay_nb.messages import PROVIDERS
from assay_nb.render.document import (
    Block,
    Callout,
    Code,
    Document,
    FinePrint,
    Item,
    Items,
    Paragraph,
    Verbatim,
)

if TYPE_CHECKING:
    from assay_nb.engine.remote.engine import RemoteEngine

_HELD = f"${TOKEN}"
"""What stands for the token where it is not to be seen."""

_INSTEAD = (
    ("from openai import OpenAI", 'OpenAI(api_key=token, base_url="{OPENAI_BASE_URL}")'),
    (
        "from google import genai",
        'genai.Client(api_key=token, http_options={{"base_url": "{GOOGLE_GEMINI_BASE_URL}"}})',
    ),
)
"""How the SDKs whose key is not set are given both, as an import and a client."""

_ON_A_TERMINAL = 'eval "$(assay-nb env --shell)"'


def add_environment(add: Adder, *, kernel: bool) -> None:
    """Add `env`, for a kernel or for a terminal."""
    env = add("env", "let other programs on a hub use the keys: SDKs, agents", show_environment)
    add_json(add_workspace(env))
    env.add_argument(
        "--for", dest="client", choices=CLIENTS, metavar="CLIENT", help=f"one of {join([*CLIENTS])}"
    )
    if kernel:
        env.add_argument("--export", action="store_true", help="set the variables for this kernel")
    else:
        env.add_argument(
            "--shell", action="store_true", help=f"print them for a shell: {_ON_A_TERMINAL}"
        )
    env.add_argument("--off", action="store_true", help="end the token, and unset the variables")
    env.set_defaults(kernel=kernel, export=False, shell=False)


@dataclass(frozen=True, slots=True)
class _Settings:
    """What a client needs, with the addresses in it.

    Attributes:
        workspace: The workspace's name.
        urls: The variables that are no secret, by name.
        keys: The variables that hold the token.
        client: The one client that is meant; None for any.
        files: Its files, by path.
    """

    workspace: str
    urls: Mapping[str, str]
    keys: tuple[str, ...]
    client: Client | None
    files: Mapping[str, str]
    command: str

    @property
    def not_set(self) -> dict[str, str]:
        """The names of keys that stay free, with the reason."""
        return {name: reason for name, reason in NOT_SET.items() if name not in self.keys}

    def variables(self, token: str) -> dict[str, str]:
        """Return all variables, with this for the token."""
        return {**self.urls, **dict.fromkeys((TOKEN, *self.keys), token)}

    def to_dict(self, token: str, unset: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {**self.variables(token), "not_set": self.not_set, "unset": unset}
        if self.client is not None:
            parts = {"files": self.files, "command": self.command, "code": self.client.code}
            found |= {name: part for name, part in parts.items() if part}
        return found


def show_environment(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show what clients need, set it for this kernel, or print it for a shell.

    Names under which a client is known to send the token elsewhere are left out, and said to be.
    """
    gateway_url = session.config.gateway_url
    if gateway_url is None or config.hub_token() is None:
        raise WrongUsage(
            "No gateway is available here for other software.",
            hint="This is for servers on a hub with a gateway. Here, the instruments use your own vault, and "
            "other programs a key that you give them.",
        )
    if args.off:
        return _give_back(session, args, gateway_url)
    workspace = session.portal.call(session.control.show_workspace, args.workspace)
    settings = _make_settings(gateway_url, workspace.name, args.client)
    if args.export:
        return _export(session, settings, workspace.id)
    if args.kernel or not (args.shell or args.json):
        return Outcome(Document(_describe(settings, args)), settings.to_dict(_HELD, []))
    token = _take_token(session, workspace.id)
    if args.shell and not args.json:
        write_out("\n".join([f"export {TOKEN}={token}", *_write_exports(settings)]))
        for path in settings.files:
            desk.say(f"{path} is needed too: `assay-nb env --for {args.client}` shows its text.")
    return Outcome(Document(), settings.to_dict(token, []))


def _make_settings(gateway_url: str, workspace: str, named: str | None) -> _Settings:
    root = f"{gateway_url.rstrip('/')}/providers/{quote(workspace, safe='')}"
    addresses = {connection: f"{root}/{connection}" for connection in PROVIDERS}
    client = CLIENTS[named] if named else None
    wanted = {**BASE_URLS, **(client.variables if client else {})}
    return _Settings(
        workspace,
        {name: fill(text, addresses) for name, text in wanted.items()},
        (*SET, *(client.keys if client else ())),
        client,
        {path: fill(text, addresses) for path, text in client.files.items()} if client else {},
        fill(client.command, addresses) if client else "",
    )


def _write_exports(settings: _Settings) -> list[str]:
    urls = [f"export {name}={shlex.quote(value)}" for name, value in settings.urls.items()]
    return [*urls, *(f'export {name}="{_HELD}"' for name in settings.keys)]


# --- the token


def _remote(session: Session) -> RemoteEngine:
    from assay_nb.engine.remote.engine import RemoteEngine

    engine = session.engine
    assert isinstance(engine, RemoteEngine), "on a hub, a gateway makes the calls"
    return engine


def _export(session: Session, settings: _Settings, workspace_id: str) -> Outcome:
    """Set the variables, and keep the token good for as long as this kernel lives."""
    tokens = _remote(session).tokens
    old = tokens.values
    token, new = session.portal.call(tokens.get, workspace_id)
    if new:
        session.portal.begin(tokens.keep, workspace_id, config.replace_values)
    config.set_variables(settings.variables(token))
    held = {config.hub_token() or "", *old, token}
    unset = config.unset_variables(settings.not_set, holding=held)
    blocks = [*_say_what_was_done(settings, unset), Verbatim("\n".join(_write_exports(settings)))]
    return Outcome(Document([*blocks, *_say_the_rest(settings)]), settings.to_dict(_HELD, unset))


def _take_token(session: Session, workspace_id: str) -> str:
    """Return a token for a terminal: the one that it has, if that is good here, or a new one."""
    from assay_nb.engine.remote.pass_tokens import extend_token, issue_token

    client, held = _remote(session).client, config.pass_token()
    if held is not None:
        with suppress(AssayError):
            found = session.portal.call(extend_token, client, held)
            if found.workspace == workspace_id:
                return held
    return session.portal.call(issue_token, client, workspace_id).token


def _give_back(session: Session, args: Namespace, gateway_url: str) -> Outcome:
    """End the tokens, and unset the variables here or say which a shell is to unset.

    Raises:
        AssayError: If a token could not be ended. The variables stay, for another try.
    """
    engine, held = _remote(session), config.pass_token()
    gone = {*engine.tokens.values, *([held] if held else [])}
    try:
        said = session.portal.call(_end_all, engine, held)
    except AssayError as error:
        raise AssayError(
            f"The token has not ended. {error.message}",
            hint=error.hint or "Run this again, or wait until the token expires.",
        ) from error
    names = config.names_holding((TOKEN, *KEYS), gone) + _find_addresses(gateway_url)
    if args.kernel:
        config.remove_variables(names)
        unset = f"{said} Unset: {join(names)}." if names else said
        return Outcome(Document([Paragraph([unset])]), {"unset": names})
    line = f"unset {' '.join(names)}"
    if args.shell and not args.json:
        write_out(line if names else "")
        return Outcome(Document(), {"unset": names})
    blocks = [Paragraph([said]), *([Verbatim(line)] if names else [])]
    return Outcome(Document(blocks), {"unset": names})


async def _end_all(engine: RemoteEngine, held: str | None) -> str:
    """End this process's tokens, and the one that it was started with, and return what is said about it."""
    from assay_nb.engine.remote.pass_tokens import end_token

    own = engine.tokens.values
    was_good = await engine.tokens.give_back()
    if held and held not in own:
        was_good |= await end_token(engine.client, held)
    if was_good:
        return "The token has ended."
    return "The token had ended already." if own or held else "No token was set here."


def _find_addresses(gateway_url: str) -> list[str]:
    """Return the variables that an earlier `env` has set beside the token."""
    leading_here = config.names_of_values(f"{gateway_url.rstrip('/')}/providers/")
    wanted = [BASE_URLS, *(client.variables for client in CLIENTS.values())]
    return [
        name
        for variables in wanted
        for name, text in variables.items()
        if (name in leading_here if "{" in text else config.names_holding([name], [text]))
    ]


# --- what is said about it


def _describe(settings: _Settings, args: Namespace) -> list[Block]:
    blocks: list[Block] = [Verbatim("\n".join(_write_exports(settings)))]
    chosen = f" --for {args.client}" if args.client else ""
    in_terminal = _ON_A_TERMINAL.replace("--shell", f"--shell{chosen}")
    if args.kernel:
        exporting = Code(f"%assay env --export{chosen}")
        blocks.append(
            FinePrint(
                [exporting, " sets these for this kernel; in a terminal, ", Code(in_terminal)]
            )
        )
    else:
        blocks.append(FinePrint([Code(in_terminal), " sets these in a shell, with a token."]))
    return blocks + _say_the_rest(settings)


def _say_what_was_done(settings: _Settings, unset: Sequence[str]) -> list[Block]:
    done = (
        f"These are set in this kernel. Clients that read them use the keys of '{settings.workspace}', with a "
        "token that is good for that alone. It ends with this kernel, or by "
    )
    said: list[Block] = [Callout("good", [done, Code("%assay env --off"), "."])]
    if unset:
        held = f"{join(unset)} held a token from an earlier export. Now unset."
        said.append(Callout("warning", [held]))
    said += [_say_other_key(name) for name in settings.not_set if config.is_set(name)]
    return said


def _say_other_key(name: str) -> Block:
    """Name a key of the person's own: with these base URLs, clients show it to the gateway."""
    first = f"{name} holds another key, which clients in this kernel now send to the gateway. It refuses it. "
    return Callout("warning", [first, "Remove it: ", Code(f'del os.environ["{name}"]')])


def _say_the_rest(settings: _Settings) -> list[Block]:
    if settings.client is None:
        return _say_what_is_not_set(settings)
    said: list[Block] = []
    for path, text in settings.files.items():
        said += [Paragraph(["In ", Code(path), ":"]), Verbatim(text.rstrip("\n"))]
    for text in (settings.command, settings.client.code):
        if text:
            said += [Paragraph([f"{settings.client.title} then runs so:"]), Verbatim(text.rstrip())]
    return said


def _say_what_is_not_set(settings: _Settings) -> list[Block]:
    warning = (
        "The token is not set as these variables, because clients that read them would send it to the provider. "
        "It is good for nothing there, and the call would fail:"
    )
    items = [Item(name, [reason]) for name, reason in NOT_SET.items()]
    code = [_write_client(settings.urls, *parts) for parts in _INSTEAD]
    advice = "Give a client the token in code instead, and the base URL with it; or name the client, as in "
    return [
        Callout("warning", [warning]),
        Items(items),
        Paragraph([advice, Code("--for openai"), ":"]),
        *(Verbatim(each) for each in code),
    ]


def _write_client(urls: Mapping[str, str], imports: str, client: str) -> str:
    reading = f'token = os.environ["{TOKEN}"]'
    return f"import os\n{imports}\n\n{reading}\nclient = {client.format_map(urls)}"
