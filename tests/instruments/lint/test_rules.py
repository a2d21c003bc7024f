"""Each rule at its edges: what it must report, and what only looks like it."""

from __future__ import annotations

from datetime import date

import pytest

from assay_nb.instruments.lint import lint
from assay_nb.models import catalog, parameters
from tests.canaries import make_canary
from tests.text.credentials import chars

OPUS = "anthropic/claude-opus-5-5"


def found(text: str, rule: str, **known: object) -> list[str]:
    """Return the words that the rule reports in the text."""
    report = lint(text, **known)  # pyright: ignore[reportArgumentType]
    return [text[f.start : f.end] for f in report.findings if f.rule == rule]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dear {{nmae}}", ["{{nmae}}"]),
        ("{% for row in rows %}{{row.title}}{{rwo}}{% endfor %}", ["{{rwo}}"]),
        ("Hello {nmae}", ["{nmae}"]),
        ("Tone: TBD", ["TBD"]),
        ("TODO: describe the tone", ["TODO:"]),
        ("Our policy: [INSERT POLICY HERE]", ["[INSERT POLICY HERE]"]),
        ("Write as <YOUR COMPANY>.", ["<YOUR COMPANY>"]),
        ("Lorem ipsum dolor sit amet", ["Lorem ipsum dolor sit amet"]),
    ],
)
def test_gap_or_unknown_variable_is_reported(text: str, words: list[str]) -> None:
    assert found(text, "A001", variables=["name", "rows"]) == words


@pytest.mark.parametrize(
    "text",
    [
        "Dear {{name}} and {{ rows | length }}",
        "Reply with {label} and nothing else",
        "Act as ${Role:tutor}",
        "{{ missing | default('x') }}",
        "List every TODO comment in the file.",
        "```\n# TODO: later\n```",
        'Fill gaps with "[INSERT NAME]".',
        "Sign as [Your name].",
        '{"a": 1, "b": {"c": []}}',
    ],
)
def test_bound_variable_or_mere_mention_is_no_gap(text: str) -> None:
    assert found(text, "A001", variables=["name", "rows"]) == []


def test_unknown_variables_are_not_reported_while_the_names_are_unknown() -> None:
    assert found("Dear {{anything}}", "A001") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{user}} and {user}", ["{user}"]),
        ("{{user}} and ${country}", ["${country}"]),
        ("{{customer}} then {{custmer}} then {{customer}}", ["{{custmer}}"]),
        ("{{Customer}} and {{customer}} and {{customer}}", ["{{Customer}}"]),
    ],
)
def test_second_syntax_or_spelling_is_reported(text: str, words: list[str]) -> None:
    assert found(text, "A002") == words


@pytest.mark.parametrize(
    "text",
    [
        "{user} and {country}",
        "{{doc1}} and {{doc2}}",
        "{{text_a}} and {{text_b}}",
        "{{ticket}} and {{tickets}}",
        "Read {{text}}. Reply in this form: {label} - {score}",
        "Read {{text}}. Reply with `{label}`.",
        "{% for item in items %}{{item}}{% endfor %}",
        'Read {{text}} and return {"label": "x"}',
        "{{text}} costs \\frac{a}{b}",
    ],
)
def test_series_and_patterns_are_no_mixture(text: str) -> None:
    assert found(text, "A002") == []


@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
def test_providers_key_is_reported_where_it_stands(provider: str) -> None:
    key = make_canary(provider)

    assert found(f"Use {key} for it.", "A003") == [key]


def test_password_is_reported_and_nobody_is_told_to_revoke_it() -> None:
    [finding] = [f for f in lint(f"Log in, password: {chars(24)}").findings if f.rule == "A003"]

    assert "a secret (password: …)" in finding.message
    assert "replace it" in finding.message
    assert "revoke" not in finding.message


def test_placeholder_of_a_key_is_not_reported() -> None:
    assert found("Send `Authorization: Bearer $TOKEN` or sk-ant-...", "A003") == []


