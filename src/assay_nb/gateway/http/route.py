"""The route: one entry of the table. Each module of handlers lists its own as `ROUTES`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from aiohttp import web

if TYPE_CHECKING:
    from assay_nb.gateway.http.context import RequestContext
    from assay_nb.store.run_token_rows import Purpose
    from assay_nb.workspaces.roles import Action

Who = Literal["open", "operator", "member", "session", "page"]
"""Who may use a route.

`open`: everybody. `operator`: a hub admin, or a token that may read the hub's own metrics. `member`: a
person of the hub, by a token or in a browser. `session`: a person in a browser, with the XSRF token when
something changes; a token is refused, since any code in a kernel has one. `page`: like `session`, but a
browser that is not signed in is sent to the hub.
"""

Handler: TypeAlias = "Callable[[RequestContext], Awaitable[web.StreamResponse]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One entry of the table from which dispatch, authorisation and the OpenAPI document are made.

    Attributes:
        method: The HTTP method; `*` for any.
        path: Below the service's prefix, without a leading slash, as aiohttp writes patterns.
        who: Who may use it.
        handler: Answers its requests.
        summary: One line for the OpenAPI document.
        action: What the caller's role in the workspace of the path must allow. The layers below check
            it; here it is for the document and the authorisation matrix.
        body: The JSON Schema of the request's body.
        reply: The schema of a successful answer; None where the document does not describe it.
        media: The media type of a successful answer.
        status: Its status.
        query: The query parameters, each with its JSON Schema.
        errors: Statuses that it may answer with, in addition to those of every route of its kind.
        token_headers: Headers other than `Authorization` that may carry a token, since some SDKs can
            send it nowhere else.
        run_tokens: Which run tokens are accepted, by their purpose; None for none. Such a route has a
            workspace in its path, and it must be the token's.
        listed: Whether it is in the OpenAPI document.
    """

    method: str
    path: str
    who: Who
    handler: Handler
    summary: str
    action: Action | None = None
    body: Mapping[str, Any] | None = None
    reply: Mapping[str, Any] | None = None
    media: str = "application/json"
    status: int = 200
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    errors: Sequence[int] = ()
    token_headers: Sequence[str] = ()
    run_tokens: Purpose | None = None
    listed: bool = True
