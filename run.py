#!/usr/bin/env python3
"""From a fresh clone to a running assay_nb, with nothing but Python.

    python3 run.py try      install into .venv, then run `assay-nb try`: no key, no provider
    python3 run.py test     install what the tests need as well, then run every check
    python3 run.py lock     renew the lock files: what the checks install, their servers, and a hub's gateway

Only the standard library is used here. Packages come from the index that pip is set up for.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)
STAMP = "made-by-run.json"
LOCK = ROOT / "examples" / "hub" / "requirements.lock"
CHECKS_LOCK = ROOT / "tests" / "requirements.lock"
SERVERS_LOCK = ROOT / "tests" / "servers" / "requirements.lock"
CLIENTS = ROOT / "tests" / "clients"
CLIENT_LOCKS = {"sdks": CLIENTS / "sdks.lock", "aider": CLIENTS / "aider.lock"}
"""Other people's clients in Python, by the environment that each of them needs."""

LOCKED = {
    LOCK: ("pyproject.toml", "--extra", "hub", "--generate-hashes"),
    CHECKS_LOCK: ("pyproject.toml", "--extra", "hub", "--group", "test", "--group", "lint"),
    SERVERS_LOCK: ("--group", "servers"),
    CLIENT_LOCKS["sdks"]: ("--group", "clients"),
    CLIENT_LOCKS["aider"]: ("--group", "aider"),
}
"""Each lock file, with what of pyproject.toml it locks."""

LLAMA_CPP = ROOT / "tests" / "servers" / "llama_cpp.cmake"
"""What is compiled of llama-cpp-python, which has no wheel. pip keeps the one that it makes."""

PIP = "pip>=25.1"  # the first that reads dependency groups
OFFLINE = ("Retrying (Retry(", "name resolution", "Network is unreachable", "ProxyError")

SMALL_TOOLS = {  # a program that some tests need: the Debian packages that have it
    "dbus-run-session": "dbus",
    "pdftotext": "poppler-utils",
    "pg_ctl": "postgresql",
}
LARGE_TOOLS = {  # on a bare Debian another 440 packages, 250 MB to download
    "c++": "g++",
    "cc": "gcc libc6-dev",
    "chromium": "chromium",
    "gnome-keyring-daemon": "gnome-keyring",
    "node": "nodejs",
    "npm": "npm",
}

PYTEST = ("python", "-m", "pytest", "--quiet", "-rs", "--durations=10")
PARALLEL = (*PYTEST, "-n", "2", "--dist", "loadgroup")
HEAVY = ("clients", "hub", "kernel", "labserver", "servers")
"""Rooms that start hubs, kernels and servers, which the first Python does; the nightly run has them on each."""
IN_LAB = ("tests/lab", "tests/attacks/test_lab.py")

CHECKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "lint": (("ruff", "check"), ("ruff", "format", "--check")),
    "node": (),  # more than a command, as notebooks and wheel are: see check
    "types": (("pyright",),),
    "imports": (("lint-imports", "--no-logo"),),
    "tests": ((*PARALLEL, "-m", "not lab and not servers and not clients"),),
    # A browser driver keeps an event loop running in its process, so no other tests come along.
    "lab": ((*PYTEST, "-n", "2", "--dist", "loadfile", "-m", "lab", *IN_LAB),),
    "compile": (),  # makes the environment that `servers` needs
    "servers": ((*PARALLEL, "-m", "servers", "tests/servers"),),
    "fetch": (),  # makes the environment that `clients` needs
    "clients": ((*PARALLEL, "-m", "clients", "tests/clients"),),
    "notebooks": ((*PYTEST, "-o", "addopts=", "-o", "filterwarnings=", "--nbval", "notebooks"),),
    "wheel": (),
    "quick": (
        (*PARALLEL, "-m", "not slow and not lab", *(f"--ignore=tests/{one}" for one in HEAVY)),
    ),
}
"""What `run.py test` can do: programs of the environment with their arguments."""

FRONT = {"tests": "", "servers": "compile", "clients": "fetch", "lab": "node"}
"""What a whole run does one after the other, on both processors; each with what it waits for."""

