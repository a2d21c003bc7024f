"""Loading, unloading, and living beside other extensions."""

from __future__ import annotations

import pytest

from assay_nb import WrongUsage
from assay_nb.commands.magic_lines import MAGICS
from tests.kernel.replies import PROMPT, critique
from tests.kernel.stage import Stage
from tests.magics.shells import Shell

CELLS = ("critique", "improve", "rewrite", "lint")


def magics(shell: Shell, kind: str) -> set[str]:
    return set(shell.ip.magics_manager.magics[kind])


def test_loading_prints_nothing(shell: Shell) -> None:
    shell.run("%unload_ext assay_nb")

    assert shell.run("%load_ext assay_nb").shown == ""


def test_every_instrument_is_a_cell_magic_and_a_line_magic(shell: Shell) -> None:
    assert set(CELLS) <= magics(shell, "cell")
    assert {*CELLS, "assay"} <= magics(shell, "line")


@pytest.mark.slow
def test_unloading_takes_every_magic_and_the_completion_away(shell: Shell) -> None:
    shell.run("%unload_ext assay_nb")

    assert not set(CELLS) & magics(shell, "cell")
    assert not {*CELLS, "assay"} & magics(shell, "line")
    assert shell.complete("%%critique --fail") == []


def test_unloading_ends_the_background_loop(stage: Stage, shell: Shell) -> None:
    import threading

    def loops() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "assay_nb"}

    others = loops()  # other tests' own
    stage.fake.answers(critique())
    shell.run(f"%%critique\n{PROMPT}")
    assert len(loops() - others) == 1

    shell.run("%unload_ext assay_nb")

    assert loops() - others == set()


def test_reloading_keeps_one_of_each_and_prints_nothing(shell: Shell) -> None:
    ran = shell.run("%reload_ext assay_nb")

    assert ran.shown == ""
    assert shell.complete("%%critique --fail") == ["--fail-under"]


def test_reloading_after_calls_goes_on_working(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())
    shell.run(f"%%critique\n{PROMPT}")
    shell.run("%reload_ext assay_nb")

    assert shell.run(f"%%critique -o review\n{PROMPT}").error is None
    assert shell["review"].score == 5.0


@pytest.mark.parametrize("kind", ["cell", "line"])
def test_magic_of_another_extension_stays_with_it_and_a_line_says_so(
    kind: str, shell: Shell
) -> None:
    shell.run("%unload_ext assay_nb")
    shell.ip.register_magic_function(lambda *typed: print("theirs"), kind, "lint")

    with pytest.warns(UserWarning, match="%lint belongs to another extension"):
        shell.ip.run_line_magic("load_ext", "assay_nb")

    assert shell.run("%%lint\nx" if kind == "cell" else "%lint x").out == "theirs\n"
    assert "critique" in magics(shell, "cell")


def test_unloading_leaves_the_magic_of_another_extension_alone(shell: Shell) -> None:
    shell.run("%unload_ext assay_nb")
    shell.ip.register_magic_function(lambda *typed: print("theirs"), "cell", "lint")
    with pytest.warns(UserWarning, match="lint"):
        shell.ip.run_line_magic("load_ext", "assay_nb")

    shell.run("%unload_ext assay_nb")

    assert shell.run("%%lint\nx").out == "theirs\n"


def test_alias_to_a_magic_works(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())
    shell.run("%alias_magic c critique")

    shell.run(f"%%c -o review\n{PROMPT}")

    assert shell["review"].score == 5.0


@pytest.mark.parametrize("name", CELLS)
def test_docstring_of_a_magic_is_its_page(name: str, shell: Shell) -> None:
    page = shell.ip.find_cell_magic(name).__doc__

    assert f"usage: %%{name}" in page
    assert "--out NAME" in page


# --- a cell magic without a body ----------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["-h", "--help", "?", "-o x -h", "  -h  "])
@pytest.mark.parametrize("name", MAGICS)
def test_help_of_a_cell_magic_needs_no_body(name: str, asked: str, shell: Shell) -> None:
    ran = shell.run(f"%%{name} {asked}")

    assert ran.error is None
    assert ran.out.startswith(f"usage: %%{name} ")


@pytest.mark.parametrize("name", MAGICS)
def test_cell_magic_without_a_body_says_where_the_prompt_goes(name: str, shell: Shell) -> None:
    ran = shell.run(f"%%{name}")

    assert isinstance(ran.error, WrongUsage)
    assert ran.error.message == f"The cell below %%{name} is empty."
    assert "Write the prompt on the lines below it" in str(ran.error.hint)


def test_alias_shows_the_page_without_a_body(shell: Shell) -> None:
    shell.run("%alias_magic c critique")

    assert shell.run("%%c -h").out.startswith("usage: %%critique ")


def test_line_that_asks_for_help_is_a_whole_cell_and_another_is_not(shell: Shell) -> None:
    complete = shell.ip.input_transformer_manager.check_complete

    assert complete("%%critique -h")[0] == "complete"
    assert complete("%%critique")[0] == "incomplete"


@pytest.mark.parametrize("cell", ["%%time", "%%no_such_magic -h"])
def test_other_cell_magics_without_a_body_are_left_alone(cell: str, shell: Shell) -> None:
    with_ours = shell.run(cell).shown
    shell.run("%unload_ext assay_nb")

    assert with_ours == shell.run(cell).shown != ""


def test_unloading_takes_the_input_transformers_away(shell: Shell) -> None:
    loaded = len(shell.ip.input_transformers_cleanup)

    shell.run("%unload_ext assay_nb")
    unloaded = len(shell.ip.input_transformers_cleanup)
    shell.run("%load_ext assay_nb")
    shell.run("%reload_ext assay_nb")

    assert (unloaded, len(shell.ip.input_transformers_cleanup)) == (loaded - 2, loaded)


def test_magics_are_listed_where_people_look(shell: Shell) -> None:
    assert "%%critique" in shell.run("%lsmagic").out + str(shell.ip.magics_manager.lsmagic_docs())
