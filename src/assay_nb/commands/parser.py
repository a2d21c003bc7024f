"""One argument parser for magics and commands, with the manners both need.

argparse leaves the process on a mistake (`SystemExit` ends a notebook cell oddly), names the kernel's
launcher as the program, and says only that a flag is unknown. Here a mistake is a `WrongUsage` with
the nearest flag in it, and `--help` works everywhere.
"""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from assay_nb import config
from assay_nb.errors import AssayError, WrongUsage
from assay_nb.render.surroundings import find_width
from assay_nb.text.pasted import CELL, TERMINAL, Surface, refuse_secrets

MODEL = "CONNECTION/MODEL"
"""How help pages write a model's name. Completion offers models wherever it is an argument's metavar."""
CONNECTION = "CONNECTION"
"""The same for the name of a connection."""
PRESET = "PRESET"
"""The same for what can be connected."""


class HelpWanted(AssayError):
    """Not a failure: `-h` was given, and `message` is the page to show."""

    code = "help"
    exit_status = 0


class _ShowHelp(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        raise HelpWanted(parser.format_help())


class _Page(argparse.RawDescriptionHelpFormatter):
    """Lays a help page out as wide as any other text here."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=find_width() - 2)


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that raises `WrongUsage` and never prints or exits.

    Attributes:
        children: The sub-commands' parsers by name.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", _Page)
        super().__init__(*args, **{**kwargs, "add_help": False, "allow_abbrev": False})
        self.color = (
            False  # since Python 3.14 a page has escape codes, which a notebook shows as they are
        )
        self.children: dict[str, Parser] = {}
        self.add_argument("-h", "--help", action=_ShowHelp, nargs=0, help="show this page")

    def parse_line(self, line: str) -> argparse.Namespace:
        """Parse a magic's line, split as a shell would; a key in it is refused first of all."""
        refuse_keys([line], surface=self._surface)
        try:
            words = shlex.split(line)
        except ValueError:
            raise WrongUsage(
                "A quotation mark in this line is never closed.",
                hint=f"{self.prog} -h shows how it is used.",
            ) from None
        return self.parse_words(words)

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse words, refusing anything shaped like a key before it is looked at any further."""
        refuse_keys(words, surface=self._surface)
        namespace, extra = self.parse_known_args(list(words))
        if extra:
            self._refuse_unknown(extra[0], namespace)
        return namespace

    @property
    def _surface(self) -> Surface:
        return CELL if self.prog.startswith("%") else TERMINAL

    def error(self, message: str) -> NoReturn:
        raise WrongUsage(
            f"{self.prog}: {_sentence(message)}", hint=f"`{self.prog} -h` shows how it is used."
        )

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a word that is none of the choices, naming the one that was probably meant."""
        if action.choices is None or value in action.choices:
            return
        names = [str(choice) for choice in action.choices]
        near = nearest(str(value), names)
        if action.option_strings:
            what = f"{action.option_strings[-1]} cannot be {_quoted(str(value))}"
        else:
            what = f"there is no {str(action.metavar or action.dest).lower()} {_quoted(str(value))}"
        raise WrongUsage(
            f"{self.prog}: {what}.",
            hint=f"Did you mean {near}?" if near else f"It is one of {', '.join(names)}.",
        )

    def _refuse_unknown(self, word: str, namespace: argparse.Namespace) -> NoReturn:
        parser = getattr(namespace, "parser", self)
        if not word.startswith("-"):
            raise WrongUsage(
                f"{parser.prog} does not know what to do with {_quoted(word)}.",
                hint=f"`{parser.prog} -h` shows how it is used.",
            )
        flag = word.split("=", 1)[0]
        near = _nearest_flag(flag, parser.flags())
        raise WrongUsage(
            f"{parser.prog} has no option {flag}.",
            hint=f"Did you mean {near}?" if near else f"`{parser.prog} -h` lists its options.",
        )

    def flags(self) -> list[str]:
        """Return every option string, long forms first."""
        strings = [flag for action in self._actions for flag in action.option_strings]
        return sorted(strings, key=lambda flag: (not flag.startswith("--"), flag))

    def action_of(self, flag: str) -> argparse.Action | None:
        """Return what an option string stands for."""
        return next((action for action in self._actions if flag in action.option_strings), None)

    def optionals(self) -> list[argparse.Action]:
        """Return the arguments that have an option string."""
        return [action for action in self._actions if action.option_strings]

    def positionals(self) -> list[argparse.Action]:
        """Return the arguments that have no option string."""
        return [action for action in self._actions if not action.option_strings]


_LONGEST_QUOTED = 20


def _quoted(word: str) -> str:
    """Return a word as a message repeats it: a long one may be a key of a shape that nobody knows."""
    return f"'{word}'" if len(word) <= _LONGEST_QUOTED else f"a word of {len(word)} characters"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def _nearest_flag(word: str, flags: Iterable[str]) -> str | None:
    """Return the option that was probably meant. Dashes are no likeness: every option has them."""
    bare = {flag.lstrip("-"): flag for flag in flags}
    near = nearest(word.lstrip("-"), bare)
    return bare[near] if near else None


def refuse_keys(words: Iterable[str], where: str = "This line", surface: Surface = CELL) -> None:
    """Refuse text that holds something shaped like a credential.

    Raises:
        KeyPasted: Without a part of it in it, saying where it is kept now and what to do.
    """
    here = surface_here(surface)
    for word in words:
        refuse_secrets(word, where, here)


def surface_here(surface: Surface) -> Surface:
    """Return where a person typed, with whether this process's keys are a hub's."""
    return replace(surface, hub=config.is_on_hub())


def refuse_keys_in_options(options: Mapping[str, Any], surface: Surface = CELL) -> None:
    """Refuse options of an instrument that hold something shaped like a credential."""
    for name, value in options.items():
        refuse_keys([str(value)], f"The option '{name}'", surface)


def _sentence(message: str) -> str:
    message = message.strip()
    return message if message.endswith(".") else f"{message}."
