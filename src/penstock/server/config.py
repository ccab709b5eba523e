"""A server's settings: from a file, the environment and flags, the later winning; and the application they describe.

The file is TOML: `[server]` with the settings below, `[server.limits]` with those of `Limits`, and a table for every
model, `[models.NAME]`. Words in it are joined by hyphens.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, cast
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from penstock.provider.addresses import ADDRESSES, DEFAULT_PROVIDERS, Address
from penstock.provider.base import Provider
from penstock.provider.demo import DemoProvider
from penstock.provider.network import NetworkProvider, Retries, Timeouts
from penstock.server.app import DEFAULT_TTL, App
from penstock.server.keys import KeyFileError, Keys, is_loopback
from penstock.server.limits import Limits
from penstock.server.models import DialectChoice, Model, Models, ReasoningForm
from penstock.spec.errors import PenstockError
from penstock.store.errors import StoreError
from penstock.upstream.registry import UPSTREAM_NAMES, UnknownOption, read_options, upstream_by_name
from penstock.wire.wording import is_object

__all__ = ["DEMO", "ConfigError", "ModelTable", "ServerTable", "Settings", "build_app", "load_settings", "missing_keys"]

DEMO: Final = "demo"
"""The API that needs no provider."""
_DAY: Final = 86_400.0
_PREFIX: Final = "PENSTOCK_"


MAX_PORT: Final = 65_535
"""Highest TCP port: 16 bits."""
Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]


class ConfigError(PenstockError):
    """Settings that make no server; the message names the file or variable, the setting, and what was expected."""


class LimitsTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """`[server.limits]`: what is not given is as in `Limits`."""

    body: Positive | None = None
    body_seconds: Seconds | None = None
    values: Positive | None = None
    items: Positive | None = None
    streams: Positive | None = None
    streams_per_key: Positive | None = None
    websockets_per_key: Positive | None = None
    response_seconds: Seconds | None = None
    keep_alive_seconds: Seconds | None = None
    slow_reader_seconds: Seconds | None = None
    websocket_seconds: Seconds | None = None
    websocket_message: Positive | None = None
    websocket_waiting: Positive | None = None
    websocket_responses: Positive | None = None
    shutdown_seconds: NotNegative | None = None
    retry_after_seconds: Positive | None = None


class ServerTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """`[server]`. `store` is the URL of a database, or `none`; `ttl-days` 0 keeps responses for ever.

    `api-key-file` and the variable that `api-key-env` names hold the API keys, a line each; those of both are let in.
    `secret-env` and `secret-file` say where the secret is that seals what clients keep for the server.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=MAX_PORT)] = 8080
    store: str = "sqlite:///penstock.db"
    ttl_days: NotNegative = DEFAULT_TTL / _DAY
    api_key_file: str | None = None
    api_key_env: str = "PENSTOCK_API_KEYS"
    allow_anyone: bool = False
    secret_env: str = "PENSTOCK_SECRET"
    secret_file: str | None = None
    dialect: DialectChoice = "auto"
    reasoning: ReasoningForm = "auto"
    origins: list[str] = []
    limits: LimitsTable = LimitsTable()


class ModelTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """`[models.NAME]`: who answers for a model.

    `upstream` is the address of the provider's API, or the name of a well-known one (`openai`, `ollama`); `api` what it
    speaks there, Chat Completions unless it is told or known. `model` is what the provider calls the model, where that
    is another name. `default`: it answers for all models that have no table. `headers` are sent to the provider
    besides. `options` tell in what the provider differs from others who speak its API: the `Options` of that API, such
    as `sentinel` of `penstock.upstream.chat_completions`. Connections nobody uses are kept for `idle-seconds`.
    """

    api: str | None = None
    upstream: str | None = None
    model: str | None = None
    key_env: str | None = None
    dialect: DialectChoice | None = None
    reasoning: ReasoningForm | None = None
    default: bool = False
    headers: dict[str, str] = {}
    options: dict[str, Any] = {}
    connect_seconds: Seconds | None = None
    first_byte_seconds: Seconds | None = None
    silence_seconds: Seconds | None = None
    idle_seconds: Seconds | None = None
    retries: Annotated[int, Meta(ge=0)] | None = None


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tables of a file that are the server's."""

    server: ServerTable = ServerTable()
    models: dict[str, ModelTable] = {}


