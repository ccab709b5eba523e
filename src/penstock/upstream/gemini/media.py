"""Images, files and videos of a request as parts of a Gemini request: their bytes inline, or where they are.

The API wants the type of what it is given. A data URL says it; for a bare base64 file, or a URL, its name does, which
is looked up here and not in the machine's own tables, so that it is the same everywhere.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from penstock.spec.base import JsonObject
from penstock.upstream.base import UnsupportedParameter

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "avi": "video/avi",
    "bmp": "image/bmp",
    "c": "text/x-c",
    "cpp": "text/x-c",
    "css": "text/css",
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "flac": "audio/flac",
    "flv": "video/x-flv",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "htm": "text/html",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript",
    "json": "application/json",
    "m4a": "audio/mp4",
    "md": "text/markdown",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "ogg": "audio/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "py": "text/x-python",
    "rtf": "application/rtf",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "wmv": "video/x-ms-wmv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "text/xml",
    "yaml": "text/yaml",
    "3gpp": "video/3gpp",
}
"""The types of files by the ends of their names, in small letters."""


def media_type(name: str) -> str | None:
    """Return the type of a file of this name; None where it does not tell."""
    return MEDIA_TYPES.get(name.rpartition(".")[2].lower()) if "." in name else None


def url_part(url: str, path: str, *, media: str | None = None) -> JsonObject:
    """Return the part of what is at `url`, or in it where it is a data URL; `media` is its type, where that is known.

    Raises UnsupportedParameter, with `path`, for a data URL that holds nothing that can be read.
    """
    if url[:5].lower() == "data:":
        return _inline(url, path)
    try:
        found = media or media_type(urlsplit(url).path)
    except ValueError:
        raise UnsupportedParameter(path, "it is no URL") from None
    file: JsonObject = {"fileUri": url}
    if found:
        file["mimeType"] = found
    return {"fileData": file}


def data_part(data: str, name: str, path: str) -> JsonObject:
    """Return the part of a file: `data` is base64, or a data URL. Raises as `url_part`, and where no type is known."""
    if data[:5].lower() == "data:":
        return _inline(data, path)
    media = media_type(name)
    if media is None:
        raise UnsupportedParameter(path, "its type is not known: send a data URL, or a file name that tells")
    return {"inlineData": {"mimeType": media, "data": _checked(data, path)}}


def _inline(url: str, path: str) -> JsonObject:
    match = _DATA_URL.match(url)
    if match is None:
        raise UnsupportedParameter(path, "it is no data URL: there is no comma before its data")
    media, parameters = match.groups()
    data = url[match.end() :]
    if ";base64" in parameters.lower():
        data = _checked(data, path)
    else:
        data = base64.b64encode(unquote_to_bytes(data.encode("utf-8", "replace"))).decode()
    return {"inlineData": {"mimeType": media or "text/plain", "data": data}}


def _checked(data: str, path: str) -> str:
    """Return `data` if it is base64."""
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        raise UnsupportedParameter(path, "its data is no base64") from None
    return data
