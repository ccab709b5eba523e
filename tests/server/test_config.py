"""Settings: every one from the file, the environment and flags, the later winning; and what makes no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.provider.demo import DemoProvider
from penstock.provider.network import NetworkProvider
from penstock.server.config import (
    ConfigError,
    ModelTable,
    ServerTable,
    Settings,
    build_app,
    load_settings,
    missing_keys,
)
from penstock.server.errors import Refused
from penstock.server.limits import Limits
from tests.provider.asking import frame
from tests.provider.loopback import Asked, head, loopback
from tests.server.direct import ask, run, started

KEY = "a" * 20

WHOLE = """
[server]
host = "127.0.0.1"
port = 9000
store = "none"
ttl-days = 2.5
api-key-file = "keys.txt"
api-key-env = "OUR_KEYS"
allow-anyone = true
secret-env = "OUR_SECRET"
secret-file = "secret.txt"
dialect = "openai"
reasoning = "summary"
origins = ["https://chat.example"]

[server.limits]
body = 1000
body-seconds = 1.5
values = 1000
items = 10
streams = 11
streams-per-key = 12
websockets-per-key = 13
response-seconds = 14
keep-alive-seconds = 15
slow-reader-seconds = 16
websocket-seconds = 17
websocket-message = 18
websocket-waiting = 19
websocket-responses = 20
shutdown-seconds = 0
retry-after-seconds = 22

[models.small]
api = "chat-completions"
upstream = "http://127.0.0.1:1/v1"
model = "tiny-1"
key-env = "SMALL_KEY"
dialect = "openresponses"
reasoning = "off"
default = true
headers = { x-team = "water" }
options = { sentinel = false, max-tokens-field = "max_tokens" }
connect-seconds = 1
first-byte-seconds = 2
silence-seconds = 3
idle-seconds = 4
retries = 0

[models.try]
api = "demo"

[lint]
anything = 1
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "penstock.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_setting_is_read_from_the_file(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, WHOLE), {})
    server, small = settings.server, settings.models["small"]
    assert set(ServerTable.__struct_fields__) == {
        *("host", "port", "store", "ttl_days", "api_key_file", "api_key_env", "allow_anyone"),
        *("secret_env", "secret_file", "dialect", "reasoning", "origins", "limits"),
    }
    assert not [
        name
        for name in ServerTable.__struct_fields__
        if getattr(server, name) == getattr(ServerTable(), name) and name != "host"
    ]
    assert not [name for name in ModelTable.__struct_fields__ if getattr(small, name) == getattr(ModelTable(), name)]
    given = {name: getattr(server.limits, name) for name in Limits.__struct_fields__}
    assert None not in given.values()


