from __future__ import annotations

import subprocess
import sys

import pytest

from penstock.upstream.base import UpstreamAPI
from penstock.upstream.registry import UPSTREAM_NAMES, UnknownUpstream, upstream_by_name


@pytest.mark.parametrize("name", UPSTREAM_NAMES)
def test_every_adapter_answers_to_its_own_name(name: str) -> None:
    if name in {"anthropic", "gemini"}:
        pytest.importorskip(f"penstock.upstream.{name}")
    api = upstream_by_name(name)
    assert isinstance(api, UpstreamAPI)
    assert name == api.name


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownUpstream, match="no upstream API 'x'; there are anthropic, chat-completions"):
        upstream_by_name("x")


def test_an_adapter_is_loaded_only_when_it_is_asked_for() -> None:
    code = (
        "import sys, penstock.upstream.registry as r; r.upstream_by_name('chat-completions');"
        "print([n for n in sys.modules if n.startswith('penstock.upstream.responses')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"[]"
