"""Many requests at once.

`results` decides which requests there are; the code here decides when they run. `scheduler` starts
the concurrent requests of one client and cancels the rest when one fails. `readings` runs whole
results side by side, over several datasets, clients and portals, within common limits on requests
and memory. It hands each reading an `Admission`, which the reading passes down to `http.call`.
"""
