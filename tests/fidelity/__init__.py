"""What live portals sent and what their specification says, held against the local portal."""