@pytest.mark.parametrize("hidden", ["\u200b", "\u00ad", "\u202e", "\U000e0041", "\ufeff", "\x08"])
def test_hidden_character_is_reported(hidden: str) -> None:
    assert found(f"yes or n{hidden}o", "A004") == [hidden]


@pytest.mark.parametrize(
    "text",
    [
        "👩‍🚒 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿 and ❤️",
        "می‌خواهم",
        "क्‍ष",
        "שלום\u200f abc",
        "葛\U000e0100",
        "prix : 5 €",
        "a\tb\r\n",
    ],
)
def test_character_that_a_script_or_emoji_needs_is_left_alone(text: str) -> None:
    assert found(text, "A004") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Look:\n```python\nx = 1\n", ["```python"]),
        ("<rules>\nBe kind.\n</rule>", ["</rule>"]),
        ("<rules>\nBe kind.\n", ["<rules>"]),
        ("Be kind.\n</rules>", ["</rules>"]),
        ("<a>\n<b>\nx\n</a>\n</b>", ["</b>"]),
        ('Reply:\n{"a": 1,}', [","]),
        ('Reply:\n{"a": 1 "b": 2}', []),
        ('Reply:\n{"a": "x" "b": 2}', ['"']),
        ('Reply:\n{"a": [1, 2}\n', ["}"]),
        ('```json\n{"a": "x\n```', ["{"]),
        ("```json\n{\"a\": 'x'}\n```", ["'"]),
    ],
)
def test_structure_that_does_not_close_is_reported(text: str, words: list[str]) -> None:
    assert found(text, "A005") == words


@pytest.mark.parametrize(
    "text",
    [
        "```\ncode\n```",
        "````\n```\n````",
        "2. ```sh\n   ls\n   ```\n",
        "Put the answer in <answer> tags.",
        "End with </answer>.",
        "Write <answer>yes</answer>.",
        "Reply in this format:\n<label>\n<score>\n",
        "if a<b and c>d then List<String> x;",
        "<br>\n<img src='x'>",
        '{"a": string, "b": {{count}}, "c": [1, 2, ...]}',
        '{{"a": 1, "b": "{x}"}}',
        '{"a": 1}\n{"a": 2}',
        '{ "a": 1, // first\n  "b": 2 }',
        '`{"a": 1}` and "{\'x\'}"',
    ],
)
def test_mention_and_pattern_are_not_broken(text: str) -> None:
    assert found(text, "A005") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Answer with the text in <doc>.", ["<doc>"]),
        ("Antworte mit den Angaben aus <dokument>.", ["<dokument>"]),
        ("1. Be kind.\n2. Be exact.\nSee rule 5.", ["rule 5"]),
        ("Follow the examples above.", ["the examples above"]),
        ("Summarise the text below.", ["text below"]),
        ("Answer in English. See section Limits.", ["Limits"]),
    ],
)
def test_reference_to_nothing_is_reported(text: str, words: list[str]) -> None:
    assert found(text, "A006") == words


@pytest.mark.parametrize(
    "text",
    [
        "Answer with the text in <doc>.\n<doc>{{doc}}</doc>",
        "Write the reply in <answer> tags.",
        "The user will send a text in <doc> tags.",
        "1. Be kind.\n2. Be exact.\nSee rule 2.",
        "### Step 1: Read\nRead.\n### Step 2: Write\nWrite.\n### Step 3: Check\nCheck.",
        "Follow the examples below.\nInput: a\nOutput: b",
        "Summarise the text below.\n\nThe pump ran all night.",
        "Summarise the text below: {{text}}",
        "## Limits\nNone.\n\nAnswer in English. See section Limits.",
    ],
)
def test_reference_to_something_is_not_reported(text: str) -> None:
    assert found(text, "A006") == []


