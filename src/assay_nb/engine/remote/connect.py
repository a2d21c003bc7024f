"""Connections to a gateway: a kernel's engine and control, or a worker's engine."""

from __future__ import annotations

from assay_nb.config import hub_token, load_config
from assay_nb.engine.remote.client import GatewayClient
from assay_nb.engine.remote.control import RemoteControl
from assay_nb.engine.remote.engine import RemoteEngine
from assay_nb.engine.remote.run_tokens import RunPass


def connect(gateway_url: str) -> tuple[RemoteEngine, RemoteControl]:
    """Return the engine and the control of a hub kernel. Nothing is sent yet."""
    client = GatewayClient(gateway_url, hub_token(), load_config().ca_file)
    return RemoteEngine(client), RemoteControl(client)


def connect_worker(run_pass: RunPass) -> RemoteEngine:
    """Return the engine of a worker, which has a run token and no hub token."""
    return RemoteEngine(GatewayClient(run_pass.gateway_url, run_pass.token, load_config().ca_file))
