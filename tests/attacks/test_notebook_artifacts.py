"""A key is in nothing that a notebook leaves behind or sends over its wires.

One kernel plays a whole session: keys entered at the hidden prompt and from a variable of the
environment, every magic used, cells that fail. The tests look at what came of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from tests.canaries import find_canary, make_canary
from tests.kernel.kernels import Kernel, Ran, open_kernel
from tests.kernel.replies import PROMPT, critique, improvement, rewriting
from tests.kernel.stage import Stage, open_stage
from tests.tools import require_tool

VARIABLE = "KEY_TO_TAKE_OVER"

CELLS = (
    "%assay",
    "%assay keys list --json",
    "%assay keys test openai",
    f"%%critique -o review\n{PROMPT}",
    "review",
    "vars(review)",
    f"%%improve -o better -m openai/some-model\n{PROMPT}",
    f"%%rewrite -o draft -m google/some-model\n{PROMPT}",
    "%%lint\nSummarise {{ticket}}.",
    "from assay_nb import acritique\nawait acritique('Summarise {{ticket}}.')",
    "%assay calls",
    "%assay doctor",
    "%%critique --nope\nhello",
    "%assay keys set mistral",
    "%xmode Verbose",
    "%assay workspace use nowhere",
)
ECHOING = f"%%critique\n{PROMPT}"


@dataclass
class Played:
    """A session that was played to its end.

    Attributes:
        stage: What it was played on.
        notebook: Its cells with their outputs.
        came: All frames that came from the kernel, on every channel.
        went: All frames that went to it.
        answers: Those among them that answered a hidden prompt.
        folder: Its working directory, which is its home and its TMPDIR as well.
        began: When.
    """

    stage: Stage
    kernel: Kernel
    notebook: NotebookNode
    came: list[bytes]
    went: list[bytes]
    answers: list[bytes]
    folder: Path
    began: float


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("session")
    began = time.time()
    (folder / "tmp").mkdir()
    with open_stage(folder / "vault", empty=True) as stage:
        surroundings = {
            "ASSAY_HOME": str(stage.home),
            "HOME": str(folder),
            "IPYTHONDIR": str(folder / ".ipython"),
            "TMPDIR": str(folder / "tmp"),
            VARIABLE: stage.keys["google"],
        }
        with open_kernel(folder, surroundings, "--debug") as kernel:
            cells = list(_play(stage, kernel))
            wire = kernel.wire
            answers = [
                frame
                for frame in wire.went
                if any(key.encode() in frame for key in stage.keys.values())
            ]
            yield Played(
                stage,
                kernel,
                new_notebook(cells=cells),
                list(wire.came),
                list(wire.went),
                answers,
                folder,
                began,
            )


def _play(stage: Stage, kernel: Kernel) -> Iterator[NotebookNode]:
    for name in ("anthropic", "openai"):
        line = f"%assay keys set {name} --endpoint {stage.fake.endpoint(name)}"
        ran = kernel.run(line, answer=stage.keys[name])
        assert ran.asked
        assert ran.error is None
        yield _cell(line, ran)
    line = (
        f"%assay keys set google --from-env {VARIABLE} --endpoint {stage.fake.endpoint('google')}"
    )
    ran = kernel.run(line)
    assert ran.error is None
    yield _cell(line, ran)
    replies = {"improve": improvement(), "rewrite": rewriting()}
    for code in CELLS:
        stage.fake.answers(replies.get(code.lstrip("%").split(" ")[0], critique()))
        yield _cell(code, kernel.run(code))
    for fault in ("echo_error", "echo_body", "echo_header", "echo_split"):
        stage.fake.answers("first", fault=fault)
        yield _cell(ECHOING, kernel.run(ECHOING))
    stage.fake.keys = {"another"}
    yield _cell(ECHOING, kernel.run(ECHOING))
    stage.fake.keys = set(stage.keys.values())
    for code in ("%tb", "%history -g"):
        yield _cell(code, kernel.run(code))


def _cell(code: str, ran: Ran) -> NotebookNode:
    outputs = [
        nbformat.from_dict(
            {"metadata": {}, **{k: v for k, v in output.items() if k != "transient"}}
        )
        if output["output_type"] in {"display_data", "execute_result"}
        else nbformat.from_dict(output)
        for output in ran.outputs
    ]
    return new_code_cell(code, outputs=outputs)


def test_the_session_did_what_it_was_to_do(played: Played) -> None:
    """Without this, the tests below could look for keys where none were ever used."""
    sent = {call.key for call in played.stage.fake.calls}
    errors = [
        output.ename
        for cell in played.notebook.cells
        for output in cell.outputs
        if output.output_type == "error"
    ]

    assert set(played.stage.keys.values()) <= sent
    assert sorted({*errors}) == [
        "ProviderAuthError",
        "ProviderError",
        "WorkspaceNotFound",
        "WrongUsage",
    ]


# --- 42: files of the notebook ----------------------------------------------------------------------

FORMS = ("html", "slides", "markdown", "python", "notebook")


def save(notebook: NotebookNode, folder: Path) -> None:
    """Save a notebook as Jupyter's own server does, with a checkpoint."""
    from jupyter_server.services.contents.largefilemanager import LargeFileManager

    files = LargeFileManager(root_dir=str(folder), delete_to_trash=False)
    model = {"type": "notebook", "format": "json", "content": notebook}
    files.save(model, "session.ipynb")
    files.create_checkpoint("session.ipynb")
    files.notary.store.close()


