"""One GET request: a URL goes in, a JSON value or a stream of bytes comes out.

`transport` is the entry. It adds `auth` or `oauth`, sends through the session of `connection`, and
reads the answer with `body` and `decoding`; `refusals` turns an error answer into an exception.
`call` is the only retry loop: `retry` says whether to try again, `policy` how often and how long,
and before each attempt the request waits for its place at the `gate` and its turn at the `rates`.
`deadlines` ends attempts that take too long, and `quotas` keeps what the portal still allows.

Nothing here knows which operation of the API a request carries.
"""
