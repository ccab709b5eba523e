"""The root of everything Penstock raises.

PenstockError
├── WireError                     penstock.wire.errors
│   ├── FramingError              bytes that are no SSE, JSONL or WebSocket framing
│   ├── JSONError                 data that is not one JSON object
│   └── ShapeError                JSON that is not the object it says it is
├── RequestError                  penstock.wire.requests: a request the specification does not allow
├── StreamStateError              penstock.stream.states: a step the grammar does not allow
├── StoreError                    penstock.store.errors
└── UpstreamError                 penstock.upstream.base
    └── UnsupportedParameter      what was asked and the provider cannot do
"""

from __future__ import annotations

__all__ = ["PenstockError"]


class PenstockError(Exception):
    """Any error of this library; its text says what is wrong, where, and what was expected."""