NAMED = 20
"""How many failed tests the closing table names for each check."""

BESIDE = ("lint", "node", "compile", "fetch", "types", "imports", "wheel", "notebooks")
"""What it does meanwhile: half of this is waiting for downloads. Three of these install what FRONT needs."""

QUICK = ("types", "quick")
"""What `run.py test --quick` does: what can differ from one Python to the next."""


class Row(NamedTuple):
    """A line of the closing table."""

    name: str
    passed: bool
    said: str
    seconds: float
    failed: Sequence[str] = ()
    """The first tests that failed: whoever sees only the end of a long log learns which they were."""


class Trouble(Exception):
    """Something only the person at the keyboard can settle. Its text is all that they see."""


def main() -> int:
    """Do what the command line asks, and return the exit status."""
    options, rest = parse_arguments()
    try:
        python = find_python(options.python)
        directory = environment_of(python) if options.python else ROOT / ".venv"
        if options.command == "try":
            prepare(directory, python, groups=())
            return run(directory, ("assay-nb", "try", *rest))
        if options.command == "lock":
            return renew_locks(directory, python)
        return run_tests(directory, python, options)
    except Trouble as trouble:
        print(f"run.py: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parse_arguments() -> tuple[argparse.Namespace, list[str]]:
    """Read the command line. What `try` does not know goes on to `assay-nb try`."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--python", metavar="PROGRAM", help="use this interpreter, in an environment of its own"
    )
    parser = argparse.ArgumentParser(prog="run.py", description="Set up assay_nb and run it.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "try", parents=[shared], help="run `assay-nb try`; further options go to it"
    )
    commands.add_parser("lock", parents=[shared], help="renew the lock files")
    test = commands.add_parser("test", parents=[shared], help="run every check")
    test.add_argument(
        "--quick", action="store_true", help="only the types, and the tests that need no more"
    )
    test.add_argument("--only", action="append", choices=CHECKS, help="only this check; repeatable")
    test.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="PROGRAM",
        help="run what --quick does on this interpreter too; repeatable",
    )
    test.add_argument("--lane", help=argparse.SUPPRESS)  # how run.py starts itself a second time
    tools = test.add_mutually_exclusive_group()
    tools.add_argument(
        "--all-system-tools",
        action="store_true",
        help="install the large programs too (Chromium, Node, …), as where CI is set",
    )
    tools.add_argument("--no-system-tools", action="store_true", help="install no programs")
    options, rest = parser.parse_known_args()
    if rest and options.command != "try":
        parser.error(f"unknown: {' '.join(rest)}")
    if options.command == "test" and options.also and (options.quick or options.only):
        parser.error("--also goes with a whole run: leave out --quick and --only")
    return options, rest


# --- checks -----------------------------------------------------------------------------------------


def run_tests(directory: Path, python: str, options: argparse.Namespace) -> int:
    """Run every check, also after one has failed, and end with a line on each."""
    for other in options.also:
        find_python(other)  # one that does not start is said at once, not after ten minutes
    if not (options.quick or options.no_system_tools or options.lane):
        install_system_tools(large=options.all_system_tools or bool(os.environ.get("CI")))
    prepare(directory, python, groups=("test", "lint"))
    if options.lane:
        run_beside(directory, python, options)
        return 0
    chosen = QUICK if options.quick else options.only
    if chosen:
        rows = [run_check(name, directory, python) for name in chosen]
    else:
        rows = run_in_front(directory, python, options)
    print()
    for row in rows:
        print(f"{row.name:<10} {row.seconds:6.0f} s  {row.said}")
        for name in row.failed:
            print(f"{'':21}{name[:150]}")
    return 0 if all(row.passed for row in rows) else 1


def run_check(name: str, directory: Path, python: str, *, called: str = "") -> Row:
    """Run one check, and return its line of the closing table."""
    print(f"\n=== {called or name} ===", flush=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="assay-report-") as scratch:
        report = Path(scratch, "report.xml")
        passed = check(name, directory, python, report)
        said = ("ok" if passed else "FAILED") + describe_skipped(report)
        failed = sorted(failed_tests(report))[:NAMED]
    return Row(called or name, passed, said, time.monotonic() - start, failed)


def run_in_front(directory: Path, python: str, options: argparse.Namespace) -> list[Row]:
    """Run everything in two lanes: the tests in this one, what needs no browser and no peace beside it."""
    with Lane(options) as beside:
        rows = []
        for name, first in FRONT.items():
            if first:
                beside.wait_for(first)
            rows.append(run_check(name, directory, python))
            beside.show()
        rows += beside.finish()
    for other in options.also:
        there = environment_of(other)
        prepare(
            there, other, groups=("test", "lint")
        )  # nothing is left to do, unless the lane failed
        rows.append(run_check("quick", there, other, called=label("quick", other)))
    return rows


def run_beside(directory: Path, python: str, options: argparse.Namespace) -> None:
    """Run the lane that is not in front, and write each line of its table when it is known."""
    if hasattr(os, "nice"):
        os.nice(5)  # the tests in front go first where both want a processor
    with Path(options.lane).open("a", encoding="utf-8") as table:
        for name in BESIDE:
            print(json.dumps(run_check(name, directory, python)), file=table, flush=True)
        for other in options.also:
            there = environment_of(other)
            prepare(there, other, groups=("test", "lint"))
            row = run_check("types", there, other, called=label("types", other))
            print(json.dumps(row), file=table, flush=True)


class Lane:
    """The checks beside those in front: another run.py, whose output is kept whole until it has ended."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="assay-lane-")
        self.table = Path(self._scratch.name, "table")
        self.output = Path(self._scratch.name, "output")
        pythons = [word for other in options.also for word in ("--also", other)]
        chosen = ["--python", options.python] if options.python else []
        self._command = [
            sys.executable, "-u", str(ROOT / "run.py"), "test", *chosen, *pythons,
            "--lane", str(self.table),
        ]  # fmt: skip
        self._shown = False

    def __enter__(self) -> Lane:
        print(f"Beside the tests: {', '.join(BESIDE)}; what they say follows.", flush=True)
        self.table.touch()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.terminate()
        self.process.wait()
        self._scratch.cleanup()

    def rows(self) -> list[Row]:
        """Return the lines of the table that are known by now."""
        return [Row(*json.loads(line)) for line in self.table.read_text().splitlines()]

    def wait_for(self, name: str) -> None:
        """Wait until one check has ended, or all have."""
        while self.process.poll() is None and name not in {row.name for row in self.rows()}:
            time.sleep(0.5)

    def show(self) -> None:
        """Print what the lane has said, once, when it has ended."""
        if self.process.poll() is not None and not self._shown:
            self._shown = True
            print(self.output.read_text(encoding="utf-8", errors="replace"), end="", flush=True)

    def finish(self) -> list[Row]:
        """Wait for the end, print what the lane has said, and return its lines of the table."""
        status = self.process.wait()
        self.show()
        stopped = Row("beside", False, "FAILED: stopped before its last check", 0.0)
        return self.rows() + ([stopped] if status else [])


def label(name: str, python: str) -> str:
    """Return what a check on another Python is called, such as `types 3.13`."""
    return f"{name} {version_of(python).rpartition('.')[0]}"


def environment_of(python: str) -> Path:
    """Return where the environment is that belongs to an interpreter somebody has chosen."""
    return ROOT / f".venv-{version_of(python)}"


def check(name: str, directory: Path, python: str, report: Path) -> bool:
    """Run one check, and say whether it passed. Pytest tells `report` what it ran."""
    if name == "wheel":
        return check_wheel(directory, python)
    if name == "notebooks":
        return check_notebooks(directory)
    if name in ("node", "lab") and not install_node_modules():
        return False
    if name in ("compile", "servers") and not install_servers(directory, python):
        return False
    if name in ("fetch", "clients") and not install_clients(directory, python):
        return False
    statuses = [
        run(directory, (*command, f"--junit-xml={report}") if "pytest" in command else command)
        for command in CHECKS[name]
    ]
    return not any(statuses)


def describe_skipped(report: Path) -> str:
    """Return how many tests were skipped and for want of what, such as `, 56 skipped: chromium`.

    A test that needs a program says so with its name in quotation marks. Root and the right to mount a
    file system are what else a machine may not give; what is left stands with its reason in pytest's lines.
    """
    if not report.exists():
        return ""
    skipped = xml.etree.ElementTree.parse(report).iter("skipped")  # noqa: S314 - our own file
    reasons = [one.get("message", "") for one in skipped]
    if not reasons:
        return ""
    wanted = re.compile(r"program '([\w-]+)'|(?:takes|only) (root)|\b(mount)\b")
    found = [wanted.search(reason) for reason in reasons]
    wants = {next(filter(None, match.groups())) if match else "see above" for match in found}
    return f", {len(reasons)} skipped: {', '.join(sorted(wants))}"


def failed_tests(report: Path) -> set[str]:
    """Return the names of the tests that failed, or could not be set up or taken down."""
    if not report.exists():
        return set()
    cases = xml.etree.ElementTree.parse(report).iter("testcase")  # noqa: S314 - our own file
    return {
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    }


def install_node_modules() -> bool:
    """Install what the extension is built and checked with, as its lock file says; True without npm.

    The tests that need it then skip on a desk, and fail in CI.
    """
    npm, folder = shutil.which("npm"), ROOT / "labextension"
    lock, done = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if npm is None or (done.exists() and done.stat().st_mtime >= lock.stat().st_mtime):
        return True
    command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    return subprocess.call(command, cwd=folder, env=surroundings()) == 0


def install_servers(directory: Path, python: str) -> bool:
    """Install the real servers beside an environment, as their lock file says; True without a compiler.

    The tests that need them then skip on a desk, and fail in CI.
    """
    if shutil.which("c++") is None:
        return True
    there = servers_of(directory)
    recipe = SERVERS_LOCK.read_bytes() + LLAMA_CPP.read_bytes()
    wanted = {"python": version_of(python), "servers": hashlib.sha256(recipe).hexdigest()}
    try:
        if read_stamp(there) == wanted:
            return True
        print(f"Installing real servers into {there.name}: up to five minutes …", flush=True)
        make_environment(there, python)
        locked = ("--no-deps", "--requirement", str(SERVERS_LOCK))
        compiled = {
            "CMAKE_ARGS": f"-DCMAKE_PROJECT_llama_cpp_INCLUDE={LLAMA_CPP}",
            "SKBUILD_BUILD_TARGETS": "llama",
        }
        pip_install(there, *locked, **compiled)
    except Trouble as trouble:
        print(trouble)
        return False
    (there / STAMP).write_text(json.dumps(wanted))
    return True


def servers_of(directory: Path) -> Path:
    """Return where the real servers are that belong to an environment: `tests/servers` looks there."""
    return directory.with_name(f"{directory.name}-servers")


def install_clients(directory: Path, python: str) -> bool:
    """Install other people's clients beside an environment: from PyPI as locked, and with npm.

    Without npm, the tests of agents that need it skip on a desk, and fail in CI.
    """
    there, npm = clients_of(directory), shutil.which("npm")
    files = (*CLIENT_LOCKS.values(), CLIENTS / "package.json")
    recipe = b"".join(file.read_bytes() for file in files) + (b"npm" if npm else b"")
    wanted = {"python": version_of(python), "clients": hashlib.sha256(recipe).hexdigest()}
    if read_stamp(there) == wanted:
        return True
    print(f"Installing other people's clients into {there.name}: some three minutes …", flush=True)
    there.mkdir(exist_ok=True)
    (there / STAMP).write_text("{}")  # ours, and not whole yet
    try:
        with ThreadPoolExecutor() as pool:  # each is mostly downloads and unpacking
            made = [
                pool.submit(fill, there / part, python, lock) for part, lock in CLIENT_LOCKS.items()
            ]
            if npm:
                made.append(pool.submit(fill_with_npm, there / "npm", npm))
            for one in made:
                one.result()
    except Trouble as trouble:
        print(trouble)
        return False
    (there / STAMP).write_text(json.dumps(wanted))
    return True


def fill(directory: Path, python: str, lock: Path) -> None:
    """Make an environment with what a lock file names."""
    make_environment(directory, python)
    pip_install(directory, "--no-deps", "--requirement", str(lock))


def fill_with_npm(directory: Path, npm: str) -> None:
    """Fill a folder with the agents that come from npm."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    shutil.copy(CLIENTS / "package.json", directory)
    # Each agent is one program, in a package for each system. A lock would name those of all systems.
    command = (npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
    if subprocess.call(command, cwd=directory, env=surroundings()) != 0:
        raise Trouble("npm could not install the agents that the tests run.")


def clients_of(directory: Path) -> Path:
    """Return where other people's clients are that belong to an environment: `tests/clients` looks there."""
    return directory.with_name(f"{directory.name}-clients")


def check_notebooks(directory: Path) -> bool:
    """Execute the notebooks, with a home and a vault that nobody else uses."""
    if not any((ROOT / "notebooks").glob("*.ipynb")):
        print("There are none.")
        return True
    # Each run looks at the same rows again, and what they show depends on how often that was.
    shutil.rmtree(ROOT / "notebooks" / "assay-ledger", ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="assay-home-") as home:
        places = {"HOME": home, "ASSAY_HOME": f"{home}/vault"}
        (command,) = CHECKS["notebooks"]
        return run(directory, command, **places) == 0


def check_wheel(directory: Path, python: str) -> bool:
    """Build the sdist and the wheel from that; use it far from the source, without Node, as locked."""
    with tempfile.TemporaryDirectory(prefix="assay-wheel-") as scratch:
        build = ("python", "-m", "build", "--no-isolation", "--outdir", scratch)
        if run(directory, build) != 0:
            return False
        (wheel,) = Path(scratch).glob("*.whl")
        fresh = Path(scratch, "fresh")
        make_environment(fresh, python)
        if not install_locked(fresh, wheel, Path(scratch, "locked")):
            return False
        if not check_core(directory, python, wheel, Path(scratch)):
            return False
        started = run(fresh, ("assay-nb", "--version"), cwd=scratch) == 0
        in_lab = lists_as_ok(fresh, scratch, "labextension", "assay-nb v")
        in_server = lists_as_ok(fresh, scratch, "server extension", "assay_nb.labserver ")
        return started and in_lab and in_server


def check_core(directory: Path, python: str, whole: Path, scratch: Path) -> bool:
    """Build the distribution in parts; without an extra, it is enough for the hub's configuration and for lint."""
    built, bare = scratch / "core", scratch / "bare"
    build = ("python", "-m", "build", "--no-isolation", "--outdir", str(built), "packages/core")
    if run(directory, build) != 0:
        return False
    (wheel,) = built.glob("*.whl")
    if packed(wheel) != packed(whole):
        print(f"{wheel.name} does not hold what {whole.name} does.")
        return False
    make_environment(bare, python)
    pip_install(bare, "--no-index", "--find-links", str(scratch / "locked"), str(wheel))
    prompt = scratch / "prompt.txt"
    prompt.write_text("Answer {{question}} in one sentence.\n")
    configured = run(bare, ("python", "-c", "from assay_nb.gateway import configure_hub")) == 0
    return configured and run(bare, ("assay-nb", "lint", str(prompt)), cwd=str(scratch)) == 0


def packed(wheel: Path) -> dict[str, int]:
    """Return what a wheel installs, by where, without what it says of itself."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            one.filename.partition(".data/")[2] or one.filename: one.CRC
            for one in archive.infolist()
            if ".dist-info/" not in one.filename
        }


def install_locked(directory: Path, wheel: Path, store: Path) -> bool:
    """Install the wheel with the dependencies of the lock file, offline, once their hashes are proven.

    A file that was changed on the way must be refused, and none may bring code that Python runs at
    every start (attack 105 of the security suite).
    """
    locked = ("--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK))
    offline = ("--no-index", "--find-links", str(store))
    pip = (str(program(directory, "python")), "-m", "pip")
    before = pth_files(directory)
    said = pip_output(*pip, "download", "--dest", str(store), *locked)
    if said is not None:
        print(f"pip could not download what the lock file names:\n{said[-2000:]}")
        return False
    changed = next(store.glob("aiohttp-*.whl"))
    genuine = changed.read_bytes()
    changed.write_bytes(genuine + b"!")
    said = pip_output(*pip, "install", *offline, *locked)
    changed.write_bytes(genuine)
    if said is None or "THESE PACKAGES DO NOT MATCH THE HASHES" not in said:
        print(f"pip takes a file that was changed:\n{said}")
        return False
    pip_install(directory, *offline, *locked)
    pip_install(directory, "--no-deps", str(wheel))
    added = pth_files(directory) - before
    if added:
        print(f"Dependencies bring code that runs at every start of Python: {sorted(added)}")
        return False
    gateway = ("python", "-c", "import assay_nb.gateway.process.main")
    return run(directory, gateway) == 0 and run(directory, ("python", "-m", "pip", "check")) == 0


def pth_files(directory: Path) -> set[str]:
    """Return the names of the files that Python runs whenever it starts in an environment."""
    return {path.name for path in directory.rglob("site-packages/*.pth")}


def lists_as_ok(directory: Path, home: str, kind: str, name: str) -> bool:
    """Say whether Jupyter lists an extension as OK, with no other program than its own on the PATH."""
    jupyter = program(directory, "jupyter")
    alone = {**surroundings(), "PATH": str(jupyter.parent), "HOME": home}
    done = subprocess.run(
        [str(jupyter), *kind.split(), "list"],
        cwd=home,
        env=alone,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if any(name in line and "OK" in line for line in done.stdout.splitlines()):
        print(f"jupyter {kind} list: OK")
        return True
    print(f"jupyter {kind} list does not show {name} as OK:\n{done.stdout}")
    return False


# --- the environment --------------------------------------------------------------------------------


def prepare(directory: Path, python: str, groups: tuple[str, ...]) -> None:
    """Make `directory` an environment with assay_nb in it, unless it already is one.

    The package is installed in place, so that only a change of Python or of pyproject.toml needs
    another round.
    """
    wanted = {
        "python": version_of(python),
        "pyproject": hashlib.sha256(
            (ROOT / "pyproject.toml").read_bytes() + CHECKS_LOCK.read_bytes()
        ).hexdigest(),
    }
    stamp = directory / STAMP
    found = read_stamp(directory)
    if found.get("python") != wanted["python"]:
        make_environment(directory, python)
        found = {}
    missing = set(groups) - set(found.get("groups", ()))
    if missing or found.get("pyproject") != wanted["pyproject"]:
        print(f"Installing assay_nb into {directory.name}: a minute or two …", flush=True)
        groups = tuple(sorted({*groups, *found.get("groups", ())}))
        asked = [word for group in groups for word in ("--group", f"{ROOT}/pyproject.toml:{group}")]
        pip_install(directory, "--upgrade", PIP)
        extra = "[hub]" if "test" in groups else ""
        locked = ("--constraint", str(CHECKS_LOCK)) if groups else ()
        pip_install(directory, "--editable", f"{ROOT}{extra}", *asked, *locked)
        stamp.write_text(json.dumps({**wanted, "groups": groups}))


def renew_locks(directory: Path, python: str) -> int:
    """Write the lock files anew, for every system and every Python that is supported."""
    prepare(directory, python, groups=())
    pip_install(directory, "uv")
    oldest = f"{OLDEST[0]}.{OLDEST[1]}"
    compile_lock = ("uv", "pip", "compile", "--quiet", "--upgrade", "--universal")
    about = ("--no-annotate", "--custom-compile-command", "python3 run.py lock")
    statuses = [
        run(directory, (*compile_lock, "--python-version", oldest, *about, *what, "-o", str(lock)))
        for lock, what in LOCKED.items()
    ]
    return int(any(statuses))


def read_stamp(directory: Path) -> dict[str, str]:
    """Return what the environment was made from; `{}` when there is none yet."""
    stamp = directory / STAMP
    if directory.exists() and not stamp.exists():
        raise Trouble(
            f"{directory} was not made by run.py, so it is left alone. "
            "Move it away, then run the same command again."
        )
    try:
        return json.loads(stamp.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def make_environment(directory: Path, python: str) -> None:
    """Make a virtual environment that has pip, whichever parts of Python are installed.

    Debian and Ubuntu ship `venv` without what puts pip into it, and forbid installing beside the
    system's packages. Each way here leaves the system as it is, but for the last.
    """
    for way in (venv_with_pip, venv_and_another_pip, virtualenv_package, venv_from_apt):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        (directory / STAMP).write_text("{}")
        if way(directory, python):
            return
    shutil.rmtree(directory, ignore_errors=True)
    raise Trouble(
        f"{python} cannot make a virtual environment. Install what it lacks "
        "(Debian, Ubuntu: `sudo apt-get install python3-venv`) or choose another with --python."
    )


def venv_with_pip(directory: Path, python: str) -> bool:
    """Python's own way, where it is whole."""
    return succeeds(python, "-m", "venv", str(directory))


def venv_and_another_pip(directory: Path, python: str) -> bool:
    """An environment without pip, filled by a pip from outside (22.3 or later)."""
    if not succeeds(python, "-m", "venv", "--without-pip", str(directory)):
        return False
    inside = str(program(directory, "python"))
    return any(pip_works(*pip, "--python", inside, "install", PIP) for pip in pips(python))


def virtualenv_package(directory: Path, python: str) -> bool:
    """The virtualenv package, fetched to a folder of its own and thrown away after use."""
    with tempfile.TemporaryDirectory(prefix="assay-virtualenv-") as scratch:
        start = f"import sys, runpy; sys.path.insert(0, {scratch!r}); sys.argv[0] = 'virtualenv'; "
        start += "runpy.run_module('virtualenv', run_name='__main__')"
        return any(
            pip_works(*pip, "install", "--target", scratch, "virtualenv")
            and succeeds(python, "-c", start, str(directory))
            for pip in pips(python)
        )


def venv_from_apt(directory: Path, python: str) -> bool:
    """Debian's package for the missing part, where this user may install packages."""
    package = f"python{version_of(python).rpartition('.')[0]}-venv"
    return apt_install(package) and venv_with_pip(directory, python)


def pips(python: str) -> list[tuple[str, ...]]:
    """Return the ways to call a pip that is already on this machine."""
    candidates = ((python, "-m", "pip"), (sys.executable, "-m", "pip"), ("pip3",), ("pip",))
    return [pip for pip in dict.fromkeys(candidates) if succeeds(*pip, "--version")]


def pip_install(directory: Path, *what: str, **variables: str) -> None:
    """Install into an environment; the error, if any, is one line and a reason."""
    pip = (str(program(directory, "python")), "-m", "pip", "install")
    log = pip_output(*pip, *what, **variables)
    if log is not None:
        raise Trouble(f"pip could not install what is needed. Its last words:\n{log[-2000:]}")


def pip_works(*command: str) -> bool:
    """Run a pip for one of the ways above, and say whether it did its work."""
    return pip_output(*command) is None


def pip_output(*command: str, **variables: str) -> str | None:
    """Run a pip; return None when it did its work, otherwise what it said.

    Raises:
        Trouble: If it failed for want of a network, since no other way would fare better.
    """
    done = subprocess.run(
        command,
        env={**surroundings(), "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode == 0:
        return None
    if any(sign in done.stdout for sign in OFFLINE):
        raise Trouble(
            "the package index cannot be reached. Check the network (or pip's proxy settings), "
            "then run the same command again."
        )
    return done.stdout


# --- the system -------------------------------------------------------------------------------------


def find_python(asked: str | None) -> str:
    """Return an interpreter that is new enough: the one asked for, this one, or one on the PATH."""
    if asked is not None:
        if not is_new_enough(asked):
            raise Trouble(f"{asked} is not Python {OLDEST[0]}.{OLDEST[1]} or later.")
        return asked
    names = (f"python3.{minor}" for minor in (14, 13, 12, 11))
    for candidate in (sys.executable, *names):
        if is_new_enough(candidate):
            return candidate
    raise Trouble(
        f"Python {OLDEST[0]}.{OLDEST[1]} or later is needed, and this is {sys.version.split()[0]}."
    )


def is_new_enough(python: str) -> bool:
    """Say whether `python` starts and is a version that assay_nb supports."""
    return succeeds(python, "-c", f"import sys; sys.exit(sys.version_info < {OLDEST})")


def version_of(python: str) -> str:
    """Return an interpreter's version, such as `3.11.7`."""
    script = "import platform; print(platform.python_version())"
    return subprocess.run(
        [python, "-c", script], env=surroundings(), check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def install_system_tools(*, large: bool) -> None:
    """Install the programs that some tests need, where that is possible and they are missing.

    Without them those tests are skipped with a reason, or fail when CI is set. Some programs are large,
    so those are left to whoever asks for them.
    """
    small, rest = missing_packages(SMALL_TOOLS), missing_packages(LARGE_TOOLS)
    wanted, left = (small + rest, []) if large else (small, rest)
    if wanted and not apt_install(*wanted):
        left += wanted
    if left:
        print(f"Not installed, so some tests cannot run: {', '.join(sorted(left))}.", flush=True)
        if apt_prefix() is not None:
            print("With --all-system-tools they are installed.", flush=True)


def missing_packages(tools: dict[str, str]) -> list[str]:
    """Return the Debian packages of the programs that are not there."""
    return " ".join(packages for name, packages in tools.items() if not has_tool(name)).split()


def has_tool(name: str) -> bool:
    """Say whether a program is there; Debian keeps PostgreSQL's off the PATH."""
    return bool(shutil.which(name) or any(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))


def apt_install(*packages: str) -> bool:
    """Install Debian packages if this user may do so without being asked for a password."""
    prefix = apt_prefix()
    if prefix is None:
        return False
    install = ("apt-get", "install", "--no-install-recommends", *packages)
    if not succeeds(*prefix, "apt-get", "update"):
        return False
    print(f"Installing with apt-get: {', '.join(packages)} …", flush=True)
    print(apt_size(*prefix, *install), end="", flush=True)
    return succeeds(*prefix, *install, "--yes")


def apt_size(*install: str) -> str:
    """Return what apt-get says an installation takes: packages, download, disk. It installs nothing."""
    asked = subprocess.run(
        [*install, "--assume-no"],
        env={**surroundings(), "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    telling = ("newly installed", "Need to get", "Download size", "disk space", "Space needed")
    lines = asked.stdout.splitlines()
    return "".join(f"  {line}\n" for line in lines if any(word in line for word in telling))


def apt_prefix() -> tuple[str, ...] | None:
    """Return what to put before `apt-get`, or None where it cannot be used."""
    if shutil.which("apt-get") is None:
        return None
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive")
    if os.geteuid() == 0:
        return quiet
    return ("sudo", "-n", *quiet) if succeeds("sudo", "-n", "true") else None


def program(directory: Path, name: str) -> Path:
    """Return the path of one of the environment's programs."""
    programs = directory / ("Scripts" if os.name == "nt" else "bin")
    found = shutil.which(name, path=str(programs))
    if found is None:
        raise Trouble(
            f"{directory.name} has no {name!r}. Delete it and run the same command again."
        )
    return Path(found)


def run(directory: Path, command: tuple[str, ...], cwd: str | None = None, **variables: str) -> int:
    """Run a program of the environment as a person in that environment would."""
    path = program(directory, command[0])
    variables["VIRTUAL_ENV"] = str(directory)
    variables["PATH"] = os.pathsep.join((str(path.parent), os.environ.get("PATH", os.defpath)))
    return subprocess.call(
        [str(path), *command[1:]], cwd=cwd or ROOT, env={**surroundings(), **variables}
    )


def succeeds(*command: str) -> bool:
    """Run a command quietly, and say whether it did its work."""
    try:
        done = subprocess.run(
            command,
            env=surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return False
    return done.returncode == 0


def surroundings() -> dict[str, str]:
    """The environment for what we start: no leftovers of the Python that runs this file."""
    unwanted = {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


if __name__ == "__main__":
    sys.exit(main())
