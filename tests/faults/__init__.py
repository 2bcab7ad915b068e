"""Thirty ways in which a portal, a network or a program fails, and what the client makes of each.

The tests are named after the number of the failure. Of some failures there is a part that only the
harvester can meet, because it reads partitions, keeps state or fills a sink; it is put off until
there is one, and nothing here tests it:

* 15, in part: an order by a unique key of the client's own making, so that rows with equal sort
  keys keep their places between two calls, and the offer of an export as a snapshot;
* 16, in part: rows that are double or missing at the edges of pages because equal sort keys moved,
  and at the edges of partitions;
* 18, in part: switching to partitions by itself (here: the refusal, and the way out it names);
* 24, in part: a second signal, and going on after `kill -9` (the first SIGINT or SIGTERM is tested
  with the command line, in `tests/explore_async/test_cli.py`; here: a disk that refuses);
* 30, in part: sinks that keep a declared schema, widen it or fail (Arrow batches of the client
  itself are tested in `tests/explore_async`).
"""
