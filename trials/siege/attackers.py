"""The attackers' process: `python -m trials.siege.attackers`, told by lines of JSON on stdin what to do.

One rule: a line that was read is answered by one line when it is done; all is bounded in number and time.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from aqi_service.core.frames import BUSY
from tests.doubles.patience import patience
from trials.siege.attacks import TURNED, Attack, Means, Odd, asks_on, box_unread, storm
from trials.siege.http_attacks import Crowd
from trials.siege.peers import Peer, Peers

CONCURRENT = 100
"""Connections begun at a time: fewer than the queue of a listening socket."""

SHOWN = 5


@dataclass(frozen=True)
class End:
    """How an attack ended: why the server had to cut it (None if it had not), and what was odd."""

    reason: str | None
    odd: str = ""


class Attackers:
    """Holds connections, and does with them what it is told; `tick` are the seconds of a slow peer's byte."""

    def __init__(self, port: int, http: int, ids: Sequence[str], tick: float) -> None:
        self._peers = Peers(port)
        self._http = Crowd(http)
        self._ids = [each.encode() for each in ids]
        self._tick = tick
        self._held: list[Peer] = []
        self._at_it: list[asyncio.Task[End]] = []

    async def hold(self, number: int) -> dict[str, Any]:
        """Connect so many that stay and say nothing."""
        self._held += await self._connected(number)
        return {"held": len(self._held)}

    async def release(self) -> dict[str, Any]:
        """Close all that is held, in order; tell how many the server had closed before."""
        closed = sum(peer.closed.done() for peer in self._held)
        for peer in self._held:
            peer.close()
        self._held.clear()
        return {"closed": closed}

    async def turn(self, number: int, seed: int) -> dict[str, Any]:
        """Turn held ones hostile, in each way as many; tell after how many seconds each was cut."""
        begun = asyncio.get_running_loop().time()
        turned = self._turned(number)
        ends = await asyncio.gather(
            *(self._run(TURNED[kind], peer, seed + place) for place, (kind, peer) in enumerate(turned))
        )
        after: dict[str, list[float]] = {kind: [] for kind in TURNED}
        for kind, peer in turned:
            if peer.closed.done():
                after[kind].append(peer.closed.result() - begun)
        return {"after": after} | _summed(ends)

    async def storm(self, number: int, window: int, http: int, seed: int) -> dict[str, Any]:
        """Attack so often, at most `window` at a time, beside a crowd of `http` at the HTTP port."""
        async with self._http.attacking(http, seed):
            return await self._storm(number, window, seed) | {"http": self._http.ends}

    async def _storm(self, number: int, window: int, seed: int) -> dict[str, Any]:
        places, connecting = asyncio.Semaphore(window), asyncio.Semaphore(CONCURRENT)
        ends: list[End] = []

        async def one(attack: Attack, seed: int) -> None:
            try:
                async with connecting:
                    peer = await self._peers.connect()
                ends.append(await self._run(attack, peer, seed))
            finally:
                places.release()

        async with asyncio.TaskGroup() as group:
            for attack, own_seed in storm(str(seed), number):
                await places.acquire()
                group.create_task(one(attack, own_seed))
        return _summed(ends)

    async def boxes(self, number: int, seed: int) -> dict[str, Any]:
        """Ask for so many boxes on connections of their own, and read none; tell of how many that is."""
        peers = await self._connected(number)
        ends = await asyncio.gather(
            *(self._run(box_unread, peer, seed + place) for place, peer in enumerate(peers))
        )
        return {"busy": sum(not (end.reason or end.odd) for end in ends)} | _summed(ends)

    async def crowd(self, number: int, refused: int, address: str) -> dict[str, Any]:
        """Connect so many, from one address or all; wait until so many are sent away, and tell how."""
        peers = await self._connected(number, address)
        async with patience():
            while sum(peer.closed.done() for peer in peers) < refused:  # noqa: ASYNC110 - of many events
                await asyncio.sleep(self._tick / 10)
        sent_away = [peer for peer in peers if peer.closed.done()]
        self._held += [peer for peer in peers if not peer.closed.done()]
        told = [(await peer.reply()).startswith(BUSY) for peer in sent_away]
        for peer in sent_away:
            peer.close()
        return {"stayed": number - len(told), "told": sum(told), "silent": told.count(False)}

    async def beset(self, stuck: int, busy: int, seed: int) -> dict[str, Any]:
        """Have some of the held be stuck and others ask on and on, and leave them at it."""
        attacks = [(TURNED[kind], peer) for kind, peer in self._turned(stuck)]
        attacks += [(asks_on, self._held.pop()) for _ in range(busy)]
        self._at_it = [
            asyncio.create_task(self._run(attack, peer, seed + place))
            for place, (attack, peer) in enumerate(attacks)
        ]
        await asyncio.sleep(self._tick)
        return {}

    async def ended(self) -> dict[str, Any]:
        """Wait for those who were left at it."""
        return _summed(await asyncio.gather(*self._at_it))

    def _turned(self, number: int) -> list[tuple[str, Peer]]:
        kinds = list(TURNED)
        return [(kinds[place % len(kinds)], self._held.pop()) for place in range(number)]

    async def _connected(self, number: int, address: str = "") -> list[Peer]:
        places = asyncio.Semaphore(CONCURRENT)

        async def one() -> Peer:
            async with places:
                return await self._peers.connect(address)

        return list(await asyncio.gather(*(one() for _ in range(number))))

    async def _run(self, attack: Attack, peer: Peer, seed: int) -> End:
        """Attack, and wait until the server has cut it if it has to."""
        means = Means(Random(seed), self._ids, self._tick)  # noqa: S311 - must be replayable
        try:
            async with patience():
                reason = await attack(peer, means)
                if reason and not peer.is_closed:
                    await peer.closed
        except (Odd, OSError) as error:  # a TimeoutError is an OSError
            return End(None, f"{attack.__name__}: {error!r}")
        finally:
            peer.close()
        return End(reason)

    @property
    def connects(self) -> int:
        """How many connections there have been."""
        return self._peers.connects


def _summed(ends: Sequence[End]) -> dict[str, Any]:
    odd = [end.odd for end in ends if end.odd]
    reasons = Counter(end.reason for end in ends if end.reason)
    return {"ends": len(ends), "cut": reasons, "odd": len(odd), "shown": odd[:SHOWN]}


async def main() -> None:
    """Do what stdin says, line by line, to its end."""
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    attackers = Attackers(**json.loads(await stdin.readline()))
    while line := await stdin.readline():
        order = json.loads(line)
        seen = await getattr(attackers, order.pop("do"))(**order)
        print(json.dumps(seen | {"connects": attackers.connects}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
