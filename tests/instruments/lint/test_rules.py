"""Each rule at its edges: what it must report, and what only looks like it."""

from __future__ import annotations

from datetime import date

import pytest

from assay_nb.instruments.lint import lint
from assay_nb.models.retirements import Retirement
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
        ("Be kind. TODO: add the refund policy", ["TODO: add the refund policy"]),
        ("// TODO: write the opening", ["// TODO:"]),
        ("Audience: ???", ["???"]),
        ("1. First, xxx\n2. Then, answer in one line.", ["1. First, xxx"]),
        ("Our policy: [INSERT POLICY HERE]", ["[INSERT POLICY HERE]"]),
        ("We sell [YOUR PRODUCT] in town.", ["[YOUR PRODUCT]"]),
        ("Write it for <YOUR COMPANY>.", ["<YOUR COMPANY>"]),
        ("Rédige une lettre à [insérer le nom].", ["[insérer le nom]"]),
        ("Escribe una carta a [insertar nombre].", ["[insertar nombre]"]),
        ("请写一篇关于【填写主题】的文章。", ["【填写主题】"]),
        ("[此处填写公司名称]的员工手册", ["[此处填写公司名称]"]),
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
        "The date is TBD until the board has met.",
        "Is that so???",
        "xxx stands for three kisses.",
        "```\n# TODO: later\n```",
        'Fill gaps with "[INSERT NAME]".',
        "Sign as [Your name].",
        "Explain why designers use “lorem ipsum dolor”.",
        "用【】括起关键词，并参考【1】。",
        "Cite each source as 【{i}†{source}】.",
        '{"a": 1, "b": {"c": []}}',
    ],
)
def test_bound_variable_or_mere_mention_is_no_gap(text: str) -> None:
    assert found(text, "A001", variables=["name", "rows"]) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Write a story about [topic] for children.", ["[topic]"]),
        ("Give me a plan for [number] days in town.", ["[number]"]),
        ("Show [city name] to a guest who likes [hobby].", ["[city name]", "[hobby]"]),
        ("Grüße den Kunden und nenne ihm [Betrag].", ["[Betrag]"]),
        ("Explique-moi le rôle de [personnage] dans le livre.", ["[personnage]"]),
        ("Cuenta la historia de [personaje] en tres frases.", ["[personaje]"]),
        ("Translate this into French:\n\n[INPUT]", ["[INPUT]"]),
    ],
)
def test_bare_gap_is_a_warning(text: str, words: list[str]) -> None:
    report = lint(text)

    assert [text[f.start : f.end] for f in report.findings] == words
    assert {(f.rule, f.level) for f in report.findings} == {("A001", "warning")}


@pytest.mark.parametrize(
    "text",
    [
        "Mark it with [x] or [ ], and add [1] behind each claim.",
        "Mark gaps as [citation needed] and go on.",
        "See [the guide](https://example.org) and ![its logo](logo.png) first.",
        "See [the guide][1] before you start.",
        "Read the value of array[index] twice.",
        "Answer in this format:\nScore: [score]\nReason: [reason]",
        "Reply with [topic] and nothing else.",
        "The reply begins with [START].",
        "Press [Enter] to send.",
        "Customer: My order is [ORDER NUMBER].",
        "Say hello to [name]. Keep the brackets, they are filled in later.",
        "Say hello to [guest].\n\n[guest]\nA woman who stays for two nights.",
        "Write {{count}} lines about [topic].",
        "[b]Bold[/b] is how to set off a [b]word[/b] here.",
        "请根据[主题]写一段话。",
    ],
)
def test_bracketed_word_with_another_purpose_is_no_gap(text: str) -> None:
    assert found(text, "A001") == []


def test_unknown_variables_are_not_reported_while_the_names_are_unknown() -> None:
    assert found("Dear {{anything}}", "A001") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{user}} and {user}", ["{user}"]),
        ("Greet {{user}} in ${city}, which is {{city}}.", ["${city}"]),
        ("{{ user | title }} and {user}", ["{user}"]),
        ("{{#if user}}Hi {{user}}{{/if}}, {user}", ["{user}"]),
        ("Compute {{a}}. Then show {a} to the class.", ["{a}"]),
        ("${city} and {city}", ["{city}"]),
        ("{{Customer}} and {{customer}} and {{customer}}", ["{{Customer}}"]),
        ("{Name} meets {name}, and {name} speaks first.", ["{Name}"]),
    ],
)
def test_second_syntax_or_capitals_are_reported(text: str, words: list[str]) -> None:
    assert found(text, "A002") == words


