"""Images and files of a request as Anthropic's `image` and `document` blocks.

Open Responses has an image or a file by URL, or by its data: base64, most often in a data URL that tells the type.
Anthropic has images of four types, PDF, and plain text, each by its data; images and PDF by URL too; and whatever was
uploaded before, by a `file_id`, a field that the specification does not have and its clients send all the same.
"""

from __future__ import annotations

import base64
import binascii
import re

from penstock.spec.base import JsonObject
from penstock.spec.content import InputFileContentParam, InputImageContentParam
from penstock.upstream.base import UnsupportedParameter

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
"""The types of images that Anthropic takes as data."""
PDF = "application/pdf"
FILE_ID = "file_id"
"""The field for what was uploaded before."""

_TEXT_ENDINGS = ".c.cpp.css.csv.go.h.html.ini.java.js.json.log.md.py.rs.rst.sh.sql.toml.ts.tsv.txt.xml.yaml.yml."
"""How the names of files end that are taken for text where no type is given, each between dots."""
_TEXT_TYPES = frozenset({"application/json", "application/xml", "application/x-yaml", "application/javascript"})
"""Types that are text, beside `text/...`."""

_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^;,]*)*;base64,(.*)", re.DOTALL | re.IGNORECASE)
_PDF_HEAD = "JVBERi0"
"""How a PDF begins in base64: `%PDF-`."""


def image_block(part: InputImageContentParam, path: str) -> JsonObject:
    """Return an image; raise UnsupportedParameter for one that Anthropic does not take."""
    file_id = part.extra.get(FILE_ID)
    if isinstance(file_id, str) and not part.image_url:
        return {"type": "image", "source": {"type": "file", "file_id": file_id}}
    if not part.image_url:
        raise UnsupportedParameter(f"{path}.image_url", "Anthropic takes images by URL, data URL or file_id only")
    if not part.image_url.lower().startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": part.image_url}}
    media_type, data = _data_url(part.image_url, f"{path}.image_url")
    if media_type not in IMAGE_TYPES:
        raise UnsupportedParameter(f"{path}.image_url", f"Anthropic takes no images of type {media_type!r}")
    return _image(media_type, data)


def file_block(part: InputFileContentParam, path: str) -> JsonObject:
    """Return a file; raise UnsupportedParameter for one that Anthropic does not take."""
    block = _file(part, path)
    if part.filename and block["type"] == "document":
        block["title"] = part.filename
    return block


def _file(part: InputFileContentParam, path: str) -> JsonObject:
    file_id = part.extra.get(FILE_ID)
    if part.file_data:
        return _file_data(part.file_data, part.filename or "", f"{path}.file_data")
    if part.file_url:
        if part.file_url.lower().startswith("data:"):
            return _file_data(part.file_url, part.filename or "", f"{path}.file_url")
        return _document({"type": "url", "url": part.file_url})
    if isinstance(file_id, str):
        return _document({"type": "file", "file_id": file_id})
    raise UnsupportedParameter(f"{path}.file_data", "Anthropic takes files by their data, by URL or by file_id")


def _file_data(data: str, name: str, path: str) -> JsonObject:
    media_type = ""
    if data[:5].lower() == "data:":
        media_type, data = _data_url(data, path)
    if not media_type or media_type == "application/octet-stream":
        media_type = _type_by_name(name) or (PDF if data.startswith(_PDF_HEAD) else "")
    if media_type == PDF:
        return _document({"type": "base64", "media_type": PDF, "data": data})
    if media_type in IMAGE_TYPES:
        return _image(media_type, data)
    if media_type.startswith("text/") or media_type in _TEXT_TYPES:
        return _document({"type": "text", "media_type": "text/plain", "data": _text(data, path)})
    what = f"files of type {media_type!r}" if media_type else "files of an unknown type"
    raise UnsupportedParameter(path, f"Anthropic takes no {what}, only images, PDF and text")


def _type_by_name(name: str) -> str:
    _, dot, ending = name.lower().rpartition(".")
    if not dot:
        return ""
    if f".{ending}." in _TEXT_ENDINGS:
        return "text/plain"
    known = {"pdf": PDF, "jpg": "image/jpeg", **{kind.partition("/")[2]: kind for kind in IMAGE_TYPES}}
    return known.get(ending, "")


def _data_url(url: str, path: str) -> tuple[str, str]:
    """Return the type and the base64 of a data URL; raise UnsupportedParameter for one that holds none."""
    found = _DATA_URL.fullmatch(url)
    if found is None:
        raise UnsupportedParameter(path, "Anthropic takes data URLs in base64 only")
    return found[1].lower(), found[2]


def _text(data: str, path: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        raise UnsupportedParameter(path, "it is said to be text, but is no UTF-8 in base64") from None


def _image(media_type: str, data: str) -> JsonObject:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def _document(source: JsonObject) -> JsonObject:
    return {"type": "document", "source": source}
