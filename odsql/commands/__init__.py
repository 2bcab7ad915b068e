"""The command line `odsql`, one module per subcommand.

`main` loads only the requested subcommand. Each module has `add_arguments`, which defines its
options, and `run`, which returns the exit status. `check` and `fmt` read their files through
`inputs`, take their settings from `configuration`, and do their work in `checking` and
`formatting`; `rewriting` applies edits to files. `completing` makes the scripts of shells.
"""
