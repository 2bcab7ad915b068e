"""The client's tests, over real loopback sockets where the wire matters."""
