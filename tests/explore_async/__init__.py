"""The client, tested over real loopback sockets wherever the wire matters."""
