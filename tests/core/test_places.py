"""Cities by any of their names, equal to looking at each of them; and what counts as the same name."""

import gzip
from collections.abc import Sequence
from itertools import starmap
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.geo import Point
from aqi_service.core.places import NEARBY_KM, PLACE_HEADER, Place, Places, fold, place_rows
from aqi_service.core.places_file import MOST_BYTES, read_places
from aqi_service.core.requests import MOST_PLACES
from aqi_service.core.slices import run_through
from aqi_service.errors import CutShort, FetchFailed, SnapshotRejected
from tests.doubles.geography import metres_between


class City(NamedTuple):
    """A line of the file."""

    place: Place
    others: Sequence[str] = ()


NAMES = st.text("aAäbBßs 'ø東", min_size=1, max_size=4)
CITIES = st.lists(
    st.builds(
        lambda name, country, size, others: City(Place(name, country, "48.1", "11.5", str(size)), others),
        NAMES,
        st.sampled_from(("DE", "GB", "US")),
        st.integers(50_000, 50_004),
        st.lists(NAMES, max_size=3),
    ),
    max_size=40,
)


def city(name: str, population: int, country: str = "DE", *others: str) -> City:
    return City(Place(name, country, "1", "2", str(population)), others)


def packed(cities: Sequence[City]) -> bytes:
    return gzip.compress("".join("\t".join((*c.place, *c.others)) + "\n" for c in cities).encode())


def read(*cities: City) -> Places:
    return run_through(read_places(packed(cities)))


def found(cities: Sequence[City], name: str, country: str | None) -> list[Place]:
    """Look at each of the cities."""
    code, text, ranked = "GB" if country == "UK" else country, fold(name), list[tuple[int, int, int, Place]]()
    for at, (place, others) in enumerate(cities):
        names = [(fold(place.name), 0), *((fold(other), 1) for other in others)]
        ranks = [second + 2 * (known != text) for known, second in names if known.startswith(text)]
        if ranks and code in (None, place.country):
            ranked.append((min(ranks), -int(place.population), at, place))
    return [place for *_, place in sorted(ranked)][:MOST_PLACES] if text else []


@given(CITIES.filter(bool), NAMES, st.sampled_from((None, "DE", "GB", "UK", "US", "FR")))
def test_what_is_found_is_what_looking_at_each_city_finds(
    cities: list[City], name: str, country: str | None
) -> None:
    assert read(*cities).find(name, country) == found(cities, name, country)


@given(CITIES.filter(bool))
def test_each_city_is_found_by_each_of_its_names(cities: list[City]) -> None:
    places = read(*cities)
    assert len(places) == len(cities)
    for place, others in cities:
        for name in filter(fold, (place.name, *others)):
            there = places.find(name)
            assert place in there or len(there) == MOST_PLACES


DEGREES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
CLOSE = st.builds(
    lambda latitude, longitude: (48 + latitude, 179.8 + longitude - 360 * (longitude > 0.2)),
    st.floats(0, 0.4),
    st.floats(0, 0.4),
)
"""Points on both sides of the antimeridian, most of them within 25 km of some others."""


@given(st.lists(DEGREES | CLOSE, min_size=1, max_size=20), st.lists(DEGREES | CLOSE, min_size=1))
def test_the_nearest_city_is_the_one_that_brute_force_finds(
    cities: list[tuple[float, float]], asked: list[tuple[float, float]]
) -> None:
    made = [
        City(Place(str(at), "DE", str(latitude), str(longitude), str(90_000 - at)))
        for at, (latitude, longitude) in enumerate(cities)
    ]
    places = read(*made)
    for point in starmap(Point, asked):
        away = [metres_between(point, Point(*city)) for city in cities]
        found = places.near(point)
        nearest = min(away)
        if found is None:
            assert nearest >= NEARBY_KM * 1_000 - 1
        else:
            assert away[int(found.name)] <= min(nearest + 1, NEARBY_KM * 1_000)


def test_of_two_cities_on_one_point_the_larger_is_the_nearest() -> None:
    places = read(city("Small", 60_000), city("Large", 70_000))
    near = places.near(Point(1.1, 2.1))
    assert near is not None
    assert near.name == "Large"
    assert places.near(Point(1.3, 2)) is None


def test_an_own_name_comes_before_that_of_a_larger_city_which_is_called_so_as_well() -> None:
    places = read(city("Dayton", 135_512, "US", "Venice"), city("Venice", 51_298, "IT", "Venezia"))
    assert [place.country for place in places.find("Venice")] == ["IT", "US"]
    assert [place.country for place in places.find("ven")] == ["IT", "US"]