def test_single_braces_of_a_name_with_a_value_are_reported() -> None:
    assert found("Greet {user}.", "A002", variables=["user"]) == ["{user}"]


@pytest.mark.parametrize(
    "text",
    [
        "{user} and {country}",
        "{{user}} and ${country}",
        "{{customer}} then {{custmer}} then {{customer}}",
        "{{height}} and {{weight}}",
        "{{doc1}} and {{doc2}}",
        "{{text_a}} and {{text_b}}",
        "{{ticket}} and {{tickets}}",
        "{{user_name}} and {{userName}}",
        "Read {{text}}. Reply in this form: {label} - {score}",
        "Read {{text}}. Reply with `{label}`.",
        "Read {{text}}. Explain what `{text}` stands for.",
        "{% for item in items %}{{item}}{% endfor %}",
        'Read {{text}} and return {"label": "x"}',
        'Read {{text}} and reply with {"label": {text}}',
        "{{text}} costs \\frac{a}{b}",
        "---\ntitle: {user}\n---\nGreet {{user}}.",
        "Greet {{user}}.\n\nExample: Hello, {user}!",
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


@pytest.mark.parametrize(
    "hidden", ["\u200b", "\u200d", "\u00ad", "\u202e", "\u2060", "\U000e0041", "\ufeff", "\x08"]
)
def test_hidden_character_is_reported(hidden: str) -> None:
    assert found(f"yes or n{hidden}o", "A004") == [hidden]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("\ufeffHello all", "\ufeff"),
        ("\u200eEnglish only", "\u200e"),
        ("日\u200d本", "\u200d"),
        ("한글\u3164", "\u3164"),
        ("Hello\U000e0069\U000e0067", "\U000e0069\U000e0067"),
    ],
)
def test_mark_in_a_script_that_does_not_need_it_is_reported(text: str, hidden: str) -> None:
    assert found(text, "A004") == [hidden]


@pytest.mark.parametrize(
    "text",
    [
        "👩‍🚒 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿 and ❤️",
        "👨‍👩‍👧 under a 🏴‍☠️",
        "می‌خواهم",
        "क्‍ष",
        "שלום\u200f abc",
        "السعر \u200f5 USD",
        "name: \u2066אבג\u2069.",
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
        ("Look at this:\n```python\nx = 1\n\n## Task\nWrite a test.", ["```python"]),
        ("<rules>\nBe kind.\n</rule>", ["</rule>"]),
        ("<rules>Be kind.</Rules>\nAnswer in English.", ["</Rules>"]),
        ("Read <text>{{text}}</txt> and sum up <text>.", ["</txt>"]),
        ("Be kind.\n</rules>", ["</rules>"]),
        ("<a>\n<b>\nx\n</a>\n</b>", ["</b>"]),
        ("<tone>\nWarm.\n<form>\nPlain.\n</form>\n<size>\nShort.\n</size>", ["<tone>"]),
        (
            "<step>\nOne.\n</step>\n<step>\nTwo.\n<step>\nThree.\n</step>\n<step>\nFour.\n</step>",
            ["<step>"],
        ),
        ('Reply:\n{"a": 1,}', [","]),
        ('Give back {"a": "x" "b": 2} and nothing else.', ['" "']),
        ('Reply:\n{"a": [1, 2}\n', ["["]),
        ('Reply with JSON:\n```json\n{"a": \'x\', "b": 2}\n```\nNo more.', ["'"]),
        ("Score: {{answer}}}} of ten points", ["}}"]),
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
        "Look:\n```python\nx = 1\n",
        "<rules>\nBe kind.\n",
        "<rules>\nAnswer in English</rules>",
        "See.<a><b>x</b></a>",
        "使用<quotes></quotes>输出",
        "资料<doc>\n{{doc}}\n</doc>",
        "Put the answer in <answer> tags.",
        "In <thinking> tags, weigh both sides. Then give the verdict in <answer> tags.",
        "Use <insert> to add a line, and <delete> to take one out.",
        '<insert path="a.py">\nx = 1\n\nWrite one such command per change.',
        "End with </answer>.",
        "Write <answer>yes</answer>.",
        "Reply in this format:\n<label>\n<score>\n",
        "<bad>\n```\nx = 1\n</bad>\n<good>\n```\ny = 1\n```\n</good>\nWrite y.",
        "<a>\n{% if x %}\n<b>\n{% endif %}\n</a>",
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


TWO_RULES = "1. Be kind.\n2. Be exact.\n\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{TWO_RULES}If they disagree, follow rule 5.", ["rule 5"]),
        (f"{TWO_RULES}Answer by the terms in step 3.", ["step 3"]),
        ("1. Sei nett.\n2. Sei genau.\n\nIm Zweifel gehe nach Regel 4.", ["Regel 4"]),
        ("1. Sois bref.\n2. Cite la page.\n\nEn cas de doute, voir règle 5.", ["règle 5"]),
        ("Answer in English. See section Limits.", ["Limits"]),
        ("Follow the section Refund Policy for all claims.", ["Refund Policy"]),
        ("Répondre selon la règle 3.\n1. Sois bref.\n2. Cite la page.", ["règle 3"]),
    ],
)
def test_reference_to_nothing_is_reported(text: str, words: list[str]) -> None:
    assert found(text, "A006") == words


