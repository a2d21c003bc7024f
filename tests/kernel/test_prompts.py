"""How a key gets into a vault from a notebook: by the front end's hidden prompt, or not at all."""

from __future__ import annotations

import pytest

from tests.canaries import make_canary
from tests.kernel.kernels import Kernel
from tests.kernel.stage import Stage

PROMPT = "key (hidden; Enter alone if the server needs none): "


def line(stage: Stage, provider: str, *more: str) -> str:
    endpoint = stage.fake.endpoint(provider)  # type: ignore[arg-type]
    return " ".join([f"%assay keys set {provider} --endpoint {endpoint}", *more])


def stored(stage: Stage, provider: str, workspace: str | None = None) -> tuple[str, str]:
    """Return what the vault says of a key: its state and last four characters."""
    session = stage.session()
    facts = session.portal.call(session.control.keys, workspace)
    session.close()
    (fact,) = [fact for fact in facts if fact.provider == provider]
    return fact.state, fact.last4


def test_a_key_is_typed_at_a_hidden_prompt_tested_and_stored(stage: Stage, kernel: Kernel) -> None:
    key = make_canary("anthropic")
    stage.fake.keys = {key}

    ran = kernel.run(line(stage, "anthropic"), answer=key)

    assert ran.asked == [(f"Anthropic {PROMPT}", True)]
    assert "The Anthropic key is stored. The provider accepts it" in ran.data["text/plain"]
    assert stored(stage, "anthropic") == ("ready", key[-4:])
    assert [(call.method, call.key) for call in stage.fake.calls] == [("GET", key)]
    kernel.run(line(stage, "anthropic", "--unverified"), answer=stage.keys["anthropic"])


def test_before_it_asks_it_says_where_keys_come_from_and_what_they_cost(
    stage: Stage, kernel: Kernel
) -> None:
    ran = kernel.run("%assay keys set google")

    assert "https://aistudio.google.com/apikey" in ran.text
    assert "looks like" in ran.text
    assert "Free" in ran.text


@pytest.mark.slow
def test_a_key_that_the_provider_refuses_is_not_stored(stage: Stage, kernel: Kernel) -> None:
    before = stored(stage, "openai")

    ran = kernel.run(line(stage, "openai"), answer=make_canary("openai"))

    assert ran.error == "ProviderAuthError"
    assert "was not stored" in ran.reply["evalue"]
    assert stored(stage, "openai") == before


def test_where_nobody_can_be_asked_one_line_says_what_to_do(stage: Stage, kernel: Kernel) -> None:
    ran = kernel.run(line(stage, "anthropic"))

    assert ran.error == "WrongUsage"
    assert len(ran.reply["traceback"]) == 1
    assert "--from-env" in ran.reply["evalue"]
    assert stage.fake.calls == []


def test_an_empty_answer_stores_nothing(stage: Stage, kernel: Kernel) -> None:
    before = stored(stage, "anthropic")

    ran = kernel.run("%assay keys set anthropic", answer="")

    assert ran.asked == [("Anthropic key (hidden): ", True)]
    assert ran.error == "WrongUsage"
    assert stored(stage, "anthropic") == before


@pytest.mark.parametrize(
    ("name", "more", "answer"), [("entered", "", ""), ("told", "--no-key", None)]
)
def test_own_server_is_stored_without_a_key(
    stage: Stage, kernel: Kernel, name: str, more: str, answer: str | None
) -> None:
    stage.fake.keys, stage.fake.open_listing = None, True
    kernel.run(f"%assay workspace create {name}")

    ran = kernel.run(line(stage, "openai", f"-w {name}", more), answer=answer)

    assert ran.error is None
    assert bool(ran.asked) is (answer is not None)
    assert "No key is stored" in ran.data["text/plain"]
    assert "platform.openai.com" not in ran.text
    assert stored(stage, "openai", name) == ("ready", "")
    assert [call.key for call in (*stage.fake.calls, *stage.fake.strangers)] == [None]


def test_short_key_is_stored_for_ones_own_server(stage: Stage, kernel: Kernel) -> None:
    stage.fake.keys = {"ollama"}
    kernel.run("%assay workspace create short")

    ran = kernel.run(line(stage, "openai", "-w short"), answer="ollama")

    assert "The OpenAI key is stored. The provider accepts it" in ran.data["text/plain"]
    assert stored(stage, "openai", "short") == ("ready", "")
    assert [call.key for call in stage.fake.calls] == ["ollama"]


def test_a_key_is_taken_over_from_the_environment_without_a_prompt(
    stage: Stage, kernel: Kernel
) -> None:
    kernel.run("%assay workspace create taken")

    ran = kernel.run(line(stage, "google", "-w taken", "--from-env KEY_TO_TAKE_OVER"))

    assert ran.error is None
    assert "unset KEY_TO_TAKE_OVER" in ran.data["text/plain"]
    assert stored(stage, "google", "taken") == ("ready", stage.keys["google"][-4:])


def test_a_variable_that_is_not_set_is_one_line(stage: Stage, kernel: Kernel) -> None:
    ran = kernel.run(line(stage, "google", "--from-env NO_SUCH_VARIABLE"))

    assert ran.error == "WrongUsage"
    assert "NO_SUCH_VARIABLE is not set" in ran.reply["evalue"]


@pytest.mark.slow
def test_an_interrupt_at_the_hidden_prompt_stores_nothing(stage: Stage, kernel: Kernel) -> None:
    before = stored(stage, "anthropic")

    message = kernel.client.execute(line(stage, "anthropic"), allow_stdin=True)
    kernel.client.get_stdin_msg(timeout=30)
    kernel.interrupt()
    reply = kernel.client.get_shell_msg(timeout=30)

    assert reply["parent_header"]["msg_id"] == message
    assert reply["content"]["status"] == "error"
    assert stored(stage, "anthropic") == before


def test_a_question_that_deletes_is_asked_and_no_is_the_default(
    stage: Stage, kernel: Kernel
) -> None:
    kernel.run("%assay workspace create doomed")

    kept = kernel.run("%assay workspace delete doomed", answer="")
    gone = kernel.run("%assay workspace delete doomed", answer="y")

    assert kept.asked == [("Delete workspace 'doomed' and its keys? [y/N] ", False)]
    assert kept.error == "WrongUsage"
    assert gone.error is None
