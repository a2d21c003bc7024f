from __future__ import annotations

import pytest

from tests.render.golden import FOLDER, golden_files

FILES = golden_files()


@pytest.mark.parametrize("name", FILES)
def test_form_is_the_one_that_was_last_looked_at(name: str) -> None:
    """`python -m tests.render.golden` accepts a change; then read the difference."""
    assert FILES[name] == (FOLDER / name).read_text(encoding="utf-8")


def test_every_golden_file_has_a_sample() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)
