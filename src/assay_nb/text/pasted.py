"""The error for a key, a token or a password where none belongs: what it is, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from assay_nb.connections.keyway import say_unasked
from assay_nb.errors import KeyPasted
from assay_nb.text.redaction import KeyShape, describe_secret, secret_in


@dataclass(frozen=True, slots=True)
class Surface:
    """Where a person typed.

    Attributes:
        kept: Where the text is now, as a clause; empty where nothing here has kept it.
        program: What the command that adds a key is typed after; empty where none is at hand.
        hub: Whether no command does, since a hub's gateway has a page for keys.
    """

    kept: str = ""
    program: str = ""
    hub: bool = False


ANYWHERE = Surface()
CELL = Surface("it is in the history now", "%assay")
VARIABLE = Surface("it may be in the history", "%assay")
TERMINAL = Surface("it may be in the shell's history", "assay-nb")
LAB = Surface("the notebook's file may have it", "%assay")


def refuse_secrets(
    text: str, where: str, surface: Surface = ANYWHERE, *, outcome: str = "nothing was sent"
) -> None:
    """Refuse text that holds something shaped like a credential.

    Raises:
        KeyPasted: Without a part of the credential in it; see `key_pasted`.
    """
    if shape := secret_in(text):
        line = text.count("\n", 0, shape.start) + 1 if "\n" in text.strip() else None
        raise key_pasted(shape, where, surface, line=line, outcome=outcome)


def key_pasted(
    shape: KeyShape,
    where: str,
    surface: Surface = ANYWHERE,
    *,
    line: int | None = None,
    outcome: str = "nothing was sent",
) -> KeyPasted:
    """Return the error for a credential.

    Args:
        shape: What was found.
        where: What holds it, as the sentence's beginning: `"The prompt"`, `"Row 37"`.
        surface: Where it was typed.
        line: Which line of it, where it has several.
        outcome: What was done about it. Say what is true of the whole run: other rows may have been sent.
    """
    at = f" in line {line}" if line else ""
    return KeyPasted(
        f"{where} holds something shaped like {describe_secret(shape)}{at}, so {outcome}.",
        hint=_next_step(shape, surface),
    )


def _next_step(shape: KeyShape, surface: Surface) -> str:
    kept = f": {surface.kept}" if surface.kept else ""
    if shape.issuer is None:
        return f"Take it out, or put it in other words. If it is real, replace it{kept}."
    step = f"Take it out, and revoke it {shape.issuer}{kept}."
    if shape.is_storable and surface.program:
        step += f" {say_unasked(shape.provider or '', hub=surface.hub, program=surface.program)}"
    return step