class Settings(Struct, frozen=True, kw_only=True):
    """All settings. `models` may be empty: then the demo answers.

    `places` are what settings are called where they were given, other than in a file: `--api`, `PENSTOCK_API`.
    """

    server: ServerTable = ServerTable()
    models: dict[str, ModelTable] = {}
    places: Mapping[str, str] = {}

    def place(self, name: str, in_file: str) -> str:
        """Return what a setting is called where it was given; `in_file` is what it is called in a file."""
        return self.places.get(name, in_file)


def load_settings(
    path: Path | None, environment: Mapping[str, str], flags: Mapping[str, object] | None = None
) -> Settings:
    """Return the settings of the file `path`, changed by `PENSTOCK_...` variables, and by `flags`.

    The flags are those of `[server]`, and `upstream`, `api`, `model`, `key_env` and `option` of the one model that a
    command line can describe; None among them is not given. An `option` is a list of `NAME=VALUE`, in the environment
    with spaces between. Raises ConfigError.
    """
    tables = _read(path) if path is not None else {}
    server = dict(_table(tables, "server", path))
    models = {name: dict(_table(tables["models"], name, path)) for name in _table(tables, "models", path)}
    one: dict[str, object] = {}
    places: dict[str, str] = {}
    for source, words in (("environment", _of_environment(environment)), ("flags", flags or {})):
        given = {name: value for name, value in words.items() if value is not None}
        places |= {name: _place(source, name) for name in given}
        one |= {name.replace("_", "-"): given.pop(name) for name in list(given) if name in _OF_A_MODEL}
        for name, value in given.items():
            if name not in _OF_SERVER:
                raise ConfigError(f"{source}: no setting {name!r}; there are {', '.join((*_OF_SERVER, *_OF_A_MODEL))}")
            server[name.replace("_", "-")] = value
    if one:
        if not one.keys() & {"upstream", "api"}:
            for name in ("key_env", "option"):
                if name in places:
                    raise ConfigError(f"{places[name]}: it is of a provider; expected an upstream or an api besides")
        if "option" in one:
            one["options"] = _options(places["option"], one.pop("option"))
        name = str(one.get("model", DEMO if one.get("api") == DEMO else "*"))
        # One model on the command line means that one, whatever the file says.
        models = {name: {**one, "default": True}}
    rest = {name: value for name, value in tables.items() if name not in ("server", "models", "lint")}
    try:
        read = msgspec.convert({"server": server, "models": models, **rest}, _File, strict=False)
    except msgspec.ValidationError as error:
        problem, _, setting = str(error).partition(" - at `$.server.")
        name = setting.rstrip("`").replace("-", "_")
        if name in places:
            problem = problem.partition(", got ")[0]
            got = f", got {server[name.replace('_', '-')]!r}" if problem.startswith("Expected") else ""
            raise ConfigError(f"{places[name]}: {problem}{got}") from None
        raise ConfigError(f"{path or 'settings'}: {error}".replace("$.", "")) from None
    settings = Settings(server=read.server, models=read.models, places=places)
    for name, table in settings.models.items():
        _check_upstream(settings.place("upstream", f"{path}: models.{name}.upstream"), table.upstream)
    return settings


def _place(source: str, name: str) -> str:
    """Return what a setting is called where it was given: a variable or a flag."""
    return f"{_PREFIX}{name.upper()}" if source == "environment" else f"--{name.replace('_', '-')}"


