"""Ways to look at an exception or an object, as the tools that show them do."""

from __future__ import annotations

import copy
import gc
import inspect
import io
import json
import pickle
import traceback
import types
from collections.abc import Callable, Iterator
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.traceback import Traceback

import assay_nb

SOURCE = str(Path(assay_nb.__file__).parent)
DEPTH = 7


# --- exceptions -------------------------------------------------------------------------------------


def chain(error: BaseException) -> list[BaseException]:
    """Return an exception with all that led to it, also what `from None` merely hides."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.append(one)
            waiting += [e for e in (one.__cause__, one.__context__) if e is not None]
            waiting += getattr(one, "exceptions", ())
    return found


def without_test_frames(error: BaseException) -> BaseException:
    """Cut every traceback to where our own code begins: a test's frames hold the key on purpose."""
    for one in chain(error):
        at = one.__traceback__
        while at is not None and not at.tb_frame.f_code.co_filename.startswith(SOURCE):
            at = at.tb_next
        one.__traceback__ = at
    return error


def by_stdlib(error: BaseException) -> str:
    """What a logger with local variables prints, as Django, Sentry and `cgitb` do."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(shown.format())


def by_ipython(error: BaseException) -> str:
    """What `%xmode Verbose` prints."""
    from IPython.core.ultratb import VerboseTB

    # IPython 9 renamed the argument. With colours, escape codes could stand within a key.
    parameters = inspect.signature(VerboseTB.__init__).parameters
    plain = {"theme_name": "nocolor"} if "theme_name" in parameters else {"color_scheme": "NoColor"}
    printer = VerboseTB(**plain)
    return str(printer.text(type(error), error, error.__traceback__))


def by_rich(error: BaseException) -> str:
    """What `rich.traceback.install(show_locals=True)` prints, without its limits on length."""
    out = io.StringIO()
    shown = Traceback.from_exception(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        width=20_000,
        locals_max_length=1000,
        locals_max_string=100_000,
        locals_hide_dunder=False,
        max_frames=0,
    )
    Console(file=out, width=20_000).print(shown)
    return out.getvalue()


def by_reach(error: BaseException) -> str:
    """Everything that can be reached from the local variables of every frame, however hidden."""
    roots: list[object] = []
    for one in chain(error):
        roots += [one.args, vars(one)]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if not _is_of_tests(frame.f_code.co_filename):
                roots += frame.f_locals.values()
    return "\n".join(reach(roots))


FORMS: dict[str, Callable[[BaseException], str]] = {
    "stdlib": by_stdlib,
    "IPython": by_ipython,
    "rich": by_rich,
    "reach": by_reach,
}


# --- objects ----------------------------------------------------------------------------------------


def reach(roots: list[object], depth: int = DEPTH) -> Iterator[str]:
    """Yield all text and bytes within some steps of `roots`, hidden fields and closures included."""
    seen: set[int] = set()
    level = roots
    for _ in range(depth):
        following: list[object] = []
        for thing in level:
            if id(thing) in seen or _is_the_world(thing):
                continue
            seen.add(id(thing))
            if isinstance(thing, str):
                yield thing
            elif isinstance(thing, bytes | bytearray):
                yield bytes(thing).decode("latin-1")
            elif isinstance(thing, types.FunctionType):
                following += [thing.__closure__, thing.__defaults__, thing.__kwdefaults__]
            else:
                following += gc.get_referents(thing)
        level = following


def views_of(thing: object) -> Iterator[str]:
    """Yield a thing in each form that software writes things down in; some refuse, which is fine."""
    for view in (
        repr,
        str,
        format,
        lambda x: f"{x:>40}",
        lambda x: repr(vars(x)),
        lambda x: repr(dir(x)) + repr([_get(x, name) for name in dir(x)]),
        lambda x: repr(asdict(x)) if is_dataclass(x) else "",
        lambda x: json.dumps(x, default=lambda y: vars(y)),
        lambda x: json.dumps(x, default=str),
        lambda x: repr(x.to_dict()),
        lambda x: repr(x._repr_mimebundle_()),
        lambda x: _deep(copy.copy(x)),
        lambda x: _deep(copy.deepcopy(x)),
        lambda x: pickle.dumps(x).decode("latin-1"),
        lambda x: repr(list(x)),
        lambda x: bytes(x).decode("latin-1"),
    ):
        yield _tried(view, thing)


def _tried(view: Callable[[Any], str], thing: object) -> str:
    try:
        return view(thing)
    except Exception as refused:  # whatever a refusal says is looked at as well
        return repr(refused)


def _deep(thing: object) -> str:
    return repr(thing) + "\n".join(reach([thing]))


def _get(thing: object, name: str) -> object:
    try:
        return getattr(thing, name)
    except Exception as refused:
        return refused


def _is_the_world(thing: object) -> bool:
    """Whether a thing leads to everything there is, or belongs to the test."""
    if isinstance(thing, types.ModuleType | type | types.FrameType | types.TracebackType):
        return True
    if isinstance(thing, dict) and "__builtins__" in thing:
        return True
    return type(thing).__module__.startswith(("tests.", "_pytest", "pytest"))


def _is_of_tests(name: str) -> bool:
    return "/tests/" in name or "/_pytest/" in name
