"""Rules of refusals: the closed table, first fitting line first.

Words and phrases are in lower case. A phrase stands here only where a service gives no code for the cause;
each was read in that service's documentation, in its source, or in an answer that somebody published.
"""

from __future__ import annotations

from assay_nb.providers.meanings import Meaning
from assay_nb.providers.refusal_rule import Rule, general, says, words

_M = Meaning

_KEY = (
    says(_M.KEY_LEAKED, "reported as leaked", on=(400, 401, 403)),
    words(_M.KEY_SUSPENDED, "consumer_suspended"),
    words(_M.ACCOUNT_CLOSED, "account_deactivated", "organization_restricted"),
    says(_M.ACCOUNT_CLOSED, "organization has been disabled", on=(400, 401, 403)),
    says(_M.ACCOUNT_CLOSED, "project has been denied access", on=(403,)),
    words(_M.ADDRESS_REFUSED, "api_key_ip_address_blocked"),
    says(
        _M.ADDRESS_REFUSED,
        "ip not authorized",
        "not authorized from this ip",
        "virtual network/firewall rules",
        on=(401, 403),
    ),
    words(_M.KEY_RESTRICTED, "api_key_service_blocked", "api_key_http_referrer_blocked"),
    words(_M.API_DISABLED, "service_disabled"),
    words(_M.REGION, "unsupported_country_region_territory"),
    says(_M.REGION, "location is not supported", "country, region, or territory not supported"),
    # Listing is named first in the text; where a call's right is missing too, the call says so.
    says(_M.SCOPE_LISTING, "missing scopes: api.model.read", on=(401, 403)),
    says(_M.SCOPE_CALL, "missing scopes:", on=(401, 403)),
    # A proxy's key may lack a model, and Azure says so with 401.
    words(
        _M.NOT_ALLOWED,
        "key_model_access_denied",
        "team_model_access_denied",
        "user_model_access_denied",
        "org_model_access_denied",
        "project_model_access_denied",
        "permissiondenied",
        on=(401, 403),
    ),
    says(_M.NOT_ALLOWED, "don't have access to the model", on=(400, 403)),
    words(_M.MODEL_NOT_ALLOWED, "model_permission_blocked_org", "model_permission_blocked_project"),
    words(_M.ACCESS_DENIED, "accessdeniedexception", on=(403,)),
    words(_M.KEY_REFUSED, "api_key_invalid", "access_token_type_unsupported"),
    words(_M.KEY_REFUSED, "token_not_found_in_db", "expired_key", on=(401,)),
    says(_M.KEY_REFUSED, "incorrect api key provided", on=(400,)),
    says(
        _M.KEY_REFUSED,
        "invalid subscription key",
        "security token included in the request is invalid",
        "bearer token has expired",
        on=(401, 403),
    ),
    says(_M.KEY_REFUSED, "api key not found", on=(400,)),
    words(_M.KEY_REFUSED, "invalid_api_key", "authentication_error", "unauthenticated", on=(401,)),
    words(_M.KEY_REFUSED, "invalidclienttokenid", on=(401, 403)),
)

_MONEY = (
    words(_M.SPEND_ORGANIZATION, "organization_spend_limit_exceeded"),
    words(_M.SPEND_PROJECT, "project_spend_limit_exceeded"),
    words(_M.SPEND_PROVIDER, "organization_usage_limit_exceeded"),
    words(_M.SPEND_TIER, "enforced_spend_limit_reached"),
    says(
        _M.SPEND_OWN,
        "reached your specified api usage limits",
        "reached your specified workspace api usage limits",
        on=(400, 429),
    ),
    words(_M.NO_CREDIT, "credit_balance_exhausted", "insufficient_quota", "openrouter_credits"),
    words(_M.NO_CREDIT, "billing_hard_limit_reached", "insufficient_balance"),
    words(_M.NO_CREDIT, "insufficient_user_quota"),
    says(_M.NO_CREDIT, "credit balance is too low", "insufficient balance", on=(400, 402, 403)),
    says(
        _M.NO_CREDIT,
        "used all available credits",
        "run out of credits",
        "doesn't have any credits",
        "openaiexception - you exceeded your current quota",  # what LiteLLM leaves of OpenAI's
        on=(402, 403, 429),
    ),
    words(_M.KEY_LIMIT, "openrouter_key_limit", "budget_exceeded"),
    says(_M.KEY_LIMIT, "key limit exceeded", "budget limit exceeded", on=(402, 403)),
    says(
        _M.KEY_LIMIT,
        "budget has been exceeded",
        "exceededbudget:",
        "out of call volume quota",
        on=(400, 401, 402, 403, 429),
    ),
    Rule(_M.PREPAID_USED_UP, frozenset({402}), frozenset({"resource_exhausted"}), strict=True),
    says(_M.PREPAID_USED_UP, "prepayment credits are depleted", on=(402, 429)),
    says(_M.SPEND_PROJECT, "exceeded its monthly spending cap", on=(402, 429)),
    # A quota of zero is none that opens again: the model is not in the free tier.
    says(
        _M.BILLING_WANTED,
        "free_tier_requests, limit: 0",
        "free_tier_input_token_count, limit: 0",
        on=(429,),
    ),
    words(_M.BILLING_WANTED, "billing_disabled"),
    words(_M.BILLING_WANTED, "failed_precondition", on=(400,)),
    words(_M.BILLING, "billing_error", "billing_not_active", on=(400, 402, 403, 429)),
    says(_M.BILLING, "suspended, possibly due to reaching the monthly spending limit"),
)

