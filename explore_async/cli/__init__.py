"""The command line `explore`, one module per subcommand.

`main` is the entry and turns errors into messages. A subcommand takes its options from `options`,
makes a client and a `Query` of them, runs its work in `running`, which handles signals, and prints
with `display`. `schemas` compares saved schemas with a portal for `schema`, and `demo` is the tour.
"""
