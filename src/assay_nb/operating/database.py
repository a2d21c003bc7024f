"""`database copy`: a gateway's database moves from SQLite to PostgreSQL."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, cast

from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.registry import Adder, add_json
from assay_nb.engine.session import Session
from assay_nb.errors import VaultIntegrityError, VaultSealed, WrongUsage
from assay_nb.operating.session import OperatorSession
from assay_nb.render.document import Block, Callout, Code, Document, Inline, Paragraph
from assay_nb.text.english import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay_nb.store.database import Database
    from assay_nb.vault.vault import Vault


def add_database(add: Adder) -> None:
    """Add `database` and what stands below it."""
    database = add("database", "where the gateway keeps its rows", None)
    copying = add_json(
        database("copy", "copy all of it from SQLite to an empty PostgreSQL database", copy)
    )
    copying.add_argument(
        "--to",
        metavar="URL",
        required=True,
        help="postgresql://USER@HOST/NAME; the password belongs into a .pgpass file, not on this line",
    )


def copy(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Copy the database, and check that its keys, its manifests and its audit are whole over there."""
    from assay_nb.gateway.database_lock import hold_database, sqlite_file
    from assay_nb.store.copying import copy_database
    from assay_nb.store.database import Database

    operator = cast("OperatorSession", session)
    file = sqlite_file(operator.settings)
    if file is None:
        raise WrongUsage(
            "The gateway is on PostgreSQL already, and only SQLite is copied.",
            hint="Copy a PostgreSQL database with pg_dump and pg_restore.",
        )
    if not args.to.startswith("postgresql"):
        raise WrongUsage(
            "--to is not the URL of a PostgreSQL database.",
            hint="Write it like postgresql://assay@db.example.org/assay.",
        )
    with hold_database(file):
        source = Database.open(file, create=False)
        _check_open(operator.resources.vault)
        target = Database.open(args.to)
        try:
            copied = copy_database(source, target)
            keys = _compare(operator, target, copied.workspaces)
        finally:
            source.close()
            target.close()
        return _say_copied(target.name, copied.rows, keys)


def _check_open(vault: Vault) -> None:
    """Refuse to copy what could not be checked afterwards.

    Raises:
        VaultSealed: If the master key is not here, or the database is older than the last one used.
    """
    state = vault.state()
    if state.name == "sealed":
        raise VaultSealed(
            f"The copy could not be checked, so none is made. {state.reason}", hint=state.hint
        )


def _compare(operator: OperatorSession, target: Database, workspaces: Sequence[bytes]) -> int:
    """Open every key in the copy, and return how many there are.

    Raises:
        VaultIntegrityError: If the copy differs from what it was made of.
    """
    from assay_nb.vault.vault import Vault

    here = operator.resources.vault
    there = Vault.open(target, operator.resources.keystore)
    same = there.state() == here.state() and there.examine() == here.examine()
    keys = 0
    for workspace in workspaces:
        listed = there.list_keys(workspace)
        same = same and listed == here.list_keys(workspace)
        keys += len(listed)
    if not same:
        raise VaultIntegrityError(
            f"The copy in {target.name} does not open as the original does.",
            hint="Empty that database and leave the gateway on SQLite, where nothing was changed.",
        )
    return keys


def _say_copied(name: str, rows: Mapping[str, int], keys: int) -> Outcome:
    said = (
        f"{count(sum(rows.values()), 'row')} of {count(len(rows), 'table')} are in {name}, and "
        f"{count(keys, 'key')} opened there as before."
    )
    then: list[Inline] = [
        "Set ",
        Code("database_url"),
        " in gateway.toml to that URL, and start the gateway. Keep ",
        Code("master.epoch"),
        " where it is; on another machine, copy it there first. The SQLite file was not changed: move it away.",
    ]
    blocks: list[Block] = [Callout("good", [said]), Paragraph(then)]
    return Outcome(Document(blocks), {"database": name, "rows": dict(rows), "keys": keys})
