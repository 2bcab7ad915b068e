"""ODSQL as text and as a tree, and the conversion between the two.

`scanning` splits a clause into tokens. `machine` runs the tokens through the `automaton`, whose
`tables` are generated from `grammar.lark` (`generating`), and calls `actions` to build `nodes`.
`parsing` is the entry point: it returns the tree or raises an error of `errors`, which calls
`explaining` only when its hint is read. `explaining` looks at the `refused` token, and at words,
signs and functions of other languages (`foreign`, `foreign_functions`); `repairing` corrects what
is certain. `rendering` turns a tree back into text.

`functions` is the catalogue of functions, units and options. The grammar, the builder, the checks
and the local portal all read it. `dates` checks the text of date literals, and `spans` finds the
position of a token.
"""
