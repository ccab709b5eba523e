"""A complete Open Responses endpoint in front of any provider: HTTP, server-sent events and WebSocket, as ASGI."""
