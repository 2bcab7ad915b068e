"""Concurrent requests.

`results` decides which requests to make; the code here decides when they run. `scheduler` runs the
concurrent requests of one client and cancels the rest when one fails. `readings` reads whole
results concurrently, over several datasets, clients and portals, within common limits on requests
and memory. It passes each reading an `Admission`, which the reading passes on to `http.call`.
"""
