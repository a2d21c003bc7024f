"""Sentences on refusals: for each meaning what happened, and the next step. `wording` fills in who and which.

Where the next step is about the key itself, `KEY_ACTS` names it, and what stands here leads to it: how a key is
replaced or tested depends on who reads the error, which is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping

from assay_nb.errors import KeyAct
from assay_nb.providers.meanings import Meaning

_M = Meaning

KEY_ACTS: Mapping[Meaning, KeyAct] = {
    _M.KEY_REFUSED: "replace",
    _M.KEY_LEAKED: "replace",
    _M.UNKNOWN_ERROR: "test",
    _M.UNKNOWN_401: "test",
}
"""What is to be done to the key, of the meanings that are about it."""

SENTENCES: Mapping[Meaning, tuple[str, str]] = {
    _M.KEY_REFUSED: (
        "{who} does not accept the workspace's key.",
        "Perhaps it was revoked, or belongs elsewhere; {keys_valid}.",
    ),
    _M.KEY_LEAKED: (
        "{who} has blocked the workspace's key because it was found in public.",
        "Make a new key{keys_at}, and find where the old one leaked.",
    ),
    _M.KEY_SUSPENDED: (
        "{who} has suspended the project behind the workspace's key.",
        "Ask the project's owner or {who}'s support; a key of another project works at once.",
    ),
    _M.ACCOUNT_CLOSED: (
        "{who} has closed the account behind the workspace's key, or denied it access.",
        "Write to {who}'s support; another account's key works at once.",
    ),
    _M.KEY_RESTRICTED: (
        "The workspace's key is restricted to other uses, so {who} blocked the request.",
        "Allow this API among the key's restrictions{keys_at}, or make a key without them.",
    ),
    _M.API_DISABLED: (
        "The API is switched off in the project{behind}.",
        "Enable the Generative Language API in that project; it takes a few minutes.",
    ),
    _M.ADDRESS_REFUSED: (
        "{who} does not take the workspace's key from the IP address that it came from.",
        "Ask the project's admin to add the address to its list of allowed ones.",
    ),
    _M.REGION: (
        "{who} does not serve the country or region that this request came from.",
        "Call it from a supported region, or use a provider that serves yours.",
    ),
    _M.SCOPE_LISTING: (
        "{who} accepts the key, but it lacks the right to list models (api.model.read).",
        "Use it as it is: calls need another right. To have models listed, give it that one{keys_at}.",
    ),
    _M.SCOPE_CALL: (
        "{who} accepts the key, but it lacks the right to call (model.request, api.responses.write).",
        "Give the key the right to write responses{keys_at}.",
    ),
    _M.ACCESS_DENIED: (
        "{who} accepts the key, but its policy does not allow {model}.",
        "Ask the account's administrator to allow the key's user to call it.",
    ),
    _M.NOT_ALLOWED: (
        "{who} accepts the workspace's key, but the key may not {act}.",
        "Choose what it may use: `assay-nb models --ask` lists what it can see; {keys_may}.",
    ),
    _M.MODEL_NOT_ALLOWED: (
        "The project{behind} may not use {model}.",
        "Allow the model in the project's limits, or choose another: `assay-nb models --ask` lists them.",
    ),
    _M.NO_CREDIT: (
        "The {account}{behind} has run out of credit.",
        "Buy credit at {billing}. If there is some, make a new key: this one may belong to another account.",
    ),
    _M.PREPAID_USED_UP: (
        "The prepaid credit of the {account}{behind} is used up, for all its keys.",
        "Add credit at {billing}.",
    ),
    _M.BILLING_WANTED: (
        "{who} has no free tier for this project or country, and no billing is set up.",
        "Enable billing for the project behind the key at {billing}.",
    ),
    _M.BILLING: (
        "{who} refused the request for a reason of payment: no credit, a limit, or missing payment data.",
        "Check the account at {billing}.",
    ),
    _M.KEY_LIMIT: (
        "The spending limit of the workspace's key at {who} is reached; the account may still have credit.",
        "Raise the key's own limit{keys_at}, or save another key.",
    ),
    _M.SPEND_OWN: (
        "The spending limit that was set for the {account}{behind} is reached.",
        "Raise the limit at {billing}, or wait until it opens.",
    ),
    _M.SPEND_ORGANIZATION: (
        "The organisation's monthly spending limit at {who} is reached.",
        "Raise it at {billing}, or wait for the next month.",
    ),
    _M.SPEND_PROJECT: (
        "The monthly spending limit of the project{behind} is reached.",
        "Raise the project's limit at {billing}, or wait for the next month.",
    ),
    _M.SPEND_PROVIDER: (
        "The monthly limit that {who} itself sets for this organisation is reached.",
        "Ask {who} for a higher one at {billing}, or wait for the next month.",
    ),
    _M.SPEND_TIER: (
        "The monthly spending limit of the account's tier at {who} is reached.",
        "Wait until the first of the next month, 00:00 UTC, or move to a higher tier at {billing}.",
    ),
    _M.DEPLOYMENT_UNKNOWN: (
        "{who} has no deployment named {quoted}.",
        "Name the deployment, not the model that it serves; a new one needs a few minutes.",
    ),
    _M.FORM_WANTED: (
        "{who} wants a form on the intended use before {model} may be called.",
        "Fill in the model's use-case form in the account's console; it then takes a few minutes.",
    ),
    _M.AGREEMENT_PENDING: (
        "The account's agreement for {model} at {who} is still being made.",
        "Try again in 15 minutes; write to its support if this persists.",
    ),
    _M.AGREEMENT_FAILED: (
        "The account's agreement for {model} at {who} has failed.",
        "Check the account's payment method and country.",
    ),
    _M.ROUTE_WRONG: (
        "{who} does not serve {model} under this path.",
        "Save the connection again with the base path that the server's manual names for this model.",
    ),
    _M.PROFILE_WANTED: (
        "{who} serves {model} only through an inference profile.",
        "Name the profile instead, which begins with a region: `us.`, `eu.` or `global.`.",
    ),
    _M.UNVERIFIED: (
        "{who} lets only verified organisations use {model}.",
        "Verify the organisation in its settings, which takes about 15 minutes, or choose another model.",
    ),
    _M.TERMS_WANTED: (
        "{who} wants the terms of {model} accepted before it may be called.",
        "Ask the account's administrator to accept them in its console.",
    ),
    _M.DATA_POLICY: (
        "{who} has {model} only at providers that the account's data policy excludes.",
        "Change the account's privacy settings, or choose another model: `assay-nb models --ask`.",
    ),
    _M.BODY_TOO_LARGE: (
        "The request is larger than {who} takes.",
        "Shorten the prompt.",
    ),
    _M.CEILING: (
        "{who} refused the ceiling {ceiling}{for_model}{most}.",
        "Set a lower max_output_tokens.",
    ),
    _M.STREAM_UNVERIFIED: (
        "{who} lets only verified organisations use {model} as a stream.",
        "Verify the organisation in its settings, which takes about 15 minutes, or choose another model.",
    ),
    _M.STREAM: (
        "{who} does not stream what was asked of {model}.",
        "Choose another model: `assay-nb models`.",
    ),
    _M.SCHEMA: (
        "{who} cannot hold {model} to the schema that was asked for.",
        "Choose another model: `assay-nb models`.",
    ),
    _M.SYSTEM: (
        "{who} takes no system text for {model}.",
        "Put it into the prompt itself, or choose another model.",
    ),
    _M.MINUTE: (
        "The request has more tokens than the {account} may use in a minute{minute}.",
        "Shorten the prompt, set a lower max_output_tokens, or choose a model or tier with a higher limit.",
    ),
    _M.MEMORY: (
        "{who} has too little memory for {model}.",
        "Choose a smaller model, or free memory on that machine.",
    ),
    _M.FILTERED: (
        "The content filter of {who} refused the prompt.",
        "Change the prompt, or choose another model or provider: add `-m CONNECTION/MODEL`.",
    ),
    _M.UNKNOWN_ERROR: (
        "{who} sent an error in the place of a reply, without a reason that is known here.",
        "Try again; if it persists, the key may be why.",
    ),
    _M.UNKNOWN_401: (
        "{who} refused the request as not authorised (status 401), without a reason that is known here.",
        "",
    ),
    _M.UNKNOWN_403: (
        "{who} refused the request as forbidden (status 403), without a reason that is known here.",
        "Ask what it allows: `assay-nb models --ask` lists the models; {keys_may}.",
    ),
}
