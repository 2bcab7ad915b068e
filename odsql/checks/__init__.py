"""Checks of a request that need no portal.

`run.check` takes a `Request` and an optional `Schema` and returns `Diagnostic` values. `syntax`
explains clauses that do not parse. `walking` walks each tree once, with checks from `arguments`,
`comparing`, `literals`, `shapes` and `spelling`; `plans` describes the arguments of each function.
`clauses` checks clauses together, `parameters` the request around them. `state` collects the
findings. Each finding belongs to a rule of `rules`, and each rule has a page in `explanations/`.
"""
