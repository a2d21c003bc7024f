"""Lazy parts of an object: made when they are first needed, and only once."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Any, TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


class once(cached_property[T_co]):  # noqa: N801 - it is used as `property` is
    """A cached property that threads which ask for it at the same time get the same value of.

    `functools.cached_property` promises that up to Python 3.11 alone; from 3.12 on, two threads may make
    two, and the one that is overwritten stays open. Each part of each object has a lock of its own, so a
    part that takes long holds up only those who need it. Parts may need others, but not in a circle.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> once[T_co]: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T_co: ...
    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> once[T_co] | T_co:
        if instance is None:
            return self
        with vars(instance).setdefault(f"_making_{self.attrname}", threading.RLock()):
            return super().__get__(instance, owner)
