"""What a JupyterHub needs for the gateway: copy this into its own configuration."""

from pathlib import Path

from assay_nb.gateway import configure_hub

c = get_config()  # noqa: F821 - JupyterHub provides it

configure_hub(
    c,
    # Where the gateway listens, as the hub's proxy and the notebook servers reach it.
    url="http://127.0.0.1:8790",
    # JupyterHub group: workspace. The group's members are the workspace's.
    teams={"physics": "physics-lab", "history": "history-lab"},
    # The gateway is a service of its own, under its own user: see assay-nb-gateway.service.
    managed=False,
    api_token=Path("/etc/assay-nb/hub.token").read_text().strip(),
)