@pytest.mark.parametrize(
    "text",
    [
        "Answer with the text in <doc>.",
        "Antworte mit den Angaben aus <dokument>.",
        "Answer with the text in <doc>.\n<doc>{{doc}}</doc>",
        "Write the reply in <answer> tags.",
        "The user will send a text in <doc> tags.",
        "Follow the examples above.",
        "Summarise the text below.",
        f"{TWO_RULES}Act by rule 2.",
        f"{TWO_RULES}You are now in step 3 of 4.",
        "1. Be kind.\n2. Be exact.\n7. Be brief.\n\nAct by rule 9.",
        "Act by rule 9 of the golf club.",
        "### Step 1: Read\nRead.\n### Step 2: Write\nWrite.\n### Step 3: Check\nCheck step 3.",
        "Step 1: Read.\nStep 2: Write.\nThen go back to step 1.",
        "Follow the examples below.\nInput: a\nOutput: b",
        "Summarise the text below.\n\nThe pump ran all night.",
        "Summarise the text below: {{text}}",
        "Translate the letter that is given below.\n\n{{letter}}",
        "Sum up the report that is given below.",
        "Fasse den Text zusammen. Er ist unten angegeben.",
        f"{TWO_RULES}File it in two parts per Rule 43(1) EPC.",
        f"{TWO_RULES}File it in two parts per Rule 4 EPC.",
        f"{TWO_RULES}Then apply rule 40 of the club.",
        "The terms are listed below.\n- Pay within 30 days.",
        "## Limits\nNone.\n\nAnswer in English. See section Limits.",
        "Answer in English. See section 4.2 of the manual.",
    ],
)
def test_reference_to_something_is_not_reported(text: str) -> None:
    assert found(text, "A006") == []