@pytest.mark.parametrize(
    "text",
    [
        "Summarise: {{article}} and be nice",
        "{{article}}\n\nSummarise the article.",
        "Fasse {{artikel}} zusammen.",
        "<instructions>\nSummarise the text: {{text}} Write one sentence.\n</instructions>",
        "Review: {review}\n\nIs it positive?",
    ],
)
def test_long_input_without_bounds_is_reported(text: str) -> None:
    assert len(found(text, "A007")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "<article>{{article}}</article> Summarise it.",
        "<article>\n{{ article }}\n</article>\nSummarise it.",
        "```\n{{code}}\n```\nExplain it.",
        'Is "{{review}}" positive? Answer yes or no.',
        "---\n{{text}}\n---\nSummarise it.",
        "> {{comment}}\n\nReply to it.",
        "Is the review positive?\n\nReview: {{review}}",
        "Summarise the text.\n\nText:\n{{text}}\n\nSummary:",
        "Greet {{name}} in {{language}}. The title is {{document_title}}.",
    ],
)
def test_delimited_or_short_input_is_not_reported(text: str) -> None:
    assert found(text, "A007") == []


@pytest.mark.parametrize(
    "text",
    [
        "Answer in at most 40 words. Write at least three paragraphs.",
        "Write a summary in 50 words. The summary has at least 120 words.",
        "Summarise {{ticket}} briefly and be detailed.",
        "Be concise and exhaustive.",
        "Write a short, detailed summary.",
        "Return only JSON. Explain your reasoning first.",
        "Answer in English. Answer in German.",
        "Antworte in höchstens 30 Wörtern. Schreibe mindestens vier Absätze.",
        "Réponds en 40 mots au maximum. Écris au moins trois paragraphes.",
        "Responde en 40 palabras como máximo. Escribe al menos tres párrafos.",
        "Antworte knapp und ausführlich.",
    ],
)
def test_limits_that_exclude_each_other_are_reported(text: str) -> None:
    assert len(found(text, "A008")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Answer in at most 120 words, in three paragraphs.",
        "Write a title of at most 8 words and a summary of at least 50 words.",
        "Title: at most 8 words.\nBody: at least 200 words.",
        "Name the movement (1-2 words). Describe it (4-6 paragraphs).",
        "List five ideas, each in at most 12 words. Add at least 40 words of context.",
        "Write a brief summary and a detailed plan.",
        "Be brief in chat; in reports, be detailed.",
        "If the user asks for more, be detailed; otherwise be brief.",
        "Keep it short and never lengthy.",
        'Return only JSON with the keys "label" and "reason". Explain your choice in "reason".',
        "Answer in English. If the user writes German, answer in German.",
        "Return only the label. Do not explain your reasoning.",
        "The brief is long, the detail is in the annex.",
    ],
)
def test_limits_for_different_things_are_not_reported(text: str) -> None:
    assert found(text, "A008") == []


@pytest.mark.parametrize(
    "text",
    [
        "Summarise the call. Return JSON.",
        "Show the results as a table.",
        "Extract all dates as a JSON list of strings.",
        "Classify the ticket. Reply in one word.",
        "Klassifiziere die Nachricht.",
        "Donne le résultat au format CSV.",
        "Devuelve el resultado en formato JSON.",
    ],
)
def test_contract_with_a_gap_is_reported(text: str) -> None:
    assert len(found(text, "A009")) == 1


@pytest.mark.parametrize(
    "text",
    [
        'Summarise the call. Return JSON with the keys "topic" and "mood".',
        'Summarise the call. Return JSON like {"topic": "x"}.',
        "Show the results as a table: name, price, link.",
        "Extract all dates as a JSON list of strings, [] if there are none.",
        "Classify the ticket as billing, bug or other.",
        "Classify the ticket into {{categories}}.",
        "Classify the ticket.\n- billing\n- bug",
        "Rate the answer from 1 to 5.",
        "The API speaks JSON over HTTPS.",
        "Read the JSON and explain what it says.",
    ],
)
def test_contract_without_a_gap_is_not_reported(text: str) -> None:
    assert found(text, "A009") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Write a short summary.", ["short"]),
        ("Give me a few examples.", ["few"]),
        ("Keep your answers concise.", ["concise"]),
        ("Answer briefly.", ["briefly"]),
        ("List a few bullet points, each with 15 words.", ["few"]),
        ("Réponds brièvement.", ["brièvement"]),
        ("Schreibe eine kurze Antwort.", ["kurze"]),
        ("Escribe un texto breve.", ["breve"]),
    ],
)
def test_vague_size_in_an_order_is_reported(text: str, words: list[str]) -> None:
    assert found(text, "A010") == words


