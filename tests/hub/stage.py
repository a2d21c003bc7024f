"""A real JupyterHub with its real proxy, the gateway beside it under another user, and browsers.

Three people in two groups, each with a system user of their own, as on a hub with a spawner that keeps
people apart. Only the providers are fake.
"""

from __future__ import annotations

import http.client
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import pytest
import websocket

from tests.fakes.providers import FakeProviders
from tests.tools import require_tool, unused_port, wait_until
from tests.watching import end_with_us

GATEWAY_UID = 61_100 + os.getpid() % 800  # nobody else's, also beside another run of the tests
UIDS = {name: GATEWAY_UID + 900 * n for n, name in enumerate(("alice", "bob", "carol"), 2)}
_NOBODY = 65_534
PREFIX = "/services/assay/"
_PROXY = "configurable-http-proxy@5.3.0"
_SOURCE = Path(__file__).parents[2] / "src"
_CACHE = Path.home() / ".cache" / "assay-nb-tests" / "chp"

_CONFIG = """
import os
from assay_nb.gateway import configure_hub
c = get_config()
e = os.environ
c.JupyterHub.bind_url = f"http://127.0.0.1:{e['STAGE_PUBLIC']}/"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{e['STAGE_HUB']}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{e['STAGE_PROXY']}"
c.ConfigurableHTTPProxy.command = ["node", e["STAGE_CHP"]]
c.ConfigurableHTTPProxy.pid_file = e["STAGE_DIR"] + "/proxy.pid"
c.JupyterHub.db_url = f"sqlite:///{e['STAGE_DIR']}/hub.sqlite"
c.JupyterHub.cookie_secret_file = e["STAGE_DIR"] + "/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.allow_all = True
c.DummyAuthenticator.password = e["STAGE_PASSWORD"]
c.Authenticator.admin_users = {"dora"}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = e["STAGE_HOMES"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 120
c.Spawner.cmd = [e["STAGE_PYTHON"], e["STAGE_AS_USER"]]
c.Spawner.env_keep = ["PATH", "PYTHONPATH", "JUPYTER_PATH", "STAGE_HOMES", "LANG", *(name for name in e if name.startswith("STAGE_UID_"))]
c.JupyterHub.load_groups = {
    "physics": {"users": ["alice", "bob"]},
    "history": {"users": ["carol"]},
}
c.JupyterHub.services = [{"name": "tests", "api_token": e["STAGE_ADMIN"]}]
c.JupyterHub.load_roles = [
    {"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:servers", "admin:groups", "access:servers", "tokens"]},
]
managed = bool(e.get("STAGE_MANAGED"))
if e.get("STAGE_DOMAIN"):
    c.JupyterHub.subdomain_host = e["STAGE_DOMAIN"]
configure_hub(
    c,
    url=f"http://127.0.0.1:{e['STAGE_GATEWAY']}",
    teams={"physics": "physics-lab", "history": "history-lab"},
    managed=managed,
    user=e["STAGE_MANAGED"] if managed else None,
    config=e["STAGE_DIR"] + "/gateway/gateway.toml" if managed else None,
    api_token=None if managed else e["STAGE_SERVICE_TOKEN"],
    one_origin=None if e.get("STAGE_DOMAIN") else "accepted",
)
"""


