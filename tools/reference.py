"""The reference: a page a module, made of the docstrings and signatures in the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import griffe

__all__ = ["reference_pages"]

FOLDER = "reference"
SOURCE = Path(__file__).parents[1] / "src"

# Module to what its page is called; in the order of the index.
MODULES: Mapping[str, str] = {
    "penstock": "The public names",
    "penstock.stream.output": "What a model can say",
    "penstock.live": "Writing with the machine's clock",
    "penstock.stream.writer": "The writer",
    "penstock.stream.reader": "The reader",
    "penstock.stream.emitters": "Emitters",
    "penstock.transport": "Emitters of bytes",
    "penstock.stream.states": "The tables of the grammar",
    "penstock.stream.machine": "The grammar at work",
    "penstock.spec.events": "Events",
    "penstock.spec.response": "The response",
    "penstock.spec.items": "Items",
    "penstock.spec.content": "Content parts",
    "penstock.spec.tools": "Tools",
    "penstock.spec.request": "Requests",
    "penstock.spec.base": "What all objects have in common",
    "penstock.spec.errors": "Errors",
    "penstock.wire.sse": "Server-sent events",
    "penstock.wire.jsonl": "Recordings",
    "penstock.wire.websocket": "WebSocket messages",
    "penstock.wire.formats": "Formats, told by content",
    "penstock.wire.codec": "JSON",
    "penstock.wire.requests": "Reading requests",
    "penstock.wire.dialects": "Dialects",
    "penstock.wire.errors": "Errors of reading",
    "penstock.upstream.base": "What an upstream adapter is",
    "penstock.upstream.relay": "From a provider's bytes to events",
    "penstock.upstream.chat_completions": "Chat Completions",
    "penstock.upstream.anthropic": "Anthropic's Messages API",
    "penstock.upstream.gemini": "The Gemini API",
    "penstock.upstream.responses": "Other Responses servers",
    "penstock.upstream.registry": "All adapters by name",
    "penstock.provider.base": "What a provider is",
    "penstock.provider.generator": "Generators as providers",
    "penstock.provider.network": "Providers over the network",
    "penstock.provider.exchange": "How long to wait for a provider",
    "penstock.provider.retry": "When to ask a provider again",
    "penstock.provider.addresses": "Where well-known providers are",
    "penstock.provider.demo": "The demo",
    "penstock.server.app": "The server",
    "penstock.server.models": "The models of a server",
    "penstock.server.keys": "API keys",
    "penstock.server.limits": "The limits of a server",
    "penstock.server.config": "Settings",
    "penstock.store.base": "What a store is",
    "penstock.store.sql": "SQLite and PostgreSQL",
    "penstock.store.errors": "Errors of a store",
    "penstock.lint.linter": "The linter",
    "penstock.lint.findings": "Findings",
    "penstock.lint.rule": "What a rule is",
    "penstock.lint.repair": "The repairer",
    "penstock.testing": "For tests of servers",
}


def reference_pages() -> dict[str, str]:
    """Return the pages of the reference, by their path below `docs`."""
    package = griffe.load("penstock", search_paths=[str(SOURCE)], resolve_aliases=True, resolve_external=False)
    pages = {f"{FOLDER}/index.md": _index()}
    for name, title in MODULES.items():
        module = package if name == "penstock" else package[name.removeprefix("penstock.")]
        pages[f"{FOLDER}/{_file(name)}"] = "\n".join(_module(module, name, title)).rstrip() + "\n"
    return pages


def _file(module: str) -> str:
    return f"{module}.md"


def _index() -> str:
    lines = [
        "# Reference",
        "",
        "Made from the source by `make docs`.",
        "",
        "| module | what lives in it |",
        "| --- | --- |",
    ]
    lines += [f"| [`{name}`]({_file(name)}) | {title} |" for name, title in MODULES.items()]
    return "\n".join(lines) + "\n"


def _module(module: griffe.Object | griffe.Alias, name: str, title: str) -> Iterator[str]:
    yield f"# {title}: `{name}`"
    yield ""
    yield _text(module)
    yield ""
    if name == "penstock":
        yield from _public_names(module)
        return
    exported = module.exports
    wanted = [str(entry) for entry in exported] if exported is not None else list(module.members)
    members = [module.members[key] for key in wanted if key in module.members]
    for member in sorted((member for member in members if not member.is_alias), key=_line):
        if not member.name.startswith("_"):
            yield from _member(member)
    borrowed = [member for member in members if isinstance(member, griffe.Alias)] if exported is not None else []
    if borrowed:
        yield "## From other modules"
        yield ""
        for member in borrowed:
            yield f"- `{member.name}`: {_link(str(member.target_path))}"


def _public_names(module: griffe.Object | griffe.Alias) -> Iterator[str]:
    """Yield the table of what `import penstock` gives, with where each is described."""
    yield "| name | described in |"
    yield "| --- | --- |"
    # The application is no part of `*`, which is to work without the server's extra.
    for entry in sorted({*map(str, module.exports or []), "App"}, key=str.lower):
        member = module.members.get(entry)
        target = str(member.target_path) if isinstance(member, griffe.Alias) else f"penstock.{entry}"
        yield f"| `{entry}` | {_link(target)} |"


def _link(path: str) -> str:
    module, _, name = path.rpartition(".")
    return f"[`{module}`]({_file(module)}#{name.lower()})" if module in MODULES else f"`{module}`"


def _line(member: griffe.Object | griffe.Alias) -> int:
    return member.lineno or 0


def _text(member: griffe.Object | griffe.Alias) -> str:
    return member.docstring.value.strip() if member.docstring is not None else ""


def _member(member: griffe.Object | griffe.Alias, level: int = 2) -> Iterator[str]:
    marks = "#" * level
    if isinstance(member, griffe.Class):
        yield f"{marks} {member.name}"
        yield ""
        bases = ", ".join(str(base) for base in member.bases)
        yield f"`class {member.name}{f'({bases})' if bases else ''}`"
        yield ""
        yield _text(member)
        yield ""
        yield from _fields(member)
        for method in sorted(member.members.values(), key=_line):
            if isinstance(method, griffe.Function) and (not method.name.startswith("_") or method.name == "__init__"):
                yield from _function(method, level + 1)
    elif isinstance(member, griffe.Function):
        yield from _function(member, level)
    elif isinstance(member, griffe.Attribute) and member.docstring is not None:
        yield f"{marks} {member.name}"
        yield ""
        value = str(member.value) if member.value is not None else ""
        if value and len(value) <= SHOWN_VALUE:
            yield f"`{member.name} = {value}`"
            yield ""
        yield _text(member)
        yield ""


SHOWN_VALUE = 100
"""How long a constant's value may be to be shown, in characters."""


