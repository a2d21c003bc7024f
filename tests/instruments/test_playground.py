from __future__ import annotations

import json

import pytest

from assay_nb import BadReply, Run, WrongUsage
from assay_nb.instruments.playground import preview
from assay_nb.messages import Message, Reply
from tests.instruments.driving import Driven, run


def test_the_filled_prompt_is_sent_and_nothing_else() -> None:
    driven = Driven("playground", "Say {{word}}.", ["hi"], values={"word": "hi"})

    ((request,),) = driven.rounds
    assert request.messages == (Message("user", "Say hi."),)
    assert (request.system, request.schema, request.knobs) == (None, None, {})


def test_the_output_is_the_reply_to_the_byte() -> None:
    assert run("playground", "  hi\n\n", prompt="Say hi.").output == "  hi\n\n"


def test_values_that_are_missing_are_all_named() -> None:
    with pytest.raises(WrongUsage, match=r"\{\{a\}\}, \{\{b\}\}"):
        run("playground", "", prompt="{{a}} {{b}} {{c}}", values={"c": 1})


def test_braces_in_a_value_are_not_filled_again() -> None:
    driven = Driven("playground", "{{a}}", ["x"], values={"a": "{{b}}", "b": "secret"})

    assert driven.rounds[0][0].messages[0].text == "{{b}}"


def test_standing_instructions_go_apart() -> None:
    driven = Driven("playground", "Hi.", ["x"], system="Be kind.", max_output_tokens=50)

    assert (driven.rounds[0][0].system, driven.rounds[0][0].max_output_tokens) == ("Be kind.", 50)


@pytest.mark.parametrize("stop", ["length", "refusal", "filtered"])
def test_a_reply_that_ended_early_is_kept_and_says_so(stop: str) -> None:
    result = run("playground", Reply("some", stop), prompt="Go.")  # type: ignore[arg-type]

    assert (result.output, result.stop) == ("some", stop)
    assert "▲" in repr(result)


def test_a_stream_that_was_cut_is_no_output() -> None:
    with pytest.raises(BadReply):
        run("playground", Reply("some", "incomplete"), prompt="Go.")


def test_a_run_survives_the_way_through_json() -> None:
    result = run("playground", "hi", prompt="Say {{word}}.", values={"word": "hi"})

    assert Run.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_what_streams_is_shown_as_it_comes() -> None:
    half = preview("Say hi.", "h")

    assert half is not None
    assert half.output == "h"


def test_a_model_that_writes_html_stays_text() -> None:
    data, _ = run("playground", "<script>x</script>", prompt="Go.")._repr_mimebundle_()

    assert "<script>" not in data["text/html"]


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(WrongUsage, match="valuse"):
        run("playground", "hi", prompt="Hi.", valuse={})


def test_thoughts_are_kept_apart_from_the_output() -> None:
    told = Run("Hi.", "Yes.", thought=True, thoughts="Hm, yes.")

    assert told.to_dict()["thoughts"] == "Hm, yes."
    assert Run.from_dict(json.loads(json.dumps(told.to_dict()))) == told
    assert "thoughts" not in Run("Hi.", "Yes.").to_dict()


def test_thoughts_of_a_reply_reach_the_run() -> None:
    result = run("playground", Reply("Yes.", "end", thought=True, thoughts="Hm."), prompt="Hi.")

    assert (result.output, result.thoughts) == ("Yes.", "Hm.")


def test_thoughts_are_folded() -> None:
    told = Run("Hi.", "Yes.", thought=True, thoughts="Hm, <b>yes</b>.")
    shown = told._repr_mimebundle_()
    data = shown[0] if isinstance(shown, tuple) else shown

    for kind in ("text/html", "text/markdown"):
        folded = data[kind].partition("<details")[2].partition("</details>")[0]
        assert "Thoughts" in folded
        assert "Hm," in folded
        assert "Yes." not in folded
    assert "<b>" not in data["text/html"]
    assert "Thoughts: 2 words, in `.thoughts`" in data["text/plain"]
    assert "Hm," not in data["text/plain"]
    assert "Yes." in data["text/plain"]
