"""Gemini replies, streamed and whole: what the model said in them, wherever the bytes are cut."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from penstock.live import ResponseStream
from penstock.spec.base import Extra, JsonObject
from penstock.spec.content import ExtensionAnnotation, LogProb, TopLogProb, UrlCitation
from penstock.spec.items import ExtensionItem
from penstock.spec.response import Response
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.output import (
    Annotated,
    EncryptedReasoning,
    Extension,
    Failure,
    FunctionCall,
    Output,
    ReadyItem,
    ReasoningSummary,
    Refusal,
    Stop,
    Text,
    Usage,
)
from penstock.upstream.gemini import Gemini
from penstock.upstream.gemini.finish import CUT, FAILED, UNSAID
from penstock.upstream.gemini.signatures import Signature
from penstock.upstream.relay import Relay
from tests.stream.validity import assert_valid
from tests.upstream.reading import failure, in_pieces, losses_by, read_by

# Making streams, and reading them.


def frame(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\r\n\r\n"


def chunk(*parts: object, finish: str | None = None, **more: object) -> JsonObject:
    candidate: JsonObject = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **more}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate]}


def text(words: str, **more: object) -> JsonObject:
    return {"text": words, **more}


def call(name: str | None = None, args: object = None, **more: object) -> JsonObject:
    fields = {"name": name, "args": args, **more}
    return {"functionCall": {key: value for key, value in fields.items() if value is not None}}


def stream(*chunks: object, finish: str | None = "STOP") -> bytes:
    """Chunks, or bare parts, as the bytes of a stream that ends with a finish reason."""
    known = {"candidates", "usageMetadata", "promptFeedback", "error", "modelVersion"}
    whole = [each if not isinstance(each, dict) or each.keys() & known else chunk(each) for each in chunks]
    return b"".join(map(frame, whole)) + (frame(chunk(finish=finish)) if finish else b"")


def read(data: bytes) -> list[Output]:
    return read_by(Gemini(), data)


def lost(data: bytes) -> list[str]:
    return [loss.param for loss in losses_by(Gemini(), data)]


def told(data: bytes) -> Response:
    """The response that a reply becomes, after making sure that its stream is valid."""
    emitter = ListStreamEmitter()
    writer = ResponseStream(emitter, model="m")
    Relay(Gemini().stream(), writer).run([data])
    assert_valid(emitter.events)
    return writer.response


def item(type: str, **fields: object) -> ReadyItem:
    return ReadyItem(ExtensionItem(fields=Extra({"type": type, **fields})))


def signed(part: str, signature: str, start: int = 0, end: int = 0, name: str = "") -> EncryptedReasoning:
    return Signature(part, signature, start, end, name).encrypted()  # type: ignore[arg-type]


# Text, and how a reply ends.


def test_text_is_said_as_it_comes() -> None:
    assert read(stream(text("Hel"), text(""), text("lo"))) == [Text("Hel"), Text("lo"), Stop("stop")]


def test_text_is_said_at_once() -> None:
    assert Gemini().stream().feed(frame(chunk(text("Hel")))) == [Text("Hel")]


def test_several_parts_in_a_chunk() -> None:
    data = stream(chunk(text("a"), text("b", thought=True), call("f", {"x": 1})))
    assert read(data) == [Text("a"), ReasoningSummary("b"), FunctionCall("f", '{"x":1}'), Stop("tool_calls")]


@pytest.mark.parametrize("reason", [reason.value for reason in types.FinishReason] + ["stop", "NEW_REASON", "Safety"])
def test_every_finish_reason_ends_the_reply(reason: str) -> None:
    said = read(stream(text("a"), finish=reason))
    known = reason.upper()
    if known in FAILED:
        assert (failure(said).type, failure(said).code) == (FAILED[known][0], known.lower())
    elif known == UNSAID:
        assert failure(said).code == "upstream_truncated"
    elif known == "STOP":
        assert said == [Text("a"), Stop("stop")]
    else:
        assert said[-1] == Stop(CUT.get(known, reason))
        assert told(stream(text("a"), finish=reason)).status == "incomplete"


def test_reasons_that_are_the_providers_own_are_named() -> None:
    assert {reason.value for reason in types.FinishReason} - CUT.keys() - FAILED.keys() == {
        "STOP",
        UNSAID,
        "OTHER",
        "IMAGE_OTHER",
        "NO_IMAGE",
    }


def test_an_error_says_what_the_provider_says() -> None:
    data = stream(chunk(finish="MALFORMED_FUNCTION_CALL", finishMessage="call:f{"), finish=None)
    assert failure(read(data)).message == "call:f{"


def test_a_filtered_answer_says_why() -> None:
    ratings = [{"category": "HARM_CATEGORY_X", "probability": "HIGH", "blocked": True}]
    data = stream(text("a"), chunk(finish="SAFETY", finishMessage="Not that.", safetyRatings=ratings), finish=None)
    assert read(data) == [
        Text("a"),
        Refusal("Not that."),
        Extension("google:finish_reason", {"finishReason": "SAFETY", "safetyRatings": ratings}),
        Stop("content_filter"),
    ]
    assert lost(data) == []


def test_ratings_and_words_on_a_whole_answer_are_lost() -> None:
    ratings = [{"category": "HARM_CATEGORY_X", "probability": "LOW"}]
    for finish in ("STOP", "MAX_TOKENS"):
        data = stream(chunk(text("a"), finish=finish, finishMessage="Done.", safetyRatings=ratings), finish=None)
        assert lost(data) == ["candidates[0].safetyRatings", "candidates[0].finishMessage"]


def test_the_rest_of_an_answer_cannot_be_asked_for() -> None:
    data = stream(chunk(text("a"), finish="CONTINUATION", continuationToken="YQ=="), finish=None)
    assert read(data) == [Text("a"), Stop("max_output_tokens")]
    assert lost(data) == ["candidates[0].continuationToken"]


def test_a_stream_that_ends_without_a_reason_was_cut_short() -> None:
    assert failure(read(stream(text("a"), finish=None))).code == "upstream_truncated"
    assert failure(read(stream(text("a"), finish=None) + b'data: {"candi')).code == "upstream_truncated"
    assert failure(read(stream(text("a"), finish=None) + b"data: [DONE]\n\n")).code == "upstream_truncated"
    assert "without any reply" in failure(read(b"")).message


def test_comments_and_empty_frames_say_nothing() -> None:
    data = b": wait\n\ndata:\n\ndata: {}\n\n" + stream(text("a"))
    assert read(data) == [Text("a"), Stop("stop")]


def test_an_answer_may_be_empty() -> None:
    assert read(stream()) == [Stop("stop")]
    assert told(stream()).output == []


def test_text_after_the_finish_reason_is_said() -> None:
    assert read(stream(chunk(text("a"), finish="STOP"), text("b"), finish=None))[:2] == [Text("a"), Text("b")]


def test_only_the_first_candidate_is_read() -> None:
    other = {"candidates": [{"index": 1, "content": {"parts": [text("b")]}, "finishReason": "MAX_TOKENS"}]}
    data = stream(text("a"), other)
    assert read(data) == [Text("a"), Stop("stop")]
    assert lost(data) == ["candidates[1]"]


def test_model_and_id_are_known_as_soon_as_they_are_said() -> None:
    translation = Gemini().stream()
    translation.feed(frame({"modelVersion": "gemini-9", "responseId": "abc", "candidates": []}))
    assert (translation.model, translation.response_id) == ("gemini-9", "abc")
    translation.feed(frame({"modelVersion": "gemini-10", "responseId": "def"}))
    assert (translation.model, translation.response_id) == ("gemini-9", "abc")


# Blocked prompts.


@pytest.mark.parametrize("reason", [reason.value for reason in types.BlockedReason])
def test_a_blocked_prompt_is_an_incomplete_response(reason: str) -> None:
    feedback = {"blockReason": reason, "safetyRatings": [{"category": "X", "probability": "HIGH"}]}
    blocked = {"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 3}}
    data = stream(blocked, blocked, finish=None)
    assert read(data) == [
        Extension("google:prompt_feedback", {"promptFeedback": feedback}),
        Usage(input_tokens=3, output_tokens=0),
        Stop("content_filter"),
    ]
    response = told(data)
    assert (response.status, response.output) == ("incomplete", [])


def test_what_is_said_of_a_blocked_prompt_is_told() -> None:
    data = stream({"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "No."}}, finish=None)
    assert Refusal("No.") in read(data)
    assert list(Gemini().reply(json.dumps({"promptFeedback": {"blockReason": "SAFETY"}}).encode()))[-1] == Stop(
        "content_filter"
    )


def test_ratings_of_a_prompt_that_was_let_pass_are_lost() -> None:
    data = stream({"promptFeedback": {"safetyRatings": []}}, text("a"))
    assert read(data) == [Text("a"), Stop("stop")]
    assert lost(data) == ["promptFeedback"]


# Thoughts and signatures.


def test_thoughts_are_a_summary() -> None:
    data = stream(text("Hm", thought=True), text(", so", thought=True), text("a"))
    assert read(data) == [ReasoningSummary("Hm"), ReasoningSummary(", so"), Text("a"), Stop("stop")]


def test_the_signature_of_a_first_text_comes_before_it() -> None:
    data = stream(text("Hm", thought=True), text("ab", thoughtSignature="c2ln"), text("c"))
    assert read(data) == [
        ReasoningSummary("Hm"),
        signed("next_text", "c2ln", 0, 2),
        Text("ab"),
        Text("c"),
        Stop("stop"),
    ]
    assert [type(item).__name__ for item in told(data).output] == ["ReasoningItem", "MessageItem"]


def test_the_signature_of_a_later_text_waits_for_the_end_of_the_message() -> None:
    data = stream(text("ab"), text("cd", thoughtSignature="c2ln"), text("e"), text("", thoughtSignature="eg=="))
    assert read(data) == [
        Text("ab"),
        Text("cd"),
        Text("e"),
        signed("last_text", "c2ln", 2, 4),
        signed("last_text", "eg==", 5, 5),
        Stop("stop"),
    ]
    assert [type(item).__name__ for item in told(data).output] == ["MessageItem", "ReasoningItem"]


def test_a_signature_without_any_text_stands_alone() -> None:
    assert read(stream({"thoughtSignature": "c2ln"})) == [signed("alone", "c2ln"), Stop("stop")]
    assert read(stream(text("", thoughtSignature="c2ln"))) == [signed("alone", "c2ln"), Stop("stop")]


def test_the_signature_of_a_thought_knows_its_place() -> None:
    data = stream(text("ab", thought=True), text("cd", thought=True, thoughtSignature="c2ln"), call("f"))
    assert read(data)[:3] == [ReasoningSummary("ab"), ReasoningSummary("cd"), signed("thought", "c2ln", 2, 4)]
    later = stream(call("f"), text("", thought=True, thoughtSignature="c2ln"))
    assert read(later)[1] == signed("thought", "c2ln")


def test_the_signature_of_a_call_comes_before_it() -> None:
    data = stream({**call("f", {}), "thoughtSignature": "c2ln"}, call("g", {}))
    assert read(data) == [
        signed("call", "c2ln", name="f"),
        FunctionCall("f", "{}"),
        FunctionCall("g", "{}"),
        Stop("tool_calls"),
    ]


def test_the_signature_of_a_cut_answer_is_lost() -> None:
    data = stream(text("a"), text("b", thoughtSignature="c2ln"), finish="MAX_TOKENS")
    assert read(data) == [Text("a"), Text("b"), Stop("max_output_tokens")]
    assert lost(data) == ["candidates[0].content.parts[].thoughtSignature"]
    (message,) = told(data).output
    assert message.status == "incomplete"


# Calls.


def test_calls_with_and_without_ids() -> None:
    long = "x" * 65
    data = stream(chunk(call("f", {"a": 1}, id="call_1"), call("f", {}), call("g", id=""), call("h", id=long)))
    assert read(data) == [
        FunctionCall("f", '{"a":1}', call_id="call_1"),
        FunctionCall("f", "{}"),
        FunctionCall("g", "{}"),
        FunctionCall("h", "{}"),
        Stop("tool_calls"),
    ]
    ids = [item.call_id for item in told(data).output]  # type: ignore[union-attr]
    assert ids[0] == "call_1"
    assert len(set(ids)) == 4


def test_a_call_without_a_name_is_a_failure() -> None:
    assert failure(read(stream(call(args={"a": 1})))).code == "call_without_name"
    assert "{" in failure(read(stream(call(args={"a": 1})))).message
    assert failure(read(stream(call(willContinue=True), finish="MAX_TOKENS"))).code == "call_without_name"


def piece(path: str | None, more: Literal[True] | None = None, **value: object) -> JsonObject:
    fields = {"jsonPath": path, "willContinue": more, **value}
    return {key: field for key, field in fields.items() if field is not None}


def test_a_call_in_pieces_is_told_whole() -> None:
    data = stream(
        text("a"),
        {**call("f", id="c1", willContinue=True), "thoughtSignature": "c2ln"},
        call(partialArgs=[piece("$.city", True, stringValue="Par")], willContinue=True),
        call(partialArgs=[piece("$.city", stringValue="is"), piece("$.n", numberValue=2)], willContinue=True),
        call(partialArgs=[piece("$.days[0].name", stringValue="Mon"), piece("$['a b'].c", nullValue="NULL_VALUE")],
             willContinue=True),
        call(partialArgs=[piece('$.days[1]["x"]', boolValue=True), piece("$.days[0].name", stringValue="Tue")],
             willContinue=True),
        call(),
        text("b"),
    )  # fmt: skip
    whole = {"city": "Paris", "n": 2, "days": [{"name": "Tue"}, {"x": True}], "a b": {"c": None}}
    assert read(data) == [
        Text("a"),
        signed("call", "c2ln", name="f"),
        FunctionCall("f", json.dumps(whole, separators=(",", ":")), call_id="c1"),
        Text("b"),
        Stop("tool_calls"),
    ]


def test_a_call_in_pieces_ends_where_something_else_begins() -> None:
    begun = call("f", willContinue=True, partialArgs=[piece("$.a", True, stringValue="x")])
    for other, said in (
        (text("t"), Text("t")),
        (text("t", thought=True), ReasoningSummary("t")),
        (call("g", willContinue=True), FunctionCall("g", "{}")),
    ):
        assert read(stream(begun, other)) == [FunctionCall("f", '{"a":"x"}'), said, Stop("tool_calls")]
    ended = call("f", partialArgs=[piece("$.a", True)], args={"b": 1})
    assert read(stream(begun, ended))[0] == FunctionCall("f", '{"a":"x","b":1}')


def test_a_call_in_pieces_that_was_cut_short_stays_open() -> None:
    data = stream(call("f", willContinue=True, partialArgs=[piece("$.a", stringValue="x")]), finish="MAX_TOKENS")
    assert read(data) == [FunctionCall("f"), Stop("max_output_tokens")]
    (made,) = told(data).output
    assert made.status == "incomplete"


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "$",
        "a.b",
        "$.a[",
        "$.a[7]",
        "$[0]",
        "$.a[0].b.c[1]",
        "$.s.t",
        "$.list.x",
        "$.list[0][0]",
        "$.new[1].x",
    ],
)
def test_pieces_whose_place_makes_no_sense_are_a_failure(path: str | None) -> None:
    begun = call("f", {"s": "text", "list": [1]}, willContinue=True)
    data = stream(begun, call(partialArgs=[piece(path, numberValue=1)], willContinue=True))
    assert failure(read(data)).code == "call_in_pieces"


# Parts of other kinds.

OTHERS = {
    "executableCode": {"language": "PYTHON", "code": "print(1)", "id": "x1"},
    "codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n", "id": "x1"},
    "inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="},
    "fileData": {"mimeType": "video/mp4", "fileUri": "https://example.com/a.mp4"},
    "toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "t1", "args": {"queries": ["q"]}},
    "toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "id": "t1", "response": {}},
    "functionResponse": {"name": "f", "response": {}},
    "audioTranscription": {"text": "Hm"},
    "somethingNew": {"x": [1]},
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_part_of_another_kind_is_an_item_that_holds_it(kind: str) -> None:
    part = {"thoughtSignature": "c2ln", "partMetadata": {"a": 1}, kind: OTHERS[kind]}
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind)
    data = stream(text("a"), part, text("b"))
    assert read(data) == [Text("a"), item(f"google:{snake}", part=part), Text("b"), Stop("stop")]
    assert [found.status for found in told(data).output] == ["completed"] * 3


def test_a_part_whose_kind_has_no_name_is_an_item_all_the_same() -> None:
    assert read(stream({"ä b": 1})) == [item("google:unknown", part={"ä b": 1}), Stop("stop")]


def test_an_image_of_a_thought_keeps_that_it_is_one() -> None:
    part = {"inlineData": OTHERS["inlineData"], "thought": True}
    assert read(stream(part))[0] == item("google:inline_data", part=part)


def test_what_stands_beside_a_text_or_a_call_is_lost() -> None:
    data = stream(text("a", partMetadata={}), {**call("f", {}), "extra": 1}, {"partMetadata": {}, "thought": True})
    assert read(data) == [Text("a"), FunctionCall("f", "{}"), Stop("tool_calls")]
    assert lost(data) == ["candidates[0].content.parts[].partMetadata", "candidates[0].content.parts[].extra"]


def test_half_characters_in_a_part_are_made_whole() -> None:
    data = b"data: " + json.dumps(chunk({"executableCode": {"code": "\ud83d"}}, finish="STOP")).encode() + b"\n\n"
    assert read(data)[0] == item("google:executable_code", part={"executableCode": {"code": "\ufffd"}})


# What an answer rests on.

WEB = {"web": {"uri": "https://a.example", "title": "A", "domain": "a.example"}}


def support(segment: object, *indexes: object) -> JsonObject:
    return {"segment": segment, "groundingChunkIndices": list(indexes), "confidenceScores": [0.5]}


def grounded(*supports: JsonObject, chunks: Sequence[object] = (WEB,), **more: object) -> JsonObject:
    return {"groundingChunks": list(chunks), "groundingSupports": list(supports), **more}


def notes(data: bytes) -> list[object]:
    return [out.annotation for out in read(data) if isinstance(out, Annotated)]


def cited(start: int, end: int, url: str = "https://a.example", title: str = "A") -> UrlCitation:
    return UrlCitation(url=url, title=title, start_index=start, end_index=end)


def test_bytes_of_a_segment_become_characters() -> None:
    words = "Über äöü — 日本 🎉 end."
    segments = ["Über", "äöü", "日本 🎉", "end.", "Über äöü"]

    def at(segment: str) -> JsonObject:
        start = words.encode().index(segment.encode())
        return {"startIndex": start, "endIndex": start + len(segment.encode())}

    metadata = grounded(*(support(at(segment), 0) for segment in segments))
    found = notes(stream(text(words[:3]), text(words[3:]), chunk(groundingMetadata=metadata)))
    assert [words[note.start_index : note.end_index] for note in found] == segments  # type: ignore[attr-defined]
    spoken = grounded(*(support({**at(segment), "text": segment}, 0) for segment in segments))
    assert found == notes(stream(text(words), chunk(groundingMetadata=spoken)))


def test_the_whole_metadata_are_an_item() -> None:
    metadata = grounded(support({"endIndex": 1, "text": "a"}, 0), webSearchQueries=["q"], searchEntryPoint={"x": 1})
    data = stream(text("ab"), chunk(groundingMetadata=metadata))
    assert read(data) == [
        Text("ab"),
        Annotated(cited(0, 1)),
        item("google:grounding_metadata", groundingMetadata=metadata),
        Stop("stop"),
    ]
    told(data)


def test_metadata_that_grow_are_told_once() -> None:
    first = grounded(support({"endIndex": 1}, 0), webSearchQueries=["q"])
    second = grounded(support({"endIndex": 1}, 0), support({"startIndex": 1, "endIndex": 2}, 0), webSearchQueries=["q"])
    other = grounded(support({"endIndex": 2}, 0), webSearchQueries=["r"])
    said = read(stream(text("ab"), *(chunk(groundingMetadata=each) for each in (first, {}, second, other))))
    assert said == [
        Text("ab"),
        Annotated(cited(0, 1)),
        Annotated(cited(1, 2)),
        Annotated(cited(0, 2)),
        item("google:grounding_metadata", groundingMetadata=second),
        item("google:grounding_metadata", groundingMetadata=other),
        Stop("stop"),
    ]


def test_every_kind_of_evidence() -> None:
    evidence = [
        {"maps": {"uri": "https://maps.example", "title": "Place", "placeId": "places/1"}},
        {"image": {"sourceUri": "https://i.example", "imageUri": "https://i.example/1.png"}},
        {"retrievedContext": {"uri": "https://doc.example", "title": "Doc", "text": "words"}},
        {"retrievedContext": {"title": "Doc", "text": "words", "fileSearchStore": "s/1", "pageNumber": 3}},
        {"web": None},
        "no object",
        {},
    ]
    metadata = grounded(support({"endIndex": 1}, *range(9), -1, "x"), support(None, 0), chunks=evidence)
    stores = {"fileSearchStore": "s/1", "pageNumber": 3, "grounding_chunk_index": 3, "type": "google:retrieved_context"}
    assert notes(stream(text("a"), chunk(groundingMetadata=metadata))) == [
        cited(0, 1, "https://maps.example", "Place"),
        cited(0, 1, "https://i.example", ""),
        cited(0, 1, "https://doc.example", "Doc"),
        ExtensionAnnotation(fields=Extra({**stores, "start_index": 0, "end_index": 1, "title": "Doc"})),
        ExtensionAnnotation(
            fields=Extra({"grounding_chunk_index": 4, "type": "google:web", "start_index": 0, "end_index": 1})
        ),
    ]


def test_a_segment_is_found_by_its_words_where_its_place_is_wrong() -> None:
    metadata = grounded(support({"startIndex": 40, "endIndex": 44, "text": "rest"}, 0))
    assert notes(stream(text("the rest of it"), chunk(groundingMetadata=metadata))) == [cited(4, 8)]
    by_part = grounded(support({"partIndex": 1, "startIndex": 4, "endIndex": 8, "text": "rest"}, 0))
    twice = stream(text("Of rest: "), text("the rest of it"), chunk(groundingMetadata=by_part))
    assert notes(twice) == [cited(13, 17)]


@pytest.mark.parametrize("segment", [{"endIndex": 9}, {"startIndex": 2, "endIndex": 2}, {"endIndex": 3, "text": "xyz"}])
def test_a_segment_without_a_place_is_lost(segment: JsonObject) -> None:
    data = stream(text("abc"), chunk(groundingMetadata=grounded(support(segment, 0))))
    assert notes(data) == []
    assert lost(data) == ["candidates[0].groundingMetadata.groundingSupports[]"]


def test_each_message_has_its_own_annotations() -> None:
    early = grounded(support({"endIndex": 3, "text": "one"}, 0))
    late = grounded(support({"endIndex": 3, "text": "two"}, 0), webSearchQueries=["q"])
    data = stream(
        chunk(text("one"), groundingMetadata=early), call("f", {}), chunk(text("two"), groundingMetadata=late)
    )
    assert [type(out).__name__ for out in read(data)][:5] == ["Text", "Annotated", "FunctionCall", "Text", "Annotated"]
    assert lost(data) == []


def test_citations_of_the_api_and_of_vertex() -> None:
    source = {"startIndex": 1, "endIndex": 2, "uri": "https://a.example", "title": "A", "license": "MIT"}
    for name in ("citationSources", "citations"):
        data = stream(text("abc"), chunk(citationMetadata={name: [source, {"endIndex": 1, "license": "BSD"}, 7]}))
        assert notes(data) == [
            UrlCitation(
                url="https://a.example", title="A", start_index=1, end_index=2, extra=Extra({"license": "MIT"})
            ),
            ExtensionAnnotation(
                fields=Extra({"license": "BSD", "type": "google:citation", "start_index": 0, "end_index": 1})
            ),
        ]
        assert isinstance(read(data)[-1], Stop)


def test_pages_that_were_fetched_are_an_item() -> None:
    pages = {"urlMetadata": [{"retrievedUrl": "https://a.example", "urlRetrievalStatus": "X"}]}
    data = stream(chunk(text("a"), urlContextMetadata=pages))
    assert read(data)[1] == item("google:url_context_metadata", urlContextMetadata=pages)


def test_what_a_cut_answer_rests_on_comes_beside_it() -> None:
    metadata = grounded(support({"endIndex": 1}, 0))
    data = stream(chunk(text("ab"), groundingMetadata=metadata), finish="MAX_TOKENS")
    assert read(data) == [
        Text("ab"),
        Annotated(cited(0, 1)),
        Extension("google:grounding_metadata", {"groundingMetadata": metadata}),
        Stop("max_output_tokens"),
    ]
    (message,) = told(data).output
    assert message.status == "incomplete"


# Figures.


def test_usage_in_the_specifications_terms() -> None:
    usage = {
        "promptTokenCount": 10,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 7,
        "toolUsePromptTokenCount": 3,
        "totalTokenCount": 25,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}],
        "trafficType": "ON_DEMAND",
        "cacheTokensDetails": [],
    }
    data = stream({"usageMetadata": {"promptTokenCount": 10}}, text("a"), {"usageMetadata": usage})
    assert read(data) == [
        Text("a"),
        Usage(
            input_tokens=13,
            output_tokens=12,
            cached_tokens=4,
            reasoning_tokens=7,
            total_tokens=25,
            extra=Extra(
                {
                    "toolUsePromptTokenCount": 3,
                    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}],
                    "trafficType": "ON_DEMAND",
                }
            ),
        ),
        Stop("stop"),
    ]


def test_usage_that_counts_nothing_says_nothing() -> None:
    for usage in ({}, {"serviceTier": "standard"}, None, 7, {"promptTokenCount": "x"}):
        assert read(stream(text("a"), {"usageMetadata": usage})) == [Text("a"), Stop("stop")]
    data = stream({"usageMetadata": {"thoughtsTokenCount": 1}}, {"usageMetadata": None})
    assert read(data) == [Usage(input_tokens=0, output_tokens=1, reasoning_tokens=1), Stop("stop")]


def test_usage_that_cannot_be_read_is_lost() -> None:
    deep = b'{"promptTokenCount":1,"x":' + b"[" * 600 + b"]" * 600 + b"}"
    number = b'{"promptTokenCount":1,"x":' + b"1" * 5000 + b"}"
    for usage in (deep, number):
        data = frame(chunk(text("a"))) + b'data: {"usageMetadata":' + usage + b"}\n\n" + frame(chunk(finish="STOP"))
        assert read(data) == [Text("a"), Stop("stop")]
        assert lost(data) == ["usageMetadata"]


def test_log_probabilities() -> None:
    result = {
        "chosenCandidates": [
            {"token": "é", "tokenId": 7, "logProbability": -0.5},
            {"token": "a"},
            {"token": "b", "logProbability": "-Infinity"},
            {"token": "c", "logProbability": -20000},
            {"logProbability": -1},
            {"token": "d", "logProbability": 0.5},
        ],
        "topCandidates": [{"candidates": [{"token": "e", "logProbability": -1.5}, 7]}, {}, None],
    }
    none: list[TopLogProb] = []
    expected = [
        LogProb(
            token="é",
            logprob=-0.5,
            bytes=[195, 169],
            top_logprobs=[TopLogProb(token="e", logprob=-1.5, bytes=[101])],
        ),
        LogProb(token="a", logprob=0.0, bytes=[97], top_logprobs=none),
        LogProb(token="b", logprob=-9999.0, bytes=[98], top_logprobs=none),
        LogProb(token="c", logprob=-9999.0, bytes=[99], top_logprobs=none),
        LogProb(token="d", logprob=0.0, bytes=[100], top_logprobs=none),
    ]
    assert read(stream(chunk(text("éabcd"), text("x"), logprobsResult=result))) == [
        Text("éabcd", expected),
        Text("x"),
        Stop("stop"),
    ]
    late = stream(text("x"), chunk(logprobsResult=result), chunk(logprobsResult={"x": 1}))
    assert read(late) == [Text("x"), Text("", expected), Stop("stop")]
    told(late)


# Errors.

UNAVAILABLE = {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UNAVAILABLE, "server_error"),
        ({"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}, "too_many_requests"),
        ({"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}, "invalid_request"),
        ({"code": 403, "message": "No.", "status": "PERMISSION_DENIED"}, "permission_denied"),
        ({"code": 404, "message": "No.", "status": "NOT_FOUND"}, "not_found"),
    ],
)
def test_an_error_in_mid_stream_is_told_with_its_usage(error: JsonObject, kind: str) -> None:
    data = stream(text("a"), {"error": error, "usageMetadata": {"promptTokenCount": 2}}, text("b"))
    said = read(data)
    assert said[:2] == [Text("a"), Usage(input_tokens=2, output_tokens=0)]
    assert (failure(said).type, failure(said).code, failure(said).message) == (
        kind,
        str(error["code"]),
        error["message"],
    )


def test_an_error_after_the_finish_makes_the_reply_a_failure() -> None:
    assert failure(read(stream(text("a")) + frame({"error": UNAVAILABLE}))).message == "Overloaded."


def test_usage_after_an_error_is_told() -> None:
    said = read(stream({"error": UNAVAILABLE}, {"usageMetadata": {"promptTokenCount": 2}, "promptFeedback": {"x": 1}}))
    assert said[1:] == [Usage(input_tokens=2, output_tokens=0)]


@pytest.mark.parametrize("wrap", ["%s", "[%s]"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_an_error_that_stands_in_the_stream_as_it_is(wrap: str, end: str) -> None:
    words = wrap % json.dumps({"error": UNAVAILABLE}, indent=2) + end
    assert failure(read(stream(text("a"), finish=None) + words.encode())).message == "Overloaded."
    assert failure(read(stream(text("a")) + words.encode())).message == "Overloaded."


def test_other_json_in_the_stream_is_no_error() -> None:
    assert failure(read(stream(text("a"), finish=None) + b'{"error": {"mess')).code == "upstream_truncated"
    assert failure(read(stream(text("a"), finish=None) + b'{"x": 1}')).code == "upstream_truncated"
    assert read(stream(text("a")) + b"{}") == [Text("a"), Stop("stop")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"error": {"message": "Late."}}', "Late."),
        (b'{"message": "Late."}', "Late."),
        (b"Late.", "Late."),
        (b"{}", "the provider reported an error without saying what it was"),
    ],
)
def test_an_event_called_error(data: bytes, message: str) -> None:
    assert failure(read(b"event: error\ndata: " + data + b"\n\n")).message == message


def test_a_frame_that_is_no_json_is_a_failure() -> None:
    assert failure(read(frame(chunk(text("a"))) + b"data: nonsense\n\n")).code == "upstream_invalid_json"
    assert failure(read(b"data: [1]\n\n")).code == "upstream_invalid_json"
    assert failure(read(b"data: " + b"[" * 100_000 + b"\n\n")).code == "upstream_invalid_json"


def test_a_frame_that_is_nested_too_deeply_is_a_failure() -> None:
    deep = b'{"candidates":[{"content":{"parts":[{"toolResponse":' + b"[" * 700 + b"]" * 700 + b"}]}}]}"
    for data in (b"data: " + deep + b"\n\n", deep):
        assert failure(list(Gemini().reply(data))).code == "upstream_invalid_json"


# Documents.


def test_a_whole_reply() -> None:
    reply = {**chunk(text("Hm", thought=True), text("a"), finish="STOP"), "usageMetadata": {"promptTokenCount": 1}}
    expected = [ReasoningSummary("Hm"), Text("a"), Usage(input_tokens=1, output_tokens=0), Stop("stop")]
    assert read(json.dumps(reply).encode()) == expected
    assert read(json.dumps([reply]).encode()) == expected


def test_an_array_of_chunks() -> None:
    chunks = [chunk(text("a")), chunk(text("b"), call("f", {}), finish="STOP")]
    data = json.dumps(chunks, indent=1).encode()
    assert read(data) == [Text("a"), Text("b"), FunctionCall("f", "{}"), Stop("tool_calls")]
    for cut in range(1, len(data)):
        assert isinstance(list(Gemini().reply(data[:cut]))[-1], Failure)
    assert failure(read(json.dumps(chunks[:1]).encode())).code == "upstream_truncated"


def test_an_error_as_a_document() -> None:
    for body in ({"error": UNAVAILABLE}, [{"error": UNAVAILABLE}]):
        assert failure(read(json.dumps(body).encode())).message == "Overloaded."


@pytest.mark.parametrize("body", [b"{}", b'{"candidates": []}', b'{"candidates": 7}', b"[]", b"[7]", b"[{}", b"{"])
def test_documents_without_an_answer_are_failures(body: bytes) -> None:
    assert failure(read(body)).code in {"upstream_empty_reply", "upstream_invalid_json"}


# Shapes nobody promised.


def test_fields_of_another_type_count_as_absent() -> None:
    odd: list[object] = [
        {"candidates": [7, {"content": 7}, {"content": {"parts": 7}}, {"content": {"parts": [7, {"text": 7}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": 7}, {"functionCall": {"name": "f", "args": 7}}]}}]},
        {"candidates": [{"index": "0", "groundingMetadata": 7, "safetyRatings": [7], "finishReason": 7}]},
        {"candidates": [{"index": 0.0, "content": {"parts": [{"text": "a", "thought": "yes"}]}}], "modelVersion": 7},
        [{"candidates": [{"content": {"parts": [{"text": "b"}]}}]}],
    ]
    data = b"".join(map(frame, odd)) + frame(chunk(finish="STOP"))
    assert read(data) == [FunctionCall("f", "{}"), Text("a"), Text("b"), Stop("tool_calls")]


def test_half_characters_and_byte_order_marks() -> None:
    data = b"\xef\xbb\xbf" + b'data: {"candidates":[{"content":{"parts":[{"text":"\\ud83d"}]}}]}\n\n' + stream()
    assert read(data) == [Text("\ud83d"), Stop("stop")]
    assert told(data).output_text == "\ufffd"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
any_part = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=5) | json_values,
        "thought": st.booleans() | json_values,
        "thoughtSignature": st.text(max_size=5) | json_values,
        "functionCall": st.fixed_dictionaries(
            {},
            optional={
                "id": st.text(max_size=3),
                "name": st.text(max_size=3) | json_values,
                "args": json_values,
                "partialArgs": st.lists(
                    st.fixed_dictionaries({"jsonPath": st.sampled_from(["$.a", "$.a[0]", "$.b.c", "x"])}), max_size=2
                ),
                "willContinue": st.booleans(),
            },
        )
        | json_values,
        "executableCode": json_values,
        "new": json_values,
    },
)
any_grounding = st.fixed_dictionaries(
    {},
    optional={
        "groundingChunks": st.lists(st.just(WEB) | json_values, max_size=2) | json_values,
        "groundingSupports": st.lists(
            st.builds(
                lambda start, end, words, index: support({"startIndex": start, "endIndex": end, "text": words}, index),
                st.integers(-1, 9),
                st.integers(-1, 9),
                st.text(max_size=2),
                st.integers(-1, 2),
            )
            | json_values,
            max_size=3,
        ),
    },
)
any_chunk = st.fixed_dictionaries(
    {},
    optional={
        "candidates": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "content": st.fixed_dictionaries({"parts": st.lists(any_part, max_size=3)}) | json_values,
                    "finishReason": st.sampled_from(["STOP", "SAFETY", "MAX_TOKENS", "OTHER"]) | json_values,
                    "groundingMetadata": any_grounding | json_values,
                    "citationMetadata": json_values,
                    "logprobsResult": json_values,
                    "index": st.integers(0, 1) | json_values,
                },
            ),
            max_size=2,
        )
        | json_values,
        "usageMetadata": st.fixed_dictionaries({"promptTokenCount": st.integers(-1, 9)}) | json_values,
        "promptFeedback": json_values,
        "modelVersion": json_values,
        "error": st.none() | json_values,
    },
)


@given(chunks=st.lists(any_chunk, max_size=4), rest=st.binary(max_size=8))
def test_whatever_comes_a_valid_stream_is_told(chunks: list[object], rest: bytes) -> None:
    data = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks) + rest
    said = in_pieces(Gemini(), data, [])
    assert said == in_pieces(Gemini(), data, range(1, len(data)))
    ends = [out for out in said if isinstance(out, Stop | Failure)]
    assert len(ends) == 1
    told(data)


def test_a_last_frame_without_its_blank_line_was_not_sent() -> None:
    data = stream(text("a"))
    assert read(data)[-1] == Stop("stop")
    said = read(data.rstrip())
    assert said[0] == Text("a")
    assert "within a frame" in failure(said).message
    assert read(stream(text("a"), finish="MAX_TOKENS").rstrip())[-1] == Stop("max_output_tokens")
