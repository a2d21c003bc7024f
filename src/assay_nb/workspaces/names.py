"""Names: what a workspace may be called, and what counts as a user's name."""

from __future__ import annotations

import re
import unicodedata

from assay_nb.errors import WrongUsage
from assay_nb.store.workspace_rows import PERSONAL

LONGEST = 64
_LONGEST_USER = 255
_RESERVED = re.compile(r"[:/\\]")
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def parse_name(text: str) -> str:
    """Return a workspace's name as it is stored: composed (NFC), without space around it.

    Two spellings of the same letters are one name, so nobody can make a workspace that looks like
    another by typing an accent differently.

    Raises:
        WrongUsage: If it is empty, too long, invisible, or could be read as something else.
    """
    name = normalize(text)
    if not name:
        raise WrongUsage("A workspace needs a name.")
    if len(name) > LONGEST:
        raise WrongUsage(
            f"That name has {len(name)} characters; a workspace's has at most {LONGEST}."
        )
    if not name.isprintable():
        raise WrongUsage("That name holds characters that cannot be seen.", hint="Type it again.")
    if _RESERVED.search(name) or name.startswith(("-", ".")):
        raise WrongUsage(
            f"'{name}' cannot be a workspace's name.",
            hint="Leave out `:`, `/` and `\\`, and begin with a letter or a digit.",
        )
    if _ID.fullmatch(name):
        raise WrongUsage("That name would read as a workspace's id.", hint="Choose another one.")
    if name.casefold() == PERSONAL:
        raise WrongUsage(
            f"'{PERSONAL}' is the name of everybody's own workspace.", hint="Choose another one."
        )
    return name


def normalize(text: str) -> str:
    """Return the form in which workspace names are compared."""
    return unicodedata.normalize("NFC", text).strip()


def parse_id(text: str) -> bytes | None:
    """Return the id that a text spells, or None."""
    return bytes.fromhex(text.replace("-", "")) if _ID.fullmatch(text) else None


def check_user(name: str) -> None:
    """Return when this can be a person's name; it is compared byte by byte and never changed.

    `Alice`, `alice` and `alice` in other letters that look the same are three people.

    Raises:
        WrongUsage: If it is empty, too long, invisible in part, or has space around it.
    """
    if not name or len(name) > _LONGEST_USER or not name.isprintable() or name != name.strip():
        raise WrongUsage("That is not a user's name.", hint="Write it exactly as it is on the hub.")


def check_group(name: str) -> None:
    """Return when this can be a hub group's name; it is compared byte by byte, as people's are.

    Raises:
        WrongUsage: If it is empty, too long, invisible in part, or has space around it.
    """
    try:
        check_user(name)
    except WrongUsage as error:
        raise WrongUsage("That is not the name of a hub group.", hint=error.hint) from None


def shown(text: str) -> str:
    """Return a name that somebody typed, fit for a message: visible, and not longer than a name is."""
    visible = "".join(c if c.isprintable() else "�" for c in text)
    return visible if len(visible) <= LONGEST else f"{visible[:LONGEST]}…"
