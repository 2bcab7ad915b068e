"""None of these is a request to an Explore API, although the file leads to one."""

import argparse
import sqlite3

import geopandas
import numpy as np
import pandas as pd
import requests
from django.db import models
from sqlalchemy import select, text

API = "https://data.example.org/api/explore/v2.1/catalog/datasets/a/records"
ARCGIS = "https://services.arcgis.example/rest/services/A/FeatureServer/0/query"
GITHUB = "https://api.github.com"

MESSAGES = {"select": "Select", "where": "Where", "limit": "Limit"}
LABELS = {"select": "Name, first name", "where": "Place = town", "order_by": "Sort"}
TRANSLATIONS = {"fr": {"where": "Lieu", "select": "Choisir (un)", "group_by": "Grouper"}}
STATEMENT = {"select": "id, name", "from": "users", "where": "id = 3"}
SCHEMA = {"where": {"type": "string"}, "limit": {"type": "integer", "maximum": 100}}
PAGING = {"limit": 100, "offset": 20}
FILES = {"include": "*.py", "exclude": "build: dist"}
HELP = {"where": "a condition, such as a > 1", "select": "the fields: a, b"}
BROKEN = {"select": "SELECT a FROM b", "where": "WHERE a == 1"}
FORM_FIELDS = {"where": "town = place", "select": "a, b"}


def arcgis():
    return requests.get(ARCGIS, params={"where": "1=1", "outFields": "*", "f": "json"})


def github(user):
    return requests.get(f"{GITHUB}/users/{user}/repos", params={"limit": 5, "where": "a = 1"})


def posted():
    return requests.post("https://other.example/graphql", json={"where": "a = 1", "limit": 3})


def sql(connection: sqlite3.Connection, query_builder):
    connection.execute("SELECT 1 WHERE a = :where", {"where": "a > 1"})
    pd.read_sql("SELECT 1", connection, params={"where": "a > 1", "limit": 3})
    query_builder.build_sql(select="a, b", where="a = 1")
    return select(text("a")).where(text("a > 1")).limit(5)


def frames(frame, mask):
    np.sum(frame, where=mask)
    pd.read_hdf("a.h5", where="index > 5")
    geopandas.read_file("a.gpkg", where="continent = 'Africa'")
    frame.where("a > 1")
    return frame["where"]


class Model(models.Model):
    where = models.CharField(max_length=10, help_text="where = place")
    select = "name"


def orm(db):
    db.query(table="users", where="id = 3", order_by="name desc")
    return Model.objects.filter(where="a = 1").order_by("-name")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--where", default="a = 1", help="where = condition")
    return parser.parse_args()


def templates(name):
    print("{where} of {limit}".format(where="a = 1", limit=3))
    print("%(where)s" % {"where": "a = 1 and b = 2"})
    return f"{name} where {MESSAGES['where']}"
