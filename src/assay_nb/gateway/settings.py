"""Settings of the gateway: one TOML file, and a flag for every value in it.

An unknown, mistyped or impossible value stops the gateway before it listens. Nobody would otherwise notice a
typing error in a list of allowed origins.
"""

from __future__ import annotations

import fnmatch
import tomllib
import types
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Union, cast, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from assay_nb.connections.values import as_price
from assay_nb.errors import WrongUsage
from assay_nb.gateway import setting_checks as checks
from assay_nb.gateway.setting_checks import parse_listen as parse_listen
from assay_nb.gateway.teams import Team, parse_team, read_teams
from assay_nb.messages import PROVIDERS
from assay_nb.plain_files import read_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """The limits on one person's requests, and on everybody's together.

    Attributes:
        calls_per_minute: Calls that one person may start in a minute, at each replica.
        calls_at_once: Calls of one person that may run at the same time.
        streams: Calls of everybody that may run at the same time.
        connections: Connections of clients that may be open at the same time. There are fewer where the
            process may not open as many files.
        body: Bytes of a request to the API.
        passthrough_body: Bytes of a request that is passed through.
        passthrough_hours: Hours that a token for the pass-through is valid, at most 24, until its kernel extends
            it.
        checked_body: Bytes of a request that is passed through and has to be read first, for `allow_models`.
        call_seconds: Seconds that a call may take.
        unpriced_call: US dollars that count against a member's spending limit for a call whose price is
            not known.
    """

    calls_per_minute: int = 60
    calls_at_once: int = 8
    streams: int = 1_000
    connections: int = 10_000
    body: int = 2 * 1024 * 1024
    passthrough_body: int = 32 * 1024 * 1024
    passthrough_hours: float = 8.0
    checked_body: int = 4 * 1024 * 1024
    call_seconds: int = 1_800
    unpriced_call: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """The JupyterHub that authenticates people. A hub that starts the gateway sets all of this.

    Attributes:
        api_url: The hub's REST API, such as `http://127.0.0.1:8081/hub/api`.
        api_token_file: A file with the service's API token, readable by its owner alone.
        service: The service's name on the hub.
        base_url: The path that the hub has under its public address.
        public_url: The hub's public address, such as `https://hub.example.org`. Browsers' requests must
            come from there; if it is not set, from the host that they name.
        subdomains: Whether `c.JupyterHub.subdomain_host` is set, so that nobody's pages share an address with
            the gateway's. `public_url` is the hub's own address then, without the subdomain. Where it is not,
            the pages for keys say what that means.
        ca_file: Certificate authorities for `api_url`, as a PEM file.
        cache_seconds: Seconds that the hub's answer about a person is valid, at most 45, so that a person
            who was removed is out within a minute, with all that runs.
    """

    api_url: str = ""
    api_token_file: Path | None = None
    service: str = "assay"
    base_url: str = "/"
    public_url: str | None = None
    subdomains: bool = False
    ca_file: Path | None = None
    cache_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The gateway's configuration.

    Attributes:
        listen: Host and port to listen on.
        home: The directory of the SQLite database and the gateway's own files.
        database_url: SQLAlchemy URL; by default SQLite in `home`.
        master_key_file: The file with the master key, readable by its owner alone.
        allow_origins: Exact origins that keys may be sent to, in addition to the providers' own.
        allow_providers: Providers that may be used.
        allow_models: Models that may be used, as `provider/model`, where `*` matches anything; at an origin
            of `allow_origins` also as `connection/model`. Empty allows all. The list applies to the
            pass-through too.
        proxy: An HTTP proxy for https destinations: `http://HOST:PORT`. It may hold a password.
        no_proxy: Hosts that are reached without it, separated by commas.
        ca_file: Certificate authorities for providers, as a PEM file, in place of the system's.
        teams: JupyterHub group to workspace and its owners. `assay-nb-operator team add` adds others.
        prices: What models cost, by a pattern as in `allow_models`: US dollars per million tokens of input
            and of output. The first pattern that fits counts, after what a workspace has set itself.
        remind_key_days: Days after which a stored key is said to be old; 0 never says so.
        calls_kept_days: Days for which lines of the calls log are kept; None for ever. The sums by day stay.
        hub: The hub.
        limits: The limits.
    """

    listen: str = "127.0.0.1:8790"
    home: Path = Path("/var/lib/assay-nb")
    database_url: str | None = None
    master_key_file: Path | None = None
    allow_origins: tuple[str, ...] = ()
    allow_providers: tuple[str, ...] = PROVIDERS
    allow_models: tuple[str, ...] = ()
    proxy: str | None = field(default=None, repr=False)
    no_proxy: str | None = None
    ca_file: Path | None = None
    teams: Mapping[str, Team] = field(default_factory=dict[str, Team])
    prices: Mapping[str, tuple[float, float]] = field(
        default_factory=dict[str, tuple[float, float]]
    )
    remind_key_days: int = 180
    calls_kept_days: int | None = None
    hub: HubSettings = HubSettings()
    limits: LimitSettings = LimitSettings()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`."""
        return parse_listen(self.listen)

    @property
    def prefix(self) -> str:
        """The path of everything that the gateway serves, with a slash at both ends."""
        base = self.hub.base_url.strip("/")
        return f"/{base}/services/{self.hub.service}/" if base else f"/services/{self.hub.service}/"

    @property
    def public_origin(self) -> str | None:
        """The origin under which browsers reach the gateway, if the operator set the hub's address."""
        if self.hub.public_url is None:
            return None
        parts = urlsplit(self.hub.public_url)
        if not self.hub.subdomains:
            return f"{parts.scheme}://{parts.netloc}"
        return f"{parts.scheme}://{self.hub.service}--service.{parts.netloc}"  # JupyterHub's "idna" hook

    @property
    def public_page(self) -> str:
        """The address of the key page; a path alone if the public address is not set."""
        return (self.public_origin or "") + self.prefix

    @property
    def hub_pages(self) -> str:
        """What the addresses of the hub's own pages begin with: a path, if they have the same origin as ours."""
        base = self.hub.base_url.strip("/")
        path = f"/{base}/hub/" if base else "/hub/"
        return (self.hub.public_url or "").rstrip("/") + path if self.hub.subdomains else path

    def is_model_allowed(self, provider: str, model: str) -> bool:
        """Say whether a model at its provider's own endpoint is on the operator's lists."""
        return provider in self.allow_providers and self.lists_model(f"{provider}/{model}")

    def lists_model(self, name: str) -> bool:
        """Say whether a name, with what stands before its first slash, is on the list of models."""
        return not self.allow_models or any(
            fnmatch.fnmatchcase(name, pattern) for pattern in self.allow_models
        )

    def find_price(self, provider: str, model: str) -> tuple[float, float] | None:
        """Return what a million tokens of a model's input and output cost, where the operator says so."""
        name = f"{provider}/{model}"
        fitting = (
            one for pattern, one in self.prices.items() if fnmatch.fnmatchcase(name, pattern)
        )
        return next(fitting, None)


