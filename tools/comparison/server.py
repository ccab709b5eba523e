"""Endpoints on the loopback interface that answer every request with a recorded stream, one endpoint a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tools.comparison.streams import Sample

__all__ = ["serve"]


@contextmanager
def serve(samples: Sequence[Sample]) -> Iterator[str]:
    """Serve the samples; yield the URL below which each has a base URL of its own, which ends with its name."""
    by_path = {f"/{sample.name}/responses": sample for sample in samples}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            sample = by_path[self.path]
            self.send_response(200)
            self.send_header("content-type", sample.content_type)
            self.send_header("content-length", str(len(sample.data)))
            self.end_headers()
            self.wfile.write(sample.data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: a client that has had enough closes the connection."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
