"""Rules of refusals: the closed table, first fitting line first.

Words and phrases are in lower case. A phrase stands here only where a service gives no code for the cause;
each was read in that service's documentation, in its source, or in an answer that somebody published.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay_nb.providers.error_body import ErrorBody
from assay_nb.providers.meanings import Meaning

_SAYS_LESS = frozenset({None, 200, 400})
"""Statuses under which a general word of the body says more: an error in a stream comes with 200, a bad
Google key as 400."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table.

    Attributes:
        meaning: What it means.
        on: The statuses under which the line holds; empty for any.
        words: Codes, types or reasons, one of which the body has.
        params: Parameters of the request, one of which the body names.
        phrases: Fixed phrases, one of which its text holds. Matched, and never shown.
        strict: Whether `on` holds within a stream too, where no status is told.
        general: Whether the word says no more than a status does. It counts where the status says less.
        status: The status that the word stands for; None takes the meaning's own.
    """

    meaning: Meaning
    on: frozenset[int] = frozenset()
    words: frozenset[str] = frozenset()
    params: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    strict: bool = False
    general: bool = False
    status: int | None = None

    def fits(self, status: int | None, body: ErrorBody) -> bool:
        """Return whether the line holds for an error. In a stream every status comes as 200."""
        if self.general and status not in _SAYS_LESS:
            return False
        told = self.strict or status not in {None, 200}
        if self.on and told and status not in self.on:
            return False
        return (
            (not self.words or not self.words.isdisjoint(body.words))
            and (not self.params or not self.params.isdisjoint(body.params))
            and (not self.phrases or any(phrase in body.text for phrase in self.phrases))
        )


_M = Meaning


def _words(meaning: Meaning, *words: str, on: tuple[int, ...] = ()) -> Rule:
    return Rule(meaning, frozenset(on), frozenset(words))


def _says(meaning: Meaning, *phrases: str, on: tuple[int, ...] = ()) -> Rule:
    return Rule(meaning, frozenset(on), phrases=phrases)


def _general(meaning: Meaning, status: int, *words: str) -> Rule:
    return Rule(meaning, words=frozenset(words), general=True, status=status)


_KEY = (
    _says(_M.KEY_LEAKED, "reported as leaked", on=(400, 401, 403)),
    _words(_M.KEY_SUSPENDED, "consumer_suspended"),
    _words(_M.ACCOUNT_CLOSED, "account_deactivated"),
    _says(_M.ACCOUNT_CLOSED, "organization has been disabled", on=(400, 401, 403)),
    _says(_M.ACCOUNT_CLOSED, "project has been denied access", on=(403,)),
    _words(_M.ADDRESS_REFUSED, "api_key_ip_address_blocked"),
    _says(_M.ADDRESS_REFUSED, "ip not authorized", "not authorized from this ip", on=(401, 403)),
    _words(_M.KEY_RESTRICTED, "api_key_service_blocked", "api_key_http_referrer_blocked"),
    _words(_M.API_DISABLED, "service_disabled"),
    _words(_M.REGION, "unsupported_country_region_territory"),
    _says(_M.REGION, "location is not supported", "country, region, or territory not supported"),
    # Listing is named first in the text; where a call's right is missing too, the call says so.
    _says(_M.SCOPE_LISTING, "missing scopes: api.model.read", on=(401, 403)),
    _says(_M.SCOPE_CALL, "missing scopes:", on=(401, 403)),
    _words(_M.KEY_REFUSED, "api_key_invalid", "access_token_type_unsupported"),
    _says(_M.KEY_REFUSED, "api key not found", on=(400,)),
    _words(_M.KEY_REFUSED, "invalid_api_key", "authentication_error", "unauthenticated", on=(401,)),
    _words(_M.KEY_REFUSED, "invalidclienttokenid", on=(401, 403)),
)

_MONEY = (
    _words(_M.SPEND_ORGANIZATION, "organization_spend_limit_exceeded"),
    _words(_M.SPEND_PROJECT, "project_spend_limit_exceeded"),
    _words(_M.SPEND_PROVIDER, "organization_usage_limit_exceeded"),
    _words(_M.SPEND_TIER, "enforced_spend_limit_reached"),
    _says(
        _M.SPEND_OWN,
        "reached your specified api usage limits",
        "reached your specified workspace api usage limits",
        on=(400, 429),
    ),
    _words(_M.NO_CREDIT, "credit_balance_exhausted", "insufficient_quota", "openrouter_credits"),
    _words(_M.NO_CREDIT, "billing_hard_limit_reached", "insufficient_balance"),
    _says(_M.NO_CREDIT, "credit balance is too low", "insufficient balance", on=(400, 402, 403)),
    _words(_M.KEY_LIMIT, "openrouter_key_limit"),
    _says(_M.KEY_LIMIT, "key limit exceeded", "budget limit exceeded", on=(402, 403)),
    Rule(_M.PREPAID_USED_UP, frozenset({402}), frozenset({"resource_exhausted"}), strict=True),
    _words(_M.BILLING_WANTED, "failed_precondition", on=(400,)),
    _words(_M.BILLING, "billing_error", "billing_not_active", on=(400, 402, 403, 429)),
)

_PLACE = (
    _words(_M.DEPLOYMENT_UNKNOWN, "deploymentnotfound"),
    _words(_M.FORM_WANTED, "ftuformnotfilled"),
    _words(_M.AGREEMENT_PENDING, "mpagreementbeingcreated"),
    _says(_M.FORM_WANTED, "ftuformnotfilled", "use case details have not been submitted"),
    _says(
        _M.AGREEMENT_PENDING,
        "marketplace agreement is pending",
        "marketplace agreement pending",
        "marketplace subscription for this model cannot be completed at this time",
        on=(403, 404),
    ),
    _says(
        _M.AGREEMENT_FAILED,
        "marketplace agreement failed",
        "invalid_payment_instrument",
        on=(403, 404),
    ),
    _says(_M.ROUTE_WRONG, "isn't supported on this route", on=(400, 404)),
    _says(
        _M.PROFILE_WANTED,
        "on-demand throughput isn't supported",
        "on-demand throughput isn’t supported",
        on=(400, 404),
    ),
    Rule(_M.MODEL_NOT_ALLOWED, frozenset({403}), frozenset({"model_not_found"}), strict=True),
    _words(_M.MODEL_UNKNOWN, "model_not_found", on=(400, 404)),
    _words(_M.MODEL_UNKNOWN, "not_found_error", "not_found", "notfounderror", on=(404,)),
)

_REQUEST = (
    _words(_M.FILTERED, "content_filter", "responsibleaipolicyviolation", on=(400, 403)),
    _words(_M.FILTERED, "content_policy_violation", on=(400, 403)),
    _words(_M.FILTERED, "metadata.reasons", on=(400, 403)),
    Rule(
        _M.STREAM_UNVERIFIED,
        frozenset({400, 403}),
        frozenset({"unsupported_value"}),
        params=frozenset({"stream"}),
    ),
    _says(_M.STREAM_UNVERIFIED, "must be verified to stream", on=(400, 403, 404)),
    _words(_M.BODY_TOO_LARGE, "request_too_large"),
    # The ceiling before the context: a server that counts both together names both.
    _says(
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
        "input length and `max_tokens` exceed context limit",
        "`inputs` tokens + `max_new_tokens` must be <=",
        "input token count + max_tokens",
        on=(400, 403, 422),
    ),
    _words(
        _M.CONTEXT,
        "context_length_exceeded",
        "exceed_context_size_error",
        "string_above_max_length",
    ),
    _words(_M.CONTEXT, "token_limit_exceeded"),
    _says(
        _M.CONTEXT,
        "prompt is too long",
        "maximum context length",
        "exceeds the available context size",
        "input is too long for requested model",
        "exceeds the maximum number of tokens allowed",
        on=(400, 403, 413, 422),
    ),
    _says(
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
    _words(_M.SCHEMA, "invalid_json_schema", on=(400, 422)),
    _says(_M.SCHEMA, "no endpoints found that can handle", on=(400, 404)),
    _words(
        _M.PARAMETER, "unsupported_parameter", "unsupported_value", "extra_forbidden", on=(400, 422)
    ),
    _words(_M.PARAMETER, "unknown_parameter", on=(400, 422)),
    _says(_M.PARAMETER, "unsupported parameter", "extra inputs are not permitted", on=(400, 422)),
)

_GENERAL = (
    _general(_M.KEY_REFUSED, 401, "invalid_api_key", "authentication_error", "unauthenticated"),
    _general(_M.RATE, 429, "rate_limit_error", "rate_limit_exceeded", "slow_down"),
    _general(_M.RATE, 429, "resource_exhausted", "too_many_requests"),
    _general(_M.BUSY, 529, "overloaded_error"),
    _general(_M.BUSY, 503, "unavailable"),
    _general(_M.NOT_ALLOWED, 403, "permission_error", "permission_denied"),
    _general(_M.MODEL_UNKNOWN, 404, "not_found_error", "not_found"),
    _general(_M.DOWN, 504, "timeout_error", "deadline_exceeded"),
    _general(_M.DOWN, 500, "api_error", "server_error", "internal"),
    Rule(
        _M.UNKNOWN,
        frozenset({400}),
        frozenset({"invalid_request_error", "invalid_argument", "badrequesterror"}),
        general=True,
    ),
    _words(_M.ACCESS_DENIED, "accessdeniedexception", on=(403,)),
    _words(_M.NOT_ALLOWED, "permission_error", "permission_denied", on=(403,)),
)

RULES: tuple[Rule, ...] = (*_KEY, *_MONEY, *_PLACE, *_REQUEST, *_GENERAL)
