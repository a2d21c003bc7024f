"""Python clients through the gateway: one request and one stream each, and no token anywhere else."""

from __future__ import annotations

import pytest

from tests.clients.staging import MODELS, TEXT, Place, find, run_program

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
import os
import dspy
token = os.environ["ASSAY_TOKEN"]
for model, more in (("anthropic/{anthropic}", {}), ("openai/{openai}", dict(api_key=token)),
                    ("gemini/{google}", dict(api_key=token))):
    print(dspy.LM(model, cache=False, **more)("hi")[0])
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
    print(client.create(**asked, **(dict(max_tokens=9) if "claude" in name else {})).text)
""",
}
"""What each does: it prints one line for each reply."""


@pytest.mark.parametrize("client", ASKED)
def test_sdk_stays_at_the_gateway(client: str, place: Place) -> None:
    environment = place.set_up(client)
    code = ASKED[client]
    if client == "instructor":  # it asks for JSON
        place.fake.answers(f'{{"text": "{TEXT}"}}')
    for provider, model in MODELS.items():
        code = code.replace(f"{{{provider}}}", model)

    done = run_program([str(find("sdks") / "bin" / "python"), "-c", code], environment)

    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.split("\n")[:-1]
    assert set(lines) == {TEXT}, done.stdout
    assert {call.key for call in place.fake.calls} <= set(place.keys.values())
    assert len(place.fake.calls) == len(lines)
    assert place.tried() == set()
    assert place.leaked() == []
