"""Any code of a user's own as a provider: an async generator that yields what the model says, and its relatives.

    async def model(request):
        yield Reasoning("The user greets me.")
        yield "Hello!"

What a model may be: an async generator function, a generator function, a function, async or not, that returns an
output, a list of them or any of these, or an object with `__call__`. Whatever is not async runs in a thread, so that it
may block. A model that raises says a `Failure` that tells nobody why; why is logged, with the traceback, as `penstock`.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, cast, get_args

from penstock.provider.ahead import read_ahead, read_ahead_in_thread
from penstock.provider.base import Answer, ModelInfo, Provider
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload
from penstock.stream.output import Failure, Output
from penstock.upstream.base import UnsupportedParameter

__all__ = ["GeneratorProvider", "Model", "NotAnOutput", "Said"]

Said = Output | Iterable[Output] | AsyncIterable[Output]
"""What a model gives: one output, several, or a generator of them."""
Model = Callable[[CreateResponse], Said | Awaitable[Said]]
"""A user's own code that answers a request."""

_OUTPUTS: Final[tuple[type, ...]] = get_args(Output)
_EXPECTED: Final = 'a str or an object of penstock.stream.output, such as Text("Hi")'
_FAILED: Final = ErrorPayload(
    type="server_error",
    code="server_error",
    message="The model had an error while producing this response.",
    param=None,
)

_log = logging.getLogger("penstock")


class NotAnOutput(TypeError):  # noqa: N818 - it names what is wrong
    """A model gave something that is nothing a model can say."""


class GeneratorProvider(Provider):
    """Answers requests by running a user's own code, once a request, many at a time."""

    def __init__(self, model: Model, *, name: str | None = None) -> None:
        """Run `model`; `name` is what people know it by, and the model it answers as: the function's own if None.

        Raises TypeError for something that cannot be called, which a generator that already runs is one of.
        """
        given: object = model
        if not callable(given):
            hint = ", and not what it returns," if inspect.isasyncgen(given) or inspect.isgenerator(given) else ""
            raise TypeError(f"expected a function{hint} that takes the request, got {_shown(given)}")
        self._model = model
        self.name: str = name or getattr(model, "__name__", None) or type(model).__name__
        self.default_model = self.name

    def answer(self, request: CreateResponse) -> Answer:
        """Return the answer to `request`, not begun yet."""
        return _GeneratorAnswer(self._model, self.name, request)

    async def models(self) -> list[ModelInfo]:
        """Return the one model there is."""
        return [ModelInfo(self.name)]


class _GeneratorAnswer(Answer):
    """The answer to one request."""

    def __init__(self, model: Model, name: str, request: CreateResponse) -> None:
        super().__init__()
        self._run = model
        self._name = name
        self._request = request

    async def batches(self) -> AsyncGenerator[Sequence[Output], None]:
        """Yield what the model says; what goes wrong with it is a `Failure`, and logged.

        UnsupportedParameter goes to the caller where the model raises it before it has said anything.
        """
        is_begun = False
        batches = self._batches()
        try:
            async for batch in batches:
                is_begun = True
                yield batch
        except UnsupportedParameter as error:
            if not is_begun:
                raise
            yield [self._failure(error)]
        except NotAnOutput as error:
            # The words are ours, and name types only.
            said = ErrorPayload(type="server_error", code="invalid_output", message=str(error), param=None)
            _log.error("The model %s is wrong", self._name, exc_info=error)
            yield [Failure(said)]
        except Exception as error:  # noqa: BLE001 - a model is other people's code, and may raise anything
            yield [self._failure(error)]
        finally:
            await batches.aclose()

    def _failure(self, error: Exception) -> Failure:
        _log.error("The model %s failed", self._name, exc_info=error)
        return Failure(_FAILED)

    async def _batches(self) -> AsyncGenerator[list[Output], None]:
        """Yield what the model says, as it comes; raise what it raises."""
        run, request = self._run, self._request
        said: object
        if _is(inspect.isgeneratorfunction, run):
            source = read_ahead_in_thread(lambda: cast("Iterable[object]", run(request)))
        else:
            if _is(inspect.isasyncgenfunction, run) or _is(inspect.iscoroutinefunction, run):
                said = run(request)
            else:
                said = await _called_in_thread(lambda: run(request))
            while inspect.isawaitable(said):
                said = await cast("Awaitable[object]", said)
            source = _source(said)
        try:
            async for batch in source:
                for index, output in enumerate(batch):
                    if not isinstance(output, _OUTPUTS):
                        if index:
                            yield cast("list[Output]", batch[:index])
                        raise NotAnOutput(f"the model yielded {_shown(output)}; expected {_EXPECTED}")
                yield cast("list[Output]", batch)
        finally:
            await source.aclose()


def _is(kind: Callable[[object], bool], model: Model) -> bool:
    """Whether a model, a function or an object that is called like one, is of a kind."""
    return kind(model) or kind(type(model).__call__)


async def _called_in_thread(call: Callable[[], object]) -> object:
    """Return what `call` returns; it may block."""
    results = read_ahead_in_thread(lambda: [call()])
    try:
        return (await anext(results))[0]
    finally:
        await results.aclose()


def _source(said: object) -> AsyncGenerator[list[object], None]:
    """Return the batches of what a function returned."""
    shown = _shown(said)
    if isinstance(said, _OUTPUTS):
        return _at_once([said])
    if isinstance(said, AsyncIterable):
        return read_ahead(aiter(cast("AsyncIterable[object]", said)))
    if isinstance(said, (list, tuple)):
        return _at_once([*cast("Sequence[object]", said)])
    if isinstance(said, Iterable) and not isinstance(said, (Mapping, bytes, bytearray)):
        return read_ahead_in_thread(lambda: cast("Iterable[object]", said))
    raise NotAnOutput(f"the model returned {shown}; expected {_EXPECTED}, a list or a generator of these")


async def _at_once(outputs: list[object]) -> AsyncGenerator[list[object], None]:
    if outputs:
        yield outputs


def _shown(value: object) -> str:
    """Return what something is, without what it holds: it may be secret."""
    if value is None:
        return "nothing (None)"
    if inspect.isfunction(value) or inspect.ismethod(value):
        return f"the function {value.__name__} itself"
    return f"an object of type {type(value).__qualname__}"
