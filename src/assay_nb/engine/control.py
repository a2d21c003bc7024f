"""The control, the second seam: keys, members, workspaces, models and budget; everything but calls.

`LocalControl` works on the vault in this process, `RemoteControl` asks a gateway; commands, magics and
panels know only this protocol. What it returns is plain data, ready for JSON, and holds no key:
a key goes in through `set_key` and never comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from assay_nb.connections.keyway import Keyway
from assay_nb.connections.presets import Preset
from assay_nb.errors import workspace_gone
from assay_nb.messages import NO_KEY, Kind, ProviderId

if TYPE_CHECKING:
    from assay_nb.engine.usage import UsageFacts, UsagePart

Mode = Literal["solo", "hub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Base of what control returns."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFacts(Facts):
    """A workspace, as one of its members sees it."""

    id: str
    name: str
    kind: Literal["personal", "team"]
    role: str
    model: str | None
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts(Facts):
    """A member of a workspace."""

    user: str
    role: str
    source: Literal["hand", "group"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts(Facts):
    """What may be known of a stored key: everything but the key.

    Attributes:
        state: From a real decrypt check. `"missing"` when the workspace has none for the provider.
        verified: Whether the provider's listing call has accepted it.
        last4: The last four characters, or `""` for a short key.
        placement: How it is put on a request: `"bearer"`, the name of a header, or `"none"` where a server is
            called without a key. `""` when the workspace has none.
        connection: The connection's name, which stands before the slash of a model's.
        kind: What the server speaks: see `messages.Kind`.
        age_days: Whole days since it was stored; None where there is none, or nobody knows.
        old: Whether that is longer ago than a key should serve: `remind_key_days` on a hub.
    """

    provider: ProviderId
    state: Literal["ready", "unreadable", "sealed", "missing"]
    verified: bool = False
    last4: str = ""
    endpoint: str = ""
    added_by: str = ""
    added_at: str = ""
    placement: str = ""
    connection: str = ""
    kind: str = ""
    age_days: int | None = None
    old: bool = False

    def __post_init__(self) -> None:
        if not self.connection:
            object.__setattr__(self, "connection", self.provider)

    @property
    def keyless(self) -> bool:
        """Whether calls go out without a key. Proven by opening the row: an edited one does not count."""
        return self.state == "ready" and self.placement == NO_KEY


STORE_UNTESTED = "To store it untested, add `--unverified`."
"""How what could not be tested is stored all the same, in a terminal; a form has a box to tick instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck(Facts):
    """What came of testing a key with the provider's free listing call.

    Attributes:
        outcome: `"accepted"`; `"limited"` when the key works but may not list models (saved,
            unverified); `"unchecked"` when the provider was not asked, or lists its models to anybody, so
            that its answer proves nothing (saved, unverified); `"keyless"` when a server without
            a key answered, which does not prove that it answers calls (saved, unverified).
        connection: The connection's name.
        names: The first models that the listing names.
    """

    provider: ProviderId
    outcome: Literal["accepted", "limited", "unchecked", "keyless"]
    models: int = 0
    detail: str = ""
    connection: str = ""
    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal(Facts):
    """What came of removing a key.

    Attributes:
        connection: The connection's name.
        scrubbed: Whether the old sealed bytes are gone from the database's files as well. False when
            another process held them open; the next removal or `doctor` tries again.
        revoke_url: Where to revoke it at the provider, which alone ends a key, or the server that
            took it; `""` where there was none.
    """

    provider: ProviderId
    scrubbed: bool
    revoke_url: str
    connection: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts(Facts):
    """A model of the table that ships with the package, or of the provider's own list.

    Attributes:
        provider: The name of the connection that serves it.
        context: Tokens that fit, prompt and reply together.
        max_output: Tokens of a reply at most.
        input_price: US dollars per million tokens of input; None where nobody knows, which is not 0.
        output_price: The same of output.
        retires: The day on which it is, or was, due to be shut down, as an ISO date.
        retires_earliest: Whether that is only the first day on which it may happen.
        successor: What its provider recommends instead.
        sources: Who says so, for `context`, `max_output`, `price` and `retires`.
    """

    name: str
    provider: str
    context: int | None = None
    max_output: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    retires: str | None = None
    retires_earliest: bool = False
    successor: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingFailure(Facts):
    """A connection whose server did not list its models, and why."""

    connection: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Facts):
    """Models, and the connections that were asked for theirs in vain. It iterates over the models."""

    models: Sequence[ModelFacts]
    failures: Sequence[ListingFailure] = ()

    def __iter__(self) -> Iterator[ModelFacts]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetFacts(Facts):
    """The person's demo calls; both are 0 where the operator has stored no platform key."""

    granted: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts(Facts):
    """One line of the calls log: who, when, what, how many tokens. Never content.

    Attributes:
        status: `"ok"`, the code of an error, `"running"`, or `"cut_off"` where the process was killed.
        counted: US dollars that it counts for: its cost, or an estimate where that is not known.
    """

    at: str
    user: str
    instrument: str
    provider: str
    model: str
    funding: str
    status: str
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    milliseconds: int | None
    cached_tokens: int | None = None
    counted: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(Facts):
    """The status: what `%assay` alone shows.

    Attributes:
        workspace: The active one. None if it is gone, or the person no longer in it; then there are no
            keys and no model either, and calls that name no workspace fail.
        warnings: What is to be known of the model in use, such as that it is about to be shut down.
    """

    mode: Mode
    version: str
    user: str
    vault: Literal["empty", "open", "sealed"]
    vault_place: str
    master_key_place: str
    workspace: WorkspaceFacts | None
    keys: Sequence[KeyFacts]
    model: str | None
    budget: BudgetFacts
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterFacts(Facts):
    """A master key, by its id; never its value."""

    id: str
    state: Literal["active", "retired", "orphan", "missing"]
    created_at: str
    data_keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis(Facts):
    """One line of `doctor`: what was looked at, how it is, and what to do."""

    level: Literal["ok", "info", "warning", "problem"]
    subject: str
    text: str
    hint: str = ""


