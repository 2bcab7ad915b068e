import asyncio

import ukpyn
from ukpyn import UKPNClient


async def main():
    async with UKPNClient() as client:
        faults = await client.get_records(
            "ukpn-live-faults", where="powercuttype = 'Unplanned'", limit=10
        )
        sites = await client.get_records(
            dataset_id="grid-sites",
            select="sitename, count(*) as n",
            group_by="sitename order by n",
        )
    table = await ukpyn.ltds.get_table_3a(where=f"season = {faults}", order_by="demand desc")
    return faults, sites, table


asyncio.run(main())
