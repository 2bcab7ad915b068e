"""One GET request: a URL goes in, a JSON value or a stream of bytes comes out.

`transport` is the entry point, for URLs below the one that `base_url` reads. It adds the
credentials of `auth` or `oauth`, sends through the session of `connection`, and reads the response
with `body` and `decoding`; `refusals` turns an error response into an exception, and `redaction`
keeps secrets out of it. `call` is the only retry loop: `retry` decides whether to try again,
`policy` how often and after how long. Before each attempt the request waits for a slot at the
`gate` and its turn under the rate limit of `rates`; `congestion` lowers both if the portal refuses
too many requests. `deadlines` cancels attempts that take too long, and `quotas` records the calls
that the portal still allows. `options` checks what a client is given.

Nothing here knows which API operation a request belongs to.
"""
