from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest

from assay_nb.errors import AssayError, WrongUsage
from assay_nb.gateway.settings import Settings, add_flags, load_settings
from assay_nb.gateway.teams import Team

EXAMPLE = Path(__file__).parents[2] / "examples" / "hub" / "gateway.toml"


def load(*words: str) -> Settings:
    parser = ArgumentParser()
    add_flags(parser)
    return load_settings(vars(parser.parse_args(words)))


def written(tmp_path: Path, content: str) -> str:
    path = tmp_path / "gateway.toml"
    path.write_text(content, encoding="utf-8")
    return f"--config={path}"


def test_the_example_is_understood() -> None:
    settings = load(f"--config={EXAMPLE}")

    assert settings.teams == {
        "physics": Team("physics-lab"),
        "history": Team("history-lab", ("prof",)),
    }
    assert settings.prefix == "/services/assay/"


def test_a_flag_stands_above_the_file(tmp_path: Path) -> None:
    config = written(tmp_path, 'listen = "127.0.0.1:1000"\n[limits]\nstreams = 5')

    settings = load(config, "--listen", "127.0.0.1:2000", "--limits-streams", "6")

    assert (settings.listen, settings.limits.streams) == ("127.0.0.1:2000", 6)


def test_every_setting_has_a_flag() -> None:
    settings = load(
        "--listen=[::1]:80", "--home=/h", "--database-url=postgresql://u@h/d", "--master-key-file=/m",
        "--allow-origins=https://a.example", "--allow-origins=https://b.example:8443",
        "--allow-providers=google", "--allow-models=google/*", "--proxy=http://p:1", "--no-proxy=.corp",
        "--ca-file=/ca", "--team=g=w", "--team=h=v:ann,bob", "--remind-key-days=90", "--hub-api-url=http://h/hub/api", "--hub-api-token-file=/t",
        "--hub-service=other", "--hub-base-url=/jupyter/", "--hub-public-url=https://h.example",
        "--hub-ca-file=/hca", "--hub-cache-seconds=5", "--limits-calls-per-minute=1",
        "--limits-calls-at-once=2", "--limits-streams=3", "--limits-body=4", "--limits-passthrough-body=5",
        "--limits-call-seconds=6", "--limits-unpriced-call=0.5", "--price=openai/x=0.5,2",
    )  # fmt: skip

    assert settings.address == ("::1", 80)
    assert settings.prefix == "/jupyter/services/other/"
    assert settings.allow_origins == ("https://a.example", "https://b.example:8443")
    assert settings.teams == {"g": Team("w"), "h": Team("v", ("ann", "bob"))}
    assert settings.remind_key_days == 90
    assert settings.limits.unpriced_call == 0.5
    assert settings.prices == {"openai/x": (0.5, 2.0)}


def test_first_price_that_fits_counts(tmp_path: Path) -> None:
    content = """
        [prices]
        "openai/local-*" = { input = 0, output = 0 }
        "openai/*" = { input = 1, output = 2.5 }
    """
    settings = load(written(tmp_path, content))

    assert settings.find_price("openai", "local-1") == (0, 0)
    assert settings.find_price("openai", "gpt-6-luna") == (1, 2.5)
    assert settings.find_price("google", "gemini-3.8-flash") is None


