"""Thirty failures of a portal, a network or a program, and how the client handles each.

Each test has the number of its failure in its name. Most files cover several failures; the files
`test_NN_...` cover one.

| # | failure | tests |
|---|---|---|
| 1 | a connection reset or closed inside a body | `test_wire` |
| 2 | a body shorter than its Content-Length | `test_wire` |
| 3 | a chunked body without its last chunk | `test_wire` |
| 4 | a truncated compressed stream in complete HTTP framing | `test_wire` |
| 5 | a truncated body that ends with its connection | `test_wire` |
| 6 | a body or head that trickles in | `test_wire` |
| 7 | a dropped connection, new or idle | `test_wire` |
| 8 | 429 with a reset time | `test_answers` |
| 9 | 429 without a reset time | `test_answers` |
| 10 | an error whose body is HTML, truncated or empty | `test_answers` |
| 11 | status 200 with a body that is not data | `test_answers` |
| 12 | gzip bombs, huge pages, endless lines | `test_answers` |
| 13 | redirects to another host, or in a loop | `test_wire` |
| 14 | a leaked API key: in logs, errors, objects or files | `test_14_secrets` |
| 15 | rows written, or ties reordered, between two pages | `test_pages` |
| 16 | rows duplicated or lost at a page boundary | `test_pages` |
| 17 | a page that repeats forever | `test_pages` |
| 18 | requests beyond the window of 10,000 rows | `test_pages` |
| 19 | clocks that differ, a reset time in the past | `test_answers` |
| 20 | an unknown host, a refused port, a bad certificate | `test_wire` |
| 21 | a proxy that refuses, or requires a password | `test_wire` |
| 22 | cancellation at any time | `test_22_cancellation` |
| 23 | a reader that stops or fails | `test_pages` |
| 24 | signals, `kill -9`, a failing disk | `test_24_stopping`, `test_process` |
| 25 | a storm of retries | `test_answers` |
| 26 | a slow first page | `test_pages` |
| 27 | work that blocks the event loop | `test_process` |
| 28 | resource leaks over time | `test_process` |
| 29 | an error that crosses a process boundary | `test_process` |
| 30 | types that drift, huge numbers, invalid UTF-8 | `test_30_types`, `test_pages` |

The client reads pages in the requested order, and saves a file whole or not at all. It is not a
harvester, which splits a dataset into partitions and keeps a journal. These tests therefore do not
cover an order by a generated unique key (15), removing rows that two partitions share (16),
continuing with partitions beyond the window (18), resuming after a kill (24), or sinks other than
Arrow batches and files (30).
"""
