"""Which metric is it? A name made of what it does, so that another metric is another measure.

A notebook's metric has no version: its cell is edited and run again. So its code names it: byte code, the
constants and names in it, functions within it, its defaults, what it closed over, and the helpers and plain
values that it reads from the notebook. Comments, the docstring and line numbers do not count.
"""

from __future__ import annotations

import dis
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, cast

from assay_nb.experiments.run.cache import digest

_DEEPEST = 20
_LARGEST = 1_000
"""Values in a container that is read; a larger one counts by its length and its first values."""


def fingerprint(metric: object) -> str:
    """Return a hash of what a metric does. Two that differ in a constant have two."""
    return digest(_Reader().read(metric))


class _Reader:
    """Turns a callable into plain data."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def read(self, value: object, depth: int = 0) -> Any:
        """Return a value as plain data: of what is neither plain nor code, its type alone."""
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else repr(value)
        if isinstance(value, bytes):
            return value.hex()
        if depth > _DEEPEST or id(value) in self._seen:
            return "…"
        self._seen.add(id(value))
        try:
            return [type(value).__qualname__, self._read_deeper(value, depth + 1)]
        finally:
            self._seen.discard(id(value))

    def _read_deeper(self, value: Any, depth: int) -> Any:
        for kind, reader in self._readers():
            if isinstance(value, kind):
                return reader(value, depth)
        return self._read_object(value, depth)

    def _readers(self) -> Iterator[tuple[Any, Callable[[Any, int], Any]]]:
        yield CodeType, self._read_code
        yield FunctionType, self._read_function
        yield MethodType, lambda m, d: [self.read(m.__func__, d), self._read_state(m.__self__, d)]
        yield partial, lambda p, d: [self.read(one, d) for one in (p.func, p.args, p.keywords)]
        yield Mapping, self._read_mapping
        yield (set, frozenset), lambda s, d: sorted(digest(self.read(one, d)) for one in s)
        yield (tuple, list), self._read_sequence
        yield type, lambda c, d: [c.__qualname__, self._read_methods(c, d)]

    def _read_sequence(self, values: Any, depth: int) -> Any:
        return [len(values), *(self.read(one, depth) for one in values[:_LARGEST])]

    def _read_mapping(self, values: Mapping[Any, Any], depth: int) -> Any:
        pairs = list(values.items())[:_LARGEST]
        read = [[digest(self.read(k, depth)), self.read(v, depth)] for k, v in pairs]
        return [len(values), *sorted(read, key=lambda pair: str(pair[0]))]

    def _read_code(self, code: CodeType, depth: int) -> Any:
        constants = [self.read(constant, depth) for constant in code.co_consts]
        return [code.co_code.hex(), constants, list(code.co_names), list(code.co_freevars)]

    def _read_function(self, function: FunctionType, depth: int) -> Any:
        code = function.__code__
        if function.__doc__ is not None and function.__doc__ in code.co_consts[:1]:
            code = code.replace(co_consts=(None, *code.co_consts[1:]))
        cells = [_open(cell) for cell in function.__closure__ or ()]
        return [
            self.read(code, depth),
            self.read(function.__defaults__, depth),
            self.read(function.__kwdefaults__, depth),
            [self.read(value, depth) for value in cells],
            {name: self.read(value, depth) for name, value in _globals_read(function).items()},
        ]

    def _read_methods(self, kind: type, depth: int) -> Any:
        if kind.__module__ == "builtins":
            return None
        own = {k: v for base in reversed(kind.__mro__[:-1]) for k, v in vars(base).items()}
        return {
            name: self.read(value, depth)
            for name, value in own.items()
            if isinstance(value, FunctionType) or (_is_plain(value) and not name.startswith("__"))
        }

    def _read_object(self, value: Any, depth: int) -> Any:
        if (inner := getattr(value, "__wrapped__", None)) is not None:
            return self.read(inner, depth)
        if not callable(value):
            # A library's object keeps its caches in private names, and they fill while it is used.
            return self._read_state(value, depth, private=False)
        kind = cast("type[Any]", type(value))
        call = getattr(kind, "__call__", None)  # noqa: B004 - the method, and not whether there is one
        if not isinstance(call, FunctionType):
            return [getattr(value, "__module__", None), getattr(value, "__qualname__", None)]
        return [self._read_methods(kind, depth), self._read_state(value, depth)]

    def _read_state(self, value: Any, depth: int, *, private: bool = True) -> Any:
        """Return an object's attributes as far as they are plain or code, its class's plain ones included."""
        own = cast("dict[str, Any]", getattr(value, "__dict__", {}))
        kind = cast("type[Any]", type(value))
        shared: dict[str, Any] = {} if isinstance(value, type) else dict(vars(kind))
        read: dict[str, Any] = {
            **{k: v for k, v in shared.items() if _is_plain(v) and k[:2] != "__"},
            **own,
        }
        return {
            name: self.read(one, depth)
            for name, one in read.items()
            if (_is_plain(one) or _is_code(one)) and (private or not name.startswith("_"))
        }


def _globals_read(function: FunctionType) -> dict[str, Any]:
    """Return what a function reads of its notebook: helpers defined there, and plain values.

    Not what it writes there too, such as a counter: that would be another metric at each call.
    """
    codes = list(_codes(function.__code__))
    operations = [one for code in codes for one in dis.get_instructions(code)]
    written = {one.argval for one in operations if one.opname == "STORE_GLOBAL"}
    space = function.__globals__
    return {
        name: space[name]
        for name in sorted({name for code in codes for name in code.co_names})
        if name in space and name not in written and _is_own(space[name], function)
    }


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def _is_own(value: Any, function: FunctionType) -> bool:
    if isinstance(value, FunctionType):
        return value.__module__ == function.__module__
    return _is_plain(value)


def _is_code(value: object) -> bool:
    return isinstance(value, (FunctionType, MethodType, partial))


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(
        value, bool | int | float | str | bytes | tuple | list | dict | set | frozenset
    )


def _open(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty: a function that names itself before it exists
        return None
