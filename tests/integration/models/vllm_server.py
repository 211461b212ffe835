"""A real vLLM on the CPU with the tiny model, started once and shared by the tests that need it."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
TINY = ROOT / ".cache" / "tiny"
CONTEXT = 8_192
MODEL = "tiny"
READY = "Application startup complete"
START_S = 1_500.0
FLAGS = (
    "--dtype",
    "float32",
    "--enforce-eager",
    "--max-num-seqs",
    "4",
    "--enable-prefix-caching",
    "--enable-prompt-tokens-details",
    "--enable-lora",
    "--max-lora-rank",
    "8",
    "--enable-auto-tool-choice",
    "--tool-call-parser",
    "hermes",
    "--structured-outputs-config",
    '{"backend": "xgrammar", "disable_any_whitespace": true}',
)
SETTINGS = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "TRANSFORMERS_OFFLINE": "1",
}


@dataclass(slots=True)
class Log:
    """What the server prints, read as it comes: a pipe that nobody reads stops the server."""

    lines: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)
    up: bool = False

    def follow(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line)
            if READY in line:
                self.up = True
                self.ready.set()
        self.ready.set()  # it ended: whoever waits should know

    def tail(self) -> str:
        return "".join(self.lines[-30:])


@dataclass(frozen=True, slots=True)
class Vllm:
    root: str
    adapter: Path
    log: Log

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    async def load_adapter(self, name: str) -> None:
        """Load our adapter under a name, while the server runs; it may be there already."""
        async with httpx.AsyncClient(timeout=60) as http:
            body = {"lora_name": name, "lora_path": str(self.adapter)}
            loaded = await http.post(f"{self.base_url}/load_lora_adapter", json=body)
        assert loaded.status_code == 200 or "already" in loaded.text, loaded.text


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def vllm(context: int = CONTEXT) -> Iterator[Vllm]:
    """A server of the tiny model, as long as the block runs. ``context``: tokens that it serves."""
    assert PYTHON.exists(), "vLLM is not installed: run `make test-vllm`"
    subprocess.run([PYTHON, ROOT / "scripts" / "tiny_model.py", TINY], check=True, stdout=subprocess.DEVNULL)
    port, log = free_port(), Log()
    command = [
        "env",
        *(f"{name}={text}" for name, text in SETTINGS.items()),
        str(PYTHON),
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model",
        str(TINY / "model"),
        "--served-model-name",
        MODEL,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        *FLAGS,
        "--max-model-len",
        str(context),
        "--hf-overrides",
        json.dumps({"max_position_embeddings": context}),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    reader = threading.Thread(target=log.follow, args=(process,), daemon=True)
    reader.start()
    try:
        assert log.ready.wait(START_S), f"vLLM did not start in time:\n{log.tail()}"
        assert log.up, f"vLLM ended:\n{log.tail()}"
        yield Vllm(f"http://127.0.0.1:{port}", TINY / "adapter", log)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(10)
        assert process.stdout is not None
        process.stdout.close()
