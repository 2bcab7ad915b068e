"""Every way to hand parameters to a request."""

import json
import urllib.parse
import urllib.request
from collections import OrderedDict

import aiohttp
import httpx
import requests
import urllib3
import yarl
from furl import furl

API = "https://data.example.org/api/explore/v2.1"
BASE = {"limit": 100, "where": "status = 'open'"}
DEFAULTS = dict(order_by="date desc", timezone="Europe/Paris")


def displays(page):
    requests.get(f"{API}/catalog/datasets/a/records", {"select": "a, b", "offset": page * 100})
    requests.request(
        "GET", API + "/catalog/datasets/a/records", params=dict(where="a = 1", limit=5)
    )
    requests.Request(
        method="GET",
        url=f"{API}/catalog/datasets/a/facets",
        params={"facet": "town", "refine": ["a:1", "b:2"]},
    )
    httpx.get(
        f"{API}/catalog/datasets",
        params=OrderedDict([("where", "dataset_id like 'x'"), ("limit", -1)]),
    )
    httpx.AsyncClient(params={"lang": "fr", "where": "lang_fr is not null"})


def tuples(session):
    query = []
    query.append(("where", "b = 2"))
    query.extend([("refine", "town:Lyon"), ("limit", 3)])
    query += [("select", "b")]
    session.get("/catalog/datasets/b/exports/csv", params=query)


def subscripts(town):
    params = {}
    params["where"] = "c = 3"
    params["select"] = "c"
    params["refine"] = [f"town:{town}", "kind:x"]
    params.setdefault("limit", 7)
    params.update(order_by="c desc")
    params.update({"group_by": "c"})
    if town:
        params["exclude"] = "c:0"
    return requests.get(API + "/catalog/datasets/c/records", params=params)


def merged(extra):
    first = requests.get(API, params={**BASE, "select": "d"})
    second = requests.get(API, params=BASE | {"select": "e"} | extra)
    third = requests.get(API, params=dict(DEFAULTS, select="f"))
    fourth = {**DEFAULTS}
    fourth |= {"facet": "g"}
    fifth = {k: v for k, v in fourth.items() if v is not None}
    return first, second, third, requests.get(API, params=fifth)


def encoded():
    query = urllib.parse.urlencode({"where": "h = 8", "limit": 9})
    urllib.request.urlopen(f"{API}/catalog/datasets/h/exports/json?{query}")
    urllib.request.urlopen(
        API
        + "/catalog/datasets/h/records?"
        + urllib.parse.urlencode([("select", "h"), ("where", "i = 9")], doseq=True)
    )
    urllib.request.Request("%s?%s" % (API, urllib.parse.urlencode(dict(where="j = 10"))))


def urls():
    yarl.URL(API).with_query({"where": "k = 11"})
    yarl.URL(API + "/catalog/datasets/k/records").update_query(where="l = 12", limit=3)
    yarl.URL.build(scheme="https", host="data.example.org", path="/api", query={"select": "m"})
    url = yarl.URL(API) / "catalog" % {"where": "m = 13"}
    httpx.QueryParams({"where": "n = 14"})
    httpx.QueryParams(where="o = 15")
    httpx.URL(API, params={"where": "p = 16"})
    f = furl(API)
    f.args["where"] = "q = 17"
    f.set(args={"select": "q"})
    return url


def pools(session: requests.Session):
    http = urllib3.PoolManager()
    http.request("GET", API, fields={"where": "r = 18"})
    session.params = {"where": "s = 19"}
    session.params["select"] = "t"
    session.params.update({"order_by": "t desc"})


async def waiting(session: aiohttp.ClientSession, where="u = 21"):
    options = {"params": {"where": where, "limit": 4}, "timeout": 5}
    async with session.get(API, **options) as answer:
        rows = await answer.json()
    async with session.get(API, params={"where": "v = 22", "use_labels": "true"}) as answer:
        return json.loads(await answer.text()), rows


def pages():
    offset = 0
    while True:
        params = {"where": "w = 23", "limit": 100, "offset": offset}
        rows = requests.get(API, params=params).json()["results"]
        if not rows:
            return
        offset += len(rows)
