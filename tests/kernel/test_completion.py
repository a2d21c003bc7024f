"""What Tab and Shift-Tab offer, asked as a front end asks a kernel."""

from __future__ import annotations

import pytest

from tests.kernel.kernels import Kernel
from tests.kernel.stage import Stage

SUBCOMMANDS = {
    "status", "workspace", "member", "keys", "model", "models", "budget", "calls", "doctor",
    "master", "platform-key", "try",
}  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("%%critique --fail", {"--fail-under"}),
        ("%%critique -o x --rep", {"--repeat"}),
        ("%%improve --acc", {"--accept"}),
        ("%rewrite --go", {"--goal"}),
        ("%%lint --str", {"--strict"}),
        ("%%critique --effort ", {"low", "medium", "high"}),
        ("%assay keys set --end", {"--endpoint"}),
        ("%assay keys set ", {"anthropic", "openai", "google"}),
        ("%assay keys te", {"test"}),
        ("%assay workspace re", {"rename"}),
    ],
)
def test_what_can_come_next_is_offered(typed: str, expected: set[str], kernel: Kernel) -> None:
    assert expected <= set(kernel.complete(typed))


def test_every_subcommand_is_offered(kernel: Kernel) -> None:
    assert set(kernel.complete("%assay ")) >= SUBCOMMANDS


def test_models_are_offered_after_their_flag(kernel: Kernel) -> None:
    models = kernel.complete("%%critique -m anthropic/")

    assert "anthropic/claude-sonnet-4-6" in models
    assert all(model.startswith("anthropic/") for model in models)


@pytest.mark.parametrize(
    "typed", ["%%critique -w ", "%assay workspace use ", "%assay keys list --workspace "]
)
def test_workspaces_are_offered_where_one_is_named(typed: str, kernel: Kernel) -> None:
    kernel.run("%assay workspace create offered")

    assert {"personal", "offered"} <= set(kernel.complete(typed))


def test_variables_that_hold_a_critique_are_offered_as_findings(
    stage: Stage, kernel: Kernel
) -> None:
    from tests.kernel.replies import PROMPT, critique

    stage.fake.answers(critique())
    kernel.run(f"%%critique -o some_review\n{PROMPT}\n")
    kernel.run("some_number = 3")

    offered = kernel.complete("%%improve --findings some_")

    assert "some_review" in offered
    assert "some_number" not in offered


def test_names_of_the_magics_are_offered(kernel: Kernel) -> None:
    assert "%%critique" in kernel.complete("%%crit")
    assert "%assay" in kernel.complete("%ass")


@pytest.mark.slow
def test_a_prompt_is_left_to_the_person(kernel: Kernel) -> None:
    assert "--fail-under" not in kernel.complete("%%critique\n--fail")


def test_completion_sends_nothing_and_opens_no_key(stage: Stage, kernel: Kernel) -> None:
    for typed in ("%%critique -m ", "%%critique -w ", "%assay "):
        kernel.complete(typed)

    assert stage.fake.calls == []


@pytest.mark.parametrize("name", ["critique", "improve", "rewrite", "lint"])
def test_help_of_a_magic_says_what_it_does_and_takes(name: str, kernel: Kernel) -> None:
    page = kernel.inspect(f"%%{name}")

    assert f"usage: %%{name}" in page
    assert "--out" in page


def test_question_mark_shows_the_page_and_sends_nothing(stage: Stage, kernel: Kernel) -> None:
    reply = kernel.run("%%critique?").reply

    page = reply["payload"][0]["data"]["text/plain"]
    assert "Score the prompt in this cell" in page
    assert stage.fake.calls == []


@pytest.mark.parametrize(
    "cell", ["%critique --help", "%critique -h", "%%critique -h\nx", "%assay -h", "%assay keys -h"]
)
def test_help_is_printed_and_no_failure(cell: str, kernel: Kernel) -> None:
    ran = kernel.run(cell)

    assert ran.error is None
    assert ran.text.startswith("usage: ")
