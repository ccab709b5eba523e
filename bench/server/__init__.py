"""The server under load: beside other gateways, and holding a thousand streams. `python -m bench.server`."""