def about_gone_workspace() -> Diagnosis:
    """Return what `doctor` says when the active workspace is gone."""
    gone = workspace_gone()
    return Diagnosis(level="warning", subject="workspace", text=gone.message, hint=gone.hint or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup(Facts):
    """How to get started with a provider."""

    provider: ProviderId
    name: str
    key_url: str
    revoke_url: str
    looks_like: str
    cost: str
    note: str = ""

    @classmethod
    def of(cls, preset: Preset) -> Setup:
        """Return how to get started with the service of a preset."""
        return cls(
            provider=preset.provider,
            name=preset.label,
            key_url=preset.keys_url,
            revoke_url=preset.keys_url,
            looks_like=preset.looks_like,
            cost=preset.to_begin,
            note=preset.caution,
        )


class Control(Protocol):
    """Keys, members, workspaces, models and budget, in either mode.

    A `workspace` argument is a name or an id; None is the active one. Every method raises
    `WorkspaceNotFound` for one the caller is not a member of, and `PermissionDenied` where the role
    does not allow the act. Where the active one is gone, only a method that is given None and needs a
    workspace raises: what merely shows which one is active shows that none is.

    Attributes:
        selected: The workspace that this process (a kernel, say) works in, by id; None follows the
            person's stored default.
    """

    mode: Mode
    selected: str | None

    async def standing(self) -> Standing: ...

    async def workspaces(self) -> list[WorkspaceFacts]: ...
    async def use_workspace(self, name: str) -> WorkspaceFacts: ...
    async def create_workspace(self, name: str) -> WorkspaceFacts: ...
    async def show_workspace(self, name: str | None) -> WorkspaceFacts: ...
    async def rename_workspace(self, name: str, new_name: str) -> WorkspaceFacts: ...
    async def delete_workspace(self, name: str) -> None: ...
    async def leave_workspace(self, name: str) -> None: ...

    async def members(self, workspace: str | None) -> list[MemberFacts]: ...
    async def add_member(self, workspace: str | None, user: str, role: str) -> None: ...
    async def remove_member(self, workspace: str | None, user: str) -> None: ...
    async def set_role(self, workspace: str | None, user: str, role: str) -> None: ...

    async def keys(self, workspace: str | None) -> list[KeyFacts]: ...
    async def keyway(self, workspace: str | None) -> Keyway:
        """Return how a key gets into the workspace here, and who can put it there."""
        ...

    async def set_key(
        self,
        workspace: str | None,
        connection: str,
        key: bytearray,
        *,
        endpoint: str | None,
        check: bool,
        kind: Kind | None = None,
        placement: str | None = None,
    ) -> KeyCheck:
        """Store a connection's key, in the place of the one before; a new connection needs its kind.

        Args:
            workspace: Where.
            connection: The connection's name.
            key: The key, which is overwritten; empty for a server that is called without one.
            endpoint: The SDK's base URL; None keeps what is stored, or takes the provider's own.
            check: Whether the server is asked for its models first.
            kind: What the server speaks; None keeps what is stored.
            placement: How the key is put on a request; None keeps what is stored, or takes the kind's own.
        """
        ...

    async def test_key(self, workspace: str | None, connection: str) -> KeyCheck: ...
    async def remove_key(self, workspace: str | None, connection: str) -> Removal: ...
    async def rename_connection(
        self, workspace: str | None, connection: str, new_name: str
    ) -> None: ...

    async def connection_names(self, workspace: str | None) -> list[str]:
        """Return the names of the connections that a model can be named with, and open no key for it."""
        ...

    async def model(self, workspace: str | None) -> str | None: ...
    async def set_model(self, workspace: str | None, model: str | None) -> str | None: ...
    async def about_model(self, workspace: str | None, model: str) -> ModelFacts: ...
    async def set_price(
        self, workspace: str | None, model: str, price: tuple[float, float] | None
    ) -> ModelFacts: ...
    async def models(self, workspace: str | None, *, ask: bool) -> Listing:
        """Return the models that are known, or those that the servers list.

        A server that fails hides none of the others' models: the listing says which one it was, and why.

        Args:
            workspace: Whose connections are asked.
            ask: Whether they are asked.

        Raises:
            AssayError: If all of them failed: what the first one failed with.
        """
        ...

    async def budget(self) -> BudgetFacts: ...
    async def calls(self, workspace: str | None, limit: int) -> list[CallFacts]: ...
    async def usage(
        self,
        workspace: str | None,
        *,
        by: Sequence[UsagePart] = ("day",),
        begin: str | None = None,
        end: str | None = None,
        everyone: bool = False,
    ) -> UsageFacts:
        """Return what one's own calls, or an admin's `everyone`'s, used and cost, from this month's first day."""
        ...

    async def master_status(self) -> list[MasterFacts]: ...
    async def rotate_master(self) -> MasterFacts: ...
    async def purge_master(self, older_than_days: int) -> list[MasterFacts]: ...
    async def accept_restore(self) -> None: ...
    async def platform_keys(self) -> list[KeyFacts]: ...
    async def set_platform_key(
        self, provider: ProviderId, key: bytearray, *, endpoint: str | None = None
    ) -> None: ...
    async def test_platform_key(self, provider: ProviderId) -> KeyCheck: ...
    async def remove_platform_key(self, provider: ProviderId) -> None: ...

    async def doctor(self) -> list[Diagnosis]: ...
    def setup(self, provider: ProviderId) -> Setup: ...
    def known_models(self) -> list[str]: ...
