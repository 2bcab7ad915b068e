"""The checks behind `odsql.checks.run`, by topic.

`state` collects findings; `walking` goes over a tree once and asks `arguments`, `comparing` and
`literals` on the way; `clauses` looks at clauses together and `parameters` at the request around
them; `syntax` says what is wrong with a text that does not parse.
"""
