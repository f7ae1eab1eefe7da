"""Which sensors an answer is of, and on which scale it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """Which sensors are wanted, and on which scale they are scored.

    Attributes:
        indoor: indoor sensors as well.
        clean: none that are flagged stale, high or low.
        scale: `daqi` or `us-epa`; None is the one that the server scores on.
    """

    indoor: bool = False
    clean: bool = False
    scale: str | None = None

    def words(self) -> tuple[str, ...]:
        """Return the words that end a request."""
        named = () if self.scale is None else ("scale", self.scale)
        return (*["indoor"] * self.indoor, *["clean"] * self.clean, *named)


USUAL = Choice()
"""No indoor sensors, flagged ones too, the server's scale."""
