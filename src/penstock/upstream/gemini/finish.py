"""Why an answer ended, in the specification's terms: every finish reason of the API, and what is made of others."""

from __future__ import annotations

from typing import Final

STOP: Final = "STOP"

CUT: Final = {
    "MAX_TOKENS": "max_output_tokens",
    "CONTINUATION": "max_output_tokens",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "ESCALATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
"""Finish reasons that make a response incomplete, and its reason. One that is in neither table (`OTHER`, `NO_IMAGE`,
`IMAGE_OTHER`, and any to come) does so too, with itself as the reason."""

FAILED: Final = {
    "MALFORMED_FUNCTION_CALL": ("model_error", "the model wrote a function call that cannot be read"),
    "UNEXPECTED_TOOL_CALL": ("model_error", "the model called a function that it was not offered"),
    "TOO_MANY_TOOL_CALLS": ("model_error", "the model made too many tool calls, and no answer of them"),
    "MALFORMED_RESPONSE": ("model_error", "the model's answer cannot be read"),
    "MISSING_THOUGHT_SIGNATURE": ("invalid_request", "the request lacks the signature of a thought"),
    "PUP_LIMITED_DISABLED": ("permission_denied", "the account is limited or disabled, because of how it was used"),
}
"""Finish reasons that are errors: the type of the error, and what it says where the provider says nothing."""

UNSAID: Final = "FINISH_REASON_UNSPECIFIED"
"""The API's way to say no reason at all."""