@pytest.mark.parametrize(
    "text",
    [
        "Write a short summary of at most 50 words.",
        "Write a short summary. Use at most two sentences.",
        "Write a brief note in one paragraph.",
        "Give me a few (3 to 5) examples.",
        "The customer wrote a short letter some weeks ago.",
        "Explain short-term interest rates to a novice.",
        'Reply "brief" or "long".',
        "Scrivi un breve riassunto per il cliente.",
    ],
)
def test_size_that_is_measured_or_no_order_is_not_reported(text: str) -> None:
    assert found(text, "A010") == []


@pytest.mark.parametrize("model", [OPUS, "gpt-6-luna", "google/gemini-3.8-flash"])
def test_reasoning_cue_is_reported_for_a_model_that_reasons(model: str) -> None:
    assert found("Think step by step. Add it up.", "A011", model=model) == ["Think step by step"]


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("Think step by step. Add it up.", None),
        ("Think step by step. Add it up.", "anthropic/claude-sonnet-4-6"),
        ("Think step by step. Add it up.", "a-model-of-our-own"),
        ("Do not think step by step.", OPUS),
        ("Guide the learner through the proof step by step.", OPUS),
        ("The raw chain of thought is never returned.", OPUS),
    ],
)
def test_reasoning_cue_is_left_alone_elsewhere(text: str, model: str | None) -> None:
    assert found(text, "A011", model=model) == []


def test_sentence_that_is_only_the_cue_is_deleted_by_the_fix() -> None:
    text = "Think step by step. Add it up."

    assert lint(text, model=OPUS).apply_fixes(text) == "Add it up."


@pytest.mark.parametrize(
    ("model", "knobs", "levels"),
    [
        (OPUS, {"temperature": 0}, ["error"]),
        (OPUS, {"temperature": None, "effort": "low"}, []),
        ("claude-sonnet-4-6", {"prefill": "{"}, ["error"]),
        ("anthropic/claude-sonnet-4-6", {"temperature": 0.2}, []),
        ("claude-haiku-4-5", {"prefill": "{"}, []),
        ("gpt-6-luna", {"temperature": 0.2}, ["error"]),
        ("gpt-6-luna", {"temperature": 0.2, "effort": "none"}, []),
        ("gpt-6.2-sol", {"temperature": 0.2, "effort": "none"}, ["error"]),
        ("gemini-3.8-flash", {"temperature": 0.2}, ["warning"]),
        ("gemini-3.8-flash", {"temperature": 1.0}, []),
        ("a-model-of-our-own", {"temperature": 0}, []),
    ],
)
def test_knob_is_reported_where_the_model_refuses_it(
    model: str, knobs: dict[str, object], levels: list[str]
) -> None:
    report = lint("Add it up.", model=model, knobs=knobs)

    assert [finding.level for finding in report.findings] == levels


@pytest.mark.parametrize(
    ("model", "today", "count"),
    [
        ("gpt-5", date(2026, 12, 10), 0),
        ("gpt-5", date(2026, 12, 11), 1),
        ("gpt-4o-2024-08-06", date(2027, 2, 1), 1),
        ("gpt-5.5", date(2027, 2, 1), 0),
    ],
)
def test_model_is_reported_from_the_day_it_is_gone(model: str, today: date, count: int) -> None:
    assert len(lint("Add it up.", model=model, today=today).findings) == count


def test_model_table_is_fresh() -> None:
    age = (date.today() - catalog.TABLE_DATE).days  # noqa: DTZ011
    if age > 90:
        pytest.skip(f"the model table is {age} days old: compare it with the providers' pages")

    assert parameters.find_parameters("claude-opus-5-5") is not None


