"""ODSQL as text and as a tree, and the way between the two.

A clause is split into tokens (`scanning`). `machine` runs the tokens through the `automaton` whose
`tables` are generated from `grammar.lark` (`generating`), and calls `actions` to make `nodes`.
`parsing` is the entry: it returns the tree or raises the error of `errors`, which asks `explaining`
for its hint only when someone reads it. `rendering` turns a tree back into text.

`functions` is the catalogue of functions, units and options. The grammar, the builder, the checks
and the local portal all read it. `dates` knows what the text of a date literal may look like, and
`spans` finds where a token stands.
"""