def convert(notebook: NotebookNode, form: str) -> str:
    """Return a notebook as nbconvert writes it, its resources included."""
    from nbconvert.exporters import get_exporter

    text, resources = get_exporter(form)().from_notebook_node(notebook)
    return text + repr(resources)


def planted(stage: Stage, how: str) -> NotebookNode:
    """Return a notebook whose one output holds the key."""
    key = stage.keys["anthropic"]
    output = nbformat.v4.new_output("stream", text=f"Authorization: Bearer {key}")
    if how == "in the vendor's JSON":
        data = {"text/plain": "a result", "application/vnd.assay.critique.v1+json": {"k": key}}
        output = nbformat.v4.new_output("display_data", data=data)
    return new_notebook(cells=[new_code_cell("x", outputs=[output])])


def test_a042_no_key_in_the_saved_notebook_or_its_checkpoint(
    played: Played, tmp_path: Path
) -> None:
    """The notebook is shared, or its checkpoint found → no trace in either."""
    save(played.notebook, tmp_path)

    assert [path.name for path in sorted(tmp_path.rglob("*.ipynb"))] == [
        "session-checkpoint.ipynb",
        "session.ipynb",
    ]
    assert played.stage.traces_under(tmp_path) == {}


@pytest.mark.parametrize("how", ["in a stream", "in the vendor's JSON"])
def test_a042_control_a_key_in_an_output_is_found_in_both_files(
    how: str, played: Played, tmp_path: Path
) -> None:
    """Positive control: an output that holds the key → found in the notebook and its checkpoint."""
    save(planted(played.stage, how), tmp_path)

    assert len(played.stage.traces_under(tmp_path)["anthropic"]) == 2


@pytest.mark.parametrize("form", FORMS)
def test_a042_no_key_in_a_converted_notebook(form: str, played: Played) -> None:
    """The notebook is exported and sent around → no trace."""
    assert played.stage.traces_in(convert(played.notebook, form)) == {}


@pytest.mark.parametrize("form", [form for form in FORMS if form != "python"])
def test_a042_control_a_key_in_an_output_is_found_in_the_converted_notebook(
    form: str, played: Played
) -> None:
    """Positive control: an output that holds the key → found in every form that has outputs."""
    converted = convert(planted(played.stage, "in a stream"), form)

    assert "raw" in played.stage.traces_in(converted)["anthropic"]


def test_a042_control_a_key_in_a_cell_is_found_in_the_script(played: Played) -> None:
    """Positive control: a script has no outputs, so the key stands in a cell → found."""
    notebook = new_notebook(cells=[new_code_cell(f"x = '{played.stage.keys['google']}'")])

    assert "google" in played.stage.traces_in(convert(notebook, "python"))


@pytest.mark.slow
def test_a042_no_key_in_a_notebook_as_pdf(played: Played, tmp_path: Path) -> None:
    """Printed as PDF, and its text taken out again → no trace."""
    text = pdf_text(played.notebook, tmp_path)

    assert "Critique" in text
    assert played.stage.traces_in(text) == {}


@pytest.mark.slow
def test_a042_control_a_key_in_an_output_is_found_in_the_pdf(
    played: Played, tmp_path: Path
) -> None:
    """Positive control: an output that holds the key → found in the PDF's text."""
    text = pdf_text(planted(played.stage, "in a stream"), tmp_path)

    assert "raw" in played.stage.traces_in(text)["anthropic"]


def pdf_text(notebook: NotebookNode, folder: Path) -> str:
    """Print a notebook as nbconvert's `webpdf` does, by Chromium; return the text, without its line ends."""
    page, paper = folder / "session.html", folder / "session.pdf"
    page.write_text(convert(notebook, "html"))
    alone = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    alone += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}"]
    printing = [require_tool("chromium"), *alone, f"--print-to-pdf={paper}", page.as_uri()]
    subprocess.run(printing, check=True, capture_output=True, timeout=60)
    reading = [require_tool("pdftotext"), str(paper), "-"]
    text = subprocess.run(reading, check=True, capture_output=True, text=True).stdout
    return "".join(text.splitlines())


# --- 43: the wires ----------------------------------------------------------------------------------


def test_a043_no_key_in_any_frame_that_comes_from_the_kernel(played: Played) -> None:
    """Another client of the same kernel reads iopub, a proxy reads all channels → no trace."""
    assert len(played.came) > 500
    assert played.stage.traces_in(b"\n".join(played.came)) == {}


