"""`penstock lint`: formats, exit codes, settings, and whatever comes in."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from penstock.lint.examples import Example
from penstock.lint.rules import ALL_RULES
from tests.cli.commands import Running, run
from tests.cli.inside import Ended, Inside
from tests.cli.terminal import Terminal
from tests.lint.faulty import GOOD, THREE, WARNED

GOOD_DATA, BAD_DATA, WARNED_DATA = GOOD.data(), THREE.data(), WARNED.data()
REQUEST = {"model": "example-model", "input": "Hi", "temperature": 0.5}
ECHOING = Example(base="text", request=REQUEST)


@pytest.fixture
def penstock(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Inside:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.sse").write_bytes(GOOD_DATA)
    (tmp_path / "bad.sse").write_bytes(BAD_DATA)
    (tmp_path / "warned.sse").write_bytes(WARNED_DATA)
    (tmp_path / "request.json").write_text(json.dumps(REQUEST))
    # Whatever stands above the temporary folder, nothing is found above this.
    (tmp_path / "penstock.toml").write_text("[lint]\n")
    return Inside(capsys, monkeypatch)


def codes(document: str) -> list[list[str]]:
    return [[finding["code"] for finding in file["findings"]] for file in json.loads(document)["files"]]


def test_a_valid_stream_is_said_to_be_one(penstock: Inside) -> None:
    ended = penstock("lint", "good.sse")
    assert (ended.code, ended.out, ended.err) == (0, "No findings in 1 stream, 11 events.\n", "")


def test_a_stream_with_three_faults_is_explained(penstock: Inside) -> None:
    ended = penstock("lint", "bad.sse")
    assert (ended.code, ended.err) == (1, "")
    for words in (
        "error OR305 part-not-added",
        "at bad.sse:11, event 3 (response.output_text.delta) at byte 1668",
        "error OR404 item-id-changes",
        "error OR603 output-differs-from-stream",
        "3 findings in 10 events: 3 errors.",
        "`penstock repair bad.sse`",
    ):
        assert words in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "\x1b" not in ended.out


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_standard_input_is_read(penstock: Inside, arguments: tuple[str, ...]) -> None:
    ended = penstock("lint", *arguments, data=BAD_DATA)
    assert ended.code == 1
    assert "at standard input:11, event 3" in ended.out
    assert "`penstock repair`" in ended.out


def test_several_files_are_judged_one_by_one(penstock: Inside) -> None:
    ended = penstock("lint", "good.sse", "bad.sse", "warned.sse")
    assert ended.code == 1
    assert "4 findings in 2 of 3 streams: 3 errors, 1 warning." in ended.out


def test_a_warning_alone_is_no_failure(penstock: Inside) -> None:
    ended = penstock("lint", "warned.sse")
    assert ended.code == 0
    assert "warning OR103 id-field-used" in ended.out


def test_json_has_the_documented_form(penstock: Inside) -> None:
    ended = penstock("lint", "--format", "json", "good.sse", "bad.sse")
    document = json.loads(ended.out)
    assert ended.code == 1
    assert list(document) == ["files"]
    good, bad = document["files"]
    assert good == {"path": "good.sse", "events": 11, "unreadable": 0, "more": 0, "unchecked": [], "findings": []}
    assert [list(finding) for finding in bad["findings"]] == 3 * [
        ["code", "name", "level", "event", "line", "offset", "path", "message", "fix"]
    ]
    assert bad["findings"][0]["event"] == 3


def test_github_has_a_line_a_finding(penstock: Inside) -> None:
    ended = penstock("lint", "--format", "github", "bad.sse")
    assert ended.code == 1
    assert [line.partition("::")[2].partition("::")[0][:30] for line in ended.out.splitlines()] == [
        "error file=bad.sse,line=11,tit",
        "error file=bad.sse,line=14,tit",
        "error file=bad.sse,line=29,tit",
    ]


def test_sarif_is_a_log_with_one_run(penstock: Inside) -> None:
    ended = penstock("lint", "--format", "sarif", "bad.sse")
    assert ended.code == 1
    assert json.loads(ended.out)["version"] == "2.1.0"


def test_nothing_found_is_an_empty_document(penstock: Inside) -> None:
    assert json.loads(penstock("lint", "--format", "json", "good.sse").out)["files"][0]["findings"] == []
    assert penstock("lint", "--format", "github", "good.sse").out == ""


def test_statistics_count_by_rule(penstock: Inside) -> None:
    ended = penstock("lint", "--statistics", "bad.sse", "bad.sse", "warned.sse")
    assert ended.out.splitlines()[:4] == [
        "2  OR305  error    part-not-added",
        "2  OR404  error    item-id-changes",
        "2  OR603  error    output-differs-from-stream",
        "1  OR103  warning  id-field-used",
    ]


def test_select_and_ignore_choose_rules(penstock: Inside) -> None:
    assert codes(penstock("lint", "--format", "json", "--select", "OR4,OR6", "bad.sse").out) == [["OR404", "OR603"]]
    assert codes(penstock("lint", "--format", "json", "--ignore", "OR3", "--ignore", "OR404", "bad.sse").out) == [
        ["OR603"]
    ]


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        (["warning"], 1),
        (["info"], 1),
        (["error"], 0),
        (["never"], 0),
        (["OR1=warning"], 1),
        (["id-field-used=warning"], 1),
        (["warning", "OR103=never"], 0),
        (["OR103=never", "warning"], 0),
        (["OR2=warning"], 0),
        (["OR1=never,OR1=warning"], 1),
    ],
)
def test_fail_levels_decide_the_exit_code(penstock: Inside, levels: list[str], code: int) -> None:
    assert penstock("lint", *(f"--fail-level={level}" for level in levels), "warned.sse").code == code


def test_settings_come_from_penstock_toml(penstock: Inside) -> None:
    Path("penstock.toml").write_text('[lint]\nignore = ["OR3"]\nfail-level = "never"\n')
    ended = penstock("lint", "--format", "json", "bad.sse")
    assert (codes(ended.out), ended.code) == ([["OR404", "OR603"]], 0)


def test_settings_come_from_pyproject_toml_in_a_folder_above(penstock: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("penstock.toml").unlink()
    Path("pyproject.toml").write_text('[tool.penstock.lint]\nselect = ["OR404"]\n')
    below = Path("a/b")
    below.mkdir(parents=True)
    (below / "pyproject.toml").write_text("[tool.other]\n")
    (below.parent / "penstock.toml").write_text("[serve]\n")
    monkeypatch.chdir(below)
    assert codes(penstock("lint", "--format", "json", "../../bad.sse").out) == [["OR404"]]


def test_penstock_toml_goes_before_pyproject_toml(penstock: Inside) -> None:
    Path("pyproject.toml").write_text('[tool.penstock.lint]\nselect = ["OR404"]\n')
    assert codes(penstock("lint", "--format", "json", "bad.sse").out) == [["OR305", "OR404", "OR603"]]


def test_flags_win_over_settings_key_by_key(penstock: Inside) -> None:
    Path("penstock.toml").write_text('[lint]\nselect = ["OR3"]\nignore = ["OR603"]\ndialect = "openai"\n')
    assert codes(penstock("lint", "--format", "json", "--select", "OR", "bad.sse").out) == [["OR305", "OR404"]]
    done = GOOD_DATA.replace(b"data: [DONE]\n\n", b"")
    assert codes(penstock("lint", "--format", "json", "--select", "OR1", data=done).out) == [[]]
    assert codes(
        penstock("lint", "--format", "json", "--select", "OR1", "--dialect", "openresponses", data=done).out
    ) == [["OR104"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[lint]\nselekt = []\n", "no setting 'selekt'; there are select, ignore, fail-level, dialect"),
        ("[lint]\nselect = 3\n", "select should be a list of strings"),
        ("[lint]\nselect = [3]\n", "select should be a list of strings"),
        ('[lint]\nselect = "XY"\n', "penstock.toml: select: no rule 'XY'"),
        ('[lint]\nignore = ["OR3", "XY"]\n', "penstock.toml: ignore: no rule 'XY'"),
        ('[lint]\ndialect = "klingon"\n', "no dialect 'klingon'"),
        ('[lint]\nfail-level = "loud"\n', "penstock.toml: fail-level: no fail level 'loud'"),
        ('[lint]\nfail-level = "XY=error"\n', "no rule 'XY'"),
        ("lint = 3\n", "lint should be a table"),
        ("[lint\n", "penstock.toml: "),
    ],
)
def test_settings_that_make_no_sense_are_told_in_a_line(penstock: Inside, text: str, words: str) -> None:
    Path("penstock.toml").write_text(text)
    ended = penstock("lint", "good.sse")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("penstock: ")
    assert words in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--select", "OR9", "good.sse"], "penstock: no rule 'OR9'"),
        (["--fail-level", "loud", "good.sse"], "no fail level 'loud'"),
        (["-", "-"], "standard input can be read only once"),
        (["--request", "-"], "standard input can be read only once"),
        (["--statistics", "--format", "json", "good.sse"], "--statistics goes with --format text"),
        (["--format", "xml", "good.sse"], "invalid choice"),
        (["--request", "good.sse", "good.sse"], "not an Open Responses create request"),
        (["--fix", "-"], "--fix needs a file"),
        (["--fix", "http://127.0.0.1:9/"], "--fix needs a file"),
        (["--fix", "--resumed", "good.sse"], "cannot be mended without its beginning"),
        (["--diff", "--resumed", "good.sse"], "cannot be mended without its beginning"),
        (["--fix", "--diff", "good.sse"], "not allowed with argument"),
        (["--diff", "--format", "json", "good.sse"], "--diff goes with --format text"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_usage(penstock: Inside, arguments: list[str], words: str) -> None:
    ended = penstock("lint", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_a_missing_file_does_not_hide_the_others(penstock: Inside) -> None:
    ended = penstock("lint", "absent.sse", "bad.sse", ".")
    assert ended.code == 2
    assert ended.err.splitlines()[0] == "penstock lint: absent.sse: no such file or directory"
    assert "is a directory" in ended.err
    assert "3 findings" in ended.out


@pytest.mark.parametrize("form", ["text", "json"])
def test_only_missing_files_give_no_verdict(penstock: Inside, form: str) -> None:
    ended = penstock("lint", "--format", form, "absent.sse")
    assert ended.code == 2
    assert (ended.out == "") is (form == "text")


@pytest.mark.parametrize("data", [b"", b" \n\n"])
def test_nothing_at_all_is_no_stream(penstock: Inside, data: bytes) -> None:
    ended = penstock("lint", data=data)
    assert ended.code == 2
    assert "standard input: " in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    "data",
    [
        b": a comment\n\n",
        b'{"a":',
        b"[1,2]",
        b'{"type":1}\n',
        b"data: \xff\n\n",
        b"data: {}\n\n",
        b"data: {broken\n\n" * 3,
        b'data: {"type":"\x1b[2J"}\n\n',
        b'data: {"type":"\\ud800"}\n\n',
        b"[" * 100_000,
        b"data: " + b"[" * 100_000 + b"\n\n",
        b'[{"type":"response.created"},7]',
        GOOD_DATA[:-300],
        GOOD_DATA.replace(b"\n", b"\r\n")[:2000],
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_whatever_comes_in_there_is_a_verdict_and_no_traceback(penstock: Inside, data: bytes, form: str) -> None:
    ended = penstock("lint", "--format", form, data=data)
    assert (ended.code, ended.err) == (1, "")
    assert "\x1b" not in ended.out
    if form == "text":
        assert max(map(len, ended.out.splitlines())) <= 80
    elif form != "github":
        json.loads(ended.out)


@pytest.mark.parametrize(
    ("data", "begin"),
    [
        (b"hello world\n", "hello world\\n"),
        (b"\n<!doctype html>\n<html>\n", "<!doctype html>\\n<html>\\n"),
        (b"import os\n\n" + b"print(os)\n" * 20, "import os\\n\\n" + "print(os)\\n" * 4 + "print(os…"),
        (b"\xff\xfe\x00\x01", r"\xff\xfe\x00\x01"),
        (b"\x1b[2Jnull", r"\x1b[2Jnull"),
        (gzip.compress(b"", mtime=0), r"\x1f\x8b\x08\x00"),
    ],
)
@pytest.mark.parametrize("flag", ["--statistics", "--diff", "--format=json"])
def test_what_can_be_read_as_no_stream_at_all_is_told_with_its_beginning(
    penstock: Inside, data: bytes, begin: str, flag: str
) -> None:
    Path("notes.txt").write_bytes(data)
    ended = penstock("lint", flag, "notes.txt", "bad.sse" if flag == "--format=json" else "good.sse")
    told = "penstock lint: notes.txt: neither server-sent events nor JSON; it begins with: "
    assert ended.code == 2
    assert ended.err.startswith(told + begin)
    assert ended.err.count("\n") == 1
    if flag == "--format=json":
        assert codes(ended.out) == [["OR305", "OR404", "OR603"]]


def test_fix_leaves_what_can_be_read_as_no_stream_as_it_is(penstock: Inside) -> None:
    Path("notes.txt").write_bytes(b"hello world\n")
    ended = penstock("lint", "--fix", "notes.txt")
    assert (ended.code, ended.out) == (2, "")
    assert Path("notes.txt").read_bytes() == b"hello world\n"


def test_a_mark_of_the_byte_order_is_no_content(penstock: Inside) -> None:
    told = "penstock lint: standard input: empty, there is no stream\n"
    assert penstock("lint", data=b"\xef\xbb\xbf") == Ended(2, "", told)


def test_no_events_are_no_stream_whatever_is_ignored(penstock: Inside) -> None:
    ended = penstock("lint", "--ignore", "OR6", data=b": a comment\n\n")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "penstock lint: standard input: there are no events in it\n"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (
            b'data: {"id":"c", "object": "chat.completion.chunk", "choices":[]}\n\n',
            "a Chat Completions stream; try: penstock convert --from chat-completions",
        ),
        (
            b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n',
            "an Anthropic Messages stream; try: penstock convert --from anthropic",
        ),
        (b'data: {"candidates": []}\n\n', "a Gemini stream; try: penstock convert --from gemini"),
        (b'[{\n "candidates": []}]', "a Gemini stream; try: penstock convert --from gemini"),
        (b'{"error": {"message": "no key"}}', "an error in place of a stream: the server refused the request"),
    ],
)
def test_what_is_no_stream_of_ours_is_recognised(penstock: Inside, data: bytes, kind: str) -> None:
    ended = penstock("lint", data=data)
    assert (ended.code, ended.err) == (1, f"penstock lint: standard input: {kind}\n")


def test_repair_is_not_advised_where_there_is_nothing_to_mend(penstock: Inside) -> None:
    assert "penstock repair" not in penstock("lint", data=b"data: {oops\n\n").out
    assert "penstock repair" in penstock("lint", "bad.sse").out


def test_every_rule_can_be_reported(penstock: Inside) -> None:
    for rule in ALL_RULES:
        bad = rule.bad
        flags = ["--dialect", bad.dialect, *(["--resumed"] if bad.resumed else [])]
        if bad.transport == "websocket":
            flags += ["--transport", "websocket"]
        if bad.request is not None:
            Path("asked.json").write_text(json.dumps({**bad.request, "input": "Hi"}))
            flags += ["--request", "asked.json"]
        ended = penstock("lint", *flags, "--select", rule.code, data=bad.data())
        if bad.content_type is None:
            assert f"{rule.code} {rule.name}" in ended.out
            assert max(map(len, ended.out.splitlines())) <= 80


def test_a_request_lets_promises_be_judged(penstock: Inside) -> None:
    echoed = ECHOING.data()
    assert penstock("lint", "--request", "request.json", data=echoed).code == 0
    ended = penstock(
        "lint", "--request", "request.json", data=echoed.replace(b'"temperature":0.5', b'"temperature":0.7')
    )
    assert ended.code == 1
    assert "OR706" in ended.out


class Server(http.server.BaseHTTPRequestHandler):
    """A server of the streams that `replies` holds by path: status, headers, body."""

    replies: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}
    requests: ClassVar[list[tuple[str, bytes]]] = []

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        self.requests.append((self.command, body))
        status, headers, data = self.replies[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


EVENT_STREAM = {"Content-Type": "text/event-stream"}


@pytest.fixture
def server() -> Iterator[str]:
    Server.requests.clear()
    Server.replies.clear()
    Server.replies.update(
        {
            "/good": (200, EVENT_STREAM, ECHOING.data()),
            "/json": (200, {"Content-Type": "application/json"}, GOOD_DATA),
            "/untyped": (200, {}, GOOD_DATA),
            "/cut": (200, EVENT_STREAM | {"Content-Length": "1000000"}, GOOD_DATA),
            "/chunked": (200, EVENT_STREAM | {"Transfer-Encoding": "chunked"}, b"nonsense\r\n"),
            "/missing": (404, {}, b"no"),
        }
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_url_is_fetched(penstock: Inside, server: str) -> None:
    ended = penstock("lint", f"{server}/good")
    assert (ended.code, ended.err) == (0, "")
    assert Server.requests == [("GET", b"")]


def test_a_request_is_posted_and_asks_for_a_stream(penstock: Inside, server: str) -> None:
    ended = penstock("lint", f"{server}/good", "--request", "request.json")
    assert (ended.code, ended.err) == (0, "")
    ((method, body),) = Server.requests
    assert (method, json.loads(body)) == ("POST", REQUEST | {"stream": True})


@pytest.mark.parametrize("path", ["/json", "/untyped"])
def test_the_content_type_of_a_url_is_judged(penstock: Inside, server: str, path: str) -> None:
    ended = penstock("lint", server + path)
    assert ended.code == 1
    assert "OR108 wrong-content-type" in ended.out


def test_what_was_recorded_otherwise_may_be_sent_as_anything(penstock: Inside, server: str) -> None:
    assert "OR108" not in penstock("lint", "--transport", "jsonl", f"{server}/json").out


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("{}/missing", "the server says 404 Not Found"),
        ("http://127.0.0.1:1/", "connection refused"),
        ("http://[", "http://["),
        ("http://127.0.0.1:port/", "http://127.0.0.1:port/"),
        ("http:// /", "http:// /"),
        ("{}/chunked", "/chunked: "),
    ],
)
def test_a_url_that_gives_nothing_is_told_in_a_line(penstock: Inside, server: str, url: str, words: str) -> None:
    ended = penstock("lint", url.format(server))
    assert ended.code == 2
    assert words in ended.err
    assert ended.err.count("\n") == 1


def test_a_reply_that_breaks_off_is_no_verdict(penstock: Inside, server: str) -> None:
    ended = penstock("lint", f"{server}/cut")
    assert ended.code in (0, 2)
    assert "Traceback" not in ended.err


def test_fix_mends_a_file_in_place_and_tells_what_is_left(penstock: Inside) -> None:
    path = Path("bad.sse")
    path.chmod(0o640)
    ended = penstock("lint", "--fix", "bad.sse", "good.sse")
    assert (ended.code, ended.out) == (0, "No findings in 2 streams, 22 events.\n")
    told = ended.err.splitlines()
    assert told[0] == "penstock lint: bad.sse: mended, 3 changes"
    assert [line.split(":")[1].split()[0] for line in told[1:]] == ["OR305", "OR404", "OR603"]
    assert path.read_bytes() != BAD_DATA
    assert path.stat().st_mode & 0o777 == 0o640
    assert Path("good.sse").read_bytes() == GOOD_DATA
    assert sorted(file.suffix for file in Path().iterdir()) == [".json", ".sse", ".sse", ".sse", ".toml"]
    assert penstock("lint", "--fix", "bad.sse") == Ended(0, "No findings in 1 stream, 11 events.\n", "")


@pytest.mark.parametrize(
    "data",
    [
        b'{"error":{"message":"no key"}}',
        b'data: {"object":"chat.completion.chunk"}\n\n',
        b"data: {broken\n\n",
    ],
)
def test_fix_leaves_what_is_no_stream_as_it_is(penstock: Inside, data: bytes) -> None:
    Path("notes.txt").write_bytes(data)
    ended = penstock("lint", "--fix", "notes.txt")
    assert ended.code == 2
    assert ended.err.endswith("notes.txt: there is nothing of a response in it, and so it is left as it is\n")
    assert Path("notes.txt").read_bytes() == data


def test_fix_mends_a_stream_that_has_lost_its_beginning_and_its_end(penstock: Inside) -> None:
    Path("piece.sse").write_bytes(b"\n\n".join(GOOD_DATA.split(b"\n\n")[2:6]) + b"\n\n")
    assert penstock("lint", "--fix", "piece.sse").code == 0
    assert penstock("lint", "piece.sse").code == 0


def test_fix_follows_links(penstock: Inside) -> None:
    Path("link.sse").symlink_to("bad.sse")
    assert penstock("lint", "--fix", "link.sse").code == 0
    assert Path("link.sse").is_symlink()
    assert penstock("lint", "bad.sse").code == 0


def test_fix_keeps_what_cannot_be_mended(penstock: Inside) -> None:
    Path("asked.json").write_text(json.dumps(REQUEST | {"tool_choice": "required"}))
    ended = penstock("lint", "--fix", "--request", "asked.json", "--format", "json", "bad.sse")
    assert ended.code == 1
    assert codes(ended.out) == [["OR706", "OR706", "OR703"]]


@pytest.mark.parametrize("form", ["lines", "document"])
def test_fix_keeps_the_format(penstock: Inside, form: str) -> None:
    events = THREE.events()
    text = json.dumps(events) if form == "document" else "".join(json.dumps(event) + "\n" for event in events)
    Path("bad.json").write_text(text)
    assert penstock("lint", "--fix", "bad.json").code == 0
    mended = Path("bad.json").read_text()
    if form == "document":
        assert len(json.loads(mended)) == 11
    else:
        assert len(list(map(json.loads, mended.splitlines()))) == 11


def test_fix_writes_the_dialect_by_which_is_judged(penstock: Inside) -> None:
    assert penstock("lint", "--fix", "--dialect", "openai", "bad.sse").code == 0
    assert b"[DONE]" not in Path("bad.sse").read_bytes()
    Path("bad.sse").write_bytes(BAD_DATA)
    penstock("lint", "--fix", "--dialect", "2026-01-15", "bad.sse")
    assert b"[DONE]" in Path("bad.sse").read_bytes()


def test_a_file_that_cannot_be_replaced_is_told_and_left(penstock: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    ended = penstock("lint", "--fix", "bad.sse")
    assert ended.code == 2
    assert ended.err == "penstock lint: bad.sse: cannot be mended: permission denied\n"
    assert Path("bad.sse").read_bytes() == BAD_DATA
    assert not list(Path().glob(".penstock-*"))


def test_diff_shows_events_and_changes_nothing(penstock: Inside) -> None:
    ended = penstock("lint", "--diff", "good.sse", "bad.sse")
    assert ended.code == 1
    assert [line.split()[2] for line in ended.err.splitlines()] == ["OR305", "OR404", "OR603"]
    lines = ended.out.splitlines()
    assert lines[:4] == [
        "--- bad.sse",
        "+++ bad.sse, mended",
        "7 events are renumbered; the first: event 3, that was 3, is 4",
        "@@ event 2 to 5, now 2 to 6 @@",
    ]
    assert [line[:60] for line in lines[4:] if line.startswith(("-", "+"))] == [
        "+event: response.content_part.added",
        '+data: {"type":"response.content_part.added","sequence_number":3'[:60],
        '-  item_id: "msg_other"',
        '+  item_id: "msg_1"',
        "-  response.output: []",
        '+  response.output: [{"type":"message","id"...ions":[]}]}]',
    ]
    assert max(map(len, lines)) <= 80
    assert Path("bad.sse").read_bytes() == BAD_DATA


def test_diff_reads_standard_input_and_lines(penstock: Inside) -> None:
    data = b"".join(json.dumps(event).encode() + b"\n" for event in THREE.events())
    ended = penstock("lint", "--diff", data=data)
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert [line[:2] for line in lines if line.startswith(("-", "+"))][2:] == ["+{", "- ", "+ ", "- ", "+ "]
    for indent in (None, 2):
        document = json.dumps(THREE.events(), indent=indent).encode()
        again = penstock("lint", "--diff", data=document).out.splitlines()
        assert [line for line in again if not line.startswith(" ")] == [line for line in lines if line[0] != " "]


def test_diff_of_a_valid_stream_is_empty(penstock: Inside) -> None:
    assert penstock("lint", "--diff", "good.sse") == Ended(0, "", "")


def test_diff_says_in_one_line_that_nothing_but_numbers_is_different(penstock: Inside) -> None:
    ended = penstock("lint", "--diff", data=GOOD_DATA.replace(b'"sequence_number":10', b'"sequence_number":7'))
    told = ["--- -", "+++ -, mended", "1 event is renumbered; the first: event 10, that was 7, is 10"]
    assert (ended.code, ended.out.splitlines()) == (1, told)


def test_diff_of_a_missing_file_is_usage(penstock: Inside) -> None:
    assert penstock("lint", "--diff", "absent.sse", "bad.sse").code == 2


def test_the_command_works_as_a_process() -> None:
    ended = run("lint", "-", data=BAD_DATA)
    assert ended.returncode == 1
    assert ended.stdout.count(b"error OR") == 3
    assert ended.stderr == b""


def test_on_a_terminal_there_are_colours() -> None:
    terminal = Terminal(80)
    with Running("lint", "-", terminal=terminal) as running:
        running.feed(BAD_DATA)
        code, _ = running.end()
    assert code == 1
    assert {"1", "31"} <= terminal.styles
    assert "error OR305 part-not-added" in terminal.text


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_refused(name: str, value: str) -> None:
    terminal = Terminal(60)
    with Running("lint", "-", terminal=terminal, rows=24, **{name: value}) as running:
        running.feed(BAD_DATA)
        running.end()
    assert terminal.styles == set()
    assert max(map(len, terminal.text.splitlines())) <= 60
