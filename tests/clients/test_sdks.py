"""SDKs in Python and on Node through the gateway: one request and one stream each, and no token anywhere else."""

from __future__ import annotations

from subprocess import CompletedProcess

import pytest

from assay_nb.commands.foreign_clients import CLIENTS
from tests.clients.staging import MODELS, TEXT, Place, find, run_program
from tests.fakes.providers import Answer

pytestmark = pytest.mark.slow

ASKED = {
    "anthropic": """
import anthropic
asked = dict(model="{anthropic}", max_tokens=9, messages=[dict(role="user", content="hi")])
with anthropic.Anthropic() as client:
    print(client.messages.create(**asked).content[0].text)
    with client.messages.stream(**asked) as stream:
        print("".join(stream.text_stream))
""",
    "openai": """
import openai
with openai.OpenAI() as client:
    print(client.responses.create(model="{openai}", input="hi").output_text)
    asked = dict(model="{openai}", messages=[dict(role="user", content="hi")])
    chunks = client.chat.completions.create(**asked, stream=True)
    print("".join(one.choices[0].delta.content or "" for one in chunks if one.choices))
""",
    "google-genai": """
from google import genai
client = genai.Client()
print(client.models.generate_content(model="{google}", contents="hi").text)
chunks = client.models.generate_content_stream(model="{google}", contents="hi")
print("".join(one.text or "" for one in chunks))
""",
    "langchain": """
from langchain_anthropic import ChatAnthropic
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import ChatOpenAI
for model in (ChatAnthropic(model="{anthropic}"), ChatOpenAI(model="{openai}"),
              ChatGoogleGenerativeAI(model="{google}")):
    print(model.invoke("hi").text)
    print("".join(one.text for one in model.stream("hi")))
""",
    "pydantic-ai": """
import asyncio
from pydantic_ai import Agent
async def main():
    for model in ("anthropic:{anthropic}", "openai:{openai}", "openai-chat:{openai}", "google:{google}"):
        agent = Agent(model)
        print((await agent.run("hi")).output)
        async with agent.run_stream("hi") as stream:
            print(await stream.get_output())
asyncio.run(main())
""",
    "litellm": """
import os
import litellm
messages = [dict(role="user", content="hi")]
token = os.environ["ASSAY_TOKEN"]
for model, more in (("anthropic/{anthropic}", {}), ("openai/{openai}", dict(api_key=token)),
                    ("gemini/{google}", dict(api_key=token))):
    print(litellm.completion(model, messages, **more).choices[0].message.content)
    chunks = litellm.completion(model, messages, stream=True, **more)
    print("".join(one.choices[0].delta.content or "" for one in chunks))
""",
    "dspy": """
import asyncio
import os
import dspy
token = os.environ["ASSAY_TOKEN"]
for model, more in (("anthropic/{anthropic}", {}), ("openai/{openai}", dict(api_key=token)),
                    ("gemini/{google}", dict(api_key=token))):
    lm = dspy.LM(model, cache=False, **more)
    print(lm("hi")[0])
    async def stream():
        program = dspy.streamify(dspy.Predict("asked -> said"), stream_listeners=[
            dspy.streaming.StreamListener("said")])
        with dspy.context(lm=lm, adapter=dspy.ChatAdapter()):
            parts = [one async for one in program(asked="hi")]
        print("".join(one.chunk for one in parts if isinstance(one, dspy.streaming.StreamResponse)))
    asyncio.run(stream())
""",
    "instructor": """
import instructor
from pydantic import BaseModel
class Said(BaseModel):
    text: str
for name, mode in (("anthropic/{anthropic}", "ANTHROPIC_JSON"), ("openai/{openai}", "JSON"),
                   ("google/{google}", "GENAI_STRUCTURED_OUTPUTS")):
    client = instructor.from_provider(name, mode=instructor.Mode[mode])
    asked = dict(messages=[dict(role="user", content="hi")], response_model=Said)
    asked |= dict(max_tokens=9) if "claude" in name else {}
    print(client.create(**asked).text)
    *_, last = client.create_partial(**asked)
    print(last.text)
""",
}
"""What each does: it prints one line for each reply."""

NODE = {
    "anthropic": """
import Anthropic from "@anthropic-ai/sdk";
const client = new Anthropic();
const asked = {model: "{anthropic}", max_tokens: 9, messages: [{role: "user", content: "hi"}]};
console.log((await client.messages.create(asked)).content[0].text);
console.log(await client.messages.stream(asked).finalText());
""",
    "openai": """
import OpenAI from "openai";
const client = new OpenAI();
console.log((await client.responses.create({model: "{openai}", input: "hi"})).output_text);
const asked = {model: "{openai}", messages: [{role: "user", content: "hi"}], stream: true};
let said = "";
for await (const one of await client.chat.completions.create(asked)) said += one.choices[0]?.delta.content ?? "";
console.log(said);
""",
    "google-genai": """
import {GoogleGenAI} from "@google/genai";
const client = new GoogleGenAI({});
const asked = {model: "{google}", contents: "hi"};
console.log((await client.models.generateContent(asked)).text);
let said = "";
for await (const one of await client.models.generateContentStream(asked)) said += one.text ?? "";
console.log(said);
""",
}
"""The same for those that come from npm."""


def fill(code: str) -> str:
    for provider, model in MODELS.items():
        code = code.replace(f"{{{provider}}}", model)
    return code


def answer(place: Place, client: str) -> None:
    """Have the providers answer a client that does not ask for plain text in the form that it reads."""
    fields = (f"[[ ## said ## ]]\n{TEXT}", "\n\n[[ ## completed ## ]]")
    plain = Answer(chunks=(TEXT,))
    if client == "instructor":
        place.fake.answers(f'{{"text": "{TEXT}"}}')
    if client == "dspy":
        framed = Answer(chunks=fields)
        place.fake.answer_by(lambda call: framed if "[[ ##" in call.text else plain)


def run_python(code: str, environment: dict[str, str]) -> CompletedProcess[str]:
    return run_program([str(find("sdks") / "bin" / "python"), "-c", code], environment)


def check(done: CompletedProcess[str], place: Place, client: str) -> None:
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.split("\n")[:-1]
    assert set(lines) == {TEXT}, done.stdout
    assert len(place.fake.calls) == len(lines)
    place.check_home(client)


@pytest.mark.parametrize("client", ASKED)
def test_sdk_stays_at_the_gateway(client: str, place: Place) -> None:
    environment = place.set_up(client)
    answer(place, client)

    check(run_python(fill(ASKED[client]), environment), place, client)


@pytest.mark.parametrize("client", NODE)
def test_sdk_on_node_stays_at_the_gateway(client: str, place: Place) -> None:
    environment, npm = place.set_up(client), find("npm")
    command = ["node", "--input-type=module", "-e", fill(NODE[client])]

    check(run_program(command, environment, cwd=npm), place, client)


@pytest.mark.parametrize("client", [name for name, one in CLIENTS.items() if one.code])
def test_code_that_is_shown_runs_as_it_stands(client: str, place: Place) -> None:
    environment = place.set_up(client)

    check(run_python(CLIENTS[client].code, environment), place, client)


def test_node_without_a_base_url_is_seen_to_leave(place: Place) -> None:
    """The control: what goes past the proxy, as Node's own requests do, is noted too."""
    environment, npm = place.set_up("openai"), find("npm")
    del environment["OPENAI_BASE_URL"]
    command = ["node", "--input-type=module", "-e", fill(NODE["openai"])]

    done = run_program(command, environment, cwd=npm)

    assert done.returncode != 0
    assert place.tried() == {"api.openai.com"}