def test_a043_the_answer_to_a_hidden_prompt_is_the_one_frame_with_a_key(played: Played) -> None:
    """In solo mode a typed key must reach the kernel somehow: one reply on stdin each, and no more."""
    others = [frame for frame in played.went if frame not in played.answers]

    assert len(played.answers) == 2  # the third came from a variable of the environment
    assert all(set(json.loads(frame)) == {"value"} for frame in played.answers)
    assert played.stage.traces_in(b"\n".join(others)) == {}


def test_a043_the_prompt_for_a_key_hides_what_is_typed(played: Played) -> None:
    """A front end that shows what is typed, and keeps it in its own history → told not to."""
    request = played.kernel.run(
        f"%assay keys set anthropic --endpoint {played.stage.fake.endpoint('anthropic')}",
        answer=played.stage.keys["anthropic"],
    )

    asked = "Anthropic key (hidden; Enter alone if the server needs none): "
    assert request.asked == [(asked, True)]


@pytest.mark.parametrize(
    "code",
    [
        "print(key)",
        "key",
        "from comm import create_comm\ncreate_comm(target_name='x', data={'k': key})",
        "raise ValueError(key)",
    ],
)
def test_a043_control_a_key_that_a_cell_sends_is_found(code: str, played: Played) -> None:
    """Positive control: a key in a stream, a result, a comm, an error → found in the frames."""
    key = make_canary("openai")  # another one, since from here on it stands in history and log
    played.kernel.run(f"key = bytes.fromhex('{key.encode().hex()}').decode()")
    before = len(played.kernel.wire.came)

    played.kernel.run(code)

    assert "raw" in find_canary(b"\n".join(played.kernel.wire.came[before:]), key)


def test_a043_control_a_key_in_a_message_is_found_in_the_log(played: Played) -> None:
    """Positive control: a key in a cell's text → found in the kernel's log."""
    key = make_canary("openai")

    played.kernel.run(f"x = {key!r}")

    assert "raw" in find_canary(played.kernel.log.read_bytes(), key)


def test_a043_no_key_in_the_log_of_a_kernel_in_debug_mode(played: Played) -> None:
    """The kernel logs every message that it handles, at DEBUG, to a file → no trace."""
    log = played.kernel.log.read_bytes()

    assert b"execute_request" in log
    assert played.stage.traces_in(log) == {}


# --- 50: what lies about ----------------------------------------------------------------------------


def fresh_files(began: float) -> list[Path]:
    """Return what was changed since in the places that every process may write to."""
    found: list[Path] = []
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        for folder, folders, names in os.walk(place):
            folders[:] = [name for name in folders if not name.startswith("pytest-of")]
            if folder.count("/") > place.count("/") + 2:
                folders.clear()
            found += [Path(folder, name) for name in names]
    return [path for path in found if _changed(path) >= began and path.is_file()]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size < 1 << 24 else b""
    except OSError:
        return b""


def test_a050_no_key_in_any_file_of_the_session(played: Played) -> None:
    """TMPDIR, the home directory, caches, IPython's files, the vault → no trace in any file."""
    assert (played.folder / ".ipython").is_dir()
    assert (played.stage.home / "vault.sqlite").is_file()
    assert played.stage.traces_under(played.folder) == {}


def test_a050_no_key_in_a_file_where_everybody_writes(played: Played) -> None:
    """Something writes to /tmp in spite of TMPDIR → no trace."""
    files = fresh_files(played.began)

    assert played.stage.traces_in(b"\n".join(map(_read, files))) == {}


def test_a050_the_session_leaves_nothing_in_the_temporary_directory(played: Played) -> None:
    """Left-over sockets, caches, half-written files → none."""
    left = [path.relative_to(played.folder) for path in (played.folder / "tmp").rglob("*")]

    assert [str(path) for path in left] == []


def test_a050_no_name_of_a_file_holds_a_part_of_a_key(played: Played) -> None:
    """A cache that is keyed by the key → no name holds it."""
    names = "\n".join(str(path) for path in played.folder.rglob("*"))

    assert played.stage.traces_in(names) == {}


@pytest.mark.parametrize("place", ["the home directory", "where everybody writes"])
def test_a050_control_a_file_with_a_key_is_found(place: str, played: Played) -> None:
    """Positive control: one file with the key → found by the same search."""
    key = played.stage.keys["google"]
    if place == "the home directory":
        path = played.folder / ".cache" / "planted"
        path.parent.mkdir(exist_ok=True)
    else:
        path = Path(tempfile.gettempdir(), f"planted-{os.getpid()}")
    path.write_text(f"key={key}")
    try:
        found = [
            played.stage.traces_under(played.folder),
            played.stage.traces_in(b"\n".join(map(_read, fresh_files(played.began)))),
        ]
    finally:
        path.unlink()

    assert "google" in found[0 if place == "the home directory" else 1]
