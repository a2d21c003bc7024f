"""Meanings: what a refusal can mean, and what follows from each: which error, and what may be tried next."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from assay_nb import errors
from assay_nb.errors import ProviderAuthError, ProviderError, ProviderUnavailable, RateLimited


class Meaning(enum.StrEnum):
    """What a refusal means."""

    # the key
    KEY_REFUSED = "key_refused"
    KEY_LEAKED = "key_leaked"
    KEY_SUSPENDED = "key_suspended"
    ACCOUNT_CLOSED = "account_closed"
    KEY_RESTRICTED = "key_restricted"
    API_DISABLED = "api_disabled"
    ADDRESS_REFUSED = "address_refused"
    REGION = "region"
    SCOPE_LISTING = "scope_listing"
    SCOPE_CALL = "scope_call"
    ACCESS_DENIED = "access_denied"
    NOT_ALLOWED = "not_allowed"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    # money
    NO_CREDIT = "no_credit"
    PREPAID_USED_UP = "prepaid_used_up"
    BILLING_WANTED = "billing_wanted"
    BILLING = "billing"
    KEY_LIMIT = "key_limit"
    SPEND_OWN = "spend_limit"
    SPEND_ORGANIZATION = "organization_spend_limit"
    SPEND_PROJECT = "project_spend_limit"
    SPEND_PROVIDER = "provider_spend_limit"
    SPEND_TIER = "tier_spend_limit"
    # the model and the place
    MODEL_UNKNOWN = "model_unknown"
    DEPLOYMENT_UNKNOWN = "deployment_unknown"
    FORM_WANTED = "form_wanted"
    AGREEMENT_PENDING = "agreement_pending"
    AGREEMENT_FAILED = "agreement_failed"
    ROUTE_WRONG = "route_wrong"
    PROFILE_WANTED = "profile_wanted"
    PAGE_UNKNOWN = "page_unknown"
    UNVERIFIED = "unverified"
    TERMS_WANTED = "terms_wanted"
    DATA_POLICY = "data_policy"
    # the request
    CONTEXT = "context"
    BODY_TOO_LARGE = "body_too_large"
    CEILING = "ceiling"
    PARAMETER = "parameter"
    STREAM_UNVERIFIED = "stream_unverified"
    STREAM = "stream"
    SCHEMA = "schema"
    SYSTEM = "system"
    FILTERED = "filtered"
    MINUTE = "minute"
    # now and later
    RATE = "rate"
    DAY_QUOTA = errors.DAY_QUOTA
    BUSY = "busy"
    LOADING = "loading"
    MEMORY = "memory"
    DOWN = "down"
    # not in the table
    UNKNOWN = "unknown"
    UNKNOWN_401 = "unknown_401"
    UNKNOWN_403 = "unknown_403"
    UNKNOWN_404 = "unknown_404"
    UNKNOWN_ERROR = "unknown_error"


class Then(enum.Enum):
    """What may follow a refusal."""

    NEVER = "the same and anything like it would be refused again"
    WAIT = "the same may be taken later"
    STEP = "another form of the request may be taken"


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from a meaning.

    Attributes:
        kind: The error that a caller meets.
        status: The status that counts, where HTTP's own says less; None keeps HTTP's.
        then: What may follow.
    """

    kind: type[ProviderError]
    status: int | None
    then: Then


def _never(status: int | None, kind: type[ProviderError] = ProviderError) -> Consequence:
    return Consequence(kind, status, Then.NEVER)


_M = Meaning
CONSEQUENCES: Mapping[Meaning, Consequence] = {
    # 401 is what a key is refused with, and 403 what a good key may not do.
    _M.KEY_REFUSED: _never(401, ProviderAuthError),
    _M.KEY_LEAKED: _never(401, ProviderAuthError),
    _M.KEY_SUSPENDED: _never(401, ProviderAuthError),
    _M.ACCOUNT_CLOSED: _never(401, ProviderAuthError),
    _M.KEY_RESTRICTED: _never(403, ProviderAuthError),
    _M.API_DISABLED: _never(403, ProviderAuthError),
    _M.ADDRESS_REFUSED: _never(403, ProviderAuthError),
    _M.REGION: _never(403, ProviderAuthError),
    _M.SCOPE_LISTING: _never(403, ProviderAuthError),
    _M.SCOPE_CALL: _never(403, ProviderAuthError),
    _M.ACCESS_DENIED: _never(403, ProviderAuthError),
    _M.NOT_ALLOWED: _never(403, ProviderAuthError),
    _M.MODEL_NOT_ALLOWED: _never(403, ProviderAuthError),
    _M.NO_CREDIT: _never(402),
    _M.PREPAID_USED_UP: _never(402),
    _M.BILLING_WANTED: _never(402),
    _M.BILLING: _never(402),
    _M.KEY_LIMIT: _never(402),
    _M.SPEND_OWN: _never(402),
    _M.SPEND_ORGANIZATION: _never(402),
    _M.SPEND_PROJECT: _never(402),
    _M.SPEND_PROVIDER: _never(402),
    _M.SPEND_TIER: _never(402),
    _M.MODEL_UNKNOWN: _never(404),
    _M.DEPLOYMENT_UNKNOWN: _never(404),
    _M.FORM_WANTED: _never(404),
    _M.AGREEMENT_PENDING: _never(403),
    _M.AGREEMENT_FAILED: _never(403),
    _M.ROUTE_WRONG: _never(404),
    _M.PROFILE_WANTED: _never(404),
    _M.PAGE_UNKNOWN: _never(None),  # 405 says that a server knows the page
    _M.UNVERIFIED: _never(403),
    _M.TERMS_WANTED: _never(403),
    _M.DATA_POLICY: _never(403),
    # 413 and 400 may concern one row of a table alone.
    _M.CONTEXT: _never(413),
    _M.BODY_TOO_LARGE: _never(413),
    _M.FILTERED: _never(400),
    _M.MINUTE: _never(413),
    _M.CEILING: Consequence(ProviderError, None, Then.STEP),
    _M.PARAMETER: Consequence(ProviderError, None, Then.STEP),
    _M.STREAM_UNVERIFIED: Consequence(ProviderError, 403, Then.STEP),
    _M.STREAM: Consequence(ProviderError, None, Then.STEP),
    _M.SCHEMA: Consequence(ProviderError, None, Then.STEP),
    _M.SYSTEM: Consequence(ProviderError, None, Then.STEP),
    _M.RATE: Consequence(RateLimited, 429, Then.WAIT),
    _M.DAY_QUOTA: _never(429, RateLimited),
    _M.BUSY: Consequence(ProviderUnavailable, None, Then.WAIT),
    _M.LOADING: Consequence(ProviderUnavailable, 503, Then.WAIT),
    _M.MEMORY: _never(500),
    _M.DOWN: Consequence(ProviderUnavailable, None, Then.WAIT),
    _M.UNKNOWN: Consequence(ProviderError, None, Then.STEP),
    _M.UNKNOWN_401: _never(401, ProviderAuthError),
    _M.UNKNOWN_403: _never(403, ProviderAuthError),
    _M.UNKNOWN_404: Consequence(ProviderError, 404, Then.STEP),
    # An error in a reply, which has no status: retried as a server's own failure is.
    _M.UNKNOWN_ERROR: Consequence(ProviderUnavailable, 500, Then.WAIT),
}