def test_at_most_ten_are_found_the_exact_ones_first_and_of_these_the_larger() -> None:
    towns = [city(f"Neustadt {number}", 900_000 + number) for number in range(12)]
    places = read(city("Neustadt", 50_000, "AT"), *towns, city("Neustadt", 60_000, "CH"))
    rows = places.find("neustadt")
    assert [place.country for place in rows[:2]] == ["CH", "AT"]
    assert [place.name for place in rows[2:]] == [f"Neustadt {number}" for number in range(11, 3, -1)]


def test_cities_that_are_found_by_many_of_their_names_leave_room_for_others() -> None:
    many = [city(f"Bonn {n}", 90_009 - n, "DE", "Bonn", *(f"Bonn{a}" for a in "abcdefgh")) for n in range(9)]
    places = read(*many, city("Wien", 60_000, "AT", "Bonnau"))
    assert [place.name for place in places.find("bonn")] == [*(f"Bonn {n}" for n in range(9)), "Wien"]


def test_a_name_that_goes_on_in_any_letter_begins_so() -> None:
    towns = [city(f"Bonn{letter}", 90_000) for letter in ("", " a", "a", "z", "東", "\U0001e943")]
    assert len(read(*towns).find("bonn")) == len(towns)


@pytest.mark.parametrize("name", ["", " ", "-", "'", "\u0301", "\0", "😀"])
def test_a_name_without_a_letter_or_digit_finds_nothing(name: str) -> None:
    assert read(city("Bonn", 90_000), city("-", 90_000)).find(name) == []


def test_gb_and_uk_are_one_and_the_row_has_the_file_s_code() -> None:
    places = read(city("Bath", 101_557, "GB"), city("Bath", 60_000, "US"))
    assert [place.country for place in places.find("bath", "UK")] == ["GB"]
    assert [place.country for place in places.find("bath", "GB")] == ["GB"]


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("München", "munchen"),
        ("MU\u0308NCHEN", "munchen"),
        ("Gießen", "GIESSEN"),
        ("GROẞENHAIN", "grossenhain"),
        ("Łódź", "lodz"),
        ("København", "kobenhavn"),
        ("Đà Nẵng", "da nang"),
        ("Ærøskøbing", "aeroskobing"),
        ("Þorlákshöfn", "thorlakshofn"),
        ("İzmir", "izmir"),
        ("I\u011fd\u0131r", "igdir"),
        ("Gəncə", "gence"),
        ("Ħamrun", "hamrun"),
        ("L\u2019Aquila", "l'aquila"),
        ("Ta\u02bcif", "taif"),
        ("Saint-Denis", "SAINT  DENIS"),
        ("St. Gallen", "st gallen"),
        ("Frankfurt (Oder)", "frankfurt oder"),
        ("СОФИЯ", "софия"),
        ("Йошкар-Ола", "иошкар ола"),
        ("Αθήνα", "αθηνα"),
        ("\uff34\uff4f\uff4b\uff59\uff4f", "tokyo"),
    ],
)
def test_names_are_the_same_but_for_case_accents_and_what_parts_words(name: str, same: str) -> None:
    assert fold(name) == fold(same)


@pytest.mark.parametrize(
    ("name", "other"), [("Bonn", "Bon"), ("Sankt Polten", "Sanktpolten"), ("दिल्ली", "दलल")]
)
def test_other_names_are_not(name: str, other: str) -> None:
    assert fold(name) != fold(other)


def test_a_vowel_sign_parts_no_word() -> None:
    assert fold("दिल्ली").split() == [fold("दिल्ली")]


@given(st.text())
def test_what_was_folded_stays_as_it_is(name: str) -> None:
    once = fold(name)
    assert fold(once) == once
    assert "  " not in once.strip(" ")
    assert once == once.strip(" ")


def test_rows_are_csv_under_a_header_line() -> None:
    rows = place_rows([Place("=1, Bonn", "DE", "-50.734", "7.1", "330579")])
    assert rows == b'name,country,latitude,longitude,population\r\n"\'=1, Bonn",DE,-50.734,7.1,330579\r\n'
    assert place_rows([]) == PLACE_HEADER


def test_reading_is_cut_into_many_slices() -> None:
    slices = sum(1 for _ in read_places(packed([city(f"Town {n}", 50_000 + n) for n in range(1_000)])))
    assert slices >= 20


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (packed([city("Bonn", 90_000)])[:-9], CutShort),
        (b"\x1f\x8bno gzip", FetchFailed),
        (b"<html>", ValueError),
        (b"", ValueError),
        (gzip.compress(b"\xff"), ValueError),
        (gzip.compress(b"\n" * (MOST_BYTES + 1)), SnapshotRejected),
        (gzip.compress(b"Bonn\tDE\t1\n"), ValueError),
    ],
    ids=("cut", "no gzip", "html", "empty", "no text", "too large", "no city"),
)
def test_a_damaged_file_is_an_error_and_not_a_list_that_lacks_some(
    data: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        run_through(read_places(data))
