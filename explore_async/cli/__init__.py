"""The command line `explore`, with one module per subcommand.

`start` is the entry point, and `main` the group of commands, which loads only the one that is
called and reports errors as messages. A subcommand takes its options from `options`, creates a
client and a `Query` from them, runs its work in `running`, which handles signals, and prints with
`display`. `schemas` compares saved schemas with a portal for `schema`, and `demo` is a guided tour.
"""

from __future__ import annotations

__all__ = ["start"]

_INTERRUPTED = 130  # as shells report a program that SIGINT ended


def start() -> None:
    """Run the command line; Ctrl-C ends it quietly even while it is still being loaded."""
    try:
        from explore_async.cli.main import main
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    main()