@pytest.mark.parametrize(
    "text",
    [
        "Summarise: {{article}} and be nice",
        "{{article}}\n\nSummarise the article.",
        "<instructions>\nSummarise the text: {{text}} Write one sentence.\n</instructions>",
        "Review: {review}\n\nIs it positive?",
        "${article}\nWrite a headline for it.",
        "Lies das Protokoll: {{protokoll}}\nNenne die Beschlüsse.",
        "Voici le texte : {{texte}} Résume-le en une phrase.",
        "Texto: {{texto}}\n\nResume el texto en una frase.",
        "请总结：{{text}}\n用一句话。",
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
        "{{transcript}}\n\n---\n\nWho speaks first?",
        "> {{comment}}\n\nReply to it.",
        "| {{text}} | good |",
        "Is the review positive?\n\nReview: {{review}}",
        "Summarise the text.\n\nText:\n{{text}}\n\nSummary:",
        "The text: {{text}}\n### Task\nSum it up.",
        "Text: {{text}}\nQuestion: {{question}}",
        "Fasse {{artikel}} zusammen.",
        "Translate {{text}} into French.",
        "{{input}}\n\nAnswer in English.",
        "{{text}}\n{% if long %}\nSum it up.\n{% endif %}",
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
        "Reply in at most 2 sentences. Be friendly. Reply in at least 4 sentences.",
        "Use exactly 3 bullet points in the list. The list has at least 5 bullet points.",
        "Answer in English, whatever the user writes. Reply only in German.",
        "Antworte auf Deutsch. Nenne die Quelle. Antworte auf Englisch.",
        "Antworte in höchstens 30 Wörtern. Schreibe mindestens vier Absätze.",
        "Réponds en 40 mots au maximum. Écris au moins trois paragraphes.",
        "Responde en 40 palabras como máximo. Escribe al menos tres párrafos.",
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
        "Each bullet has at most 10 words. Write at least 200 words.",
        "Write two sentences. Later on, write three sentences.",
        "Answer in at most 50 words. If the user asks again, answer in at least 100 words.",
        "Give the answer in 3 sentences. For complex cases, write at least 6 sentences.",
        "Summarise {{ticket}} briefly and be detailed.",
        "Be concise and exhaustive.",
        "Write a short, detailed summary.",
        "Antworte knapp und ausführlich.",
        "Return only JSON. Explain your reasoning first.",
        "Write a brief summary and a detailed plan.",
        "Be brief in chat; in reports, be detailed.",
        "If the user asks for more, be detailed; otherwise be brief.",
        "Keep it short and never lengthy.",
        'Return only JSON with the keys "label" and "reason". Explain your choice in "reason".',
        "Answer in English. Quote the source in French.",
        "Answer in English. If the user writes German, answer in German.",
        "Return only the label. Do not explain your reasoning.",
        "The brief is long, the detail is in the annex.",
    ],
)
def test_limits_for_different_things_are_not_reported(text: str) -> None:
    assert found(text, "A008") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Write a short summary.", ["short"]),
        ("Summarise the call briefly.", ["briefly"]),
        ("Give me several titles for the article.", ["several"]),
        ("List some ideas for the party of the club.", ["some"]),
        ("Please keep it short.", ["short"]),
        ("Write a long story about the sea.", ["long"]),
        ("Rédige un court résumé de la réunion.", ["court"]),
        ("Schreibe eine kurze Zusammenfassung des Gesprächs.", ["kurze"]),
        ("Fasse das Gespräch kurz zusammen.", ["kurz"]),
        ("Escribe un resumen breve de la reunión.", ["breve"]),
    ],
)
def test_vague_size_of_the_main_thing_is_a_hint(text: str, words: list[str]) -> None:
    assert found(text, "A010") == words
    assert {f.level for f in lint(text).findings} == {"hint"}


@pytest.mark.parametrize(
    "text",
    [
        "Write a short summary of at most 50 words.",
        "Write a short summary. Use at most two sentences.",
        "Write a brief note in one paragraph.",
        "Write a short note to the neighbours.",
        "Write a brief reply to the customer.",
        "Write a brief description of each item.",
        "Start with a short summary.",
        "Include a short summary if possible.",
        "Keep your answers concise.",
        "Answer briefly, please.",
        "Réponds brièvement à la question.",
        "Schreibe eine kurze Antwort an den Kunden.",
        "Give me a few (3 to 5) examples.",
        "List a few bullet points, each with 15 words.",
        "The customer wrote a short letter some weeks ago.",
        "Explain short-term interest rates to a novice.",
        'Reply "brief" or "long".',
        "Scrivi un breve riassunto per il cliente.",
        "Escreva um resumo breve da reunião para a equipe.",
    ],
)
def test_size_that_is_measured_or_of_a_part_is_not_reported(text: str) -> None:
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
    ("model", "today", "levels"),
    [
        ("gpt-5", date(2026, 10, 11), []),
        ("gpt-5", date(2026, 10, 12), ["warning"]),
        ("gpt-5", date(2026, 12, 10), ["warning"]),
        ("gpt-5", date(2026, 12, 11), ["error"]),
        ("openai/gpt-5", date(2026, 12, 11), ["error"]),
        ("openrouter/openai/gpt-5", date(2026, 12, 11), []),  # others keep days of their own
        ("azure/gpt-5", date(2026, 12, 11), []),
        ("gpt-4o-2024-08-06", date(2027, 2, 1), ["error"]),
        ("gpt-5.5", date(2027, 2, 1), []),
        (
            "gemini-3.1-flash-lite",
            date(2027, 6, 1),
            ["warning"],
        ),  # only the first day on which it may end
    ],
)
def test_model_is_reported_from_sixty_days_before_its_end(
    model: str, today: date, levels: list[str]
) -> None:
    found = lint("Add it up.", model=model, today=today).findings

    assert [finding.level for finding in found] == levels