def _fields(member: griffe.Class) -> Iterator[str]:
    """Yield the table of a class's fields, properties and constants."""
    rows: list[str] = []
    for field in sorted(member.members.values(), key=_line):
        if not isinstance(field, griffe.Attribute) or field.name.startswith("_") or field.name == "zero":
            continue
        annotation = str(field.annotation) if field.annotation is not None else ""
        if not annotation and field.docstring is None and "enum" not in {str(base).lower() for base in member.bases}:
            continue
        value = f" = {field.value}" if field.value is not None and len(str(field.value)) <= SHOWN_VALUE else ""
        shown = f"{annotation}{value}".replace("|", "\\|").replace("\n", " ")
        text = _text(field).replace("|", "\\|").replace("\n", " ")
        rows.append(f"| `{field.name}` | `{shown.strip()}` | {text} |")
    if rows:
        yield "| field | type | meaning |"
        yield "| --- | --- | --- |"
        yield from rows
        yield ""


def _function(function: griffe.Function, level: int) -> Iterator[str]:
    yield f"{'#' * level} {function.name}"
    yield ""
    parameters = ", ".join(_parameters(function))
    returns = f" -> {function.returns}" if function.returns is not None else ""
    yield f"`{function.name}({parameters}){returns}`"
    yield ""
    yield _text(function)
    yield ""


def _parameters(function: griffe.Function) -> Iterator[str]:
    keyword_only = False
    for parameter in function.parameters:
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is griffe.ParameterKind.keyword_only and not keyword_only:
            keyword_only = True
            yield "*"
        star = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(
            parameter.kind or griffe.ParameterKind.positional_or_keyword, ""
        )
        keyword_only = keyword_only or star == "*"
        annotation = f": {parameter.annotation}" if parameter.annotation is not None else ""
        default = f" = {parameter.default}" if parameter.default is not None and not star else ""
        yield f"{star}{parameter.name}{annotation}{default}"
