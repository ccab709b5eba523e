from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.spec import events as e
from penstock.spec.items import FunctionCallItem, MessageItem
from penstock.spec.response import ErrorPayload
from penstock.stream import output as o
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.machine import StreamStateError
from penstock.stream.writer import WriterOptions
from tests.openapi import needs_openapi
from tests.stream.samples import writer
from tests.stream.strategies import Program, options, outputs, programs
from tests.stream.validity import assert_fits_models, assert_fits_openapi, assert_valid

# Nothing is timed, so a slow machine is no failure.
examples = settings(deadline=None, max_examples=200)
few_examples = settings(deadline=None, max_examples=60)


def run(program: Program, chosen: WriterOptions | None = None) -> list[e.ResponseStreamEvent]:
    emitter = ListStreamEmitter()
    program.run(writer(emitter, start=False, options=chosen))
    return emitter.take()


@examples
@given(programs())
def test_whatever_is_said_becomes_a_valid_stream(program: Program) -> None:
    assert_valid(run(program))


@examples
@given(programs(), options)
def test_options_leave_a_valid_stream(program: Program, chosen: WriterOptions) -> None:
    assert_valid(run(program, chosen))


@few_examples
@given(programs(extensions=False))
def test_every_event_fits_the_models_of_openresponses_types(program: Program) -> None:
    assert_fits_models(run(program))


@needs_openapi
@few_examples
@given(programs(extensions=False))
def test_every_event_fits_the_openapi_document(program: Program) -> None:
    assert_fits_openapi(run(program))


@examples
@given(programs())
def test_the_text_is_what_was_said(program: Program) -> None:
    said = ""
    for output in program.outputs:
        match output:
            case str():
                said += output
            case o.Text():
                said += output.text
            case o.ReadyItem(MessageItem() as message):
                said += message.text
            case _:
                pass
    last = run(program)[-1]
    assert isinstance(last, e.ResponseEvent)
    assert said == last.response.output_text


@examples
@given(programs())
def test_the_arguments_of_each_call_are_what_was_said(program: Program) -> None:
    said: list[str] = []
    keys: dict[str, int] = {}
    for output in program.outputs:
        match output:
            case o.FunctionCall(arguments=None, key=str() as key):
                keys[key] = len(said)
                said.append("")
            case o.FunctionCall(arguments=str() as arguments):
                said.append(arguments)
            case o.FunctionCall():
                said.append("")
            case o.Arguments(call=str() as key):
                said[keys[key]] += output.delta
            case o.ReadyItem(FunctionCallItem() as call):
                said.append(call.arguments)
            case _:
                pass
    last = run(program)[-1]
    assert isinstance(last, e.ResponseEvent)
    written = [call.arguments for call in last.response.function_calls]
    assert len(said) == len(written)
    for before, after in zip(said, written, strict=True):
        # A call that says nothing says the empty object; mappings are checked elsewhere.
        assert not before or before == after


@examples
@given(st.lists(outputs, max_size=15), st.sampled_from(["finish", "incomplete", "fail", "with"]))
def test_nothing_but_stream_state_error_escapes_and_the_stream_can_still_end(said: list[o.Output], end: str) -> None:
    emitter = ListStreamEmitter()
    stream = writer(emitter)
    for output in said:
        before = len(emitter.events), stream.response
        try:
            stream.send(output)
        except StreamStateError:
            assert (len(emitter.events), stream.response) == before
    if not stream.state.is_terminal:
        match end:
            case "finish":
                stream.finish()
            case "incomplete":
                stream.incomplete()
            case "fail":
                stream.fail(ErrorPayload(type="server_error", code=None, message="x", param=None))
            case _:
                with stream:
                    pass
    assert_valid(emitter.take())


@examples
@given(st.lists(outputs, max_size=15))
def test_the_quick_way_of_the_writer_is_its_slow_way(said: list[o.Output]) -> None:
    emitters = ListStreamEmitter(), ListStreamEmitter()
    quick, slow = (writer(emitter) for emitter in emitters)
    for output in said:
        slow._hot = None
        raised = []
        for stream in (quick, slow):
            try:
                stream.send(output)
                raised.append("")
            except StreamStateError as error:
                raised.append(str(error))
        assert raised[0] == raised[1]
        assert emitters[0].events == emitters[1].events
        assert quick.response == slow.response


@pytest.mark.parametrize("name", ["send", "finish", "incomplete", "fail", "start"])
def test_nothing_is_accepted_after_the_end(name: str) -> None:
    emitter = ListStreamEmitter()
    stream = writer(emitter)
    stream.finish()
    emitter.take()
    call = getattr(stream, name)
    with pytest.raises(StreamStateError, match="the response is completed"):
        call(
            *(
                ["x"]
                if name == "send"
                else [ErrorPayload(type="x", code=None, message="", param=None)]
                if name == "fail"
                else []
            )
        )
    assert emitter.take() == []
