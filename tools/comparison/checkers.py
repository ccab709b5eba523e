"""The checkers: how each is asked about the samples, what it is made for, and where it comes from.

Other people's packages are imported when they are asked, by name: whoever has not installed one learns that it was not
run, and the others are compared all the same.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which
from threading import Thread
from types import ModuleType
from typing import Any, Protocol

from tools.comparison.server import serve
from tools.comparison.streams import Sample, findings, write_samples

__all__ = ["Answers", "Checker", "NotRun", "checkers", "data_of_sse"]

_TIMEOUT = 300


class NotRun(Exception):  # noqa: N818 - it names what is wrong
    """A checker is not here; the message says what is missing."""


@dataclasses.dataclass(frozen=True)
class Answers:
    """What a checker says: a complaint for each sample it was given, empty where it has none."""

    complaints: Mapping[str, str]
    version: str


@dataclasses.dataclass(frozen=True)
class Checker:
    """A checker: its name, what it is made for, how it was asked, and what asks it."""

    name: str
    made_for: str
    asked: str
    ask: Callable[[Sequence[Sample]], Answers]


def checkers(suite: Path | None) -> list[Checker]:
    """Return all checkers, in the order they are shown; `suite` is a checkout of the official suite's repository."""
    return [
        Checker(
            "Penstock",
            "judging streams.",
            "`penstock.lint.linter.lint` over the bytes, with the request, the transport and the content type. Any "
            "finding counts.",
            _penstock,
        ),
        Checker(
            "openresponses-py",
            "a typed client of the specification. It refuses what it cannot trust, and stops there.",
            "`OpenResponses(...).responses.create({..., 'stream': True})`, in its default mode, `strict`, read to the "
            "end; `client.websocket()` for the WebSocket streams. An exception counts.",
            _openresponses_py,
        ),
        Checker(
            "official suite",
            "telling whether an endpoint can be spoken to: each event has to fit the schema of some event, and a last "
            "response has to be there. It does not follow the stream.",
            "its own runner, with its streaming test and its WebSocket test, over an endpoint that answers with the "
            "recorded stream; without the check that the response is completed, which belongs to the question the test "
            "asks. A failed test counts.",
            partial(_official, suite),
        ),
        Checker(
            "llm-comply",
            "telling whether an endpoint can be spoken to, in the formats of several providers.",
            "its own runner with its test `streaming-response`, likewise without the check for `completed`. A failed "
            "test counts. It has no test of WebSocket streams.",
            _llm_comply,
        ),
        Checker(
            "openresponses-types",
            "giving the specification's objects types, as pydantic models. It sees one event at a time and no framing.",
            "the data of each event, taken out of the stream as the standard of server-sent events says, is validated "
            "by the model of its `type`. An event that fits no model counts.",
            _openresponses_types,
        ),
        Checker(
            "openai",
            "gathering OpenAI's own streams for an application. It is no checker; where it raises, a user loses an "
            "answer.",
            "`client.responses.stream(...)`, read to the end, then `get_final_response()` where the stream tells of no "
            "failure. An exception counts, unless it is the one that passes on the failure of which the stream tells.",
            _openai,
        ),
    ]


def _penstock(samples: Sequence[Sample]) -> Answers:
    told: dict[str, str] = {}
    for sample in samples:
        found = findings(sample)
        told[sample.name] = f"{found[0].code}: {found[0].message}" if found else ""
    try:
        return Answers(told, version("penstock"))
    except PackageNotFoundError:
        return Answers(told, "not installed, run from its source")


def _openresponses_py(samples: Sequence[Sample]) -> Answers:
    _version("openresponses-py")
    package = import_module("openresponses")
    told: dict[str, str] = {}
    with serve(samples) as base:
        for sample in samples:
            if sample.transport == "websocket":
                with _websocket(sample) as socket_base:
                    told[sample.name] = _complaint(partial(_converse, package, socket_base, sample))
            else:
                told[sample.name] = _complaint(partial(_stream, package, f"{base}/{sample.name}", sample))
    return Answers(told, _version("openresponses-py"))


def _stream(package: ModuleType, base_url: str, sample: Sample) -> None:
    with (
        package.OpenResponses(base_url=base_url, api_key="none") as client,
        client.responses.create({**sample.body, "stream": True}) as stream,
    ):
        for _ in stream:
            pass


def _converse(package: ModuleType, base_url: str, sample: Sample) -> None:
    with package.OpenResponses(base_url=base_url, api_key="none") as client, client.websocket() as socket:
        for _ in socket.create(sample.body):
            pass


class _Connection(Protocol):
    def recv(self) -> object: ...

    def send(self, message: str) -> None: ...


