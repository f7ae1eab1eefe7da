"""A set of ids that needs few bytes for each: one byte if they lie close together, a dozen if not.

One rule: the set is exact for all ids, and no call takes long, since lookups wait while one runs.

Measurement ids mostly grow in sequence, so they are kept by page, as bits. Ids of a page that has only few
stand in sorted blocks instead, until there are enough for a page.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

_PAGE_BITS = 8
_MOST_LOOSE = 16
"""Most ids of one page that stand in a block: each needs 8 bytes there, and a page (a number in a dict) about
190."""

_MOST_IN_BLOCK = 1024
"""Most ids in a block: at most 8 KiB move to make room for a new one."""

_LARGEST = 2**64 - 1
"""The largest id that a block can hold; a larger one gets a page."""


class IdSet:
    """Integers from 0 on: `add`, `add_all`, `discard`, `update`, `isdisjoint`, `in`, `len`.

    Only tests give `most_loose` and `most_in_block` other values.
    """

    __slots__ = ("_blocks", "_most_in_block", "_most_loose", "_pages", "_size", "_starts")

    def __init__(self, most_loose: int = _MOST_LOOSE, most_in_block: int = _MOST_IN_BLOCK) -> None:
        self._most_loose, self._most_in_block = most_loose, most_in_block
        self._pages: dict[int, int] = {}
        self._blocks: list[array[int]] = [array("Q")]
        self._starts: list[int] = [0]  # a block's first page; the ids of one page are all in one block
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __contains__(self, number: int) -> bool:
        page = number >> _PAGE_BITS
        bits = self._pages.get(page)
        if bits is not None:
            return bool(bits >> (number & 255) & 1)
        block = self._blocks[bisect_right(self._starts, page) - 1]
        place = bisect_left(block, number)
        return place < len(block) and block[place] == number

    def add(self, number: int) -> None:
        """Put the number in."""
        page, bit = number >> _PAGE_BITS, 1 << (number & 255)
        bits = self._pages.get(page)
        if bits is None:
            self._size += self._add_loose(number, page) if number <= _LARGEST else self._open(page, bit)
        elif not bits & bit:
            self._pages[page] = bits | bit
            self._size += 1

    def add_all(self, numbers: Iterable[int]) -> None:
        """Put numbers in; neighbours on one page take little time."""
        last, added = -1, 0
        for number in numbers:
            page = number >> _PAGE_BITS
            if page != last:
                self._add_bits(last, added)
                last, added = page, 0
            added |= 1 << (number & 255)
        self._add_bits(last, added)

    def _add_bits(self, page: int, added: int) -> None:
        """Put numbers of one page in."""
        bits = self._pages.get(page)
        if bits is None:
            if added.bit_count() <= self._most_loose:
                for number in _numbers(page, added):
                    self.add(number)
                return
            bits = self._take_loose(page)
        self._pages[page] = bits | added
        self._size += (added & ~bits).bit_count()

    def isdisjoint(self, numbers: Iterable[int]) -> bool:
        """Tell whether none of the numbers is in; neighbours on one page are quick, as in `add_all`."""
        last, bits = -1, 0
        for number in numbers:
            page = number >> _PAGE_BITS
            if page != last:
                last, bits = page, self._bits_of(page)
            if bits >> (number & 255) & 1:
                return False
        return True

    def _bits_of(self, page: int) -> int:
        """Return the numbers of a page that are in, as bits."""
        bits = self._pages.get(page)
        if bits is not None:
            return bits
        block = self._blocks[bisect_right(self._starts, page) - 1]
        place = bisect_left(block, page << _PAGE_BITS)
        return _bits(block[slice(*_of_page(block, page, place))])

    def discard(self, number: int) -> bool:
        """Take the number out; tell whether it was in."""
        if number not in self:
            return False
        self._size -= 1
        page = number >> _PAGE_BITS
        bits = self._pages.get(page)
        if bits is None:
            self._discard_loose(number, page)
        elif bits & (bits - 1):
            self._pages[page] = bits ^ (1 << (number & 255))
        else:
            del self._pages[page]
        return True

    def update(self, other: "IdSet") -> None:
        """Put all numbers of another set in; each scattered one takes a few microseconds."""
        for page, theirs in other._pages.items():  # noqa: SLF001  # its own kind
            bits = self._pages.get(page)
            if bits is None:
                bits = self._take_loose(page)
            self._pages[page] = bits | theirs
            self._size += (theirs & ~bits).bit_count()
        for block in other._blocks:  # noqa: SLF001  # likewise
            for number in block:
                self.add(number)

    def _take_loose(self, page: int) -> int:
        """Take the ids of a page out of their block; return them as bits."""
        if page << _PAGE_BITS > _LARGEST:
            return 0
        block = self._blocks[bisect_right(self._starts, page) - 1]
        first, last = _of_page(block, page, bisect_left(block, page << _PAGE_BITS))
        bits = _bits(block[first:last])
        del block[first:last]
        return bits

    def _open(self, page: int, bits: int) -> bool:
        self._pages[page] = bits
        return True

    def _add_loose(self, number: int, page: int) -> bool:
        """Put a number into its block, or into a new page with its neighbours; tell whether it is new."""
        index = bisect_right(self._starts, page) - 1
        block = self._blocks[index]
        place = bisect_left(block, number)
        if place < len(block) and block[place] == number:
            return False
        first, last = _of_page(block, page, place)
        if last - first >= self._most_loose:
            bits = _bits(block[first:last]) | 1 << (number & 255)
            del block[first:last]
            return self._open(page, bits)
        block.insert(place, number)
        if len(block) > self._most_in_block:
            self._split(index)
        return True

    def _split(self, index: int) -> None:
        """Split a block in two where a page begins."""
        block = self._blocks[index]
        page = block[len(block) // 2] >> _PAGE_BITS
        cut = bisect_left(block, page << _PAGE_BITS)
        self._blocks.insert(index + 1, block[cut:])
        self._blocks[index] = block[:cut]
        self._starts.insert(index + 1, page)

    def _discard_loose(self, number: int, page: int) -> None:
        index = bisect_right(self._starts, page) - 1
        block = self._blocks[index]
        del block[bisect_left(block, number)]
        if not block and index:
            del self._blocks[index], self._starts[index]


def _bits(numbers: "array[int]") -> int:
    """Return ids of one page as bits."""
    bits = 0
    for number in numbers:
        bits |= 1 << (number & 255)
    return bits


def _numbers(page: int, bits: int) -> Iterator[int]:
    """Give the ids of a page for which these bits stand."""
    while bits:
        yield (page << _PAGE_BITS) + (bits & -bits).bit_length() - 1
        bits &= bits - 1


def _of_page(block: "array[int]", page: int, place: int) -> tuple[int, int]:
    """Return where a page's ids begin and end in a block; `place` is where one of them would stand."""
    first = last = place
    while first and block[first - 1] >> _PAGE_BITS == page:
        first -= 1
    while last < len(block) and block[last] >> _PAGE_BITS == page:
        last += 1
    return first, last
