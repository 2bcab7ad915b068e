"""The command line `odsql`, one module per subcommand.

`main` loads only the subcommand that was asked for. Each has `add_arguments`, which describes its
options, and `run`, which returns the exit status. `check` and `fmt` read their files through
`inputs`, take their settings from `configuration`, and do their work in `checking` and
`formatting`; `rewriting` puts edits back into files.
"""
