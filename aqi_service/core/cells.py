"""What lies in each cell of the Earth (geo.cell_of), as positions in a list of something.

One rule: one array holds the positions of all cells, since one object for each cell would slow every full
garbage collection.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aqi_service.core.slices import BUILD_SLICE, Slices


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The positions in each cell, one cell's behind the other's.

    Attributes:
        places: where each cell's positions begin among all of them.
    """

    places: Mapping[int, int]
    _positions: Sequence[int]
    _ends: Sequence[int]

    def positions(self, cell: int) -> Sequence[int]:
        """Return the positions in a cell, in the order in which they were put there."""
        place = self.places.get(cell)
        return () if place is None else self._positions[self._ends[place] : self._ends[place + 1]]


class CellsBuilder:
    """Collects positions by cell, then makes Cells of them."""

    def __init__(self) -> None:
        self._filled: dict[int, array[int]] = {}

    def put(self, cell: int, position: int) -> None:
        """Put a position into a cell."""
        self._filled.setdefault(cell, array("l")).append(position)

    def done(self) -> Slices[Cells]:
        """Return the cells; nothing may be put into them any more."""
        places, positions, ends = dict[int, int](), array("l"), array("l", [0])
        for place, (cell, some) in enumerate(self._filled.items()):
            if place % BUILD_SLICE == 0:
                yield
            places[cell] = place
            positions.extend(some)
            ends.append(len(positions))
        return Cells(places, positions, ends)
