"""The command `python -m bench.server`: measures the server, beside other gateways and with many streams at once."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import machine
from bench.section import put_section
from bench.server import gateways, report
from bench.server.client import MIN_DELTAS
from bench.server.gateways import Gateway, UnavailableError
from bench.server.held import Held, hold
from bench.server.process import Measured, cores, free_port, running
from bench.server.throughput import Throughput, measure

STREAMS = 50
DELTAS = 500
"""Of a stream, where they come as fast as they are taken."""
PACED_DELTAS = 200
PACED_PAUSE = 0.01
"""Seconds between two deltas, as fast models send them."""
SECONDS = 8.0
"""How long each gateway is under load."""
SINGLE = 30
"""Streams one after another, for the first delta without load."""
HELD_PAUSE = 0.05
"""Seconds between two deltas of a stream that is held: 20 a second, as people read."""
WARM_UP_SECONDS = 2.0
"""How long a few streams are held first, so that what is made once for all is made, and then as many as afterwards, so
that what is left of them is seen."""
WARM_UP_STREAMS = 20
FILES = 16_384
"""Open files of a process, for thousands of connections, each of them twice."""


@dataclass(frozen=True)
class Bench:
    """Where the pieces of one run live: cores, a directory, and the stack that ends what was started."""

    core: int
    other: int
    directory: Path
    stack: ExitStack

    def upstream(self, *, burst: int, pause: float) -> int:
        """Start an upstream on the other core; return its port."""
        port = free_port()
        command = [sys.executable, "-m", "bench.server.upstream", "--port", str(port)]
        command += ["--burst", str(burst), "--pause", str(pause)]
        self.stack.enter_context(running(command, port=port, core=self.other, log=self.directory / f"{port}.log"))
        return port

    def gateway(self, gateway: Gateway, port: int, stack: ExitStack) -> Measured:
        """Start a gateway on the core of its own."""
        return stack.enter_context(
            running(
                gateway.command,
                port=port,
                core=self.core,
                log=self.directory / f"{port}.log",
                environment=gateway.environment,
                is_ready=gateway.is_ready,
            )
        )


Make = Callable[[int, int], Gateway]
"""Returns a gateway that listens on the first port, in front of the upstream on the second."""


def compare(bench: Bench, results: report.Results, peers: Path | None, seconds: float) -> None:
    """Measure Penstock, with and without a store, and the other gateways."""
    fast, paced = bench.upstream(burst=8, pause=0.0), bench.upstream(burst=1, pause=PACED_PAUSE)
    makes: list[tuple[str, Make]] = [
        ("Penstock", lambda port, up: gateways.penstock(port, up, bench.directory)),
        ("Penstock, stored", lambda port, up: gateways.penstock(port, up, bench.directory, store=True)),
        ("the least", gateways.least),
        ("responses.js", lambda port, up: gateways.responses_js(port, up, peers)),
        ("LiteLLM proxy", lambda port, up: gateways.litellm(port, up, bench.directory)),
    ]
    for name, make in makes:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        try:
            gateway, of_fast = _loaded(bench, make, fast, DELTAS, seconds, spread=0.0)
            _, of_paced = _loaded(bench, make, paced, PACED_DELTAS, seconds, spread=PACED_DELTAS * PACED_PAUSE)
        except UnavailableError as error:
            results.missing[name] = str(error)
            print(f"{name} is left out: {error}", file=sys.stderr, flush=True)
            continue
        results.compared.append(report.Compared(gateway.name, gateway.version, of_fast, of_paced))


def _loaded(
    bench: Bench, make: Make, upstream: int, deltas: int, seconds: float, *, spread: float
) -> tuple[Gateway, Throughput]:
    port = free_port()
    gateway = make(port, upstream)
    with ExitStack() as stack:
        server = bench.gateway(gateway, port, stack)
        store = "stored" in gateway.name
        taken = measure(
            server,
            gateway.key,
            streams=STREAMS,
            seconds=seconds,
            deltas=deltas,
            single=SINGLE,
            spread=spread,
            store=store,
        )
        return gateway, uvloop.run(taken)


def hold_many(bench: Bench, results: report.Results, streams: int, seconds: float) -> None:
    """Hold many streams at once over HTTP, stored and not, and over WebSockets."""
    upstream = bench.upstream(burst=1, pause=HELD_PAUSE)
    kinds = {
        "server-sent events": (False, False),
        "server-sent events, stored": (True, False),
        "WebSockets": (False, True),
    }
    for kind, how in kinds.items():
        print(f"holding {streams:,} streams, {kind} ...", file=sys.stderr, flush=True)
        port = free_port()
        with ExitStack() as stack:
            gateway = gateways.penstock(port, upstream, bench.directory, store=how[0])
            server = bench.gateway(gateway, port, stack)

            def held(
                seconds: float, streams: int = streams, server: Measured = server, kind: tuple[bool, bool] = how
            ) -> Held:
                deltas = max(MIN_DELTAS, int(seconds / HELD_PAUSE))
                return uvloop.run(
                    hold(server, streams=streams, deltas=deltas, seconds=seconds, store=kind[0], websockets=kind[1])
                )

            few, short, long = held(WARM_UP_SECONDS, WARM_UP_STREAMS), held(WARM_UP_SECONDS), held(seconds)
            long.errors += [*few.errors, *short.errors]
            memory = (max(short.most, long.most) - few.after.memory) / streams
            results.held[kind] = report.Many(long, memory, long.after.memory - short.after.memory)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.server", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long many streams are held")
    parser.add_argument("--streams", type=int, default=1000, help="how many are held")
    parser.add_argument("--load-seconds", type=float, default=SECONDS, help="how long each gateway is under load")
    parser.add_argument("--responses-js", type=Path, metavar="DIRECTORY", help="a built copy of responses.js")
    parser.add_argument("--only", choices=("compare", "hold"), help="one half of it")
    parser.add_argument("--check", action="store_true", help="exit with status 1 where something is missed")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the section into this page")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write needs all of it: not with --only")
    if sys.platform != "linux":
        parser.error("this needs Linux: it pins processes to cores, and reads of them in /proc")
    _allow_files()
    core, other = cores()
    os.sched_setaffinity(0, {other})
    results = report.Results(STREAMS, DELTAS, 1 / PACED_PAUSE)
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as directory, ExitStack() as stack:
        bench = Bench(core, other, Path(directory), stack)
        if options.only != "hold":
            compare(bench, results, options.responses_js, options.load_seconds)
        if options.only != "compare":
            hold_many(bench, results, options.streams, options.seconds)
    text = report.section(results, machine.facts(("uvicorn", "uvloop", "aiohttp", "starlette")))
    print(text)
    if options.write:
        put_section(options.write, "server", text)
    missed = results.missed()
    for each in missed:
        print(f"missed: {each}", file=sys.stderr)
    return 1 if missed and options.check else 0


def _allow_files() -> None:
    """Let this process and its children open as many files as the benchmark needs, where the system lets it."""
    import resource  # noqa: PLC0415 - there is none on Windows

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


if __name__ == "__main__":
    sys.exit(main())