@dataclass
class Hub:
    """The running hub."""

    public: str
    directory: Path
    python: str
    environment: dict[str, str]
    admin: httpx2.Client
    fake: FakeProviders
    password: str
    gateway_port: int
    gateway_uid: int
    domain: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _browsers: list[Browser] = field(default_factory=list)

    @property
    def page_of_gateway(self) -> str:
        """The address of the gateway's page, for a browser."""
        host = self.domain.replace("//", "//assay--service.") if self.domain else self.public
        return host + PREFIX

    @property
    def gateway_pid(self) -> int:
        return self.processes["gateway"].pid

    @property
    def gateway_home(self) -> Path:
        return self.directory / "gateway"

    def log(self, name: str) -> str:
        path = self.directory / f"{name}.log"
        return (
            path.read_text(errors="replace") if path.exists() else ""
        )  # a managed gateway has none

    def browser(self, user: str) -> Browser:
        """Return a browser in which this person has signed in to the hub and opened the key page."""
        browser = Browser(self, user)
        self._browsers.append(browser)
        browser.sign_in()
        return browser

    def start_server(self, user: str) -> None:
        """Start a person's notebook server and wait until it is there.

        The hub chooses a port for it that may be taken by the time it listens, so once more is fair.
        """
        self.admin.post(f"/hub/api/users/{user}")
        for _ in range(3):
            self.admin.post(f"/hub/api/users/{user}/server")
            wait_until(
                lambda: not self._server(user).get("pending"), 150, lambda: self._story(user)
            )
            if self._server(user).get("ready"):
                return
        raise AssertionError(self._story(user))

    def _server(self, user: str) -> dict[str, Any]:
        servers = self.admin.get(f"/hub/api/users/{user}").json().get("servers", {})
        return servers.get("", {})

    def _story(self, user: str) -> str:
        """Return the hub's log without our own questions."""
        lines = self.log("hub").splitlines()
        return "\n".join(line for line in lines if f"GET /hub/api/users/{user} " not in line)

    @contextmanager
    def kernel(self, user: str) -> Iterator[Kernel]:
        """Give a kernel on a person's server, over its REST API and websocket."""
        started = self.admin.post(f"/user/{user}/api/kernels", json={"name": "python3"})
        assert started.status_code == 201, started.text
        kernel = Kernel(self, user, started.json()["id"])
        try:
            yield kernel
        finally:
            kernel.close()
            self.admin.delete(f"/user/{user}/api/kernels/{kernel.id}")

    def close(self) -> None:
        for browser in self._browsers:
            browser.http.close()
        self.admin.close()


