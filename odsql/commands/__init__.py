"""The subcommands of `odsql`, a module each; only the one that was asked for is loaded.

Each has `add_arguments`, which describes its options, and `run`, which returns the exit status.
"""
