"""A set of ids that grow mostly in sequence, in a few bits each.

One rule: exact, whatever the ids; small where they lie close together, as measurement ids do.
"""

_PAGE_BITS = 8


class IdSet:
    """Integers from 0 on: `add`, `discard`, `update`, `in`, `len`."""

    __slots__ = ("_pages", "_size")

    def __init__(self) -> None:
        self._pages: dict[int, int] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __contains__(self, number: int) -> bool:
        return bool(self._pages.get(number >> _PAGE_BITS, 0) >> (number & 255) & 1)

    def add(self, number: int) -> None:
        """Put the number in."""
        page, bit = number >> _PAGE_BITS, 1 << (number & 255)
        bits = self._pages.get(page, 0)
        if not bits & bit:
            self._pages[page] = bits | bit
            self._size += 1

    def discard(self, number: int) -> bool:
        """Take the number out; tell whether it was in."""
        page, bit = number >> _PAGE_BITS, 1 << (number & 255)
        bits = self._pages.get(page, 0)
        if not bits & bit:
            return False
        self._size -= 1
        if bits == bit:
            del self._pages[page]
        else:
            self._pages[page] = bits ^ bit
        return True

    def update(self, other: "IdSet") -> None:
        """Put all numbers of another set in."""
        for page, theirs in other._pages.items():  # noqa: SLF001  # its own kind
            bits = self._pages.get(page, 0)
            self._pages[page] = bits | theirs
            self._size += (theirs & ~bits).bit_count()