def test_the_application_is_as_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(f"ada: {KEY}\n", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("s" * 32 + "\n", encoding="utf-8")
    text = WHOLE.replace("keys.txt", str(tmp_path / "keys.txt")).replace("secret.txt", str(tmp_path / "secret.txt"))
    app = build_app(load_settings(written(tmp_path, text), {}), {"SMALL_KEY": "k", "OUR_KEYS": f"bob: {'b' * 20}"})
    service = app.service
    assert service.store is None
    assert [service.keys.owner(f"Bearer {key}") for key in (KEY, "b" * 20)] == ["ada", "bob"]
    assert (service.dialect, service.reasoning) == ("openai", "summary")
    assert (service.limits.body, service.limits.retry_after_seconds, service.limits.shutdown_seconds) == (1000, 22, 0)
    name, small = service.models.find("small")
    assert (name, small.upstream_name, small.dialect, small.reasoning) == ("small", "tiny-1", "openresponses", "off")
    assert isinstance(small.provider, NetworkProvider)
    assert "k" not in repr(small.provider).split()
    assert isinstance(service.models.find("try")[1].provider, DemoProvider)
    assert service.models.find("other")[1].provider is small.provider


def test_what_is_sealed_is_opened_by_another_process_with_the_same_secret() -> None:
    settings, environment = Settings(), {"PENSTOCK_SECRET": "s" * 32}
    sealed = build_app(settings, environment).service.seals.seal("x", "ada", 1)
    assert build_app(settings, environment).service.seals.open("x", "ada", sealed) == 1
    # An empty variable is none.
    build_app(settings, {"PENSTOCK_SECRET": "", "PENSTOCK_API_KEYS": ""})


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[server]\nport = 1\nhost = "::1"\nstore = "none"\n')
    environment = {"PENSTOCK_PORT": "2", "PENSTOCK_HOST": "127.0.0.1", "PENSTOCK_DIALECT": "", "HOME": "/"}
    server = load_settings(path, environment, {"port": 3, "host": None}).server
    assert (server.port, server.host, server.store, server.dialect) == (3, "127.0.0.1", "none", "auto")


@pytest.mark.parametrize(
    ("variable", "value", "name", "expected"),
    [
        ("PENSTOCK_HOST", "::1", "host", "::1"),
        ("PENSTOCK_PORT", "81", "port", 81),
        ("PENSTOCK_STORE", "none", "store", "none"),
        ("PENSTOCK_TTL_DAYS", "1.5", "ttl_days", 1.5),
        ("PENSTOCK_API_KEY_FILE", "f", "api_key_file", "f"),
        ("PENSTOCK_API_KEY_ENV", "K", "api_key_env", "K"),
        ("PENSTOCK_ALLOW_ANYONE", "true", "allow_anyone", True),
        ("PENSTOCK_SECRET_ENV", "S", "secret_env", "S"),
        ("PENSTOCK_SECRET_FILE", "f", "secret_file", "f"),
        ("PENSTOCK_DIALECT", "openai", "dialect", "openai"),
        ("PENSTOCK_REASONING", "off", "reasoning", "off"),
    ],
)
def test_settings_are_read_from_the_environment(variable: str, value: str, name: str, expected: object) -> None:
    assert getattr(load_settings(None, {variable: value}).server, name) == expected


def test_one_model_may_be_described_by_the_environment_and_flags_together(tmp_path: Path) -> None:
    path = written(tmp_path, "[models.other]\n")
    environment = {"PENSTOCK_UPSTREAM": "http://127.0.0.1:1/v1", "PENSTOCK_MODEL": "a"}
    settings = load_settings(path, environment, {"api": "responses", "model": "b", "upstream": None, "key_env": None})
    assert settings.models == {
        "b": ModelTable(upstream="http://127.0.0.1:1/v1", api="responses", model="b", default=True)
    }
    app = build_app(settings, {})
    assert app.service.models.find(None)[0] == "b"
    # Without a name it answers to every one.
    (name,) = load_settings(None, {}, {"upstream": "ollama"}).models
    assert name == "*"
    (name,) = load_settings(None, {}, {"api": "demo"}).models
    assert name == "demo"


@pytest.mark.parametrize(
    ("environment", "flags"),
    [({"PENSTOCK_OPTION": "sentinel=false think-tags=true"}, {}), ({}, {"option": ["sentinel=0", "think_tags=1"]})],
)
def test_in_what_a_provider_differs_is_told_by_options(environment: dict[str, str], flags: dict[str, object]) -> None:
    async def without_sentinel(asked: Asked) -> None:
        chunk = {"delta": {"content": "<think>Hm.</think>Hello."}, "finish_reason": "stop"}
        await asked.send(head(Content_Type="text/event-stream"), frame({"choices": [chunk]}))
        asked.writer.close()

    async def work() -> None:
        async with loopback(without_sentinel) as server:
            given = {"upstream": server.url, "store": "none", **flags}
            async with started(build_app(load_settings(None, environment, given), {})) as app:
                reply = await ask(app, {"model": "m", "input": "Hi."})
        assert reply.status == 200, reply.body
        assert [item["type"] for item in reply.json["output"]] == ["reasoning", "message"]

    run(work())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_nobody_needs_a_key_where_nobody_else_can_come(host: str) -> None:
    assert not build_app(Settings(server=ServerTable(host=host)), {}).service.keys


@pytest.mark.parametrize(
    ("server", "environment"),
    [
        ({"allow_anyone": True}, {}),
        ({}, {"PENSTOCK_API_KEYS": KEY}),
        ({"api_key_env": "OURS"}, {"OURS": f"ada: {KEY}"}),
    ],
)
def test_others_are_let_in_with_keys_or_where_the_operator_says_so(
    server: dict[str, Any], environment: dict[str, str]
) -> None:
    build_app(Settings(server=ServerTable(host="0.0.0.0", **server)), environment)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nhots = 1\n", "hots"),
        ("[server.limits]\nbodies = 1\n", "bodies"),
        ("[models.a]\napis = 1\n", "apis"),
        ("[nonsense]\n", "nonsense"),
        ("server = 1\n", "server should be a table"),
        ("[models]\na = 1\n", "a should be a table"),
        ("models = 1\n", "models should be a table"),
        ("[server]\nport = 65536\n", "server.port"),
        ("[server]\nport = -1\n", "server.port"),
        ('[server]\nport = "x"\n', "server.port"),
        ("[server]\nttl-days = -1\n", "ttl"),
        ('[server]\ndialect = "latin"\n', "latin"),
        ("[server.limits]\nbody = 0\n", "limits.body"),
        ("[server.limits]\nslow-reader-seconds = 0\n", "slow"),
        ("[models.a]\nretries = -1\n", "retries"),
        ("[models.a]\nsilence-seconds = 0\n", "silence"),
        ("[server\n", "penstock.toml"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_the_name_of_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load_settings(path, {})
    assert str(error.value).startswith(str(path))
    assert words in str(error.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        load_settings(tmp_path / "nowhere.toml", {})
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"bytes\.toml"):
        load_settings(path, {})


@pytest.mark.parametrize(
    ("environment", "flags", "words"),
    [
        ({}, {"port": 99999}, "--port: Expected `int` <= 65535, got 99999"),
        ({"PENSTOCK_PORT": "1"}, {"port": -1}, "--port: Expected `int` >= 0, got -1"),
        ({"PENSTOCK_PORT": "x"}, {"port": None}, "PENSTOCK_PORT: Expected `int`, got 'x'"),
        ({"PENSTOCK_TTL_DAYS": "-1"}, {}, "PENSTOCK_TTL_DAYS: Expected `float` >= 0.0, got '-1'"),
        ({"PENSTOCK_DIALECT": "latin"}, {}, "PENSTOCK_DIALECT: Invalid enum value 'latin'"),
        ({}, {"upstream": "olama"}, "--upstream: no provider 'olama' is known; expected one of anthropic, cerebras, "),
        ({"PENSTOCK_UPSTREAM": "olama"}, {}, "PENSTOCK_UPSTREAM: no provider 'olama' is known"),
        ({}, {"upstream": "localhost:8000/v1"}, "--upstream: expected a base URL with http or https and a host"),
        ({"PENSTOCK_UPSTREAM": "sk-1@ftp://a"}, {}, "PENSTOCK_UPSTREAM: expected a base URL"),
        ({}, {"upstream": "http://"}, "--upstream: expected a base URL with http or https and a host"),
        ({}, {"upstream": "http://:80/v1"}, "--upstream: expected a base URL with http or https and a host"),
        ({}, {"upstream": "http://[sk-1"}, "--upstream: expected a base URL with http or https and a host"),
        ({"PENSTOCK_UPSTREAM": "https:///v1"}, {}, "PENSTOCK_UPSTREAM: expected a base URL with http or https and"),
        ({"PENSTOCK_API": "nonsense"}, {}, "PENSTOCK_API: expected one of anthropic, chat-completions, gemini, respon"),
        ({}, {"api": "nonsense"}, "--api: expected one of anthropic"),
        ({}, {"api": "gemini", "key_env": "NOT_SET"}, "--key-env: the variable NOT_SET is not set"),
        ({"PENSTOCK_KEY_ENV": "NOT_SET"}, {"api": "gemini"}, "PENSTOCK_KEY_ENV: the variable NOT_SET is not set"),
        ({}, {"key_env": "K"}, "--key-env: it is of a provider; expected an upstream or an api besides"),
        ({"OPENAI_API_KEY": "sk-1\n"}, {"upstream": "openai"}, "--upstream: the value of the header 'Authorization'"),
        ({"OPENAI_API_KEY": "sk-1\n"}, {"api": "responses"}, "--api: the value of the header 'Authorization' holds"),
        ({}, {"option": ["a=b"]}, "--option: it is of a provider; expected an upstream or an api besides"),
        ({}, {"api": "gemini", "option": ["a"]}, "--option: expected NAME=VALUE, such as sentinel=false, got 'a'"),
        (
            {"PENSTOCK_OPTION": "a=b"},
            {"api": "responses"},
            "PENSTOCK_OPTION: no option 'a' of responses; there are others-reaso",
        ),
        ({}, {"api": "gemini", "option": ["a=b"]}, "--option: no option 'a' of gemini; there are thinking, modalities"),
        ({}, {"api": "demo", "option": ["a=b"]}, "--option: the demo has no options"),
        ({}, {"store": "nonsense://x"}, "--store: The store's URL begins with nonsense://"),
        ({}, {"host": "0.0.0.0"}, "--host: 0.0.0.0 can be reached by others"),
        ({"PENSTOCK_API_KEY_FILE": "/nowhere/k"}, {}, "PENSTOCK_API_KEY_FILE: /nowhere/k: No such file"),
        ({"PENSTOCK_SECRET_FILE": "/nowhere/s"}, {}, "PENSTOCK_SECRET_FILE: /nowhere/s: "),
    ],
)
def test_what_is_wrong_is_called_as_it_was_given(
    environment: dict[str, str], flags: dict[str, object], words: str, tmp_path: Path
) -> None:
    path = written(tmp_path, "[server]\nport = 1\n")
    with pytest.raises(ConfigError) as error:
        build_app(load_settings(path, environment, flags), environment)
    assert str(error.value).startswith(words)
    assert "sk-1" not in str(error.value)


def test_a_provider_that_nobody_knows_is_named_with_the_place_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[models.a]\nupstream = "olama"\n')
    with pytest.raises(ConfigError) as error:
        load_settings(path, {})
    assert str(error.value).startswith(f"{path}: models.a.upstream: no provider 'olama' is known")


def test_who_names_no_model_is_told_which_there_are() -> None:
    table = ModelTable(upstream="http://127.0.0.1:1")
    default = ModelTable(upstream="http://127.0.0.1:1", default=True)
    for models, expected in [
        ({"*": default}, "the name of one that the provider has"),
        ({"a": table, "b": table}, "one of 'a', 'b'"),
        ({"a": table, "b": table, "*": default}, "one of 'a', 'b', or the name of another that the provider has"),
    ]:
        with pytest.raises(Refused) as error:
            build_app(Settings(models=models), {}).service.models.find(None)
        assert error.value.payload.message == f"model: is required, and absent; expected {expected}"


def test_flags_that_do_not_exist_are_named() -> None:
    with pytest.raises(ConfigError, match="flags: no setting 'colour'"):
        load_settings(None, {}, {"colour": "red"})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(server=ServerTable(host="0.0.0.0")), "API keys are needed"),
        (Settings(server=ServerTable(host="a.example")), "API keys are needed"),
        (Settings(server=ServerTable(api_key_file="/nowhere/keys")), "/nowhere/keys"),
        (Settings(server=ServerTable(api_key_env="SHORT")), "the variable SHORT: line 1"),
        (Settings(server=ServerTable(api_key_file="{folder}/short")), "line 1"),
        (Settings(server=ServerTable(secret_file="/nowhere/secret")), "/nowhere/secret"),
        (Settings(server=ServerTable(secret_env="SHORT")), "32 characters"),
        (Settings(server=ServerTable(store="nonsense://x")), "nonsense"),
        (Settings(models={"a": ModelTable(api="nonsense")}), "models.a.api"),
        (Settings(models={"a": ModelTable(api="responses", upstream="ftp://a")}), "models.a"),
        (Settings(models={"a": ModelTable(api="gemini", options={"b": 1})}), "models.a.options: no option 'b'"),
        (Settings(models={"a": ModelTable(options={"b": 1})}), "models.a.options: the demo has no options"),
        (Settings(models={"a": ModelTable(api="responses", key_env="NOT_SET")}), "models.a.key-env"),
        (Settings(models={"a": ModelTable(default=True), "b": ModelTable(default=True)}), "models.b.default"),
    ],
)
def test_settings_that_make_no_server_are_refused(settings: Settings, words: str, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("ada: short", encoding="utf-8")
    file = settings.server.api_key_file
    if file is not None and file.startswith("{folder}"):
        settings = Settings(server=ServerTable(api_key_file=file.format(folder=tmp_path)))
    with pytest.raises(ConfigError) as error:
        build_app(settings, {"SHORT": "short"})
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("table", "environment", "expected"),
    [
        (ModelTable(api="anthropic"), {}, ["no key for https://api.anthropic.com: ANTHROPIC_API_KEY is not set"]),
        (ModelTable(api="anthropic"), {"ANTHROPIC_API_KEY": "k"}, []),
        (ModelTable(api="anthropic", upstream="http://127.0.0.1:1"), {}, []),
        (ModelTable(api="anthropic", headers={"x-api-key": "k"}), {}, []),
        (ModelTable(api="anthropic", key_env="OURS"), {"OURS": "k"}, []),
        (ModelTable(upstream="groq"), {}, ["no key for https://api.groq.com/openai/v1: GROQ_API_KEY is not set"]),
        (
            ModelTable(upstream="groq"),
            {"GROQ_API_KEY": ""},
            ["no key for https://api.groq.com/openai/v1: GROQ_API_KEY is not set"],
        ),
        (ModelTable(upstream="ollama"), {}, []),
        (ModelTable(api="demo"), {}, []),
        (ModelTable(), {}, []),
    ],
)
def test_a_key_that_a_well_known_provider_needs_is_missed(
    table: ModelTable, environment: dict[str, str], expected: list[str]
) -> None:
    settings = Settings(models={"a": table, "b": table})
    assert missing_keys(settings, environment) == expected
    build_app(settings, environment)