_PLACE = (
    Rule(
        _M.PAGE_UNKNOWN,
        frozenset({404, 405}),
        phrases=(
            "unexpected endpoint or method",  # LM Studio's, with status 200
            "404 page not found",
            "invalid url (",
            "resource not found",
            "no route matched",
            "cannot post /",
            "cannot get /",
        ),
        status=404,
    ),
    words(_M.DEPLOYMENT_UNKNOWN, "deploymentnotfound"),
    says(_M.UNVERIFIED, "must be verified to use the model", on=(400, 403, 404)),
    words(_M.TERMS_WANTED, "model_terms_required"),
    says(_M.DATA_POLICY, "no endpoints found matching your data policy"),
    words(_M.FORM_WANTED, "ftuformnotfilled"),
    words(_M.AGREEMENT_PENDING, "mpagreementbeingcreated"),
    says(_M.FORM_WANTED, "ftuformnotfilled", "use case details have not been submitted"),
    says(
        _M.AGREEMENT_PENDING,
        "marketplace agreement is pending",
        "marketplace agreement pending",
        "marketplace subscription for this model cannot be completed at this time",
        on=(403, 404),
    ),
    says(
        _M.AGREEMENT_FAILED,
        "marketplace agreement failed",
        "invalid_payment_instrument",
        on=(403, 404),
    ),
    says(_M.ROUTE_WRONG, "isn't supported on this route", on=(400, 404)),
    says(
        _M.PROFILE_WANTED,
        "on-demand throughput isn't supported",
        "on-demand throughput isn’t supported",
        on=(400, 404),
    ),
    Rule(_M.MODEL_NOT_ALLOWED, frozenset({403}), frozenset({"model_not_found"}), strict=True),
    words(
        _M.MODEL_UNKNOWN,
        "model_not_found",
        "model_not_available",
        "model_not_supported",
        "model_decommissioned",
        "invalid_model",
        on=(400, 404, 503),
    ),
    says(
        _M.MODEL_UNKNOWN,
        "is not a valid model id",
        "provided model identifier is invalid",
        "invalid model name passed in model",
        "no endpoints found for",
        "marked by provider as legacy",
        on=(400, 404),
    ),
    words(_M.MODEL_UNKNOWN, "not_found_error", "not_found", "notfounderror", on=(404,)),
)

