"""Which sensors an answer has, and on which scale."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """Which sensors are wanted, and on which scale they are scored.

    Attributes:
        indoor: True to get indoor sensors as well.
        clean: True to get no sensors with the flags stale, high or low.
        scale: `daqi` or `us-epa`; None is the server's own scale.
    """

    indoor: bool = False
    clean: bool = False
    scale: str | None = None

    def words(self) -> tuple[str, ...]:
        """Return the words that end a request."""
        named = () if self.scale is None else ("scale", self.scale)
        return (*["indoor"] * self.indoor, *["clean"] * self.clean, *named)


USUAL = Choice()
"""No indoor sensors, flagged sensors included, the server's scale."""
