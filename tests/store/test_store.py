"""What a store keeps and gives back, on every database."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.spec.base import Extra
from penstock.spec.items import ExtensionItem, FunctionCallOutputItemParam, MessageItemParam
from penstock.spec.response import Response
from penstock.store import writing
from penstock.store.base import MAX_ID_LENGTH, Store, StoredResponse
from penstock.store.errors import (
    ConflictError,
    ConversationTooLongError,
    StoreUnavailableError,
    UnknownResponseError,
)
from penstock.store.tables import input_items, output_items, responses
from penstock.wire.codec import decode_object, encode_object, encode_plain, to_plain
from tests.store.stored import ME, YOU, Clock, asked, begun, ended, put, rows, store
from tests.stream.samples import writer
from tests.stream.strategies import Program, any_texts, items, programs

UNFIT = ["x" * (MAX_ID_LENGTH + 1), "a\x00b", "\ud800"]


async def test_a_response_is_there_from_its_beginning_and_then_as_it_ended(url: str) -> None:
    async with store(url) as it:
        await it.begin(begun("r1"), owner=ME, input=asked("a", "b"), previous=None, ttl=None)
        first = StoredResponse(response=begun("r1"), input=asked("a", "b"), previous_response_id=None)
        assert await it.get("r1", owner=ME) == first
        assert await it.finish(ended("r1"), owner=ME)
        last = StoredResponse(response=ended("r1"), input=asked("a", "b"), previous_response_id=None)
        assert await it.get("r1", owner=ME) == last


async def test_a_response_ends_once(url: str) -> None:
    async with store(url) as it:
        await put(it, "r1")
        assert not await it.finish(ended("r1", said="No."), owner=ME)
        again = await it.get("r1", owner=ME)
        assert again is not None
        assert again.response.output_text == "Yes."
        await it.begin(begun("r2"), owner=ME, input=[], previous=None, ttl=None)
        twice = await asyncio.gather(it.finish(ended("r2"), owner=ME), it.finish(ended("r2"), owner=ME))
        assert list(twice) == [True, False]


async def test_what_never_began_does_not_end(url: str) -> None:
    async with store(url) as it:
        assert not await it.finish(ended("r1"), owner=ME)
        assert not await it.finish(ended("\ud800"), owner=ME)
        assert await it.get("r1", owner=ME) is None


async def test_what_another_has_is_not_there(url: str) -> None:
    async with store(url) as it:
        await put(it, "theirs", owner=YOU)
        assert await it.get("theirs", owner=ME) is None
        assert await it.conversation("theirs", owner=ME) is None
        assert await it.input_items("theirs", owner=ME) is None
        assert await it.item("in_theirs", owner=ME) is None
        assert await it.item("msg_theirs", owner=ME) is None
        assert not await it.delete("theirs", owner=ME)
        with pytest.raises(UnknownResponseError, match="There is no response 'theirs' to continue from"):
            await put(it, "mine", previous="theirs")
        await it.begin(begun("open"), owner=YOU, input=[], previous=None, ttl=None)
        assert not await it.finish(ended("open"), owner=ME)
        assert await it.get("theirs", owner=YOU) is not None
        assert await it.item("in_theirs", owner=YOU) is not None
        assert await it.item("msg_theirs", owner=YOU) is not None


async def test_what_does_not_exist_is_told_in_the_same_words_as_what_is_not_yours(url: str) -> None:
    async with store(url) as it:
        with pytest.raises(UnknownResponseError, match="There is no response 'theirs' to continue from"):
            await put(it, "mine", previous="theirs")


@pytest.mark.parametrize("unfit", UNFIT)
async def test_an_id_that_no_database_could_keep_is_simply_not_there(url: str, unfit: str) -> None:
    async with store(url) as it:
        for name, owner in ((unfit, ME), ("r1", unfit)):
            assert await it.get(name, owner=owner) is None
            assert await it.conversation(name, owner=owner) is None
            assert await it.input_items(name, owner=owner) is None
            assert await it.item(name, owner=owner) is None
            assert not await it.delete(name, owner=owner)
            assert not await it.finish(ended(name), owner=owner)
        with pytest.raises(UnknownResponseError):
            await put(it, "r1", previous=unfit)


async def test_ids_that_cannot_be_kept_are_refused_with_their_place(url: str) -> None:
    async with store(url) as it:
        for name, owner, input, place in (
            ("", ME, [], r"response\.id: expected an id"),
            ("\ud800", ME, [], r"response\.id: expected at most 256 characters"),
            ("r", "\x00", [], "owner: expected at most"),
            ("r", ME, [MessageItemParam(role="user", content="")], r"input\[0\]\.id: expected an id"),
            ("r", ME, [*asked("a"), MessageItemParam(role="user", content="", id=None)], r"input\[1\]\.id"),
            ("r", ME, asked("a", "b", "a"), "ids of their own"),
        ):
            with pytest.raises(ValueError, match=place):
                await it.begin(begun(name), owner=owner, input=input, previous=None, ttl=None)
        assert await rows(it, responses) == 0


async def test_an_id_that_is_taken_harms_only_the_one_that_takes_it(url: str) -> None:
    async with store(url) as it:
        await put(it, "r0")
        names = ["r0", *(f"r{n}" for n in range(1, 20))]
        outcomes = await asyncio.gather(*(put(it, name) for name in names), return_exceptions=True)
        assert isinstance(outcomes[0], ConflictError)
        assert outcomes[1:] == [ended(name) for name in names[1:]]


async def test_many_at_once_are_all_kept(url: str) -> None:
    async with store(url) as it:
        names = [f"r{n}" for n in range(700)]
        put_all = await asyncio.gather(*(put(it, name) for name in names))
        found = await asyncio.gather(*(it.get(name, owner=ME) for name in names))
        assert [one.response for one in found if one is not None] == put_all


async def test_what_nobody_waits_for_any_more_is_stored_all_the_same(url: str) -> None:
    async with store(url) as it:
        task = asyncio.create_task(it.begin(begun("r1"), owner=ME, input=asked("a"), previous=None, ttl=None))
        await asyncio.sleep(0)
        task.cancel()
        assert await it.finish(ended("r1"), owner=ME)
        assert task.cancelled()
        assert await it.get("r1", owner=ME) is not None


# ------------------------------------------------------------------------------------------------- conversations


async def told(it: Store, name: str) -> list[str] | None:
    chain = await it.conversation(name, owner=ME)
    return None if chain is None else [one.response.id for one in chain]


async def test_a_conversation_is_told_from_its_beginning_with_all_input(url: str) -> None:
    async with store(url) as it:
        await put(it, "c")
        await put(it, "b", previous="c")
        await put(it, "a", previous="b", input=asked("z", "y"))
        await put(it, "branch", previous="b")
        assert await it.conversation("a", owner=ME) == [
            StoredResponse(response=ended("c"), input=asked("in_c"), previous_response_id=None),
            StoredResponse(response=ended("b", "c"), input=asked("in_b"), previous_response_id="c"),
            StoredResponse(response=ended("a", "b"), input=asked("z", "y"), previous_response_id="b"),
        ]
        assert await told(it, "branch") == ["c", "b", "branch"]
        assert await told(it, "c") == ["c"]
        assert await told(it, "nobody") is None


async def test_a_conversation_has_an_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MAX_CONVERSATION", 2)
    async with store(url) as it:
        await put(it, "r1")
        await put(it, "r2", previous="r1")
        with pytest.raises(ConversationTooLongError, match="at most 2 responses"):
            await put(it, "r3", previous="r2")
        assert await it.get("r3", owner=ME) is None


async def test_later_responses_keep_what_they_answered_when_it_is_deleted(url: str) -> None:
    async with store(url) as it:
        for name, previous in (("r1", None), ("r2", "r1"), ("r3", "r2")):
            await put(it, name, previous=previous)
        assert await it.delete("r2", owner=ME)
        assert not await it.delete("r2", owner=ME)
        assert await it.get("r2", owner=ME) is None
        assert await it.input_items("r2", owner=ME) is None
        assert await it.item("in_r2", owner=ME) is None
        assert await it.item("msg_r2", owner=ME) is None
        assert await told(it, "r2") is None
        with pytest.raises(UnknownResponseError):
            await put(it, "r4", previous="r2")
        assert await told(it, "r3") == ["r1", "r2", "r3"]
        await put(it, "r4", previous="r3")
        assert await told(it, "r4") == ["r1", "r2", "r3", "r4"]


async def test_what_was_deleted_is_removed_with_the_last_that_needed_it(url: str) -> None:
    async with store(url) as it:
        for name, previous in (("r1", None), ("r2", "r1"), ("r3", "r2"), ("other", "r1")):
            await put(it, name, previous=previous)
        assert await it.delete("r1", owner=ME)
        assert await it.delete("r2", owner=ME)
        assert [await rows(it, table) for table in (responses, input_items, output_items)] == [4, 4, 4]
        assert await it.delete("r3", owner=ME)
        assert [await rows(it, table) for table in (responses, input_items, output_items)] == [2, 2, 2]
        assert await told(it, "other") == ["r1", "other"]
        assert await it.delete("other", owner=ME)
        assert [await rows(it, table) for table in (responses, input_items, output_items)] == [0, 0, 0]


async def test_a_response_that_is_deleted_while_it_runs_does_not_come_back(url: str) -> None:
    async with store(url) as it:
        await it.begin(begun("r1"), owner=ME, input=asked("a"), previous=None, ttl=None)
        assert await it.delete("r1", owner=ME)
        assert not await it.finish(ended("r1"), owner=ME)
        assert await it.get("r1", owner=ME) is None
        assert await rows(it, responses) == 0


# ------------------------------------------------------------------------------------------------------- expiry


async def test_a_response_is_there_until_its_time_is_over(url: str) -> None:
    clock = Clock()
    async with store(url, clock) as it:
        await put(it, "r1", ttl=60)
        await put(it, "ever")
        clock.now += 59.5
        assert await it.get("r1", owner=ME) is not None
        assert await it.expire() == 0
        clock.now += 0.5
        assert await it.get("r1", owner=ME) is None
        assert await it.item("in_r1", owner=ME) is None
        assert not await it.delete("r1", owner=ME)
        with pytest.raises(UnknownResponseError):
            await put(it, "r2", previous="r1")
        assert await rows(it, responses) == 2
        assert await it.expire() == 1
        assert await rows(it, responses) == 1
        assert await it.get("ever", owner=ME) is not None


async def test_a_conversation_outlives_the_responses_in_it(url: str) -> None:
    clock = Clock()
    async with store(url, clock) as it:
        await put(it, "r1", ttl=60)
        clock.now += 30
        await put(it, "r2", previous="r1", ttl=60)
        clock.now += 30
        assert await told(it, "r2") == ["r1", "r2"]
        assert await it.expire() == 1
        assert await told(it, "r2") == ["r1", "r2"]
        clock.now += 30
        assert await it.expire() == 1
        assert await rows(it, responses) == 0


async def test_what_is_in_progress_does_not_expire(url: str) -> None:
    clock = Clock()
    async with store(url, clock) as it:
        await it.begin(begun("r1"), owner=ME, input=[], previous=None, ttl=60)
        clock.now += 100
        assert await it.expire() == 0
        assert await it.get("r1", owner=ME) is not None
        await it.begin(begun("r2", "r1"), owner=ME, input=[], previous="r1", ttl=None)
        assert await it.finish(ended("r1"), owner=ME)
        assert await it.get("r1", owner=ME) is None
        assert await it.expire() == 1
        assert await told(it, "r2") == ["r1", "r2"]


async def test_more_expire_than_one_transaction_takes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "PAGE", 3)
    clock = Clock()
    async with store(url, clock) as it:
        previous = None
        for n in range(10):
            await put(it, f"r{n}", previous=previous, ttl=60)
            previous = f"r{n}"
        clock.now += 60
        assert await it.expire() == 10
        assert await rows(it, responses) == 0


# -------------------------------------------------------------------------------------------------------- items


async def test_an_item_is_found_by_its_id_whoever_said_it(url: str) -> None:
    async with store(url) as it:
        result = FunctionCallOutputItemParam(id="fco_1", call_id="call_1", output="4")
        await put(it, "r1", input=[*asked("a"), result])
        assert await it.item("fco_1", owner=ME) == result
        assert await it.item("msg_r1", owner=ME) == ended("r1").output[0]
        assert await it.item("nobody", owner=ME) is None


async def test_what_the_model_said_counts_before_what_a_client_says_it_said(url: str) -> None:
    async with store(url) as it:
        await put(it, "r1")
        forged = MessageItemParam(id="msg_r1", role="assistant", content="No.")
        await put(it, "r2", input=[forged])
        assert await it.item("msg_r1", owner=ME) == ended("r1").output[0]
        assert await it.delete("r1", owner=ME)
        assert await it.item("msg_r1", owner=ME) == forged


async def test_of_two_items_of_one_id_the_later_counts(url: str) -> None:
    clock = Clock()
    async with store(url, clock) as it:
        await put(it, "r2", input=[MessageItemParam(id="a", role="user", content="first")])
        clock.now += 1
        later = MessageItemParam(id="a", role="user", content="second")
        await put(it, "r1", input=[later])
        assert await it.item("a", owner=ME) == later


async def test_output_items_without_an_id_that_can_be_asked_for_are_in_the_response_all_the_same(url: str) -> None:
    async with store(url) as it:
        thing = ExtensionItem(fields=Extra({"type": "acme:thing"}))
        output = [thing, *(replace(ended("x").output[0], id=unfit) for unfit in UNFIT), ended("y").output[0]]
        await it.begin(begun("r1"), owner=ME, input=[], previous=None, ttl=None)
        response = replace(ended("r1"), output=output)
        assert await it.finish(response, owner=ME)
        assert await it.item("", owner=ME) is None
        assert await it.item("msg_y", owner=ME) == ended("y").output[0]
        stored = await it.get("r1", owner=ME)
        assert stored is not None
        assert encode_object(stored.response) == encode_object(response)


# ------------------------------------------------------------------------------------------------- JSON equality


def _written(program: Program) -> Response:
    stream = writer(start=False)
    program.run(stream)
    return stream.response


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-9, 9) | any_texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(any_texts, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def _strange(draw: st.DrawFn) -> Response:
    """A response read from JSON with keys nobody knows, and with known ones absent or of the wrong type."""
    fields = to_plain(replace(ended("r"), output=draw(st.lists(items(), max_size=3))))
    assert isinstance(fields, dict)
    for key in draw(st.lists(st.sampled_from(sorted(fields)), max_size=3)):
        if draw(st.booleans()):
            fields[key] = draw(_json)
        else:
            fields.pop(key, None)
    fields.update(draw(st.dictionaries(any_texts, _json, max_size=2)))
    return decode_object(Response, encode_plain({**fields, "id": "r"}))


def test_a_response_comes_back_as_the_same_json(url: str) -> None:
    with asyncio.Runner() as runner:
        it = store(url)
        runner.run(it.open())

        @settings(max_examples=60)
        @given(st.one_of(programs().map(_written).map(lambda r: replace(r, id="r")), _strange()))
        def check(response: Response) -> None:
            async def through() -> None:
                await it.begin(response, owner=ME, input=[], previous=None, ttl=None)
                assert await it.finish(response, owner=ME)
                stored = await it.get("r", owner=ME)
                assert await it.delete("r", owner=ME)
                assert stored is not None
                assert encode_object(stored.response) == encode_object(response)

            runner.run(through())

        try:
            check()
        finally:
            runner.run(it.close())


# ------------------------------------------------------------------------------------------- open, ready, closed


async def test_an_open_store_answers(url: str) -> None:
    async with store(url) as it:
        await it.ping()


async def test_nothing_can_be_asked_of_a_store_that_is_not_open(url: str) -> None:
    it = store(url)
    for closed in (False, True):
        if closed:
            await it.open()
            await it.close()
            await it.close()
        for question in (it.ping(), it.get("r", owner=ME), it.delete("r", owner=ME), put(it, "r"), it.expire()):
            with pytest.raises(StoreUnavailableError, match="The store is not open"):
                await question
    await it.close()


async def test_closing_carries_out_what_was_asked(shared_url: str) -> None:
    it = store(shared_url)
    await it.open()
    asking = [asyncio.create_task(put(it, f"r{n}")) for n in range(1)]
    begin = asyncio.create_task(it.begin(begun("last"), owner=ME, input=[], previous=None, ttl=None))
    await asyncio.sleep(0)
    await it.close()
    await begin
    await asyncio.gather(*asking, return_exceptions=True)
    async with store(shared_url) as again:
        assert await again.get("last", owner=ME) is not None
