"""`python -m odsql` runs the `odsql` command."""

from __future__ import annotations

from odsql.commands.main import main

main()
