"""`assay-nb operator`: the commands below it, and which gateway they are for."""

from __future__ import annotations

from argparse import Namespace
from typing import cast

from assay_nb.commands.keys import add_keys, add_platform_key
from assay_nb.commands.master import add_master
from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.parser import Parser
from assay_nb.commands.registry import Adder, add_json
from assay_nb.commands.status import show_findings
from assay_nb.engine.session import Session
from assay_nb.operating.database import add_database
from assay_nb.operating.people import add_people
from assay_nb.operating.session import OperatorSession, on_gateway
from assay_nb.operating.teams import add_teams, add_workspaces
from assay_nb.operating.usage import add_usage


def add_operator(add: Adder, parser: Parser) -> None:
    """Add `operator` and what stands below it to a parser."""
    below = add("operator", "act on a gateway's database, as its operator", None)
    own = parser.children["operator"]
    own.add_argument(
        "--config",
        metavar="FILE",
        help="the gateway's TOML file, such as /etc/assay-nb/gateway.toml",
    )
    own.add_argument(
        "--master-key-copy",
        metavar="FILE",
        help="work on this copy of the master key, for `master` where a service manager hands the key over",
    )
    below = on_gateway(below)
    add_json(below("doctor", "look for the usual troubles and say what to do", doctor))
    add_workspaces(below)
    add_teams(below)
    add_people(below)
    add_keys(below)
    add_platform_key(below)
    add_master(below)
    add_database(below)
    add_usage(below)


def doctor(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Look for the usual troubles of the gateway's machine."""
    return show_findings(cast("OperatorSession", session).examine())