_REQUEST = (
    words(_M.FILTERED, "content_filter", "responsibleaipolicyviolation", on=(400, 403)),
    words(_M.FILTERED, "content_policy_violation", on=(400, 403)),
    words(_M.FILTERED, "metadata.reasons", on=(400, 403)),
    words(_M.FILTERED, "invalid_prompt", "data_inspection_failed", "datainspectionfailed"),
    says(
        _M.FILTERED,
        "blocked by content filtering policy",
        "content violates usage guidelines",
        "content exists risk",
        "considered high risk",
        "flagged as potentially violating our usage policy",
        on=(400, 403, 502),
    ),
    Rule(
        _M.STREAM_UNVERIFIED,
        frozenset({400, 403}),
        frozenset({"unsupported_value"}),
        params=frozenset({"stream"}),
    ),
    says(_M.STREAM_UNVERIFIED, "must be verified to stream", on=(400, 403, 404)),
    Rule(_M.STREAM, frozenset({400, 422}), params=frozenset({"stream"})),
    says(_M.STREAM, "unsupported for streaming", "streaming is not supported", on=(400, 422)),
    words(_M.BODY_TOO_LARGE, "request_too_large"),
    # More tokens than an account may use in a minute: no wait helps.
    Rule(
        _M.MINUTE,
        frozenset({413, 429}),
        frozenset({"rate_limit_exceeded", "tokens"}),
        phrases=("request too large for",),
    ),
    says(
        _M.SYSTEM,
        "developer instruction is not enabled",
        "system role not supported",
        "system role is not supported",
        "conversation roles must alternate",
        "roles are supported, got system",
        on=(400, 422, 500),
    ),
    # A reply of no tokens is what is left where the prompt fills the context.
    says(
        _M.CONTEXT,
        "max_tokens must be at least 1, got -",
        "must be greater than 0, default_max_tokens",
        on=(400,),
    ),
    # The ceiling before the context: a server that counts both together names both.
    says(
        _M.CEILING,
        "max_tokens is too large",
        "max_completion_tokens is too large",
        "'max_tokens' or 'max_completion_tokens' is too large",
        "maximum allowed number of output tokens",
        "maximum value for `max_tokens`",
        "maximum value for `max_completion_tokens`",
        "completion tokens, whereas you provided",
        "the valid range of max_tokens",
        "maxoutputtokens value of",
        "requested exceeds the model limit of",
        "exceeds model's maximum output tokens",
        "max_tokens must be less than or equal to",
        "`max_tokens` must be less than or equal to",
        "max_completion_tokens must be less than or equal to",
        "`max_completion_tokens` must be less than or equal to",
        "max_tokens: input should be less than or equal to",
        "max_tokens must be at most",
        "range of max_tokens should be",
        "'max_output_tokens': integer above maximum",
        "'max_tokens': integer above maximum",
        "`max_tokens` specified in the request are not valid",
        "input length and `max_tokens` exceed context limit",
        "`inputs` tokens + `max_new_tokens` must be <=",
        "input token count + max_tokens",
        on=(400, 403, 422),
    ),
    words(
        _M.CONTEXT,
        "context_length_exceeded",
        "exceed_context_size_error",
        "string_above_max_length",
    ),
    words(_M.CONTEXT, "token_limit_exceeded", "tokens_limit_reached"),
    words(_M.CONTEXT, "model_max_prompt_tokens_exceeded", "contextwindowexceedederror"),
    says(
        _M.CONTEXT,
        "prompt is too long",
        "maximum context length",
        "exceeds the available context size",
        "input is too long for requested model",
        "exceeds the maximum number of tokens allowed",
        # vLLM and SGLang
        "longer than the maximum model length",
        "longer than the model's context length",
        "too long to fit into the model",
        "exceeds the maximum allowed length",
        "`inputs` must have less than",
        # LM Studio and Ollama
        "context length of only",
        "greater than the context length",
        "context size has been exceeded",
        "truncate prompt with n_keep",
        "exceeded max context length",
        "exceeds the context length",
        # services
        "maximum prompt length is",
        "prompt token count of",
        "exceeds the context window",
        "context window exceeds limit",
        "exceeded model token limit",
        "prompt exceeds max length",
        "range of input length should be",
        "too many tokens: size limit exceeded",
        on=(400, 403, 413, 422, 500),
    ),
    says(
        _M.SCHEMA,
        "compiled grammar is too large",
        "too many optional parameters",
        "schema is too complex",
        "invalid schema for response_format",
        "invalid schema for text.format",
        "too many states for serving",
        "json schema error at",
        "does not support response format",
        on=(400, 422, 500, 501),
    ),
    words(_M.SCHEMA, "invalid_json_schema", on=(400, 422)),
    says(_M.SCHEMA, "no endpoints found that can handle", on=(400, 404)),
    words(
        _M.PARAMETER, "unsupported_parameter", "unsupported_value", "extra_forbidden", on=(400, 422)
    ),
    words(_M.PARAMETER, "unknown_parameter", on=(400, 422)),
    says(_M.PARAMETER, "unsupported parameter", "extra inputs are not permitted", on=(400, 422)),
)

_SERVER = (
    says(
        _M.MEMORY,
        "requires more system memory",
        "out of memory",
        "insufficient system resources",
        on=(400, 500, 503),
    ),
    says(_M.LOADING, "loading model", "is currently loading", on=(503,)),
    Rule(_M.BUSY, words=frozenset({"model_capacity_exhausted"}), status=503),
    Rule(
        _M.DOWN,
        frozenset({400, 500}),
        phrases=("model has crashed", "runner process has terminated"),
        status=500,
    ),
)

_GENERAL = (
    general(_M.KEY_REFUSED, 401, "invalid_api_key", "authentication_error", "unauthenticated"),
    general(_M.RATE, 429, "rate_limit_error", "rate_limit_exceeded", "slow_down"),
    general(_M.RATE, 429, "resource_exhausted", "too_many_requests"),
    general(_M.BUSY, 529, "overloaded_error"),
    general(_M.BUSY, 503, "unavailable"),
    general(_M.NOT_ALLOWED, 403, "permission_error", "permission_denied"),
    general(_M.MODEL_UNKNOWN, 404, "not_found_error", "not_found"),
    general(_M.DOWN, 504, "timeout_error", "deadline_exceeded"),
    general(_M.DOWN, 500, "api_error", "server_error", "internal"),
    Rule(
        _M.UNKNOWN,
        frozenset({400}),
        frozenset({"invalid_request_error", "invalid_argument", "badrequesterror"}),
        general=True,
    ),
    words(_M.NOT_ALLOWED, "permission_error", "permission_denied", on=(403,)),
)

RULES: tuple[Rule, ...] = (*_KEY, *_MONEY, *_PLACE, *_REQUEST, *_SERVER, *_GENERAL)