@pytest.mark.parametrize(
    "text",
    [
        "What was the profit? Do not infer.",
        "The bot answers questions. Never speak about the weather.",
        "The bot answers questions. Never use emoji.",
        "Der Bot beantwortet Fragen. Sprich nicht über das Wetter.",
        "Le robot répond aux questions. Ne parle pas de la météo.",
        "El bot atiende consultas. No hables del tiempo.",
    ],
)
def test_bare_prohibition_is_reported(text: str) -> None:
    assert len(found(text, "A013")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "What was the profit? Do not infer; write “not stated”.",
        "Answer from the report. Do not infer.",
        "Do not guess, ask the user.",
        "Never promise a refund unless the policy allows it.",
        "You don't have to wait for a reply.",
        "Never shown to users.",
        "Do not open the valve before the pressure drops.",
        "Why do not all birds fly?",
        "Sprich nicht über das Wetter, sondern verweise auf die Seite.",
        "Ne parle pas de la météo ; renvoie au site.",
        "No hables del tiempo: ofrece el enlace.",
    ],
)
def test_prohibition_with_a_way_out_is_not_reported(text: str) -> None:
    assert found(text, "A013") == []


def test_gemini_is_warned_of_a_broad_ban_even_beside_an_order() -> None:
    text = "Answer from the report. Do not infer."

    assert len(found(text, "A013", model="gemini-3.8-flash")) == 1


def test_shouting_is_a_hint_at_its_first_word() -> None:
    [finding] = lint("You MUST reply. NEVER guess; ALWAYS cite.").findings

    assert (finding.rule, finding.level, finding.column) == ("A014", "hint", 5)


@pytest.mark.parametrize(
    "text",
    [
        "Spell NATO, UNESCO and HTTP in full.",
        "You MUST reply. Cite the page. NEVER guess.",
        "MUST " + "word " * 120 + "NEVER " + "word " * 120 + "ALWAYS",
        "if (a !== b && !!c) return",
        'Say "NO!!!" and "STOP NOT NEVER".',
    ],
)
def test_acronyms_and_a_single_emphasis_are_no_shouting(text: str) -> None:
    assert [f for f in found(text, "A014") if f != "!!"] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Cite the page of the handbook.\nBe kind.\nCite the page of the handbook.",
            "Cite the page of the handbook.",
        ),
        (
            "Use at most 5 bullets per topic. Use at most 7 bullets per topic.",
            "Use at most 7 bullets per topic.",
        ),
        (
            "Always cite the page of the handbook. Cite the page of the handbook.",
            "Cite the page of the handbook.",
        ),
    ],
)
def test_second_copy_of_a_rule_is_reported(text: str, words: str) -> None:
    assert found(text, "A015") == [words]


@pytest.mark.parametrize(
    "text",
    [
        "Read the first report and its annex. Read the second report and its annex.",
        "Check the name of the sender. Check the date of the sender.",
        "## Write the final report now\n## Write the final report now",
        "Give 1 point for each hit. Give 2 points for each rare hit in the list.",
        "Does it pass with the skill but fail without? Does it fail with the skill but pass without?",
    ],
)
def test_parallel_rules_are_no_copies(text: str) -> None:
    assert found(text, "A015") == []


def test_copy_on_a_line_of_its_own_is_deleted_by_the_fix() -> None:
    text = "- Cite the page of the handbook.\n- Be kind.\n- Cite the page of the handbook.\n"

    assert lint(text).apply_fixes(text) == "- Cite the page of the handbook.\n- Be kind.\n"


LOG = "The pump ran through the night without a fault. " * 200


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"Name the faults in the log.\n<log>\n{LOG}\n</log>", 1),
        (f"Which faults are in the log?\n\n{LOG}", 1),
        (f"<log>\n{LOG}\n</log>\nName the faults in the log.", 0),
        (f"Name the faults.\n<log>\n{LOG}\n</log>\nUsing the log, list them in order.", 0),
        (f"Name the faults in the log.\n<log>\n{LOG[:5000]}\n</log>", 0),
    ],
)
def test_task_is_reported_where_long_data_follows_it(text: str, count: int) -> None:
    assert len(found(text, "A016")) == count
