"""`python -m odsql` is the `odsql` command."""

from __future__ import annotations

from odsql.cli import main

main()