def add_flags(parser: ArgumentParser) -> None:
    """Add a flag for every setting, and `--config`."""
    parser.add_argument("--config", metavar="FILE", help="the TOML file")
    for path, kind in _leaves(Settings):
        flag = "--" + "-".join(path).replace("_", "-")
        if path[0] in _TABLES:
            name, metavar, text, _ = _TABLES[path[0]]
            parser.add_argument(f"--{name}", metavar=metavar, action="append", help=text)
        elif _is_list(kind):
            parser.add_argument(flag, metavar="VALUE", action="append", help="repeatable")
        else:
            parser.add_argument(flag, metavar="VALUE")


def load_settings(given: Mapping[str, Any], base: Settings | None = None) -> Settings:
    """Return the settings of a configuration file; flags that were given take precedence.

    Args:
        given: The command line's values, by the names that `add_flags` gave them.
        base: The values where neither sets one, such as those from the hub.

    Raises:
        WrongUsage: If a name is unknown or a value is not of its type.
    """
    file = given.get("config")
    content = _read_toml(Path(file)) if file else {}
    for path, kind in _leaves(Settings):
        if path[0] in _TABLES:
            name, _, _, parse = _TABLES[path[0]]
            if given.get(name):
                content[path[0]] = dict(map(parse, given[name]))
            continue
        value = given.get("_".join(path))
        if value is not None:
            place = content
            for name in path[:-1]:
                place = place.setdefault(name, {})
            place[path[-1]] = value if _is_list(kind) else _parse_flag(path, kind, value)
    settings = cast("Settings", _build(base or Settings(), content, ""))
    _check(settings)
    return settings


