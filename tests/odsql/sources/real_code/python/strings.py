"""Every way to write a string."""

import textwrap
from string import Template
from urllib.parse import quote, quote_plus

import requests

URL = "https://data.example.org/api/explore/v2.1/catalog/datasets/trees/records"
FAMILY = "famille = 'Betulaceae'"
LIMIT = 50


def plain():
    return requests.get(
        URL, params={"where": 'espece = "Acer"', "select": r"espece, hauteur", "limit": LIMIT}
    )


def triple(since):
    return requests.get(
        URL,
        params={
            "where": """
                hauteur > 3
                and espece is not null
            """,
            "select": textwrap.dedent(
                f"""\
                count(*) as n,
                max(hauteur) as {since}
                """
            ).strip(),
            "order_by": """
            n desc""".strip(),
        },
    )


def implicit(low, high):
    where = (
        "hauteur >= "  # metres
        f"{low} and hauteur < {high:.1f}"
        " and espece != 'Platanus'"
    )
    return requests.get(URL, params={"where": where, "group_by": "range(hauteur, 10)"})


def escapes(name):
    return requests.get(URL, params={"where": f'nom = "{name!r}"\tand {{x}} \u003e 1'})


def percent(name, low):
    first = requests.get(
        URL, params={"where": "nom = '%s' and rate > 5%% and h > %d" % (name, low)}
    )
    second = requests.get(
        URL, params={"where": "nom = '%(name)s' and h > %(low).2f" % {"name": name, "low": low}}
    )
    third = requests.get(URL, params={"select": "year(%s) as year" % name, "limit": 10})
    return first, second, third


def formatted(name, low):
    first = requests.get(
        URL, params={"where": "nom = '{}' and h > {:.2f} and geo = {{1}}".format(name, low)}
    )
    second = requests.get(
        URL, params={"where": "nom = '{name}' and h > {low}".format(name=name, low=low)}
    )
    third = requests.get(URL, params={"where": "nom = '{0}' or ville = '{0!s}'".format(name)})
    fourth = requests.get(
        URL,
        params={"where": Template("h > $low and nom = '${name}'").substitute(low=low, name=name)},
    )
    return first, second, third, fourth


def added(name, low):
    where = "nom = '" + name + "'"
    where += " and hauteur > " + str(low)
    where = where + " and " + FAMILY
    order = "nom " + ("asc" if low else "desc")
    return requests.get(URL, params={"where": where, "order_by": order, "select": FAMILY + " as f"})


def joined(names, low):
    parts = ["hauteur > 1"]
    if low:
        parts.append(f"hauteur > {low}")
    parts += ["nom is not null"]
    wanted = " or ".join(f"nom = '{one}'" for one in names)
    parts.append(f"({wanted})")
    return requests.get(
        URL,
        params={
            "where": " and ".join(parts),
            "select": ",".join(["nom", "hauteur", f"year({low}) as y"]),
            "group_by": ", ".join(names),
            "order_by": ", ".join(("nom", "hauteur desc")),
        },
    )


def replaced(town):
    first = requests.get(URL, params={"where": "ville = 'TOWN' and h > 1".replace("TOWN", town)})
    second = requests.get(
        URL,
        params={
            "where": """ville = 'Lyon'
        and h > 2""".replace("\n", " ")
        },
    )
    return first, second


def chosen(ascending, town):
    order = "nom" if ascending else "nom desc"
    if town:
        where = "ville = 'Lyon'"
    elif ascending:
        where = "ville = 'Nice'"
    else:
        where = None
    return requests.get(
        URL, params={"order_by": order, "where": where, "limit": 10 if town else 20}
    )


def grown(town, since, names):
    where = "hauteur > 2"
    if town:
        where += f" and ville = '{town}'"
    if since:
        where += f" and date > date'{since}'"
    for name in names:
        where += f" or nom = '{name}'"
    return requests.get(URL, params={"where": where})


def in_url(town, order="nom desc"):
    where = f"ville = '{town}'"
    first = requests.get(f"{URL}?limit=10&where={quote(where)}&order_by={order}")
    second = requests.get(URL + "?where=" + quote_plus("hauteur > 5") + "&select=" + "nom")
    third = requests.get("{}?where={}&limit={}".format(URL, where, LIMIT))
    return first, second, third