@pytest.mark.parametrize(
    "flag", ["openai/x=1", "openai/x=1,", "openai/x=a,b", "openai/x", "x=1,2", "openai/x=-1,2"]
)
def test_price_that_is_not_one_is_refused_on_the_line(flag: str) -> None:
    with pytest.raises(WrongUsage):
        load(f"--price={flag}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('allow_orgins = ["https://a.example"]', "There is no setting 'allow_orgins'"),
        ("[limits]\nstream = 3", "There is no setting 'limits.stream'"),
        ("[hub.deeper]\nx = 1", "There is no setting 'hub.deeper'"),
        ('limits = "many"', "'limits' must be a table"),
        ("listen = 8790", "'listen' must be str"),
        ('listen = "8790"', "not HOST:PORT"),
        ('listen = "localhost:99999"', "not HOST:PORT"),
        ('allow_origins = "https://a.example"', "must be a list of texts"),
        ('allow_origins = ["https://a.example/path"]', "scheme, host and port"),
        ('allow_origins = ["http://a.example"]', "Plain http"),
        ('allow_origins = ["https://169.254.169.254"]', "never sent to"),
        ('allow_providers = ["anthropics"]', "is not a provider"),
        ('allow_models = ["claude-*"]', "PROVIDER/MODEL"),
        ('home = "relative"', "absolute path"),
        ('proxy = "socks5://p:1"', "SOCKS"),
        ('proxy = "http://p:port"', "port is not a number"),
        ('proxy = "http://ann:secret@"', "`proxy` in the gateway's configuration .* names no host"),
        ('no_proxy = ".corp, https://x.example"', "'https://x.example', which matches no host"),
        ("[limits]\nstreams = 0", "above 0"),
        ("[limits]\nunpriced_call = nan", "above 0"),
        ("[limits]\nunpriced_call = inf", "above 0"),
        ("[limits]\nstreams = true", "must be int"),
        ("[hub]\ncache_seconds = 46", "at most 45"),
        ('[hub]\npublic_url = "hub.example"', "only a scheme and a host"),
        ("[hub]\nsubdomains = true", "needs hub.public_url"),
        (
            '[hub]\nsubdomains = true\npublic_url = "https://hub.example"\nservice = "our-assay"',
            "cannot be the beginning of a host",
        ),
        ('[hub]\npublic_url = "https://hub.example/jupyter"', "only a scheme and a host"),
        ("[teams]\nphysics = 3", "must be a text, or a table"),
        ("prices = 3", "dollars per million tokens"),
        ("[prices]\n'openai/x' = 3", "dollars per million tokens"),
        ("[prices]\n'x' = { input = 1, output = 2 }", "dollars per million tokens"),
        ("[prices]\n'openai/x' = { input = 1 }", "dollars per million tokens"),
        ("[prices]\n'openai/x' = { input = -1, output = 2 }", "dollars per million tokens"),
        ("[prices]\n'openai/x' = { input = '1', output = 2 }", "dollars per million tokens"),
        ("[prices]\n'openai/x' = { input = 1, output = nan }", "dollars per million tokens"),
        ("[prices]\n'openai/x' = { input = 1, output = 2, cached = 3 }", "dollars per million"),
        ("listen = ", "is not valid TOML"),
    ],
)
def test_what_cannot_be_meant_stops_it(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(AssayError, match=said):
        load(written(tmp_path, content))


WRONG = [
    ('[hub]\napi_url = "http//127.0.0.1:8081/hub/api"', "hub.api_url", "http//127.0.0.1:8081/hub/api"),
    ('[hub]\napi_url = "127.0.0.1:18081"', "hub.api_url", "127.0.0.1:18081"),
    ('[hub]\napi_url = "http://127.0.0.1:8081"', "hub.api_url", "http://127.0.0.1:8081"),
    ('[hub]\napi_url = "http://127.0.0.1:99999/hub/api"', "hub.api_url", "99999"),
    ('[hub]\napi_url = "ftp://hub/hub/api"', "hub.api_url", "ftp://hub/hub/api"),
    ('[hub]\napi_url = "http://hub /hub/api"', "hub.api_url", "hub /hub/api"),
    ('[hub]\napi_url = "http:///hub/api"', "hub.api_url", "http:///hub/api"),
    ('[hub]\napi_url = "http://hub:8081/hub/api?x=1"', "hub.api_url", "?x=1"),
    ('[hub]\nservice = "as say"', "hub.service", "as say"),
    ('[hub]\nservice = ""', "hub.service", "''"),
    ('[hub]\nservice = "a/b"', "hub.service", "a/b"),
    ('[hub]\nbase_url = "https://hub.example.org/jupyter"', "hub.base_url", "https://hub"),
    ('[hub]\nbase_url = "/my hub/"', "hub.base_url", "/my hub/"),
    ('[hub]\nbase_url = "/a/../b/"', "hub.base_url", "/a/../b/"),
    ('[hub]\npublic_url = "hub.example.org"', "hub.public_url", "hub.example.org"),
    ('[hub]\npublic_url = "https://hub.example.org:port"', "hub.public_url", ":port"),
    ("[hub]\ncache_seconds = 0", "hub.cache_seconds", "0"),
    ("[hub]\ncache_seconds = -5.5", "hub.cache_seconds", "-5.5"),
    ('allow_origins = ["llm.example.org"]', "allow_origins", "llm.example.org"),
    ('allow_origins = ["https://a.example", "https//b.example"]', "allow_origins", "https//b.example"),
    ('allow_origins = ["https://a.example:https"]', "allow_origins", "a.example:https"),
    ("allow_providers = []", "allow_providers", "[]"),
    ('allow_models = ["anthropics/claude-*"]', "allow_models", "anthropics/claude-*"),
    ('allow_models = ["anthropic/"]', "allow_models", "anthropic/"),
    ('allow_models = ["anthropic/claude 3"]', "allow_models", "anthropic/claude 3"),
    ('listen = "http://127.0.0.1:8790"', "listen", "http://127.0.0.1:8790"),
    ('listen = "::1:8790"', "listen", "::1:8790"),
    ('listen = "127.0.0.1:８７９０"', "listen", "８７９０"),
    ('home = "var/lib"', "home", "var/lib"),
    ('ca_file = "corporate.pem"', "ca_file", "corporate.pem"),
    ('database_url = "postgres://u@h/d"', "database_url", "postgres:"),
    ('database_url = "sqlite:///vault.sqlite"', "database_url", "sqlite:"),
    ("[limits]\ncalls_at_once = -1", "limits.calls_at_once", "-1"),
    ('[limits]\nbody = "2 MiB"', "limits.body", "2 MiB"),
    ("remind_key_days = -1", "remind_key_days", "-1"),
    ("[prices]\n'openai/x' = { input = -1, output = 2 }", "prices.'openai/x'", "-1"),
    ('[teams]\nphysics = ""', "teams.'physics'", "''"),
    ('[teams]\nphysics = "personal"', "teams.'physics'", "personal"),
    ('[teams]\nphysics = "a:b"', "teams.'physics'", "a:b"),
    ('[teams]\nphysics = { workspace = "lab", owners = [" prof"] }', "teams.'physics'", " prof"),
    ('[teams]\nphysics = { workspace = "lab", owner = ["prof"] }', "teams.physics", "owners"),
    ('[teams]\nphysics = { workspace = "lab", owners = "prof" }', "teams.physics", "owners"),
    ('[teams]\nphysics = "lab"\nhistory = "lab"', "'physics' and 'history'", "'lab'"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "setting", "value"), WRONG)
def test_impossible_setting_is_named_with_its_value(
    tmp_path: Path, content: str, setting: str, value: str
) -> None:
    with pytest.raises(AssayError) as refused:
        load(written(tmp_path, content))

    assert setting in refused.value.message
    assert value in refused.value.message
    assert refused.value.hint or "must be" in refused.value.message


@pytest.mark.parametrize(
    "content",
    [
        '[hub]\napi_url = "https://hub.example.org/jupyter/hub/api/"',
        '[hub]\napi_url = "http://[::1]:8081/hub/api"',
        '[hub]\napi_url = "http://hub_internal:8081/hub/api"',
        '[hub]\nbase_url = "/jupyter/"\nservice = "assay-2"\npublic_url = "https://hub.example.org/"',
        'listen = "0.0.0.0:8790"',
        'listen = "[::]:8790"',
        'listen = "localhost:0"',
        'allow_origins = ["https://llm.example.org:8443"]\nallow_models = ["local/*"]',
        'allow_models = ["*/gpt-?", "[ao]*/x"]',
        'database_url = "postgresql+psycopg://assay:pw@db/assay?sslmode=verify-full"',
        'database_url = "sqlite:////var/lib/x.sqlite"',
        "remind_key_days = 0",
        '[teams]\nphysics = { workspace = "physics-lab", owners = ["prof", "dean"] }\nart = "künste"',
    ],
)
def test_possible_setting_is_taken(tmp_path: Path, content: str) -> None:
    load(written(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        'allow_origins = ["https://ann:hunter22@a.example"]',
        '[hub]\napi_url = "http://ann:hunter22@hub/hub/api"',
        'database_url = "mysql://ann:hunter22@db/x"',
        'database_url = ["postgresql://ann:hunter22@db/x"]',
        'proxy = ["http://ann:hunter22@p:1"]',
    ],
)
def test_password_in_a_refused_setting_is_not_repeated(tmp_path: Path, content: str) -> None:
    with pytest.raises(AssayError) as refused:
        load(written(tmp_path, content))

    assert "hunter22" not in str(refused.value)


def test_proxy_password_is_not_in_the_settings_text() -> None:
    settings = load("--proxy=http://ann:secret-word@p:1")

    assert "secret-word" not in repr(settings)
    assert settings.proxy == "http://ann:secret-word@p:1"


@pytest.mark.parametrize(
    "words", [("--team=physics",), ("--limits-streams=many",), ("--config=/no/such",)]
)
def test_a_flag_that_cannot_be_meant_stops_it(words: tuple[str, ...]) -> None:
    with pytest.raises(WrongUsage):
        load(*words)


@pytest.mark.parametrize(
    ("providers", "models", "asked", "allowed"),
    [
        (("anthropic",), (), "anthropic/anything", True),
        (("anthropic",), (), "openai/anything", False),
        (("anthropic", "openai"), ("anthropic/claude-*",), "anthropic/claude-x", True),
        (("anthropic", "openai"), ("anthropic/claude-*",), "openai/claude-x", False),
        (("anthropic",), ("anthropic/claude-sonnet-4-6",), "anthropic/claude-sonnet-4-6x", False),
        (("openai",), ("*/gpt-?",), "openai/GPT-6", False),
    ],
)
def test_a_model_is_allowed_by_provider_and_pattern(
    providers: Any, models: Any, asked: str, allowed: bool
) -> None:
    settings = Settings(allow_providers=providers, allow_models=models)

    assert settings.is_model_allowed(*asked.split("/")) is allowed
