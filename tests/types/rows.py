"""The types of rows in classes; `tests/test_types.py` compares them with the comments."""

from dataclasses import dataclass
from typing import TypedDict, reveal_type

import attrs
import msgspec
import pydantic

from explore_async import ExploreClient


@attrs.frozen
class Station:
    """An attrs class."""

    name: str


@dataclass
class Oak:
    """A dataclass."""

    height: float


class Elm(msgspec.Struct):
    """A Struct."""

    height: float


class Ash(TypedDict):
    """A TypedDict."""

    height: float


class Fir(pydantic.BaseModel):
    """A model."""

    height: float


async def read(client: ExploreClient) -> None:
    """Read rows in every way."""
    trees = client.dataset("trees")
    records = trees.records(into=Station)
    reveal_type(records)  # Records[Station]
    reveal_type(await records.to_list())  # list[Station]
    reveal_type(await records.first())  # Station | None
    reveal_type(await records)  # Page[Station]
    reveal_type((await records).rows)  # list[Station]
    async for row in records:
        reveal_type(row)  # Station
    async for page in records.pages():
        reveal_type(page)  # Page[Station]
    reveal_type(records.resume())  # Records[Station]
    reveal_type(records.misfits.errors)  # list[MisfitError]
    reveal_type(await trees.record("id", into=Station))  # Station
    async with trees.export("jsonl", into=Station) as stream:
        reveal_type(stream)  # ExportStream[Station]
        reveal_type(stream.rows())  # AsyncGenerator[Station, None]
        async for row in stream.rows():
            reveal_type(row)  # Station
    async with trees.export_csv(into=Station, misfits="skip") as stream:
        reveal_type(stream.rows())  # AsyncGenerator[Station, None]
    reveal_type(await client.gather_records([records, records]))  # list[list[Station]]
    both = client.gather_records([records], errors="collect")
    reveal_type(await both)  # list[list[Station] | ExploreError]


async def read_other_kinds(client: ExploreClient) -> None:
    """Read rows in classes of each kind, and without a class."""
    trees = client.dataset("trees")
    reveal_type(await trees.records(into=Oak).to_list())  # list[Oak]
    reveal_type(await trees.records(into=Elm).to_list())  # list[Elm]
    reveal_type(await trees.records(into=Ash).to_list())  # list[Ash]
    reveal_type(await trees.records(into=Fir).to_list())  # list[Fir]
    reveal_type(await trees.records().to_list())  # list[dict[str, object]]
    async with trees.export("jsonl") as stream:
        reveal_type(stream.rows())  # AsyncGenerator[dict[str, object], None]
    trees.records(into=Oak, typed=True)  # error
    trees.records(into=Oak, misfits="drop")  # error
    trees.records(misfits="skip")  # error
