"""All sub-commands, as the two faces get them."""

from __future__ import annotations

from argparse import Namespace

from assay_nb.commands.connections import add_connections
from assay_nb.commands.evaluate import add_measuring
from assay_nb.commands.keys import add_keys, add_platform_key
from assay_nb.commands.master import add_master
from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.parser import Parser
from assay_nb.commands.registry import Adder, adder
from assay_nb.commands.status import add_status, status
from assay_nb.commands.usage import add_usage
from assay_nb.commands.workspaces import add_members, add_workspaces
from assay_nb.engine.session import Session


def build_parser(prog: str, description: str) -> tuple[Parser, Adder]:
    """Return the parser of all shared sub-commands, and the adder for a face's own."""
    parser = Parser(prog=prog, description=description)
    parser.set_defaults(run=status, parser=parser, json=False)
    add = adder(parser)
    add_status(add)
    add_usage(add)
    add_workspaces(add)
    add_members(add)
    add_connections(add)
    add_keys(add)
    add_master(add)
    add_platform_key(add)
    add_measuring(add)
    return parser, add


def run(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Carry out parsed arguments."""
    return args.run(session, args, desk)
