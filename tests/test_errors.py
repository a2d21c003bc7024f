"""Errors as servers answer them: the class says the HTTP status, and both servers ask it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from assay_nb.errors import AssayError, WrongUsage
from assay_nb.gateway.http import responses
from assay_nb.labserver.base import Handler


def list_kinds(kind: type[AssayError] = AssayError) -> list[type[AssayError]]:
    """Return the classes of errors that have a code of their own."""
    below = [found for child in kind.__subclasses__() for found in list_kinds(child)]
    return [*([kind] if "code" in vars(kind) else []), *below]


class Answered:
    """Stands in for a handler of JupyterLab's server."""

    status = 0
    body: Any = None

    def set_status(self, status: int) -> None:
        self.status = status

    def answer(self, data: Any) -> None:
        self.body = data


@pytest.mark.parametrize("kind", list_kinds(), ids=lambda kind: kind.__name__)
def test_gateway_and_lab_answer_with_the_same_status(kind: type[AssayError]) -> None:
    error, lab = kind("It failed."), Answered()

    Handler.refuse(lab, error)  # type: ignore[arg-type]
    gateway = responses.error_answer(error)

    assert lab.status == gateway.status == kind.http_status
    assert lab.body == {"error": error.to_dict()}


@pytest.mark.parametrize("kind", list_kinds(), ids=lambda kind: kind.__name__)
def test_every_kind_states_a_status_of_its_own_or_is_a_special_case_of_one_that_does(
    kind: type[AssayError],
) -> None:
    stated = [one for one in inspect.getmro(kind)[:-3] if "http_status" in vars(one)]

    assert 400 <= kind.http_status < 600
    assert kind is AssayError or stated


def test_a_mistake_of_the_person_is_not_a_fault_of_the_server() -> None:
    assert all(kind.http_status < 500 for kind in list_kinds() if issubclass(kind, WrongUsage))
