"""What is wrong with a request, found without a portal.

`run.check` takes a `Request` and, if there is one, a `Schema`, and returns `Diagnostic` values.
`syntax` explains clauses that do not parse. `walking` goes over each tree once and asks
`arguments`, `comparing`, `literals`, `shapes` and `spelling` on the way; `plans` tells it what each
call may hold. `clauses` looks at clauses together, `parameters` at the request around them. `state`
collects the findings. Each finding belongs to a rule of `rules`, and each rule has a page in
`explanations/`.
"""
