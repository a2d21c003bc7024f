"""Refusals: every line of the closed table in its service's own body, and invented ones of each kind.

The same bodies are read by the tests of meaning, without a server, and sent by a server to the real SDKs,
so that what an SDK does to a body is part of what is tested.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest

from assay_nb.egress.origins import parse_endpoint
from assay_nb.errors import (
    AssayError,
    ProviderAuthError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from assay_nb.messages import NO_KEY, PROVIDER_OF_KIND, Kind, label_of
from assay_nb.providers.error_body import read_error_body
from assay_nb.providers.meanings import CONSEQUENCES, Meaning, Then
from assay_nb.providers.refusals import Refusal, read_refusal
from assay_nb.providers.retry import Retry
from assay_nb.providers.sentences import KEY_ACTS
from assay_nb.providers.transport import Egress
from assay_nb.providers.wording import describe_refusal
from tests.canaries import find_canary, make_canary
from tests.fakes.providers import Answer, FakeProviders
from tests.fakes.providers_client import (
    WIRES,
    collect,
    make_credential,
    make_provider,
    make_request,
    provider_of,
)

FOREIGN = "http://127.0.0.1:9009/v1"

SECRET = "the provider's own words"
"""What stands in every body, and in no message of ours."""


def openai(message: str = SECRET, **fields: Any) -> Any:
    known = {"message": f"{message} {SECRET}", "type": "invalid_request_error", "param": None}
    return {"error": {**known, "code": None, **fields}}


def anthropic(message: str = SECRET, kind: str = "invalid_request_error", **fields: Any) -> Any:
    return {"type": "error", "error": {"type": kind, "message": f"{message} {SECRET}", **fields}}


def google(status: int, word: str, message: str = SECRET, reason: str | None = None) -> Any:
    error: dict[str, Any] = {"code": status, "status": word, "message": f"{message} {SECRET}"}
    if reason:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        named = {"containerInfo": f"api_key:{SECRET}", "consumer": SECRET}
        error["details"] = [{"@type": kind, "reason": reason, "metadata": named}]
    return {"error": error}


@dataclass(frozen=True)
class Line:
    """One refusal as a service sends it, and what it means.

    Attributes:
        said: For whoever reads a failure.
        wire: Through which SDK it comes.
        status: HTTP's status.
        body: The body.
        meaning: What it means.
        words: What must be in our message or hint.
        counts: The status that counts, where neither HTTP's nor the meaning's own does.
    """

    said: str
    wire: str
    status: int
    body: Any
    meaning: Meaning
    words: str = ""
    counts: int | None = None

    def __str__(self) -> str:
        return self.said.replace(" ", "-")


M = Meaning
OA, AP, GO = "openai-chat", "anthropic", "google"
CONTEXT = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
TGI = "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: {} `inputs` tokens and 16 `max_new_tokens`"

LINES = [
    # money
    Line("OpenAI no credit", OA, 429, openai(code="credit_balance_exhausted"), M.NO_CREDIT, "credit"),
    Line("OpenAI no quota", OA, 429, openai(code="insufficient_quota"), M.NO_CREDIT, "credit"),
    Line("OpenAI organisation", OA, 429, openai(code="organization_spend_limit_exceeded"), M.SPEND_ORGANIZATION, "organisation's"),
    Line("OpenAI project", OA, 429, openai(code="project_spend_limit_exceeded"), M.SPEND_PROJECT, "project"),
    Line("OpenAI usage", OA, 429, openai(code="organization_usage_limit_exceeded"), M.SPEND_PROVIDER, "itself"),
    Line("Anthropic no credit", AP, 400, anthropic("Your credit balance is too low to access it."), M.NO_CREDIT, "credit"),
    Line("Anthropic own limit", AP, 400, anthropic("You have reached your specified API usage limits."), M.SPEND_OWN, "limit"),
    Line("Anthropic workspace limit", AP, 400, anthropic("You have reached your specified workspace API usage limits."), M.SPEND_OWN, "limit"),
    Line("Anthropic tier", AP, 429, anthropic(kind="rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}), M.SPEND_TIER, "00:00 UTC"),
    Line("Anthropic billing", AP, 402, anthropic(kind="billing_error"), M.BILLING, "payment"),
    Line("DeepSeek balance", OA, 402, openai("Insufficient Balance", type="unknown_error", code="invalid_request_error"), M.NO_CREDIT, "credit"),
    Line("Google prepaid", GO, 402, google(402, "RESOURCE_EXHAUSTED"), M.PREPAID_USED_UP, "all its keys"),
    Line("Google no billing", GO, 400, google(400, "FAILED_PRECONDITION"), M.BILLING_WANTED, "billing"),
    Line("OpenRouter credits", OA, 402, openai(code=402, metadata={"limit_source": "openrouter_credits"}), M.NO_CREDIT, "credit"),
    Line("OpenRouter key", OA, 402, openai(code=402, metadata={"limit_source": "openrouter_key_limit"}), M.KEY_LIMIT, "key's own limit"),
    Line("OpenRouter key 403", OA, 403, openai("Key limit exceeded", code=403), M.KEY_LIMIT, "key's own limit"),
    # the key
    Line("OpenAI key", OA, 401, openai(code="invalid_api_key"), M.KEY_REFUSED, "does not accept"),
    Line("Anthropic key", AP, 401, anthropic(kind="authentication_error"), M.KEY_REFUSED, "does not accept"),
    Line("llama.cpp key", OA, 401, openai(type="authentication_error", code=401), M.KEY_REFUSED, "does not accept"),
    Line("Google key", GO, 400, google(400, "INVALID_ARGUMENT", reason="API_KEY_INVALID"), M.KEY_REFUSED, "does not accept"),
    Line("Google no key", GO, 400, google(400, "INVALID_ARGUMENT", "API Key not found."), M.KEY_REFUSED, "does not accept"),
    Line("Google leaked", GO, 403, google(403, "PERMISSION_DENIED", "Your API key was reported as leaked."), M.KEY_LEAKED, "leaked"),
    Line("Google suspended", GO, 403, google(403, "PERMISSION_DENIED", reason="CONSUMER_SUSPENDED"), M.KEY_SUSPENDED, "suspended"),
    Line("Google restricted", GO, 403, google(403, "PERMISSION_DENIED", reason="API_KEY_SERVICE_BLOCKED"), M.KEY_RESTRICTED, "restricted"),
    Line("Google switched off", GO, 403, google(403, "PERMISSION_DENIED", reason="SERVICE_DISABLED"), M.API_DISABLED, "switched off"),
    Line("Google banned", GO, 403, google(403, "PERMISSION_DENIED", "Your project has been denied access."), M.ACCOUNT_CLOSED, "support"),
    Line("Google country", GO, 400, google(400, "FAILED_PRECONDITION", "User location is not supported."), M.REGION, "region"),
    Line("Anthropic closed", AP, 400, anthropic("This organization has been disabled."), M.ACCOUNT_CLOSED, "support"),
    Line("OpenAI country", OA, 403, openai(code="unsupported_country_region_territory"), M.REGION, "region"),
    Line("OpenAI address", OA, 401, openai("IP not authorized"), M.ADDRESS_REFUSED, "IP address"),
    Line("OpenAI listing scope", OA, 401, openai("Missing scopes: api.model.read."), M.SCOPE_LISTING, "api.model.read"),
    Line("OpenAI call scope", OA, 401, openai("Missing scopes: model.request"), M.SCOPE_CALL, "right to write"),
    Line("OpenAI responses scope", OA, 401, openai("Missing scopes: api.responses.write"), M.SCOPE_CALL, "right to write"),
    Line("OpenAI project's model", OA, 403, openai(code="model_not_found"), M.MODEL_NOT_ALLOWED, "project"),
    Line("Anthropic permission", AP, 403, anthropic(kind="permission_error"), M.NOT_ALLOWED, "may not"),
    Line("Google permission", GO, 403, google(403, "PERMISSION_DENIED"), M.NOT_ALLOWED, "may not"),
    Line("Bedrock policy", OA, 403, openai(code="AccessDeniedException"), M.ACCESS_DENIED, "policy"),
    # the model and the place
    Line("OpenAI model", OA, 404, openai(code="model_not_found"), M.MODEL_UNKNOWN, "knows no model"),
    Line("Anthropic model", AP, 404, anthropic(kind="not_found_error"), M.MODEL_UNKNOWN, "knows no model"),
    Line("Google model", GO, 404, google(404, "NOT_FOUND"), M.MODEL_UNKNOWN, "knows no model"),
    Line("Azure deployment", OA, 404, openai(code="DeploymentNotFound"), M.DEPLOYMENT_UNKNOWN, "deployment"),
    Line("Bedrock form", OA, 404, openai(code="FTUFormNotFilled"), M.FORM_WANTED, "form"),
    Line("Bedrock form in words", AP, 404, anthropic("Model use case details have not been submitted"), M.FORM_WANTED, "form"),
    Line("Bedrock pending", OA, 403, openai(code="MPAgreementBeingCreated"), M.AGREEMENT_PENDING, "15 minutes"),
    Line("Bedrock payment", OA, 403, openai("INVALID_PAYMENT_INSTRUMENT"), M.AGREEMENT_FAILED, "payment"),
    Line("Bedrock route", OA, 400, openai("The model isn't supported on this route."), M.ROUTE_WRONG, "path"),
    Line("Bedrock profile", OA, 400, openai("On-demand throughput isn't supported."), M.PROFILE_WANTED, "profile"),
    # the request
    Line("OpenAI context", OA, 400, openai(CONTEXT, code="context_length_exceeded"), M.CONTEXT, "9,000 tokens, and 8,192 fit"),
    Line("llama.cpp context", OA, 400, openai(type="exceed_context_size_error", code=400, n_prompt_tokens=9000, n_ctx=8192), M.CONTEXT, "9,000 tokens, and 8,192 fit"),
    Line("Anthropic context", AP, 400, anthropic("prompt is too long: 208310 tokens > 200000 maximum"), M.CONTEXT, "208,310 tokens, and 200,000 fit"),
    Line("Anthropic edge", AP, 413, anthropic(kind="request_too_large"), M.BODY_TOO_LARGE, "larger"),
    Line("Together context", OA, 403, openai(TGI.format(5000), param="max_tokens"), M.CONTEXT, "5,000 tokens, and 4,097 fit"),
    Line("OpenRouter context", OA, 400, openai(code="token_limit_exceeded"), M.CONTEXT, "longer"),
    Line("vLLM prompt", OA, 400, openai("'max_tokens' or 'max_completion_tokens' is too large: 16. This model's maximum context length is 8192 tokens and your request has 8200 input tokens.", code=400), M.CONTEXT, "8,200 tokens, and 8,192 fit"),
    Line("Azure filter", OA, 400, openai(code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}), M.FILTERED, "filter"),
    Line("OpenRouter filter", OA, 403, openai(code=403, metadata={"reasons": ["violence"]}), M.FILTERED, "filter"),
    # proxies and routers: their own words, and the upstream's within them
    Line("LiteLLM budget", OA, 429, openai("Budget has been exceeded!", type="budget_exceeded", code="429"), M.KEY_LIMIT, "limit"),
    Line("LiteLLM budget in words", OA, 400, openai("Budget has been exceeded! Current cost: 14", type=None, code="400"), M.KEY_LIMIT, "limit"),
    Line("LiteLLM quota", OA, 429, openai("litellm.RateLimitError: OpenAIException - You exceeded your current quota, please", type="throttling_error", code="429"), M.NO_CREDIT, "credit"),
    Line("LiteLLM key", OA, 401, openai(type="token_not_found_in_db", param="key", code="401"), M.KEY_REFUSED, "does not accept"),
    Line("LiteLLM model", OA, 401, openai(type="key_model_access_denied", param="model", code="401"), M.NOT_ALLOWED, "may not"),
    Line("LiteLLM name", OA, 400, openai("Invalid model name passed in model=m.", param="model", code="400"), M.MODEL_UNKNOWN, "knows no model"),
    Line("quoted body", OA, 400, openai('AnthropicException - {"type":"error","error":{"message":"Your credit balance is too low"}}', type="None", param="None", code="400"), M.NO_CREDIT, "credit"),
    Line("quoted code", OA, 429, openai('upstream: {\\"error\\":{\\"code\\":\\"insufficient_quota\\"}} (id 1)', code="429"), M.NO_CREDIT, "credit"),
    Line("quoted nonsense", OA, 418, openai('upstream: {"error":{"code": insufficient_quota'), M.UNKNOWN, "status 418"),
    Line("new-api quota", OA, 403, openai(type="new_api_error", code="insufficient_user_quota"), M.NO_CREDIT, "credit"),
    Line("new-api channel", OA, 503, openai(type="new_api_error", code="model_not_found"), M.MODEL_UNKNOWN, "knows no model"),
    Line("OpenRouter model", OA, 404, openai("No endpoints found for m.", code=404), M.MODEL_UNKNOWN, "knows no model"),
    Line("OpenRouter id", OA, 400, openai("m is not a valid model ID", code=400), M.MODEL_UNKNOWN, "knows no model"),
    Line("OpenRouter policy", OA, 404, openai("No endpoints found matching your data policy (Zero data retention)", code=404), M.DATA_POLICY, "privacy settings"),
    Line("Azure APIM key", OA, 401, {"statusCode": 401, "message": f"Access denied due to invalid subscription key. {SECRET}"}, M.KEY_REFUSED, "does not accept"),
    Line("Azure APIM quota", OA, 403, {"statusCode": 403, "message": f"Out of call volume quota. {SECRET}"}, M.KEY_LIMIT, "limit"),
    Line("Azure role", OA, 401, openai(code="PermissionDenied"), M.NOT_ALLOWED, "may not"),
    Line("Azure firewall", OA, 403, openai("Access denied due to Virtual Network/Firewall rules.", code="403"), M.ADDRESS_REFUSED, "IP address"),
    # services, each in its own way
    Line("xAI key", OA, 400, {"code": "Client specified an invalid argument", "error": f"Incorrect API key provided: {SECRET}"}, M.KEY_REFUSED, "does not accept"),
    Line("xAI credit", OA, 403, {"code": "The caller does not have permission", "error": "Your team x has either used all available credits or"}, M.NO_CREDIT, "credit"),
    Line("xAI credit 429", OA, 429, {"error": "Your team x has either used all available credits or"}, M.NO_CREDIT, "credit"),
    Line("xAI filter", OA, 403, {"error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"}, M.FILTERED, "filter"),
    Line("OpenAI filter", OA, 400, openai(code="invalid_prompt"), M.FILTERED, "filter"),
    Line("Anthropic filter", AP, 400, anthropic("Output blocked by content filtering policy"), M.FILTERED, "filter"),
    Line("DeepSeek filter", OA, 400, openai("Content Exists Risk", code="invalid_request_error"), M.FILTERED, "filter"),
    Line("Alibaba filter", OA, 400, openai(type="data_inspection_failed", code="data_inspection_failed"), M.FILTERED, "filter"),
    Line("Moonshot filter", OA, 400, openai("The request was rejected because it was considered high risk", type="content_filter"), M.FILTERED, "filter"),
    Line("Groq terms", OA, 400, openai(code="model_terms_required"), M.TERMS_WANTED, "terms"),
    Line("Groq gone", OA, 400, openai(code="model_decommissioned"), M.MODEL_UNKNOWN, "knows no model"),
    Line("Groq barred", OA, 403, openai(type="permissions_error", code="model_permission_blocked_org"), M.MODEL_NOT_ALLOWED, "project"),
    Line("Groq closed", OA, 400, openai(code="organization_restricted"), M.ACCOUNT_CLOSED, "support"),
    Line("Mistral model", OA, 400, {"object": "error", "message": SECRET, "type": "invalid_model", "code": "1500"}, M.MODEL_UNKNOWN, "knows no model"),
    Line("Hugging Face model", OA, 400, openai(code="model_not_supported", param="model"), M.MODEL_UNKNOWN, "knows no model"),
    Line("Fireworks suspended", OA, 412, openai("Account x is suspended, possibly due to reaching the monthly spending limit or", code="PRECONDITION_FAILED"), M.BILLING, "payment"),
    Line("OpenAI verification", OA, 404, openai("Your organization must be verified to use the model `m`.", code="model_not_found"), M.UNVERIFIED, "Verify"),
    Line("Google depleted", GO, 429, google(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), M.PREPAID_USED_UP, "Add credit"),
    Line("Google cap", GO, 429, google(429, "RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap."), M.SPEND_PROJECT, "project"),
    Line("Google no free tier", GO, 429, google(429, "RESOURCE_EXHAUSTED", "metric: x/generate_content_free_tier_requests, limit: 0"), M.BILLING_WANTED, "billing"),
    Line("Google billing off", GO, 403, google(403, "PERMISSION_DENIED", reason="BILLING_DISABLED"), M.BILLING_WANTED, "billing"),
    Line("Google capacity", GO, 429, google(429, "RESOURCE_EXHAUSTED", reason="MODEL_CAPACITY_EXHAUSTED"), M.BUSY, "overloaded", 503),
    Line("Bedrock token", OA, 403, {"Message": f"The security token included in the request is invalid. {SECRET}"}, M.KEY_REFUSED, "does not accept"),
    Line("Bedrock expired", AP, 403, {"message": "Bearer Token has expired"}, M.KEY_REFUSED, "does not accept"),
    Line("Bedrock access", AP, 403, {"message": "You don't have access to the model with the specified model ID."}, M.NOT_ALLOWED, "may not"),
    Line("Bedrock id", AP, 400, {"message": "The provided model identifier is invalid."}, M.MODEL_UNKNOWN, "knows no model"),
    # a machine of somebody's own
    Line("Ollama memory", OA, 500, openai("model requires more system memory (4.1 GiB) than is available", type="api_error"), M.MEMORY, "smaller model"),
    Line("out of memory", OA, 500, openai("CUDA out of memory. Tried to allocate", type="server_error"), M.MEMORY, "memory"),
    Line("LM Studio memory", OA, 400, {"error": 'Failed to load model "m". Error: insufficient system resources'}, M.MEMORY, "memory"),
    Line("LM Studio crash", OA, 400, {"error": "The model has crashed without additional information."}, M.DOWN, "failed to answer", 500),
    Line("loading", OA, 503, openai("Loading model", type="unavailable_error", code=503), M.LOADING, "still loading"),
    Line("no page", OA, 404, {"detail": "Not Found"}, M.UNKNOWN_404, "no such path"),
    Line("no page in Go", OA, 404, "404 page not found", M.PAGE_UNKNOWN, "no such path"),
    Line("no page at Azure", OA, 404, openai("Resource not found", code="404"), M.PAGE_UNKNOWN, "no such path"),
    Line("no method", AP, 405, {"detail": "Method Not Allowed"}, M.PAGE_UNKNOWN, "no such path"),
    Line("a minute's tokens", OA, 413, openai("Request too large for model `m` on tokens per minute (TPM): Limit 12000, Requested 14137, please", type="tokens", code="rate_limit_exceeded"), M.MINUTE, "14,137, and the limit is 12,000"),
    Line("a minute's tokens 429", OA, 429, openai("Request too large for m on tokens per min (TPM): Limit 30000, Requested 342389.", type="tokens", code="rate_limit_exceeded"), M.MINUTE, "342,389"),
    Line("too large", OA, 413, None, M.CONTEXT, "longer"),
    Line("gone", OA, 410, None, M.MODEL_UNKNOWN, "knows no model"),
    Line("too early", OA, 425, {"error": "Too early"}, M.DOWN, "status 425"),
    Line("engine failed", OA, 424, {"error": "Request failed during generation", "error_type": "generation"}, M.DOWN, "status 424"),
    Line("law", OA, 451, None, M.REGION, "region"),
    # now and later
    Line("OpenAI rate", OA, 429, openai(code="rate_limit_exceeded", type="requests"), M.RATE, "limit"),
    Line("OpenAI slow down", OA, 429, openai(code="slow_down"), M.RATE, "limit"),
    Line("Anthropic rate", AP, 429, anthropic(kind="rate_limit_error"), M.RATE, "limit"),
    Line("Google rate", GO, 429, google(429, "RESOURCE_EXHAUSTED"), M.RATE, "limit"),
    Line("Anthropic overloaded", AP, 529, anthropic(kind="overloaded_error"), M.BUSY, "overloaded"),
    # plain servers, and what nobody knows
    Line("string", OA, 401, {"error": "Unauthorized"}, M.UNKNOWN_401, "status 401"),
    Line("detail", OA, 403, {"detail": "Forbidden by policy 7"}, M.UNKNOWN_403, "status 403"),
    Line("no body", OA, 403, None, M.UNKNOWN_403, "status 403"),
    Line("message alone", OA, 402, {"message": "Pay first", "type": "invented"}, M.BILLING, "payment"),
    Line("array", OA, 429, [openai(code="insufficient_quota")], M.NO_CREDIT, "credit"),
    Line("invented 401", AP, 401, anthropic(kind="moon_phase_error"), M.UNKNOWN_401, "status 401"),
    Line("invented 403", GO, 403, google(403, "MOON_PHASE", reason="FULL_MOON"), M.UNKNOWN_403, "status 403"),
    Line("invented 400", OA, 400, openai(code="moon_phase_error"), M.UNKNOWN, "status 400"),
    Line("invented 418", OA, 418, openai(code="teapot"), M.UNKNOWN, "status 418"),
    Line("invented 429", OA, 429, openai(code="moon_phase_error"), M.RATE, "limit"),
    Line("invented 503", AP, 503, anthropic(kind="moon_phase_error"), M.BUSY, "overloaded"),
]  # fmt: skip


def test_every_meaning_that_an_answer_can_have_is_among_the_lines() -> None:
    others = {
        *(
            M.CEILING,
            M.PARAMETER,
            M.SCHEMA,
            M.STREAM_UNVERIFIED,
            M.STREAM,
            M.SYSTEM,
        ),  # the ladder's, in its tests
        *(M.DOWN, M.UNKNOWN_404, M.DAY_QUOTA),  # statuses, the ladder's and the waits'
        M.UNKNOWN_ERROR,  # of a stream, below
    }
    assert {line.meaning for line in LINES} | others == set(Meaning)


@pytest.mark.parametrize("line", LINES, ids=str)
def test_line_means_what_it_means(line: Line) -> None:
    assert read_refusal(line.status, line.body).meaning is line.meaning


@pytest.mark.parametrize("line", LINES, ids=str)
def test_no_refusal_that_is_not_known_blames_a_revoked_key(line: Line) -> None:
    refusal = read_refusal(line.status, line.body)
    if refusal.meaning in {M.RATE, M.BUSY, M.DOWN, M.LOADING, M.KEY_REFUSED}:
        return
    there = parse_endpoint("openai", FOREIGN)

    said = describe_refusal(there, refusal, "a-model", make_request())

    assert "revoked" not in f"{said.message} {said.hint}"


@pytest.mark.parametrize("meaning", Meaning)
def test_every_meaning_has_a_consequence(meaning: Meaning) -> None:
    assert CONSEQUENCES[meaning].then in Then


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("official", [True, False])
def test_every_meaning_has_a_sentence_and_says_whose_limit_it_is(wire: str, official: bool) -> None:
    provider = provider_of(wire)
    there = parse_endpoint(provider, None if official else FOREIGN)
    passing = {M.RATE, M.DAY_QUOTA, M.BUSY, M.DOWN, M.LOADING}
    told = [meaning for meaning in Meaning if meaning not in passing]

    said = {
        meaning: describe_refusal(there, Refusal(meaning, 400), "a-model", make_request())
        for meaning in told
    }
    texts = {meaning: (one.message, one.hint) for meaning, one in said.items()}

    assert all(one.message.endswith(".") for one in said.values())
    assert all(one.hint.endswith(".") or (one.step and not one.hint) for one in said.values())
    if not official:
        strangers = {
            meaning: text for meaning, text in texts.items() if label_of(provider) in " ".join(text)
        }
        assert strangers == {}, "a foreign server is not the provider"


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("meaning", Meaning)
def test_what_is_to_be_done_to_a_key_is_left_to_who_knows_how(wire: str, meaning: Meaning) -> None:
    if meaning in {M.RATE, M.DAY_QUOTA, M.BUSY, M.LOADING, M.DOWN}:
        return
    there = parse_endpoint(provider_of(wire))
    said = describe_refusal(there, Refusal(meaning, 401), "a-model", None)

    assert not re.search(r"assay-nb (keys|connect )|key page", said.hint)
    assert (said.step is not None) == (meaning in KEY_ACTS)
    if said.step is not None:
        assert (said.step.act, said.step.lead) == (KEY_ACTS[meaning], said.hint)


MONEY = [M.NO_CREDIT, M.PREPAID_USED_UP, M.SPEND_OWN, M.SPEND_PROJECT, M.MODEL_NOT_ALLOWED]


@pytest.mark.parametrize("meaning", MONEY)
def test_limit_at_a_server_without_a_key_is_not_put_on_a_key(meaning: Meaning) -> None:
    there = replace(parse_endpoint("openai", FOREIGN), placement=NO_KEY)

    said = describe_refusal(there, Refusal(meaning, 429), "a-model", None)

    assert "workspace's key" not in said.message


TOO_LONG = [
    # who, what it says, the sentence's numbers where it has both
    ("vLLM", "This model's maximum context length is 2048 tokens. However, your request has 3000 input tokens.", (3000, 2048)),
    ("vLLM's decoder", "The decoder prompt (length 40000) is longer than the maximum model length of 32768.", (40000, 32768)),
    ("older vLLM", "The prompt (total length 25938) is too long to fit into the model (context length 4096).", (25938, 4096)),
    ("vLLM's remainder", "max_tokens must be at least 1, got -186.", None),
    ("SGLang", "The input (61709 tokens) is longer than the model's context length (40960 tokens).", (61709, 40960)),
    ("SGLang's limit", "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens).", (160062, 59862)),
    ("LM Studio", "Trying to keep the first 6269 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens", (6269, 4096)),
    ("LM Studio's n_keep", "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 10247 >= n_ctx: 4096).", (10247, 4096)),
    ("LM Studio's truncation", "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)", (15028, 7424)),
    ("LM Studio with MLX", "Context size has been exceeded.", None),
    ("Ollama", "prompt too long; exceeded max context length by 4 tokens", None),
    ("llama.cpp", "the request exceeds the available context size. try increasing the context size", None),
    ("text-generation-inference", "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000", (5000, 4095)),
    ("TensorRT", "default_max_tokens (-12) must be greater than 0, default_max_tokens (-12) = max_seq_len (4096)", None),
    ("xAI", "This model's maximum prompt length is 131072 but the request contains 537812 tokens.", (537812, 131072)),
    ("OpenAI", "Your input exceeds the context window of this model. Please adjust your input", None),
    ("Copilot", "prompt token count of 9000 exceeds the limit of 8192", (9000, 8192)),
    ("Google", "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).", (1200293, 1048576)),
    ("Mistral", "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length", (40000, 32768)),
    ("Moonshot", "Invalid request: Your request exceeded model token limit: 8192 (requested: 9000)", (9000, 8192)),
    ("Alibaba", "Range of input length should be [1, 30720]", None),
    ("Zhipu", "Prompt exceeds max length", None),
    ("MiniMax", "invalid params, context window exceeds limit (2013)", None),
    ("LiteLLM", "litellm.ContextWindowExceededError: OpenAIException - This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.", (9000, 8192)),
]  # fmt: skip


@pytest.mark.parametrize("status", [200, 400, 422, 500])
@pytest.mark.parametrize(
    ("said", "sizes"), [line[1:] for line in TOO_LONG], ids=[line[0] for line in TOO_LONG]
)
def test_prompt_that_is_too_long_is_told_in_everybodys_words(
    said: str, sizes: tuple[int, int] | None, status: int
) -> None:
    if status != 400 and said.startswith(("max_tokens", "default_max")):
        return  # told so with 400 alone: the words are general
    for body in (
        {"error": {"message": said}},
        {"error": said},
        {"object": "error", "message": said},
    ):
        refusal = read_refusal(status, body)

        assert (refusal.meaning, refusal.status, refusal.again) == (M.CONTEXT, 413, False)
        if sizes:
            assert (refusal.body.prompt, refusal.body.context) == sizes


# --- through the SDKs


pytest_anyio = pytest.mark.anyio


async def fail(
    wire: str, egress: Egress, fake: FakeProviders, key: str | None = None, **options: Any
) -> ProviderError:
    credential = make_credential(fake.destination(provider_of(wire)), key)

    async def sleep(seconds: float) -> None:
        """Wait for nothing."""

    provider = make_provider(wire, egress, fake, Retry(sleep=sleep))
    with pytest.raises(AssayError) as caught:
        await collect(
            provider.stream(make_request(**options), model="a-model", credential=credential)
        )
    assert isinstance(caught.value, ProviderError)
    return caught.value


@pytest_anyio
@pytest.mark.parametrize("line", LINES, ids=str)
async def test_line_becomes_our_own_sentence(
    line: Line, egress: Egress, fake: FakeProviders
) -> None:
    key = make_canary(provider_of(line.wire))
    fake.answers(status=line.status, body=line.body)

    error = await fail(line.wire, egress, fake, key)

    consequence = CONSEQUENCES[line.meaning]
    assert (type(error), error.reason) == (consequence.kind, str(line.meaning))
    assert error.status == (line.counts or consequence.status or line.status)
    assert line.words in str(error)
    assert SECRET not in str(error)
    assert not find_canary(str(error), key)
    assert error.hint
    if line.meaning not in {M.RATE, M.BUSY, M.LOADING, M.DOWN, M.UNKNOWN}:
        assert len(fake.calls) == 1, "neither repeated nor sent in another form"


@pytest_anyio
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("status", "meaning"),
    [(404, M.PAGE_UNKNOWN), (413, M.BODY_TOO_LARGE), (502, M.DOWN), (520, M.DOWN)],
)
async def test_page_of_a_web_server_says_nothing_of_a_model(
    wire: str, status: int, meaning: Meaning, egress: Egress, fake: FakeProviders
) -> None:
    page = [b"<html><h1>nginx</h1></html>"]
    fake.answer_by(lambda call: Answer(status=status, raw=page, label="text/html"))

    error = await fail(wire, egress, fake)

    assert (error.status, error.reason) == (status, str(meaning))
    assert "a-model" not in str(error)


@pytest_anyio
async def test_key_that_is_quoted_in_a_refusal_is_not_passed_on(
    egress: Egress, fake: FakeProviders
) -> None:
    key = make_canary("google")
    body = google(
        403, "PERMISSION_DENIED", f"Consumer 'api_key:{key}' is suspended.", "CONSUMER_SUSPENDED"
    )
    fake.answers(status=403, body=body)

    error = await fail("google", egress, fake, key)

    assert not find_canary(f"{error} {error.to_dict()}", key)
    assert isinstance(error, ProviderError)


@pytest_anyio
@pytest.mark.parametrize(
    ("frame", "kind", "status", "sent"),
    [
        ({"code": 402, "message": "Out"}, ProviderError, 402, 1),
        ({"code": "429", "message": "Slow"}, RateLimited, 429, 3),
        ({"code": 401, "message": "No"}, ProviderAuthError, 401, 1),
        ({"code": "insufficient_quota"}, ProviderError, 402, 1),
        ({"code": "context_length_exceeded"}, ProviderError, 413, 1),
        ({"code": "content_filter"}, ProviderError, 400, 1),
        ({"code": 503, "message": "Down"}, ProviderUnavailable, 503, 3),
        ("only words", ProviderUnavailable, 500, 3),
    ],
)
async def test_numbers_and_words_within_a_stream_are_statuses(
    frame: Any,
    kind: type[ProviderError],
    status: int,
    sent: int,
    egress: Egress,
    fake: FakeProviders,
) -> None:
    fake.answers("never", error_frame={"error": frame})

    error = await fail("openai-chat", egress, fake)

    assert (type(error), error.status, len(fake.calls)) == (kind, status, sent)


IN_BAND = [line for line in LINES if isinstance(line.body, dict) and "error" in line.body]
BY_STATUS = {
    *(M.UNKNOWN, M.UNKNOWN_401, M.UNKNOWN_403, M.UNKNOWN_404, M.RATE, M.BUSY, M.DOWN),
    *(M.BILLING, M.MODEL_NOT_ALLOWED, M.PREPAID_USED_UP),
}
"""Meanings that a status gives or helps to give; in a stream there is none."""


@pytest_anyio
@pytest.mark.parametrize("wire", WIRES)
async def test_lines_mean_the_same_within_a_stream_of_every_dialect(
    wire: str, egress: Egress, fake: FakeProviders
) -> None:
    differ: dict[str, str | None] = {}
    for line in IN_BAND:
        if line.meaning in BY_STATUS:
            continue
        fake.answers("never", error_frame=line.body)

        error = await fail(wire, egress, fake)

        assert SECRET not in str(error)
        if error.reason != str(line.meaning):
            differ[line.said] = error.reason

    assert differ == {}


@pytest_anyio
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("frame", ["Unauthorized", {"message": "x"}, {"code": "error_of_2031"}])
async def test_error_in_a_stream_that_nobody_knows_is_not_called_harmless(
    wire: str, frame: Any, egress: Egress, fake: FakeProviders
) -> None:
    fake.answers("never", error_frame={"error": frame})

    error = await fail(wire, egress, fake)

    assert (error.status, error.reason) == (500, "unknown_error")
    assert "Nothing is wrong" not in str(error)
    assert error.key_step is not None
    assert error.key_step.act == "test"


@pytest_anyio
@pytest.mark.parametrize("wire", WIRES)
async def test_day_quota_is_said_in_words_and_not_waited_for(
    wire: str, egress: Egress, fake: FakeProviders
) -> None:
    error = {
        "code": 429,
        "message": "Limit on requests per day reached.",
        "status": "RESOURCE_EXHAUSTED",
    }
    fake.answers(status=429, body={"error": error})

    limited = await fail(wire, egress, fake)

    assert isinstance(limited, RateLimited)
    assert limited.daily
    assert limited.retry_after is None
    assert "Today's quota" in limited.message
    assert len(fake.calls) == 1


@pytest_anyio
async def test_wait_of_google_s_is_read_from_the_body(egress: Egress, fake: FakeProviders) -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.8379s"}
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [info]}
    fake.answers(status=429, body={"error": error})

    limited = await fail("google", egress, fake)

    assert limited.retry_after == pytest.approx(45.8379)
    assert "46 seconds" in (limited.hint or "")


@pytest_anyio
async def test_setting_that_is_refused_by_name_is_named_alone(
    egress: Egress, fake: FakeProviders
) -> None:
    body = openai("Unsupported parameter", code="unsupported_parameter", param="temperature")
    fake.answers(status=400, body=body)

    error = await fail("openai-chat", egress, fake, knobs={"temperature": 1, "top_p": 1})

    assert "which set temperature." in error.message
    assert len(fake.calls) == 1


# --- hostile bodies


def nested(depth: int) -> Any:
    value: Any = {"code": "insufficient_quota"}
    for _ in range(depth):
        value = {"error": value}
    return value


@pytest.mark.parametrize(
    "body",
    [
        nested(10_000),
        [{"error": {"code": "x"}}] * 100_000,
        {"error": {f"k{number}": "x" for number in range(100_000)}},
        {"error": "x" * 1_000_000},
        {"error": {"message": "1," * 500_000}},
        "[" * 60_000,
        {"error": {"code": True, "message": None, "param": 7, "type": ["a"]}},
        {"error": {"code": 10**400}},
        {1: {"error": 2}, None: 3},
    ],
    ids=range(9),
)
def test_body_of_any_size_and_shape_is_read_within_bounds(body: Any) -> None:
    read = read_error_body(body)

    assert len(read.text) <= 4_000
    assert len(read.words) <= 400
    assert read_refusal(400, body).meaning in {M.UNKNOWN, M.NO_CREDIT}


@pytest.mark.parametrize(
    ("text", "most", "context", "prompt"),
    [
        ("max_tokens: 16000 > 8192, which is the maximum allowed number of output tokens", 8192, None, None),
        ("max_tokens is too large: 16000. This model supports at most 4096 completion tokens, whereas", 4096, None, None),
        ("`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens`", 8192, None, None),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192, None, None),
        ("a maxOutputTokens value of 9 but the supported range is from 1 (inclusive) to 8193 (exclusive)", 8192, None, None),
        ("maximum context length is 8,192 tokens and your request has 300 input tokens", None, 8192, 300),
        ("maximum context length is 8192 tokens. However, you requested 16300 tokens (300 in the messages", None, 8192, 300),
        ("input length and `max_tokens` exceed context limit: 182831 + 64000 > 200000, decrease", None, 200000, 182831),
        (TGI.format(300), None, 4097, 300),
        ("The maximum tokens you requested exceeds the model limit of 4096. Try again with", 4096, None, None),
        ("`max_tokens` must be less than or equal to `8192`", 8192, None, None),
        ("max_tokens (384000) exceeds model's maximum output tokens (65536) for model x", 65536, None, None),
        ("Range of max_tokens should be [1, 8192]", 8192, None, None),
        ("integer above maximum value. Expected a value <= 4096, but got 8000 instead.", 4096, None, None),
        ("max_tokens must be at most 4096", 4096, None, None),
        ("context length of 8192 tokens. You requested a total of 8200 tokens: 200 tokens from the input messages", None, 8192, 200),
        ("nothing of the kind: 5 > 3", None, None, None),
    ],
)  # fmt: skip
def test_numbers_are_read_as_digits_alone(
    text: str, most: int | None, context: int | None, prompt: int | None
) -> None:
    body = read_error_body({"error": {"message": text}})

    assert (body.most_output, body.context, body.prompt) == (most, context, prompt)


@pytest.mark.parametrize(
    ("kind", "body", "said", "step"),
    [
        ("openai-responses", {"detail": "Not Found"}, "no such path", "Chat Completions"),
        ("openai-chat", {"detail": "Not Found"}, "no such path", "Check the address"),
        ("openai-responses", None, "does not speak OpenAI Responses", "--kind"),
        ("anthropic", None, "does not speak Anthropic Messages", "--kind"),
        ("gemini", None, "does not speak Gemini", "--kind"),
        ("openai-chat", None, "or knows no model 'a-model'", "models --ask"),
        ("openai-responses", {"error": {"code": "model_not_found"}}, "knows no model", "models --ask"),
    ],
)  # fmt: skip
def test_path_that_is_not_there_may_be_the_protocols(
    kind: Kind, body: object, said: str, step: str
) -> None:
    url = "http://127.0.0.1:8000" + ("/v1" if kind.startswith("openai") else "")
    there = parse_endpoint(PROVIDER_OF_KIND[kind], url, connection="mine", kind=kind)

    told = describe_refusal(there, read_refusal(404, body), "a-model", make_request())

    assert said in told.message
    assert step in told.hint
