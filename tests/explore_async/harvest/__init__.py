"""The harvester, against the local portal with faults."""
