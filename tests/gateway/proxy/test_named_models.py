"""Named models: which models a body names, and whether each of its requests says one."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.gateway.proxy.named_in_forms import read_form_models, read_urlencoded_models
from assay_nb.gateway.proxy.named_models import (
    NamedModels,
    UnreadableModels,
    names_model,
    read_json_models,
)

TYPE = "multipart/form-data; boundary=frame"


def finish(reading: Generator[None, None, NamedModels]) -> NamedModels:
    while True:
        try:
            next(reading)
        except StopIteration as end:
            return end.value


def read(body: Any) -> NamedModels:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return finish(read_json_models(data))


def form(*parts: tuple[str, bytes], frame: bytes = b"frame") -> bytes:
    """Return a form: a name that ends in `;` is a file's."""
    lines = b""
    for name, content in parts:
        file = '; filename="f.jsonl"' if name.endswith(";") else ""
        head = f'Content-Disposition: form-data; name="{name.rstrip(";")}"{file}'.encode()
        lines += b"--" + frame + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"
    return lines + b"--" + frame + b"--\r\n"


# --- JSON


@pytest.mark.parametrize(
    ("body", "models"),
    [
        ({"model": "a", "models": ["b", "c"]}, "abc"),
        ({"model": "a", "Model": "b"}, "ab"),
        (b'{"model": "a", "model": "b"}', "ab"),
        (b'{"model": "a", "mod\\u0065l": "b"}', "ab"),
        ({"model": "models/a"}, "a"),
        ({"model": "a", "tools": [{"type": "image_generation", "model": "b"}]}, "ab"),
        ({"model": "a", "fallbacks": ["b", {"model": "c"}, {"a": ["d"]}]}, "abcd"),
        ({"model": "a", "context_window_fallbacks": [{"a": ["b"]}]}, "ab"),
        ({"model": "a", "plugins": [{"allowed_models": ["b"]}]}, "ab"),
        ({"model": "a", "session": {"input": {"transcription": {"model": "b"}}}}, "ab"),
        ({"model": "a", "x": {"y": {"z": [[[{"embeddingModelId": "b"}]]]}}}, "ab"),
        ({"model": "a", "data_sources": [{"parameters": {"deployment_name": "b"}}]}, "ab"),
        ({"model": "a", "model_config": "b"}, "a"),
        ({"model": "a", "x": {"model": {"provider": "b", "id": "c"}}}, "abc"),
        ({"model": "a", "metadata": {"model": "b"}}, "ab"),
    ],
)
def test_every_model_is_found(body: Any, models: str) -> None:
    assert read(body) == NamedModels(tuple(models), complete=True)


TOOL = {"name": "buy", "input_schema": {"properties": {"model": {"type": "string"}}}}
CALL = {"type": "tool_use", "input": {"model": "Corolla"}}


@pytest.mark.parametrize(
    "about",
    [
        pytest.param({"tools": [TOOL]}, id="a schema"),
        pytest.param({"tools": [{"$defs": {"Model": {"type": "object"}}}]}, id="a definition"),
        pytest.param({"messages": [{"content": [CALL]}]}, id="a tool's arguments"),
        pytest.param({"messages": [{"content": 'the "model": "b"'}]}, id="a prompt"),
    ],
)
def test_data_of_the_conversation_names_no_model(about: dict[str, Any]) -> None:
    assert read({"model": "a", **about}) == NamedModels(("a",), complete=True)


@pytest.mark.parametrize(
    "about",
    [
        pytest.param({"input": {"model": "b"}}, id="arguments elsewhere"),
        pytest.param(
            {"x": {"messages": [{"content": [CALL | {"input": {"model": "b"}}]}]}}, id="deeper"
        ),
        pytest.param({"properties": {"model": "b"}}, id="a schema that is a text"),
    ],
)
def test_a_place_that_looks_like_data_is_read(about: dict[str, Any]) -> None:
    assert read({"model": "a", **about}).models == ("a", "b")


@pytest.mark.parametrize(
    ("body", "complete"),
    [
        ({"model": "a"}, True),
        ({}, False),
        ([], False),
        (["a"], False),
        ({"model": ["a"]}, False),
        ({"model": None}, False),
        (b'{"model": "a", "model": null}', False),
        ({"Model": "a"}, False),
        ({"input": {"model": "a"}}, False),
        ({"requests": [{"params": {"model": "a"}}, {"params": {"model": "b"}}]}, True),
        ({"requests": [{"params": {"model": "a"}}, {"params": {}}]}, False),
        ({"requests": [{"params": {"model": "a"}}, {}]}, False),
        ({"requests": []}, False),
        ({"requests": [{"model": "a"}]}, True),
        (b'{"body": {"model": "a"}}\n{"body": {"model": "b"}}\n', True),
        (b'{"body": {"model": "a"}}\n{"body": {}}', False),
        (b'{"body": {"model": "a"}}\n[]', False),
        (b"", False),
    ],
)
def test_each_request_has_to_say_its_model(body: Any, complete: bool) -> None:
    assert read(body).complete is complete


