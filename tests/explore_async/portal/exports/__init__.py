"""The export formats, read back by other libraries."""
