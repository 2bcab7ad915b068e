"""Thirty ways in which a portal, a network or a program fails, and what the client makes of each.

Each test has the number of its failure in its name; most files hold several, `test_NN_...` one.

| # | failure | tests |
|---|---|---|
| 1 | reset or end inside a body | `test_wire` |
| 2 | a body shorter than its length | `test_wire` |
| 3 | chunks without the last one | `test_wire` |
| 4 | half a compressed stream in whole framing | `test_wire` |
| 5 | a body that ends with its connection | `test_wire` |
| 6 | a body or head that drips | `test_wire` |
| 7 | a connection that is dropped, fresh or idle | `test_wire` |
| 8 | 429 with the moment of its reset | `test_answers` |
| 9 | 429 without one | `test_answers` |
| 10 | an error that is an HTML page, cut or empty | `test_answers` |
| 11 | status 200 with what is no data | `test_answers` |
| 12 | gzip bombs, huge pages, endless lines | `test_answers` |
| 13 | redirects to another host, or in a circle | `test_wire` |
| 14 | a key in logs, errors, objects or files | `test_14_secrets` |
| 15 | rows written, or ties that move, between two pages | `test_pages` |
| 16 | rows double or lost at the edge of a page | `test_pages` |
| 17 | a page that repeats for ever | `test_pages` |
| 18 | beyond the window of 10,000 rows | `test_pages` |
| 19 | clocks that differ, a reset in the past | `test_answers` |
| 20 | no such host, a refused port, a bad certificate | `test_wire` |
| 21 | a proxy that refuses, or asks for a password | `test_wire` |
| 22 | cancellation at any moment | `test_22_cancellation` |
| 23 | a reader who stops or fails | `test_pages` |
| 24 | signals, `kill -9`, a disk that refuses | `test_24_stopping`, `test_process` |
| 25 | a storm of retries | `test_answers` |
| 26 | one slow page at the head | `test_pages` |
| 27 | work that blocks the event loop | `test_process` |
| 28 | what is left behind over time | `test_process` |
| 29 | an error that crosses a process boundary | `test_process` |
| 30 | types that drift, huge numbers, bytes that are no text | `test_30_types`, `test_pages` |

The client reads pages in the order it was asked for, and saves a file whole or not at all. What
only a harvester does, which splits a dataset into partitions and keeps a journal of them, is not
here, because there is none: an order by a unique key of its own making (15), dropping the rows that
two partitions share (16), going on with partitions where the window ends (18), going on where it
was killed instead of beginning again (24), and sinks other than Arrow batches and files (30).
"""
