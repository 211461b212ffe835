"""A real llama.cpp behind its Python server, with the tiny model, started once and shared by the tests that need it."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.integration.models.vllm_server import ROOT, free_port

PYTHON = ROOT / ".venv-llama" / "bin" / "python"
FILE = ROOT / ".cache" / "tiny.gguf"
CONTEXT = 8_192
MODEL = "tiny"
START_S = 120


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """Where it listens, and what it printed."""

    base_url: str
    log: Path


@contextmanager
def llama_server(context: int = CONTEXT) -> Iterator[LlamaServer]:
    """A server of the tiny model, as long as the block runs. ``context``: tokens that it serves, and does not say."""
    assert PYTHON.exists(), "llama.cpp is not installed: run `make test-llama`"
    FILE.parent.mkdir(exist_ok=True)
    subprocess.run([PYTHON, ROOT / "scripts" / "tiny_gguf.py", FILE], check=True)
    port = free_port()
    options = {"model": FILE, "model_alias": MODEL, "host": "127.0.0.1", "port": port, "n_ctx": context}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with tempfile.TemporaryDirectory(prefix="signoff-llama-") as folder:
        log = Path(folder) / "log"
        with log.open("w") as out:
            command = [PYTHON, "-m", "llama_cpp.server", *words, "--verbose", "false"]
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            server = LlamaServer(f"http://127.0.0.1:{port}/v1", log)
            # The connection is tried again and again until somebody listens there.
            with httpx.Client(transport=httpx.HTTPTransport(retries=12), timeout=START_S) as http:
                http.get(f"{server.base_url}/models").raise_for_status()
            yield server
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
