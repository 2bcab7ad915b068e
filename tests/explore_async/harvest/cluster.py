"""A cluster of two worker processes; run as a program by a test, until its input ends.

    python -m tests.explore_async.harvest.cluster

It prints the address of the scheduler. It is a process of its own, so that its connections are not
those of the tests.
"""

from __future__ import annotations

import sys

from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address="127.0.0.1:0"
    ) as cluster:
        print(cluster.scheduler_address, flush=True)  # noqa: T201 - a program
        sys.stdin.read()
