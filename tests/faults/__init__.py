"""Thirty ways in which a portal, a network or a program fails, and what the client makes of each.

The tests are named after the number of the failure. Some failures need something that reads
partitions, keeps state or fills a sink, which belongs to the harvester and is tested with it:

* 15, in part: an order by a unique key, and the offer of an export as a snapshot;
* 16, in part: rows that are double at the edges of partitions;
* 18, in part: switching to partitions by itself (here: the refusal, and the way out it names);
* 24, in part: two-stage signals, and going on after `kill -9`;
* 30, in part: sinks that keep a declared schema, widen it or fail.
"""