_LARGEST_FILE = 1024 * 1024
"""Bytes of a configuration file."""


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_plain(path, _LARGEST_FILE).decode("utf-8"))
    except OSError as error:
        raise WrongUsage(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:  # invalid UTF-8, and invalid TOML
        raise WrongUsage(f"{path} is not valid TOML: {error}") from None


def _build(base: Any, content: Mapping[str, Any], where: str) -> Any:
    hints = get_type_hints(cast("type[Any]", type(base)))
    unknown = sorted(set(content) - set(hints))
    if unknown:
        raise WrongUsage(
            f"There is no setting '{where}{unknown[0]}'.", hint=f"Use one of {', '.join(hints)}."
        )
    changes: dict[str, Any] = {}
    for name, value in content.items():
        current = getattr(base, name)
        if is_dataclass(current):
            if not isinstance(value, dict):
                raise _mistyped(where + name, "a table", value)
            changes[name] = _build(current, cast("dict[str, Any]", value), f"{where}{name}.")
        else:
            changes[name] = _convert(where + name, hints[name], value)
    return replace(base, **changes)


def _convert(name: str, kind: Any, value: Any) -> Any:
    options = _options(kind)
    if Path in options and isinstance(value, str):
        path = Path(value)
        if not path.is_absolute():
            raise WrongUsage(f"{name} = '{value}' must be an absolute path.")
        return path
    if _is_list(kind):
        items = cast("list[Any]", value) if isinstance(value, list) else [None]
        if not all(isinstance(item, str) for item in items):
            raise _mistyped(name, "a list of texts", value)
        return tuple(items)
    if name == "teams":
        return read_teams(value)
    if name == "prices":
        return _read_prices(value)
    for option in options:
        if option is float and type(value) is int:
            return float(value)
        if type(value) is option:
            return value
    raise _mistyped(name, " or ".join(getattr(o, "__name__", str(o)) for o in options), value)


def _parse_flag(path: Sequence[str], kind: Any, text: str) -> Any:
    name, options = ".".join(path), _options(kind)
    try:
        if bool in options:
            return {"true": True, "false": False}[text.lower()]
        if int in options:
            return int(text)
        if float in options:
            return float(text)
    except (KeyError, ValueError):
        raise _mistyped(name, options[0].__name__, text) from None
    return text


def _parse_price(text: str) -> tuple[str, dict[str, float]]:
    model, _, halves = text.rpartition("=")
    into, comma, out = halves.partition(",")
    try:
        return model, {"input": float(into), "output": float(out if comma else "")}
    except ValueError:
        raise WrongUsage(f"--price '{text}' is not PROVIDER/MODEL=INPUT,OUTPUT.") from None


def _read_prices(value: Any) -> dict[str, tuple[float, float]]:
    """Return the prices by pattern, or refuse what a typing error would make of them."""
    prices: dict[str, tuple[float, float]] = {}
    listed = cast("dict[str, Any]", value) if isinstance(value, dict) else {"": None}
    for pattern, entry in listed.items():
        halves = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
        into, out = as_price(halves.get("input")), as_price(halves.get("output"))
        written = checks.quoted(repr(cast("object", entry)))
        if "/" not in pattern or into is None or out is None or len(halves) != 2:
            raise WrongUsage(
                f"prices.'{checks.quoted(pattern)}' = {written} must be dollars per million "
                "tokens, of a PROVIDER/MODEL.",
                hint='Write it like prices."openai/my-model" = { input = 0.5, output = 2.0 }.',
            )
        prices[pattern] = into, out
    return prices


_TABLES: Mapping[str, tuple[str, str, str, Callable[[str], tuple[str, Any]]]] = {
    "teams": ("team", "GROUP=WORKSPACE[:OWNER,…]", "bind a hub group; repeatable", parse_team),
    "prices": (
        "price",
        "PROVIDER/MODEL=INPUT,OUTPUT",
        "dollars per million tokens; repeatable",
        _parse_price,
    ),
}
"""The settings that are tables: the flag for one entry, how it is written, what it does, and its reader."""


def _leaves(kind: type[Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    hints = get_type_hints(kind)
    for one in fields(kind):
        assert one.default is not MISSING or one.default_factory is not MISSING
        if is_dataclass(hints[one.name]):
            yield from _leaves(hints[one.name], (*path, one.name))
        else:
            yield (*path, one.name), hints[one.name]


def _options(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(option for option in get_args(kind) if option is not type(None))
    return (kind,)


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _mistyped(name: str, wanted: str, value: Any) -> WrongUsage:
    return WrongUsage(f"The setting '{name}' must be {wanted}, not {checks.quoted(repr(value))}.")


def _check(settings: Settings) -> None:
    hub = settings.hub
    parse_listen(settings.listen)
    if settings.database_url is not None:
        checks.check_database_url(settings.database_url)
    if hub.api_url:
        checks.check_api_url(hub.api_url)
    if hub.public_url is not None:
        checks.check_public_url(hub.public_url)
    if hub.subdomains:
        checks.check_subdomains(hub.public_url, hub.service)
    checks.check_service(hub.service)
    checks.check_base_url(hub.base_url)
    checks.check_providers(settings.allow_providers)
    checks.check_origins(settings.allow_origins)
    checks.check_models(settings.allow_models, settings.allow_origins)
    checks.check_teams(settings.teams)
    for one in fields(settings.limits):
        checks.check_number(f"limits.{one.name}", getattr(settings.limits, one.name))
    checks.check_number("limits.passthrough_hours", settings.limits.passthrough_hours, most=24)
    checks.check_number("hub.cache_seconds", hub.cache_seconds, most=45)
    checks.check_number("remind_key_days", settings.remind_key_days, least=-1)
    if settings.calls_kept_days is not None:
        checks.check_number("calls_kept_days", settings.calls_kept_days)
    checks.check_proxy(settings.proxy, settings.no_proxy)