def test_end_that_a_server_names_goes_before_the_table() -> None:
    end = Retirement(
        day=date(2026, 12, 1), successor="new-1", source="a listing", read=date(2026, 11, 30)
    )
    report = lint("Add it up.", model="local/old-1", today=date(2026, 11, 30), retirement=end)

    assert [finding.message for finding in report.findings] == [
        "old-1 is due to be shut down on 2026-12-01. Use new-1 instead."
    ]


@pytest.mark.parametrize(
    "text",
    [
        "What was the profit? Do not infer.",
        "Answer from the report. Do not infer.",
        "Read the file and list the figures. Never make up numbers.",
        "List the facts in the order of the text. Do not hallucinate.",
        "Show the visitors around. Please do not invent any facts.",
        "Der Bot nennt die Preise des Freibads. Erfinde nichts.",
        "Réponds à partir du rapport. N'invente rien.",
        "Responde con los datos del informe. No inventes datos.",
    ],
)
def test_bare_ban_on_guesses_is_reported(text: str) -> None:
    assert len(found(text, "A013")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "What was the profit? Do not infer; write “not stated”.",
        "Do not guess, ask the user.",
        "Do not infer. If the report does not say it, say so.",
        "The bot answers questions. Never speak about the weather.",
        "The bot answers questions. Never use emoji.",
        "Der Bot beantwortet Fragen. Sprich nicht über das Wetter.",
        "Le robot répond aux questions. Ne parle pas de la météo.",
        "El bot atiende consultas. No hables del tiempo.",
        "Do not assume the reader knows the field.",
        "Play the quiz. Never guess the price of the prize.",
        "Never promise a refund unless the policy allows it.",
        "You don't have to wait for a reply.",
        "Never shown to users.",
        "Do not open the valve before the pressure drops.",
        "Why do not all birds fly?",
        "Sprich nicht über das Wetter, sondern verweise auf die Seite.",
        "Erfinde nichts. Fehlt eine Angabe, schreibe „unbekannt“.",
        "Ne parle pas de la météo ; renvoie au site.",
        "N'invente rien : si le rapport ne le dit pas, écris « inconnu ».",
        "No hables del tiempo: ofrece el enlace.",
        "请根据文件回答问题。不要编造信息。",
        "不要编造信息。如果文件中没有答案，请说不知道。",
    ],
)
def test_other_ban_or_one_with_a_way_out_is_not_reported(text: str) -> None:
    assert found(text, "A013") == []


def test_shouting_is_a_hint_at_its_first_word() -> None:
    [finding] = lint("You MUST reply. NEVER wait; ALWAYS cite.").findings

    assert (finding.rule, finding.level, finding.column) == ("A014", "hint", 5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("IMPORTANT: you MUST ALWAYS ask first. NEVER forget it.", ["MUST"]),
        ("Du MUSST IMMER antworten und NIEMALS raten.", ["MUSST"]),
        ("Cite TOUJOURS la page, JAMAIS le titre, UNIQUEMENT le chiffre.", ["TOUJOURS"]),
        ("SIEMPRE DEBES confirmar la hora. NUNCA reserves sin ella.", ["SIEMPRE"]),
        ("Thank the guest for the visit!!", ["!!"]),
    ],
)
def test_shouting_is_reported_once(text: str, words: list[str]) -> None:
    assert found(text, "A014") == words


