"""Container image, Kubernetes manifests, alert rules and Grafana board: what an operator deploys, as it stands."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from assay_nb.engine.local.recorder import _status
from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.process.metrics import Metrics
from assay_nb.gateway.settings import load_settings
from assay_nb.messages import Usage

EXAMPLES = Path(__file__).parents[2] / "examples" / "hub"
MANIFESTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text("utf-8"))
)
RULES = [
    rule
    for group in yaml.safe_load((EXAMPLES / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
BOARD = json.loads((EXAMPLES / "grafana.json").read_text("utf-8"))
EXPRESSIONS = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{f"{p['title']} {t['refId']}": t["expr"] for p in BOARD["panels"] for t in p["targets"]},
}
OTHERS = {"up": {"job"}}
"""Metrics of Prometheus itself, with their labels."""
TARGET = {"instance", "job", "le"}
"""Labels that Prometheus adds, and that of a histogram's buckets."""


# --- Kubernetes


@pytest.fixture(scope="module")
def schemas() -> ModuleType:
    """The API server's own schemas, as a package that needs no network carries them."""
    try:
        import kubernetes_validate
    except ModuleNotFoundError:
        sentence = "The manifests are checked with kubernetes-validate, which is not installed."
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return kubernetes_validate


@pytest.mark.parametrize("version", ["1.28", "1.31", "1.34"])
@pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}"
)
def test_manifest_is_one_that_the_server_takes(
    schemas: ModuleType, manifest: dict[str, Any], version: str
) -> None:
    schemas.validate(manifest, version, strict=True)


def test_schema_notices_a_misspelt_field(schemas: ModuleType) -> None:
    broken = json.loads(json.dumps(find("Deployment")))
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}

    with pytest.raises(schemas.ValidationError):
        schemas.validate(broken, "1.31", strict=True)


def find(kind: str) -> dict[str, Any]:
    return next(one for one in MANIFESTS if one["kind"] == kind)


def test_configuration_in_the_manifest_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(find("ConfigMap")["data"]["gateway.toml"])

    settings = load_settings({"config": str(path)})

    pod = find("Deployment")["spec"]["template"]["spec"]
    (gateway,) = pod["containers"]
    mounts = {mount["mountPath"]: mount for mount in gateway["volumeMounts"]}
    assert settings.address == ("0.0.0.0", gateway["ports"][0]["containerPort"])
    assert find("Service")["spec"]["ports"][0]["port"] == settings.address[1]
    assert settings.prefix + "health" == gateway["readinessProbe"]["httpGet"]["path"]
    assert mounts[str(settings.home.parent)].get("readOnly") is not True
    for secret in (settings.master_key_file, settings.hub.api_token_file):
        assert secret is not None
        assert mounts[str(secret.parent)]["readOnly"] is True
        assert f"/given/{secret.name}" in pod["initContainers"][0]["args"][0].replace(
            "$one", secret.name
        )


def test_pod_has_no_more_rights_than_it_needs() -> None:
    pod = find("Deployment")["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for one in (*pod["initContainers"], *pod["containers"]):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    (memory,) = (v["emptyDir"] for v in pod["volumes"] if v["name"] == "secrets")
    assert memory["medium"] == "Memory"


def test_everything_selects_the_gateway_s_own_pods() -> None:
    labels = find("Deployment")["spec"]["template"]["metadata"]["labels"]
    policy = find("NetworkPolicy")["spec"]

    assert find("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert find("Service")["spec"]["selector"] == labels
    assert policy["podSelector"]["matchLabels"] == labels
    (outside,) = (e for e in policy["egress"] if e["ports"][0]["port"] == 443)
    assert "169.254.0.0/16" in outside["to"][0]["ipBlock"]["except"]


# --- the image


def test_image_runs_as_the_user_that_the_manifest_names() -> None:
    text = (EXAMPLES / "Containerfile").read_text()
    stages = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    pod = find("Deployment")["spec"]["template"]["spec"]["securityContext"]

    assert len(set(stages)) == 1, "the environment's interpreter is the base image's"
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == [
        f"{pod['runAsUser']}:{pod['runAsGroup']}"
    ]
    assert f"--uid {pod['runAsUser']}" in text
    assert "--require-hashes" in text
    assert (EXAMPLES / "requirements.lock").is_file()
    assert not re.search(r"^(ADD|COPY .*(key|token))", text, re.MULTILINE)
    command = json.loads(re.search(r"^CMD (.*)$", text, re.MULTILINE)[1])  # type: ignore[index]
    assert command[:2] == ["gateway", "--config"]


# --- metrics


def families() -> dict[str, Metric]:
    """Return what the gateway shows after one of everything."""
    metrics = Metrics()
    metrics.note_answer("api/v1/me", "GET", 200, 0.1)
    metrics.count_call("critique", "anthropic", "workspace", "ok")
    metrics.count_use("anthropic", Usage(1, 1), 0.1, 0.1)
    metrics.refused.inc()
    return {f.name: f for f in text_string_to_metric_families(metrics.text().decode())}


def labels_by_name() -> dict[str, set[str]]:
    return {
        **{s.name: set(s.labels) for f in families().values() for s in f.samples},
        **OTHERS,
    }


def named(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Yield every metric that an expression reads, with the labels that it is selected by."""
    for name, selector in re.findall(r"\b(assay_\w+|up)\b(?:\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))


@pytest.mark.parametrize("title", EXPRESSIONS)
def test_every_metric_of_the_board_and_the_rules_is_there(title: str) -> None:
    known, expression = labels_by_name(), EXPRESSIONS[title]
    read = dict(named(expression))
    grouped = {
        label
        for group in re.findall(r"by \(([^)]*)\)", expression)
        for label in re.findall(r"\w+", group)
    }

    assert read
    assert {name for name in read if name not in known} == set()
    for name, selected in read.items():
        assert selected | grouped <= known[name] | TARGET
    assert expression.count("(") == expression.count(")")


def test_metric_that_is_not_there_is_noticed() -> None:
    assert dict(named('sum by (x) (rate(assay_call_total{status="ok"}[5m]))')) == {
        "assay_call_total": {"status"}
    }
    assert "assay_call_total" not in labels_by_name()


def test_every_metric_of_the_gateway_is_on_the_board() -> None:
    shown = {name for expression in EXPRESSIONS.values() for name, _ in named(expression)}
    missing = [
        family.name
        for family in families().values()
        if not family.name.endswith("_created")
        and not any(name.startswith(family.name) for name in shown)
    ]

    assert missing == []


def test_rules_read_the_words_that_the_gateway_writes() -> None:
    text = "".join(EXPRESSIONS.values())

    assert _status(None) in re.findall(r'status!~"(\w+)\|', text)
    for route in re.findall(r'route="([^"]+)"', text):
        assert route in {one.path for one in ROUTES}


def test_every_rule_says_what_to_do() -> None:
    for rule in RULES:
        assert rule["annotations"]["summary"].endswith((".", "?"))
        assert rule["annotations"]["action"]
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_panels_of_the_board_do_not_lie_over_each_other() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