@pytest.mark.parametrize(
    "body",
    [
        {"model": "a", "input_file_id": "file-1"},
        {"model": "a", "inputFileId": "file-1"},
        {"model": "a", "batch": {"inputConfig": {"fileName": "files/1"}}},
        {"model": "a", "batch": {"input_config": {"file_name": "files/1"}}},
        b"model=a",
        b"{model: 'a'}",
    ],
)
def test_what_cannot_be_read_is_refused(body: Any) -> None:
    with pytest.raises(UnreadableModels):
        read(body)


NAMES = st.sampled_from(
    ["model", "models", "Fallbacks", "mo\tdel", "x", "requests", "params", "body"]
)
BODIES = st.recursive(
    st.sampled_from([None, 1, "a", "b", "models/c"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


def expect(value: Any, counted: bool = False) -> set[str]:
    """Return the models that a value names, by the plain rule."""
    if isinstance(value, dict):
        return {
            one
            for name, part in value.items()
            for one in expect(part, counted or names_model(name))
        }
    if isinstance(value, list):
        return {one for part in value for one in expect(part, counted)}
    return {value.removeprefix("models/")} if counted and isinstance(value, str) else set()


@given(BODIES, st.sampled_from([None, 1]))
def test_models_are_those_of_a_plain_walk_through_the_value(body: Any, indent: int | None) -> None:
    data = json.dumps(body, indent=indent).encode()

    assert set(read(data).models) == expect(json.loads(data))


# --- forms


LINE = b'{"custom_id": "1", "body": {"model": "%s"}}\n'


@pytest.mark.parametrize(
    ("parts", "models", "complete"),
    [
        ([("model", b"a"), ("file;", b"RIFF")], "a", True),
        ([("model", b"a"), ("model[]", b"b"), ("session[model]", b"c")], "abc", True),
        ([("file;", b"RIFF"), ("purpose", b"user_data")], "", True),
        ([("file;", LINE % b"a" + LINE % b"b"), ("purpose", b"batch")], "ab", True),
        ([("file;", LINE % b"b"), ("purpose", b"batch"), ("purpose", b"user_data")], "b", True),
        ([("model", b"a"), ("file;", LINE % b"b"), ("purpose", b"batch")], "ab", True),
        ([("file;", b'{"body": {}}'), ("purpose", b"batch")], "", False),
        ([("purpose", b"batch")], "", False),
        ([("file;", LINE % b"b")], "b", True),
        ([("model", b"a"), ("config", b'{"x": {"model": "b"}}')], "ab", True),
        ([("model", b"a"), ("prompt", b"{a fox}")], "a", True),
    ],
)
def test_fields_and_files_of_a_form_are_read(
    parts: list[tuple[str, bytes]], models: str, complete: bool
) -> None:
    assert finish(read_form_models(form(*parts), TYPE)) == NamedModels(tuple(models), complete)


GOOD = form(("model", b"a"))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b'{"model": "b"}\r\n' + GOOD, TYPE, id="text before"),
        pytest.param(GOOD + form(("model", b"b")), TYPE, id="text after"),
        pytest.param(GOOD[:-6], TYPE, id="cut"),
        pytest.param(GOOD.replace(b"\r\n", b"\n"), TYPE, id="bare line ends"),
        pytest.param(form(("model", b"a\n--frame\nx")), TYPE, id="boundary within"),
        pytest.param(
            GOOD.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
            TYPE,
            id="coded",
        ),
        pytest.param(
            GOOD.replace(b'name="model"', b'name="x"; name="model"'), TYPE, id="two names"
        ),
        pytest.param(GOOD.replace(b'"model"', b'"mod\\el"'), TYPE, id="escaped name"),
        pytest.param(GOOD.replace(b'"model"', b'"mod%65l"'), TYPE, id="percent in a name"),
        pytest.param(GOOD, "multipart/form-data", id="no boundary"),
        pytest.param(GOOD, TYPE + "; boundary=other", id="two boundaries"),
        pytest.param(GOOD, TYPE + "; charset=utf-16", id="charset"),
        pytest.param(form(*[("x", b"")] * 1_001), TYPE, id="many parts"),
        pytest.param(form(("file;", b"RIFF"), ("purpose", b"batch")), TYPE, id="no JSON Lines"),
        pytest.param(form(("file;", b"RIFF")), TYPE, id="a file for nobody knows what"),
        pytest.param(form(("model", b"\xff")), TYPE, id="no text"),
    ],
)
def test_form_that_could_be_read_in_two_ways_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(UnreadableModels):
        finish(read_form_models(body, content_type))


@pytest.mark.parametrize("content_type", [TYPE, 'multipart/form-data; boundary="frame"'])
def test_usual_ways_to_write_a_boundary_are_taken(content_type: str) -> None:
    assert finish(read_form_models(GOOD, content_type)).models == ("a",)


@pytest.mark.parametrize(
    ("body", "models", "complete"),
    [
        (b"model=a&prompt=x", "a", True),
        (b"model=a&mod%65l=b&session%5Bmodel%5D=c", "abc", True),
        (b"prompt=x", "", False),
    ],
)
def test_encoded_form_is_read(body: bytes, models: str, complete: bool) -> None:
    assert finish(read_urlencoded_models(body)) == NamedModels(tuple(models), complete)


@pytest.mark.parametrize("body", [b'{"model":"b","x":"&model=a&"}', b"x=1&" * 1_001])
def test_encoded_form_that_is_something_else_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableModels):
        finish(read_urlencoded_models(body))
