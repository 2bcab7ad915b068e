"""The command line `explore`, with one module per subcommand.

`main` is the entry point and reports errors as messages. A subcommand takes its options from
`options`, creates a client and a `Query` from them, runs its work in `running`, which handles
signals, and prints with `display`. `schemas` compares saved schemas with a portal for `schema`, and
`demo` is a guided tour.
"""