@pytest.mark.parametrize(
    "text",
    [
        "Spell NATO, UNESCO and HTTP in full.",
        "You MUST reply. Cite the page. NEVER wait.",
        "MUST " + "word " * 120 + "NEVER " + "word " * 120 + "ALWAYS",
        "# MUST\n## NEVER\n## ALWAYS\nBe kind to guests.",
        "MUST: a name\nSHOULD: a date\nNEVER: an address",
        "STATUS: NOT_STARTED | ONLY_READ | ALWAYS_ON",
        "Verifique o saldo DO cliente, o nome DO banco e a data DO pedido.",
        "if (a !== b && !!c) return",
        'Say "NO!!!" and "STOP NOT NEVER".',
    ],
)
def test_acronyms_labels_and_a_single_emphasis_are_no_shouting(text: str) -> None:
    assert found(text, "A014") == []


CITE = "Cite the page of the handbook."
FORMAL = "- Always use the formal address with customers.\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{CITE}\nBe kind.\n{CITE}", CITE),
        (f"- {CITE}\n- Be kind.\n- {CITE}", CITE),
        (f"{CITE} Be kind to all guests.\n\n{CITE}", CITE),
        (
            "- Sag dem Kunden immer den Preis.\n- Grüße ihn.\n- Sag dem Kunden immer den Preis.",
            "Sag dem Kunden immer den Preis.",
        ),
        (
            "- Responde en un máximo de 40 palabras.\n- Firma.\n- Responde en un máximo de 40 palabras.",
            "Responde en un máximo de 40 palabras.",
        ),
    ],
)
def test_second_copy_of_a_rule_is_reported(text: str, words: str) -> None:
    assert [(f.rule, f.level, text[f.start : f.end]) for f in lint(text).findings] == [
        ("A015", "warning", words)
    ]


@pytest.mark.parametrize(
    "between",
    ["\n\n## Format\n", "\n\nOUTPUT FORMAT\n", "\n\n**Format**\n", "\n</tone>\n<format>\n"],
)
def test_copy_in_another_section_is_a_hint(between: str) -> None:
    text = f"Answer the guests of the house.\n\n## Tone\n{FORMAL}{between}{FORMAL}"

    assert [f.level for f in lint(text).findings if f.rule == "A015"] == ["hint"]


@pytest.mark.parametrize(
    "text",
    [
        "Use at most 5 bullets per topic. Use at most 7 bullets per topic.",
        f"Always cite the page of the handbook. {CITE}",
        f"{CITE} Be kind. {CITE}",
        f"- {CITE}\n- {CITE}\n- {CITE}",
        "- Be kind to guests.\n- Answer.\n- Be kind to guests.",
        "1. Write the title in capital letters.\n2. Rest.\n3. Write the title in capital letters.",
        "## Level 1\nIt is fast, and it says why.\n## Level 2\nIt is fast, and it says why.",
        "## Title\nKeep it under 12 words, please.\n## Body\nKeep it under 12 words, please.",
        "Read the first report and its annex. Read the second report and its annex.",
        "Check the name of the sender. Check the date of the sender.",
        "## Write the final report now\n## Write the final report now",
        "Give 1 point for each hit. Give 2 points for each rare hit in the list.",
        "Does it pass with the skill but fail without? Does it fail with the skill but pass without?",
        "Q: Cite the page.\nA: Add the page number here.\nQ: Cite the line.\nA: Add the page number here.",
    ],
)
def test_parallel_rules_are_no_copies(text: str) -> None:
    assert found(text, "A015") == []


def test_copy_on_the_next_line_is_deleted_by_the_fix() -> None:
    text = f"{FORMAL}{FORMAL}- Sign as Ana.\n"

    assert lint(text).apply_fixes(text) == f"{FORMAL}- Sign as Ana.\n"


