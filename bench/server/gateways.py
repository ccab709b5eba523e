"""The gateways that are measured, and how each is installed and started. One that cannot be had says why."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

LITELLM = "litellm[proxy]"
"""The package of the LiteLLM proxy."""
PEERS = Path(__file__).parents[2] / ".bench"
"""Where peers are installed that need an environment of their own."""
PIP_SECONDS = 900
LEAST = "A program that reads nothing, and writes a ready-made event for each chunk"
"""What the report calls the least that a gateway can do."""

CONFIG = """\
[server.limits]
streams = 4000
streams-per-key = 4000
websockets-per-key = 4000
"""
"""Clients of the benchmark share one key, or none; the limits of one user are not for them."""


class UnavailableError(Exception):
    """A gateway that cannot be measured here; says why."""


@dataclass(frozen=True)
class Gateway:
    """How a gateway is started: its command line and environment, and the API key it is asked with."""

    name: str
    version: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    key: str = "none"
    is_ready: Callable[[int], bool] | None = None


def penstock(port: int, upstream: int, directory: Path, *, store: bool = False) -> Gateway:
    """Return Penstock as `penstock serve` starts it; `store`: with its responses in a SQLite file."""
    config = directory / "penstock.toml"
    config.write_text(CONFIG, "utf-8")
    where = f"sqlite:///{directory}/responses.db" if store else "none"
    command = [sys.executable, "-m", "penstock", "serve", "--config", str(config), "--port", str(port)]
    command += ["--upstream", f"http://127.0.0.1:{upstream}/v1", "--api", "chat-completions", "--store", where]
    name = "Penstock, responses stored" if store else "Penstock"
    return Gateway(name, version("penstock"), [*command, "--quiet"])


def least(port: int, upstream: int) -> Gateway:
    """Return the program that does the least a gateway can, to know what any of them could reach."""
    command = [sys.executable, "-m", "bench.server.least", "--port", str(port), "--upstream", str(upstream)]
    return Gateway(LEAST, "", command)


def responses_js(port: int, upstream: int, directory: Path | None) -> Gateway:
    """Return Hugging Face's responses.js from `directory`, a copy of it that is built. Raises UnavailableError.

    It is on no registry, so nothing can be installed here.
    """
    if directory is None:
        raise UnavailableError("it is on no registry; name a built copy of it: RESPONSES_JS=DIRECTORY")
    start = directory / "dist" / "index.js"
    node = shutil.which("node")
    if node is None or not start.is_file():
        raise UnavailableError("there is no Node.js here" if node is None else f"there is no {start}")
    told = json.loads((directory / "package.json").read_text("utf-8"))["version"]
    environment = {
        "PORT": str(port),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}/v1",
        "NODE_ENV": "production",
    }
    return Gateway("responses.js", told, [node, str(start)], environment)


def litellm(port: int, upstream: int, directory: Path) -> Gateway:
    """Return the LiteLLM proxy; it is installed into an environment of its own first. Raises UnavailableError."""
    binaries = PEERS / "litellm" / "bin"
    if not (binaries / "litellm").is_file():
        print(f"installing {LITELLM} into {PEERS} ...", file=sys.stderr, flush=True)
        venv.create(PEERS / "litellm", with_pip=True)
        _run([str(binaries / "python"), "-m", "pip", "install", "--quiet", LITELLM])
    config = directory / "litellm.yaml"
    # `custom_openai` is a server that speaks Chat Completions only, so that LiteLLM translates, as Penstock does.
    # JSON is YAML.
    model = {"model": "custom_openai/m", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "none"}
    config.write_text(json.dumps({"model_list": [{"model_name": "m", "litellm_params": model}]}), "utf-8")
    asked = "import importlib.metadata; print(importlib.metadata.version('litellm'))"
    told = _run([str(binaries / "python"), "-c", asked]).strip()
    # One core is one worker; it is not to ask the network for prices, nor to say who uses it.
    environment = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(32)}",  # it does not start without one
    }
    command = [str(binaries / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    return Gateway("LiteLLM proxy", told, command, environment, environment["LITELLM_MASTER_KEY"], _is_live)


def _is_live(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _run(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PIP_SECONDS).stdout
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", None) or error
        raise UnavailableError(f"{' '.join(command[:4])} failed: {str(said)[-500:]}") from None
