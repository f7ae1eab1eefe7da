"""The colours of the scales, as people see them who have all three cones, no green and no red ones."""

from itertools import combinations
from math import dist

import pytest

from aqi_service.core.palettes import Colour
from aqi_service.core.scales import DAQI, SCALES, US_EPA
from aqi_service.core.scoring import Scale

MACHADO = {
    "normal": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
}
"""Machado, Oliveira, Fernandes 2009, severity 1: linear sRGB to linear sRGB."""

XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
D65 = (0.95047, 1.0, 1.08883)

TOLD_APART = 20.0
"""Distance in Lab (CIE76) over which two areas of colour are told apart at a glance."""

Vector = tuple[float, ...]


def times(matrix: tuple[Vector, ...], vector: Vector) -> Vector:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def cube_root(value: float) -> float:
    return value ** (1 / 3) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29


def lab(colour: str, eyes: str) -> Vector:
    """Return L, a and b of `#rrggbb` as these eyes see it."""
    rgb = tuple(linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    seen = tuple(min(1.0, max(0.0, each)) for each in times(MACHADO[eyes], rgb))
    x, y, z = (cube_root(each / white) for each, white in zip(times(XYZ, seen), D65, strict=True))
    return (116 * y - 16, 500 * (x - y), 200 * (y - z))


def band_of(scale: Scale, index: int) -> str:
    return next(step.band for step in reversed(scale.tables[0].steps) if step.index_low <= index)


def nearest_across_bands(scale: Scale, eyes: str, name: str) -> tuple[float, int, int]:
    def far(one: Colour, other: Colour) -> float:
        return dist(lab(getattr(one, name), eyes), lab(getattr(other, name), eyes))

    return min(
        (round(far(one, other), 1), one.index_from, other.index_from)
        for one, other in combinations(scale.colours, 2)
        if band_of(scale, one.index_from) != band_of(scale, other.index_from)
    )


@pytest.mark.parametrize("eyes", MACHADO)
@pytest.mark.parametrize("scale", SCALES.values(), ids=lambda scale: scale.name)
def test_of_the_second_colours_all_pairs_across_bands_are_told_apart(scale: Scale, eyes: str) -> None:
    assert nearest_across_bands(scale, eyes, "second")[0] >= TOLD_APART


def test_the_official_colours_are_not_which_is_why_there_are_second_ones() -> None:
    assert nearest_across_bands(DAQI, "deuteranopia", "official") == (7.6, 2, 5)
    assert nearest_across_bands(US_EPA, "deuteranopia", "official") == (8.0, 0, 101)
    assert nearest_across_bands(DAQI, "normal", "official")[0] > 50


@pytest.mark.parametrize("scale", SCALES.values(), ids=lambda scale: scale.name)
def test_every_index_of_a_scale_has_a_colour_that_is_no_other_bands(scale: Scale) -> None:
    froms = [colour.index_from for colour in scale.colours]
    assert froms == sorted(set(froms))
    assert {step.index_low for step in scale.tables[0].steps} == set(froms)
    for name in ("official", "second"):
        assert len({getattr(colour, name) for colour in scale.colours}) == len(froms)
