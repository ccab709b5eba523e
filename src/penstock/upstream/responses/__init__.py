"""The Responses API as it is spoken: any dialect, in order or not, read as the specification means it."""

from penstock.upstream.responses.api import Responses, ResponsesTranslation
from penstock.upstream.responses.request import Options

__all__ = ["Options", "Responses", "ResponsesTranslation"]
