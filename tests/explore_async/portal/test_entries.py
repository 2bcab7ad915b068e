"""What `portal.toml` says about access: keys, visibility, files and datasets without records."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from explore_async import ExploreClient, ForbiddenAccess, NotFoundResource, QuotaExceeded
from explore_async.errors import ExploreError
from explore_async.portal import Store, load_files, serve

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "the-secret-of-the-file"

SAID = f"""
[anonymous]
quota = "6/day"

[[key]]
key = "{SECRET}"
quota = "100/month"

[[key]]
key = "another"
datasets = ["forms"]

[[dataset]]
file = "pay.csv"
visibility = "restricted"
attachments = [{{ file = "files/Notes.pdf", title = "Notes" }}]

[[dataset]]
file = "costs.csv"
data_visible = false
alternative_exports = [{{ file = "files/costs.ods", id = "ods", description = "The sheet" }}]

[[dataset]]
id = "forms"
has_records = false
visibility = "restricted"
title = "Forms"
attachments = [{{ file = "files/Notes.pdf" }}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three files, and a `portal.toml` about two of them."""
    for name in ("pay", "costs", "open"):
        (tmp_path / f"{name}.csv").write_text("x\n1\n", encoding="utf-8")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "Notes.pdf").write_bytes(b"%PDF")
    (tmp_path / "files" / "costs.ods").write_bytes(b"ods")
    (tmp_path / "portal.toml").write_text(SAID, encoding="utf-8")
    return tmp_path


async def test_a_folder_says_who_sees_what(folder: Path, tmp_path: Path) -> None:
    with Store() as store:
        load_files(store, folder)
        async with serve(store) as url:
            async with ExploreClient(url) as client:
                seen = [one["dataset_id"] async for one in client.datasets()]
                assert seen == ["costs", "open"]
                with pytest.raises(NotFoundResource):
                    await client.dataset("pay").info()
                with pytest.raises(ForbiddenAccess):
                    await client.dataset("costs").records().first()
                (export,) = await client.dataset("costs").alternative_exports()
                assert (export.export_id, export.description) == ("ods", "The sheet")
            async with ExploreClient(url, auth=SECRET) as client:
                seen = [one["dataset_id"] async for one in client.datasets()]
                assert seen == ["costs", "open", "pay", "forms"]
                (notes,) = await client.dataset("pay").attachments()
                saved = await client.dataset("pay").download(notes, tmp_path / "saved")
                assert saved.path.read_bytes() == b"%PDF"
                assert notes.title == "Notes"
                assert client.quota.limit == 100
                forms = await client.dataset("forms").info()
                assert (forms.has_records, forms.fields) == (False, ())
                assert await client.dataset("forms").records().count() == 0
            async with ExploreClient(url, auth="another") as client:
                assert (await client.dataset("forms").info()).dataset_id == "forms"
                with pytest.raises(NotFoundResource):
                    await client.dataset("pay").info()


async def test_callers_without_a_key_have_the_quota_of_the_file(folder: Path) -> None:
    with Store() as store:
        load_files(store, folder)
        async with serve(store) as url, ExploreClient(url) as client:
            for _ in range(6):
                await client.dataset("open").info()
            with pytest.raises(QuotaExceeded) as caught:
                await client.dataset("open").info()
            assert (caught.value.call_limit, caught.value.code) == (6, "10005")


async def test_a_named_file_has_the_keys_of_its_folder_but_not_its_other_datasets(
    folder: Path,
) -> None:
    """The `portal.toml` of a folder is read once, even if several of its files are named."""
    with Store() as store:
        load_files(store, folder / "pay.csv", folder / "open.csv")
        async with serve(store) as url, ExploreClient(url, auth=SECRET) as client:
            seen = [one["dataset_id"] async for one in client.datasets()]
            assert seen == ["pay", "open"]


async def test_the_keys_of_all_folders_are_valid(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "more.csv").write_text("x\n1\n", encoding="utf-8")
    (other / "portal.toml").write_text('[[key]]\nkey = "third"\n', encoding="utf-8")
    with Store() as store:
        load_files(store, other, folder)
        async with serve(store) as url, ExploreClient(url, auth="third") as client:
            assert (await client.dataset("pay").info()).dataset_id == "pay"


async def test_a_restricted_file_that_cannot_be_read_is_not_told_to_everyone(folder: Path) -> None:
    (folder / "pay.csv").write_bytes(b"")
    with Store() as store:
        load_files(store, folder)
        async with serve(store) as url:
            async with ExploreClient(url) as client:
                with pytest.raises(NotFoundResource):
                    await client.dataset("pay").info()
            async with ExploreClient(url, auth=SECRET) as client:
                with pytest.raises(ExploreError, match="UnreadableFile"):
                    await client.dataset("pay").info()


def test_a_restricted_file_is_not_read_for_the_catalog_of_others(folder: Path) -> None:
    with Store() as store:
        load_files(store, folder)
        assert store.catalog(hidden=frozenset({"pay"})).records_count == 3
        assert store.waiting == ("pay",)
        assert store.catalog().records_count == 4


KEY = f'[[key]]\nkey = "{SECRET}"\n'
DATA = '[[dataset]]\nfile = "open.csv"\n'


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("[key]\nkey = 'x'", r"write \[\[key\]\] with two brackets"),
        ("[[key]]\nquota = '1/day'", "key 1: .*missing required field `key`"),
        (KEY + 'limit = "1/day"', "key 1 has the unknown key 'limit'"),
        (KEY + 'quota = "1/hour"', "key 1: '1/hour' is not a quota such as 100/day"),
        (KEY + "quota = 7", r"key 1: Expected `str \| null`"),
        (KEY + 'datasets = ["nothing"]', "key 1: There is no dataset 'nothing' to open"),
        (KEY + 'datasets = "open"', r"key 1: Expected `array \| null`"),
        (KEY + KEY, "key 2: An API key is given twice"),
        (f'[[key]]\nkey = "{SECRET} "', "key 1: An API key is empty, or has a space"),
        ('[anonymous]\nquota = "many"', "anonymous: 'many' is not a quota such as 100/day"),
        ("[anonymous]\nkey = 1", "anonymous has the unknown key 'key'"),
        ("anonymous = 7", "anonymous must be a table"),
        (DATA + 'visibility = "public"', "Invalid enum value 'public'"),
        (DATA + "data_visible = 1", "Expected `bool`"),
        (DATA + 'attachments = ["x.pdf"]', "attachments must be a list of tables"),
        (DATA + 'attachments = [{ file = "x.pdf" }]', "x.pdf is not a file"),
        (DATA + "has_records = false", "dataset 1 has no id"),
        (DATA + 'id = "x"\nhas_records = false', "has has_records = false, and a file"),
        ("[[dataset]]\nid = 7\nhas_records = false", "dataset 1 has no id"),
    ],
    ids=range(19),
)
def test_a_wrong_portal_toml_is_one_message(folder: Path, said: str, message: str) -> None:
    """It names the file and the place, and never shows a key."""
    (folder / "portal.toml").write_text(said, encoding="utf-8")
    with Store() as store, pytest.raises(ExploreError) as caught:
        load_files(store, folder)
    assert re.search(message, str(caught.value))
    assert "portal.toml" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_an_entry_that_is_not_visible_is_not_served(folder: Path) -> None:
    said = '[[dataset]]\nid = "x"\nhas_records = false\nvisible = false\n'
    (folder / "portal.toml").write_text(said, encoding="utf-8")
    with Store() as store:
        load_files(store, folder)
        assert "x" not in store


def test_two_quotas_of_anonymous_callers_are_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "more.csv").write_text("x\n1\n", encoding="utf-8")
    (other / "portal.toml").write_text('[anonymous]\nquota = "1/day"\n', encoding="utf-8")
    with Store() as store, pytest.raises(ExploreError, match=r"Several portal\.toml have a quota"):
        load_files(store, folder, other)


def test_an_entry_and_a_file_may_not_be_the_same_dataset(folder: Path) -> None:
    said = '[[dataset]]\nid = "open"\nhas_records = false\n'
    (folder / "portal.toml").write_text(said, encoding="utf-8")
    with Store() as store, pytest.raises(ExploreError, match="'open' already exists"):
        load_files(store, folder)