def test_copy_further_down_is_left_to_the_author() -> None:
    [finding] = lint(f"- {CITE}\n- Be kind.\n- {CITE}\n").findings

    assert finding.fix is None


LOG = "The pump ran through the night without a fault. " * 200


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"Name the faults in the log.\n<log>\n{LOG}\n</log>", 1),
        (f"Which faults are in it?\n<examples>\n{LOG}\n</examples>", 1),
        (f"Nenne die Fehler, einen pro Zeile.\n<dokument>\n{LOG}\n</dokument>", 1),
        (f"Which faults are in the log?\n\n{LOG}", 0),
        (f"Which faults are in the log?\n```\n{LOG}\n```", 0),
        (f"<log>\n{LOG}\n</log>\nName the faults in the log.", 0),
        (f"Name the faults.\n<log>\n{LOG}\n</log>\nUsing the log, list them in order.", 0),
        (f"Name the faults in the log.\n<log>\n{LOG[:5000]}\n</log>", 0),
    ],
    ids=["log", "examples", "german", "no tags", "fence", "data first", "task twice", "short"],
)
def test_task_is_reported_where_long_data_follows_it(text: str, count: int) -> None:
    assert len(found(text, "A016")) == count


@pytest.mark.parametrize(
    "text",
    [
        "\n\nHuman: Name the capital of France.\n\nAssistant:",
        "Human: Name the capital of France.\n\nAssistant: The capital is",
        "You are a guide.\n\nHuman: Where is the Louvre?\n\nAssistant:\n",
    ],
)
def test_turn_markers_of_a_retired_interface_are_a_warning(text: str) -> None:
    assert [(f.rule, f.level, text[f.start : f.end]) for f in lint(text).findings] == [
        ("A017", "warning", "Human:")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Name the capital of France.\n\nAssistant:",
        "Human: Hello.\nAssistant: Hi!\n\nSum up this chat in one line.",
        "Human: Hello.\n\nAssistant: Hi!\n\nSum up this chat in one line.",
        "User: Hello.\n\nAssistant:",
        "Turns begin with “Human:” and end before “Assistant:”.",
        "What does the token <|im_start|>user stand for in a chat template?",
    ],
)
def test_transcript_or_mention_of_turns_is_not_reported(text: str) -> None:
    assert found(text, "A017") == []


@pytest.mark.parametrize(
    "text",
    [
        "Scrivi un riassunto breve della riunione per il direttore. Non inventare nulla.",
        "Escreva um resumo breve da reunião para a diretora. Não invente nada.",
        "Skriv en kort sammanfattning av mötet för chefen. Hitta inte på något.",
        "Schrijf een korte samenvatting van de vergadering voor de directeur.",
    ],
)
def test_neighbour_of_the_four_languages_is_not_read_as_one_of_them(text: str) -> None:
    assert lint(text).findings == ()


@pytest.mark.parametrize(
    "shown",
    [
        "---\ndescription: Write a short summary.\n---\n{}",
        "{}\n\n```\nWrite a short summary.\n```",
        "{} Never reply with “Write a short summary.”",
        "{}\n\n<example>\nWrite a short summary.\n</example>",
        "{}\n\n## Examples\n\nWrite a short summary.",
        "{}\n\nExample: Write a short summary.",
        "{}\n\nuser:\nWrite a short summary.\n\nassistant:\nThe shop is open.\n",
        "{}\n\nQ: Write a short summary.\nA: It is open.\n\nQ: Write a brief summary.\nA: It is shut.",
    ],
    ids=["front matter", "code", "quotation", "tag", "heading", "label", "turns", "pairs"],
)
def test_what_is_shown_is_not_read_as_an_instruction(shown: str) -> None:
    task = "Tell the visitors of a museum when it is open."

    assert lint(shown.format(task)).findings == ()
    assert found(f"{task} Write a short summary.", "A010") == ["short"]


def test_levels_of_a_rubric_are_no_copies() -> None:
    text = (
        "Grade the answer.\n\nScore 1: It names no cause. Say 1 and quote it.\n"
        "Score 2: It names the moon. Say 2 and quote it.\nScore 3: It names both. Say 3 and quote it.\n"
    )

    assert lint(text).findings == ()