def _options(place: str, given: object) -> dict[str, str]:
    """Return options that were given as words, or with spaces between."""
    try:
        return read_options(given.split() if isinstance(given, str) else cast("Sequence[str]", given))
    except UnknownOption as error:
        raise ConfigError(f"{place}: {error}") from None


def _check_upstream(place: str, upstream: str | None) -> None:
    """Raise ConfigError where `upstream` is neither a well-known name nor looks like an address."""
    if upstream is None or upstream in ADDRESSES:
        return
    known = ", ".join(ADDRESSES)
    if _WORD(upstream):
        raise ConfigError(
            f"{place}: no provider {upstream!r} is known; expected one of {known}, or the base URL of another, "
            "such as http://localhost:8000/v1"
        )
    if not _has_host(upstream):
        # What it is may hold a key, and is not repeated.
        raise ConfigError(
            f"{place}: expected a base URL with http or https and a host, such as http://localhost:8000/v1, "
            f"or one of {known}"
        )


def _has_host(upstream: str) -> bool:
    try:
        return bool(urlsplit(upstream).hostname) and upstream.startswith(("http://", "https://"))
    except ValueError:
        return False


_WORD: Final = re.compile(r"[A-Za-z][\w-]*").fullmatch
"""A name, as against an address."""
_OF_A_MODEL: Final = ("upstream", "api", "model", "key_env", "option")
_OF_SERVER: Final = tuple(field for field in ServerTable.__struct_fields__ if field not in ("limits", "origins"))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def _table(tables: Mapping[str, Any], name: str, path: Path | None) -> Mapping[str, Any]:
    table: object = tables.get(name, {})
    if not is_object(table):
        raise ConfigError(f"{path}: {name} should be a table")
    return table


def _of_environment(environment: Mapping[str, str]) -> dict[str, object]:
    """Return what the variables `PENSTOCK_HOST`, `PENSTOCK_UPSTREAM` ... say."""
    names = {f"{_PREFIX}{name.upper()}": name for name in (*_OF_SERVER, *_OF_A_MODEL)}
    return {names[name]: value for name, value in environment.items() if name in names and value}


# The application.


def build_app(settings: Settings, environment: Mapping[str, str] = os.environ) -> App:
    """Return the application that `settings` describe. Raises ConfigError.

    Without API keys only a loopback address is served, unless `allow-anyone` is set.
    """
    table = settings.server
    keys = _keys(settings, environment)
    if not keys and not table.allow_anyone and not is_loopback(table.host):
        place = settings.place("host", "server.host")
        raise ConfigError(
            f"{place}: {table.host} can be reached by others, so API keys are needed: set server.api-key-file "
            f"(--api-key-file) or the variable {table.api_key_env}, or server.allow-anyone where everybody may ask"
        )
    try:
        return App(
            _models(settings, environment),
            store=None if table.store == "none" else table.store,
            keys=keys,
            secret=_secret(settings, environment),
            dialect=table.dialect,
            reasoning=table.reasoning,
            limits=Limits(**{k: v for k, v in msgspec.structs.asdict(table.limits).items() if v is not None}),
            ttl=table.ttl_days * _DAY or None,
            origins=table.origins,
        )
    except StoreError as error:
        raise ConfigError(f"{settings.place('store', 'server.store')}: {error}") from None
    except ValueError as error:
        raise ConfigError(f"server: {error}") from None


def _keys(settings: Settings, environment: Mapping[str, str]) -> Keys:
    table = settings.server
    text = environment.get(table.api_key_env)
    place = f"the variable {table.api_key_env}"
    try:
        keys = Keys.from_text(text) if text else Keys()
        if table.api_key_file is None:
            return keys
        place = f"{settings.place('api_key_file', 'server.api-key-file')}: {table.api_key_file}"
        return keys | Keys.from_file(Path(table.api_key_file))
    except OSError as error:
        raise ConfigError(f"{place}: {error.strerror or error}") from None
    except KeyFileError as error:
        raise ConfigError(f"{place}: {error}") from None


