"""Run `python -m explore_async` as the `explore` command."""

from __future__ import annotations

from explore_async.cli import start

start()