class Browser:
    """A person's browser: cookies and redirects, no JavaScript."""

    def __init__(self, hub: Hub, user: str) -> None:
        self.user = user
        self._hub = hub
        self.http = httpx2.Client(base_url=hub.public, follow_redirects=True, timeout=20)
        self.xsrf = ""

    def sign_in(self) -> None:
        page = self.http.get("/hub/login")
        fields = {
            "username": self.user,
            "password": self._hub.password,
            "_xsrf": _field(page.text, "_xsrf"),
        }
        page = self.http.post("/hub/login?next=/services/assay/", data=fields)
        assert page.status_code == 200, page.text[:500]
        page = self.http.get(PREFIX)
        assert page.status_code == 200, page.text[:500]
        self.xsrf = _field(page.text, "_xsrf")

    def submit(self, path: str, fields: dict[str, str]) -> httpx2.Response:
        """Send a form of the page at this path, and return the page that follows."""
        page = self.http.get(PREFIX + path)
        assert page.status_code == 200, page.text[:500]
        sent = {"_xsrf": _field(page.text, "_xsrf"), **fields}
        return self.http.post(PREFIX + path, data=sent, headers={"Origin": self._hub.public})

    def workspace(self, name: str) -> str:
        """Return the id of one of the person's workspaces."""
        listed = self.ask("GET", "api/v1/workspaces").json()
        return next(one["id"] for one in listed if one["name"] == name)

    def ask(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        headers = {"X-XSRFToken": self.xsrf, "Origin": self._hub.public}
        return self.http.request(method, PREFIX + path, json=body, headers=headers)


class Kernel:
    """A running kernel; `run` gives what its cell printed and displayed."""

    def __init__(self, hub: Hub, user: str, kernel_id: str) -> None:
        self.id = kernel_id
        self.frames: list[str] = []
        url = f"ws{hub.public.removeprefix('http')}/user/{user}/api/kernels/{kernel_id}/channels"
        authorization = f"Authorization: {hub.admin.headers['Authorization']}"
        self._socket = websocket.create_connection(url, header=[authorization], timeout=60)
        self.pid = int(self.run("import os; print(os.getpid())").text)

    def run(self, code: str) -> Ran:
        """Run a cell and return what came of it."""
        with self.running(code) as ran:
            pass
        return ran

    @contextmanager
    def running(self, code: str) -> Iterator[Ran]:
        """Begin a cell, and at the end of the block wait until it is done."""
        number = uuid.uuid4().hex
        header = {
            "msg_id": number,
            "msg_type": "execute_request",
            "version": "5.3",
            "username": "",
            "session": number,
            "date": "",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "allow_stdin": False,
            "stop_on_error": False,
            "user_expressions": {},
        }
        message = {
            "channel": "shell",
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "buffers": [],
        }
        self._socket.send(json.dumps(message))
        ran = Ran()
        yield ran
        while not ran.done:
            frame = self._socket.recv()
            self.frames.append(frame if isinstance(frame, str) else frame.decode(errors="replace"))
            told = json.loads(self.frames[-1])
            if told["parent_header"].get("msg_id") == number:
                ran.take(told["msg_type"], told["content"])

    def close(self) -> None:
        self._socket.close()


@dataclass
class Ran:
    """What a cell gave."""

    text: str = ""
    error: str = ""
    done: bool = False
    data: list[dict[str, Any]] = field(default_factory=list)

    def take(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "stream":
            self.text += content["text"]
        elif kind in {"display_data", "execute_result", "update_display_data"}:
            self.data.append(content["data"])
        elif kind == "status":
            self.done = content["execution_state"] == "idle"
        elif kind == "error":
            self.error += f"{content['ename']}: {content['evalue']}\n" + "\n".join(
                content["traceback"]
            )

    @property
    def shown(self) -> str:
        return self.text + "".join(str(one.get("text/plain", "")) for one in self.data)


@contextmanager
def running_hub(
    fake: FakeProviders,
    *,
    managed: bool = False,
    spoil: Callable[[Hub], None] | None = None,
    subdomains: bool = False,
) -> Iterator[Hub]:
    """Run all of it; the gateway by itself, or started by the hub.

    Args:
        fake: The providers.
        managed: Whether the hub starts the gateway.
        spoil: Called before the hub starts, for a managed gateway that refuses to start.
        subdomains: Whether people's servers and the gateway have hosts of their own, which a browser finds on
            this machine.
    """
    directory = Path(tempfile.mkdtemp(prefix="hub"))
    directory.chmod(0o711)
    public, hub_port, proxy, gateway = (unused_port() for _ in range(4))
    python = find_python()
    password = secrets.token_hex(8)
    tokens = {"STAGE_ADMIN": secrets.token_hex(16), "STAGE_SERVICE_TOKEN": secrets.token_hex(32)}
    homes = directory / "homes"
    homes.mkdir()
    homes.chmod(0o711)
    shutil.copy(Path(__file__).with_name("as_user.py"), directory / "as_user.py")
    plain = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(import_path()),
        "JUPYTER_PATH": str(Path(sys.prefix) / "share" / "jupyter"),
    }
    environment = (
        plain
        | tokens
        | {
            "HOME": str(directory),
            "STAGE_PUBLIC": str(public),
            "STAGE_HUB": str(hub_port),
            "STAGE_PROXY": str(proxy),
            "STAGE_GATEWAY": str(gateway),
            "STAGE_DIR": str(directory),
            "STAGE_HOMES": str(homes),
            "STAGE_CHP": str(find_proxy()),
            "STAGE_PYTHON": python,
            "STAGE_AS_USER": str(directory / "as_user.py"),
            "STAGE_PASSWORD": password,
            **{f"STAGE_UID_{name}": str(uid) for name, uid in UIDS.items()},
        }
    )
    domain = f"http://hub.localhost:{public}" if subdomains else ""
    if domain:
        environment["STAGE_DOMAIN"] = domain
    (directory / "jupyterhub_config.py").write_text(_CONFIG)
    hub = Hub(
        f"http://127.0.0.1:{public}",
        directory,
        python,
        plain,
        httpx2.Client(
            base_url=f"http://127.0.0.1:{public}",
            headers={"Authorization": f"token {tokens['STAGE_ADMIN']}"},
            timeout=30,
        ),
        fake,
        password,
        gateway,
        _NOBODY if managed else GATEWAY_UID,  # the hub starts it by a user's name
        domain,
    )
    try:
        if managed:
            environment["STAGE_MANAGED"] = pwd.getpwuid(_NOBODY).pw_name
            write_gateway_config(hub)
            if spoil is not None:
                spoil(hub)
        else:
            write_gateway_config(hub, hub_port, tokens["STAGE_SERVICE_TOKEN"])
        command = [python, "-m", "jupyterhub", "-f", str(directory / "jupyterhub_config.py")]
        _start(hub, "hub", command, environment)
        if not managed:
            start_gateway(hub)
        if domain:
            hub.admin.headers["Host"] = domain.removeprefix("http://")
        wait_until(lambda: _answers(hub.admin, "/hub/api/"), 60, lambda: hub.log("hub"))
        if domain:
            hub.admin.headers["Host"] = hub.page_of_gateway.removeprefix("http://").split("/")[0]
        wait_until(
            lambda: _answers(hub.admin, f"{PREFIX}health", 200 if spoil is None else 503),
            60,
            lambda: hub.log("gateway") + hub.log("hub"),
        )
        if domain:
            hub.admin.headers["Host"] = domain.removeprefix("http://")
        yield hub
    finally:
        hub.close()
        for process in reversed(hub.processes.values()):
            _stop(process)
        shutil.rmtree(directory, ignore_errors=True)


def write_gateway_config(hub: Hub, hub_port: int = 0, token: str = "") -> None:
    """Write the gateway's configuration; one that the hub starts is told the rest by the hub."""
    home = hub.gateway_home
    home.mkdir(mode=0o700)
    by_itself = f"""
listen = "127.0.0.1:{hub.gateway_port}"

[teams]
physics = "physics-lab"
history = "history-lab"

[hub]
api_url = "http://127.0.0.1:{hub_port}/hub/api"
api_token_file = "{home}/hub.token"
public_url = "{hub.domain or hub.public}"
subdomains = {str(bool(hub.domain)).lower()}
cache_seconds = 2.0
"""
    (home / "gateway.toml").write_text(
        f"""
home = "{home}/vault"
master_key_file = "{home}/vault/master.key"
allow_origins = ["{hub.fake.origin}"]
{by_itself if hub_port else ""}
"""
    )
    (home / "hub.token").write_text(token)
    (home / "hub.token").chmod(0o600)
    for path in (home, *home.iterdir()):
        os.chown(path, hub.gateway_uid, hub.gateway_uid)


def start_gateway(hub: Hub) -> None:
    """Start the gateway as its own user."""
    command = [
        *as_user(GATEWAY_UID), hub.python, "-m", "assay_nb.cli", "gateway",
        "--config", str(hub.gateway_home / "gateway.toml"),
    ]  # fmt: skip
    _start(hub, "gateway", command, hub.environment | {"HOME": str(hub.gateway_home)})


def as_user(uid: int) -> list[str]:
    return [require_tool("setpriv"), f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


def find_python() -> str:
    """Return an interpreter that every system user may run, and that can use our packages."""
    if os.geteuid() == 0 and not all(map(_is_open_to_others, map(Path, import_path()))):
        _do_without(
            "Other system users, whom these tests need, cannot read this folder: move it, say to /srv."
        )
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/python{version}"):
        if Path(candidate).exists() and _is_open_to_others(Path(candidate)):
            return candidate
    return _do_without(f"No Python {version} that other system users may run.")


def _do_without(sentence: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def find_proxy() -> Path:
    """Return configurable-http-proxy: `CHP`, the one that npm installed globally, or one put into a cache."""
    if named := os.environ.get("CHP"):
        return Path(named)
    if found := shutil.which("configurable-http-proxy"):
        return Path(found).resolve()
    program = (
        _CACHE / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    )
    if not program.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        (_CACHE / "package.json").write_text("{}")
        command = [
            require_tool("npm"), "install", "--no-audit", "--no-fund", _PROXY,
        ]  # fmt: skip
        done = subprocess.run(command, cwd=_CACHE, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return program


def _is_open_to_others(path: Path) -> bool:
    real = path.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (*real.parents, *path.parents, real))


def import_path() -> list[str]:
    import jupyterhub

    return [str(Path(jupyterhub.__file__).parents[1]), str(_SOURCE)]


def _start(hub: Hub, name: str, command: list[str], environment: dict[str, str]) -> None:
    with (hub.directory / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=hub.directory,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    hub.processes[name] = end_with_us(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def _answers(client: httpx2.Client, path: str, status: int = 200) -> bool:
    try:
        return client.get(path).status_code == status
    except (httpx2.HTTPError, http.client.HTTPException):
        return False


def _field(page: str, name: str) -> str:
    for tag in re.findall(r"<input[^>]*>", page):
        if f'name="{name}"' in tag:
            return re.search(r'value="([^"]*)"', tag)[1]  # type: ignore[index]
    raise AssertionError(f"no field {name} in {page[:2000]}")


__all__ = ["UIDS", "Browser", "Hub", "Kernel", "running_hub"]
