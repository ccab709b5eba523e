from __future__ import annotations

import pytest

from penstock.upstream.values import as_logprob, read_object


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-0.5, -0.5),
        (-1, -1.0),
        (0, 0.0),
        (1, 0.0),
        (-20000, -9999.0),
        (-(10**400), -9999.0),
        (None, -9999.0),
        ("-1", -9999.0),
        (True, -9999.0),
    ],
)
def test_log_probability_is_a_number_that_json_can_hold(value: object, expected: float) -> None:
    assert as_logprob(value) == expected
    assert type(as_logprob(value)) is float


def test_object_is_read() -> None:
    assert read_object(b'{"a": NaN}') == {"a": None}


@pytest.mark.parametrize("data", [b"[]", b"7", b'"a"', b"null", b"[7]", b"[{}, {}]"])
@pytest.mark.parametrize("unwrap", [False, True])
def test_what_is_no_object_is_refused(data: bytes, unwrap: bool) -> None:  # noqa: FBT001 - a parameter of the test
    with pytest.raises(ValueError, match="no JSON object"):
        read_object(data, unwrap=unwrap)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting property name"):
        read_object(b"{")


def test_only_object_of_an_array_counts_where_it_may() -> None:
    assert read_object(b'[{"a": 1}]', unwrap=True) == {"a": 1}
    with pytest.raises(ValueError, match="no JSON object"):
        read_object(b'[{"a": 1}]')
