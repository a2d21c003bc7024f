"""`%assay env`: what makes other software in a hub kernel use the workspace's keys through the gateway."""

from __future__ import annotations

from argparse import Namespace
from urllib.parse import quote

from assay_nb import config
from assay_nb.commands.outcome import Desk, Outcome
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.render.document import Block, Callout, Code, Document, FinePrint, Verbatim

_TOKEN = "$JUPYTERHUB_API_TOKEN"  # noqa: S105 - the name of a variable
_BASE_URLS = {
    "ANTHROPIC_BASE_URL": "anthropic",
    "OPENAI_BASE_URL": "openai/v1",
    "GOOGLE_GEMINI_BASE_URL": "google",
}
_KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY")


def show_environment(session: Session, args: Namespace, desk: Desk) -> Outcome:
    """Show the variables that SDKs read, or set them for this kernel.

    What stands for a key is the server's hub token: it says who asks, and opens nothing by itself.
    """
    token = config.hub_token()
    if session.config.gateway_url is None or token is None:
        raise WrongUsage(
            "There is no gateway here that other software could go through.",
            hint="This is for kernels on a hub with a gateway. Here, the instruments use your own vault.",
        )
    workspace = session.portal.call(session.control.show_workspace, args.workspace)
    urls = _list_base_urls(session.config.gateway_url, workspace.name)
    lines = [f"export {name}={value}" for name, value in urls.items()]
    lines += [f'export {name}="{_TOKEN}"' for name in _KEYS]
    blocks: list[Block] = [Verbatim("\n".join(lines))]
    if args.export:
        config.set_variables({**urls, **dict.fromkeys(_KEYS, token)})
        done = (
            f"SDKs that are imported in this kernel from now on use the keys of '{workspace.name}'."
        )
        blocks.insert(0, Callout("good", [done]))
    else:
        blocks.append(FinePrint([Code("%assay env --export"), " sets them for this kernel."]))
    return Outcome(Document(blocks), {**urls, **dict.fromkeys(_KEYS, _TOKEN)})


def _list_base_urls(gateway_url: str, workspace: str) -> dict[str, str]:
    root = f"{gateway_url.rstrip('/')}/providers/{quote(workspace, safe='')}"
    return {name: f"{root}/{path}" for name, path in _BASE_URLS.items()}