@contextmanager
def _websocket(sample: Sample) -> Iterator[str]:
    """Answer the first message of a WebSocket with the sample; yield the base URL."""
    server_module: Any = import_module("websockets.sync.server")

    def answer(connection: _Connection) -> None:
        with suppress(Exception):  # the client may have had enough
            connection.recv()
            for line in sample.data.splitlines():
                connection.send(line.decode())

    with server_module.serve(answer, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def _official(suite: Path | None, samples: Sequence[Sample]) -> Answers:
    if suite is None:
        raise NotRun("no checkout of its repository was named; see below")
    if not (suite / "src/lib/compliance-tests.ts").is_file():
        raise NotRun("the folder that was named is no checkout of its repository")
    suite = suite.resolve()
    bun = which("bun", path=os.pathsep.join(str(folder / "node_modules/.bin") for folder in (suite, suite.parent)))
    bun = bun or which("bun")
    if bun is None:
        raise NotRun("bun is not installed")
    with tempfile.TemporaryDirectory() as folder:
        write_samples(Path(folder), samples)
        script = Path(__file__).with_name("official.ts")
        command = [bun, str(script), str(suite), folder]
        run = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    if run.returncode:
        raise NotRun(f"bun ended with status {run.returncode}: {run.stderr.strip().splitlines()[-1:]}")
    reply = json.loads(run.stdout)
    told = {name: "; ".join(complaints) for name, complaints in reply["answers"].items()}
    versions = ", ".join(f"{name} {number}" for name, number in reply["versions"].items())
    return Answers(told, f"{_commit(suite)}; {versions}")


def _commit(suite: Path) -> str:
    """Return the commit of a checkout and its date; it has no version of its own."""
    command = ["git", "-C", str(suite), "log", "-1", "--abbrev=12", "--date=short", "--format=commit %h of %cd"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.strip() or "of an unknown commit"


def _llm_comply(samples: Sequence[Sample]) -> Answers:
    _version("llm-comply")
    tests: Any = import_module("llm_comply.tests.open_responses")
    runner: Any = import_module("llm_comply.runner")
    config: Any = import_module("llm_comply.config")
    schema: Any = import_module("llm_comply.schema")
    specification = schema.SpecLoader(str(Path(schema.__file__).with_name("specs") / "openresponses.json"))
    (test,) = [test for test in tests.OPEN_RESPONSES_TESTS if test.id == "streaming-response"]
    validators = [check for check in test.validators if check.__name__ != "completed_status"]
    told: dict[str, str] = {}
    with serve(samples) as base:
        for sample in samples:
            if sample.transport == "websocket":
                continue
            asked = dataclasses.replace(
                test, validators=validators, build_request=lambda _, body=sample.body: dict(body)
            )
            where = config.ComplianceConfig(base_url=f"{base}/{sample.name}", api_key="none")
            result = runner.TestRunner(where, [asked], specification).run_one(asked)
            told[sample.name] = "; ".join(result.errors[:1])
    return Answers(told, _version("llm-comply"))


def _openresponses_types(samples: Sequence[Sample]) -> Answers:
    _version("openresponses-types")
    types: Any = import_module("openresponses_types")
    models: dict[str, Any] = {}
    for name in dir(types):
        model = getattr(types, name)
        if name.endswith("StreamingEvent") or name == "WebSocketErrorEvent":
            # Each `type` is an enumeration with one member.
            for event_type in model.model_fields["type"].annotation:
                models.setdefault(event_type.value, []).append(model)
    told = {sample.name: _complaint(partial(_validate, models, sample)) for sample in samples}
    return Answers(told, _version("openresponses-types"))


def _validate(models: Mapping[str, Sequence[Any]], sample: Sample) -> None:
    for data in _events_of(sample):
        event = json.loads(data)
        name = event.get("type") if isinstance(event, dict) else None
        fitting = models.get(name, []) if isinstance(name, str) else []
        if sample.transport == "sse":
            fitting = [model for model in fitting if model.__name__ != "WebSocketErrorEvent"]
        if not fitting:
            raise ValueError(f"no model for an event of type {name!r}")
        failures: list[Exception] = []
        for model in fitting:
            try:
                model.model_validate_json(data)
                break
            except ValueError as error:
                failures.append(error)
        else:
            raise failures[0]


def _events_of(sample: Sample) -> list[str]:
    if sample.transport == "websocket":
        return sample.data.decode().splitlines()
    return [data for data in data_of_sse(sample.data) if data != "[DONE]"]


def data_of_sse(stream: bytes) -> list[str]:
    """Return the data of each event, as the standard of server-sent events has it: what browsers do.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """
    events: list[str] = []
    data: list[str] = []
    # What stands behind the last line break is no line, and an event that no blank line ends is none.
    for line in re.split(r"\r\n|\r|\n", stream.decode("utf-8", "replace").removeprefix("\ufeff"))[:-1]:
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif not line:
            if data:
                events.append("\n".join(data))
            data = []
    return events


def _openai(samples: Sequence[Sample]) -> Answers:
    _version("openai")
    package = import_module("openai")
    told: dict[str, str] = {}
    with serve(samples) as base:
        for sample in samples:
            if sample.transport == "sse":
                told[sample.name] = _complaint(partial(_gather, package, f"{base}/{sample.name}", sample))
    return Answers(told, _version("openai"))


def _gather(package: ModuleType, base_url: str, sample: Sample) -> None:
    failed = False
    with package.OpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
        try:
            with client.responses.stream(**sample.body) as stream:
                for event in stream:
                    failed = failed or event.type in ("response.failed", "response.incomplete")
                if not failed:
                    stream.get_final_response()
        except package.APIError:
            if b'"type":"error"' not in sample.data:
                raise


def _complaint(ask: Callable[[], None]) -> str:
    """Return what `ask` raises, in one line; empty where it raises nothing."""
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - whatever a checker raises is its complaint
        return " ".join(f"{type(error).__name__}: {error}".split())
    return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError as error:
        raise NotRun("not installed here; `make comparison` installs it from PyPI") from error
