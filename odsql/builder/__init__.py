"""Queries built in Python.

`expressions` has `F` and the values, conditions and orderings that its operators make; `functions`
has a Python function for each function of ODSQL; `literals` turns Python values into literals;
`query` combines clauses into a `Query`, and `urls` reads the parameters that a URL holds. All of
them make the nodes of `odsql.syntax`, so a built clause renders, compares and checks like a parsed
one.
"""
