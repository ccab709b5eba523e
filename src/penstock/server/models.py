"""The models a server offers, each with the provider behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from penstock.provider.base import ModelInfo, Provider
from penstock.server.errors import Refused

__all__ = ["DialectChoice", "Model", "Models", "ReasoningForm"]

DialectChoice = Literal["auto", "openresponses", "openai"]
"""In which dialect a client is answered; `auto` goes by what the client says it is."""
ReasoningForm = Literal["auto", "raw", "summary", "off"]
"""How readable reasoning is shown; `auto` is raw for the specification's dialect, and a summary for OpenAI's."""


class Model(Struct, frozen=True, kw_only=True):
    """A model by the name clients ask for.

    `upstream_name` is what the provider calls it, None for the name that was asked for. `dialect` and `reasoning` are
    None where the server's own settings hold.
    """

    provider: Provider
    upstream_name: str | None = None
    dialect: DialectChoice | None = None
    reasoning: ReasoningForm | None = None


class Models:
    """All models of a server."""

    def __init__(self, models: Mapping[str, Model], default: Model | None = None) -> None:
        """Offer `models` by name; `default` answers to every other name, and to requests that name none."""
        self._models = dict(models)
        self._default = default

    def find(self, name: str | None) -> tuple[str, Model]:
        """Return the model of a request and the name it goes by; raise Refused where there is none.

        A request that names no model gets the only one there is.
        """
        if name:
            model = self._models.get(name, self._default)
            if model is None:
                raise Refused.because(
                    f"model: there is no model {name!r} here; expected {self._expected()}",
                    code="model_not_found",
                    error_type="not_found",
                    param="model",
                )
            return name, model if model.upstream_name else replace(model, upstream_name=name)
        if self._default is not None:
            only = self._default.upstream_name or self._default.provider.default_model
            if only:
                return only, replace(self._default, upstream_name=only)
        if self._default is None and len(self._models) == 1:
            ((only, model),) = self._models.items()
            return only, model if model.upstream_name else replace(model, upstream_name=only)
        raise Refused.because(
            f"model: is required, and absent; expected {self._expected()}",
            code="missing_required_parameter",
            param="model",
        )

    def get(self, name: str) -> Model | None:
        """Return the model that a response names, where it is still there."""
        return self._models.get(name, self._default)

    async def listed(self) -> list[ModelInfo]:
        """Return what `GET /models` shows: the models by name, and what the default's provider says it has."""
        named = [ModelInfo(id=name, owned_by=model.provider.name) for name, model in self._models.items()]
        others = await self._default.provider.models() if self._default is not None else []
        return [*named, *(info for info in others if info.id not in self._models)]

    async def info(self, name: str) -> ModelInfo | None:
        """Return the model `name` as it is listed, None where it is not; only for the default's is a provider asked."""
        model = self._models.get(name)
        if model is not None:
            return ModelInfo(id=name, owned_by=model.provider.name)
        return next((info for info in await self.listed() if info.id == name), None)

    def open(self) -> None:
        """Let all providers answer, those too that were let go of."""
        for provider in self.providers():
            provider.open()

    async def aclose(self) -> None:
        """Let go of all providers."""
        for provider in self.providers():
            await provider.aclose()

    def providers(self) -> list[Provider]:
        """Return all providers, each once."""
        models = [*self._models.values(), *([self._default] if self._default is not None else [])]
        return list({id(model.provider): model.provider for model in models}.values())

    def _expected(self) -> str:
        """Return which names can be asked for, in words."""
        names = ", ".join(repr(name) for name in self._models)
        named = f"one of {names}" if len(self._models) > 1 else names
        if self._default is None:
            return named or "none, since there are none here"
        return (
            f"{named}, or the name of another that the provider has"
            if named
            else "the name of one that the provider has"
        )
