"""Places in S3 as they are written, and what a prefix takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.s3_urls import NOT_SNAPSHOTS, is_prefix, is_snapshot_key, parse_s3
from tests.doubles.documents import QUICK

NAMES = st.text(st.characters(exclude_characters="/"), min_size=1)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://b", ("b", "")),
        ("s3://b/", ("b", "")),
        ("s3://b/k.json", ("b", "k.json")),
        ("s3://b/a/b/", ("b", "a/b/")),
        ("s3://b//k", ("b", "/k")),
        ("S3://b/K", ("b", "K")),
        ("s3://b/100%25?x=1#y", ("b", "100%25?x=1#y")),
    ],
)
def test_an_s3_url_is_a_bucket_and_the_rest_as_it_is_written(url: str, place: tuple[str, str]) -> None:
    assert parse_s3(url) == place


@pytest.mark.parametrize(
    "url", ["", "s3", "s3:", "s3:/b/k", "s3://", "s3:///k", "s4://b/k", " s3://b", "a.json"]
)
def test_what_names_no_bucket_is_no_place_in_s3(url: str) -> None:
    assert parse_s3(url) is None


@QUICK
@given(NAMES, st.text())
def test_any_bucket_and_key_are_read_back_as_they_were_put_together(bucket: str, key: str) -> None:
    assert parse_s3(f"s3://{bucket}/{key}") == (bucket, key)


@QUICK
@given(st.text())
def test_a_key_is_a_prefix_when_it_is_empty_or_a_folders(key: str) -> None:
    assert is_prefix("")
    assert is_prefix(key + "/")
    assert not is_prefix(key + "x")


@pytest.mark.parametrize(
    ("key", "taken"),
    [
        ("data_20_12_23_18_55.json", True),
        ("a/b/data_20_12_23_18_55-2.json.gz", True),
        ("other.json", True),
        ("a/rejects.json", True),
        ("my-uploads/a.json", True),
        ("x.meta.json", True),
        ("data_20_12_23_18_55-2.meta.json", False),
        ("a/data_20_12_23_18_55.meta.json", False),
        ("", False),
        ("a/", False),
        ("a.json/", False),
        ("a.ndjson", False),
        ("a.json.bz2", False),
        ("a.JSON", False),
        ("a.csv", False),
        ("uploads/a.json", False),
        ("x/manifests/t/a.json", False),
        ("rejects/t/a.json.gz", False),
    ],
)
def test_a_prefix_takes_json_that_is_none_of_our_notes(key: str, taken: bool) -> None:
    assert is_snapshot_key(key) is taken


@QUICK
@given(st.lists(NAMES, max_size=4), NAMES, st.sampled_from([".json", ".json.gz"]))
def test_whatever_folder_it_lies_in_only_those_of_notes_hide_a_snapshot(
    folders: list[str], name: str, ending: str
) -> None:
    key = "/".join([*folders, name + ending])
    assert is_snapshot_key(key) is not bool(NOT_SNAPSHOTS & set(folders))
    for notes in NOT_SNAPSHOTS:
        assert not is_snapshot_key(f"{notes}/{key}")
        assert not is_snapshot_key("/".join([*folders, notes, name + ending]))
