"""What a JupyterHub needs for the gateway: copy this into its own configuration."""

from pathlib import Path

from assay_nb.gateway import configure_hub

c = get_config()  # noqa: F821 - JupyterHub provides it

# Each person's notebooks at a host of their own, so that none of their pages shares one with the page for keys. It
# needs a wildcard in DNS and in the certificate. Without it, leave it out and add one_origin="accepted" below.
c.JupyterHub.subdomain_host = "https://hub.example.org"

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