def _secret(settings: Settings, environment: Mapping[str, str]) -> str | None:
    table = settings.server
    if table.secret_file is None:
        return environment.get(table.secret_env) or None
    try:
        return Path(table.secret_file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        place = settings.place("secret_file", "server.secret-file")
        raise ConfigError(f"{place}: {table.secret_file}: {error}") from None


def _models(settings: Settings, environment: Mapping[str, str]) -> Models:
    if not settings.models:
        return Models({}, default=Model(provider=DemoProvider()))
    models: dict[str, Model] = {}
    default: Model | None = None
    for name, table in settings.models.items():
        model = Model(
            provider=_provider(settings, name, environment),
            upstream_name=table.model,
            dialect=table.dialect,
            reasoning=table.reasoning,
        )
        if table.default:
            if default is not None:
                raise ConfigError(f"models.{name}.default: another model is the default already")
            # A name that was asked for and has no table is passed on; a request that names none gets this one.
            default = model
        if name != "*":
            models[name] = model
    return Models(models, default)


def missing_keys(settings: Settings, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return a line about each well-known provider whose key is nowhere: it will most likely refuse to answer."""
    lines: dict[str, None] = {}
    for table in settings.models.values():
        address = _address(table)
        # Who sends headers may have the key in one of them.
        if address is None or not address.keys or table.key_env is not None or table.headers:
            continue
        if not any(environment.get(variable) for variable in address.keys):
            lines[f"no key for {address.base_url}: {' or '.join(address.keys)} is not set"] = None
    return list(lines)


def _address(table: ModelTable) -> Address | None:
    """Return where the provider of a model is, where it is a well-known one."""
    if table.api == DEMO:
        return None
    if table.upstream is not None:
        return ADDRESSES.get(table.upstream)
    provider = DEFAULT_PROVIDERS.get(table.api or "")
    return None if provider is None else ADDRESSES[provider]


def _provider(settings: Settings, name: str, environment: Mapping[str, str]) -> Provider:
    table = settings.models[name]
    address = _address(table)
    api = table.api or (address.api if address is not None else DEMO if table.upstream is None else "chat-completions")
    if api == DEMO:
        if table.options:
            raise ConfigError(f"{settings.place('option', f'models.{name}.options')}: the demo has no options")
        return DemoProvider()
    if api not in UPSTREAM_NAMES:
        known = ", ".join((*UPSTREAM_NAMES, DEMO))
        place = settings.place("api", f"models.{name}.api")
        raise ConfigError(f"{place}: expected one of {known}, got {table.api!r}")
    variables = (table.key_env,) if table.key_env is not None else address.keys if address is not None else ()
    key = next((environment[variable] for variable in variables if environment.get(variable)), None)
    if table.key_env is not None and key is None:
        place = settings.place("key_env", f"models.{name}.key-env")
        raise ConfigError(f"{place}: the variable {table.key_env} is not set")
    try:
        return NetworkProvider(
            upstream_by_name(api, table.options),
            address.base_url if address is not None else str(table.upstream),
            key=key,
            headers=table.headers,
            timeouts=_timeouts(table),
            retries=Retries() if table.retries is None else Retries(times=table.retries),
        )
    except UnknownOption as error:
        place = settings.place("option", f"models.{name}.options")
        raise ConfigError(f"{place}: {error}") from None
    except ValueError as error:
        # The address, and the key with it, of one model that has no name of its own.
        place = settings.place("upstream", settings.place("api", f"models.{name}"))
        raise ConfigError(f"{place}: {error}") from None


def _timeouts(table: ModelTable) -> Timeouts:
    given = {
        "connect": table.connect_seconds,
        "first_byte": table.first_byte_seconds,
        "silence": table.silence_seconds,
        "idle": table.idle_seconds,
    }
    return Timeouts(**{name: value for name, value in given.items() if value is not None})
