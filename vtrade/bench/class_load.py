"""How does a gateway feel to a class of hundreds that all trade at once?

Rules: each account has a connection for its orders and a stream of its own, as a desk has. An order's acknowledgement
is the answer to its request (durable in the log); its fill is the frame of the account's own stream that tells it. The
load is open: orders are due at fixed times, whether or not earlier ones were answered, and a late answer counts from
the time at which its order was due.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from typing import Any, Final
from urllib.parse import quote, urlsplit

from vtrade.bench.fresh import BenchError

ENROL_AT_ONCE: Final = 50
CONNECT_AT_ONCE: Final = 20
SETTLE_S: Final = 5.0
"""After the last order, so long for its fill to come."""


class Http:
    """One kept-open connection that sends JSON and reads JSON; a thousand of them cost little."""

    def __init__(self, url: str, token: str) -> None:
        where = urlsplit(url)
        self._host, self._port = where.hostname or "127.0.0.1", where.port or 80
        self._token = token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._lock = asyncio.Lock()

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's document; anything but a 2xx is an error."""
        async with self._lock:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port)
            reader, writer = self._streams
            data = b"" if body is None else json.dumps(body).encode()
            head = (
                f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
                f"Authorization: Bearer {self._token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            )
            writer.write(head.encode() + data)
            status = int((await reader.readuntil(b"\r\n")).split()[1])
            length = 0
            while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            answer = await reader.readexactly(length) if length else b"null"
        if not 200 <= status < 300:
            raise BenchError(f"{method} {path} was answered with {status}: {answer[:300]!r}")
        return json.loads(answer)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._streams is not None:
            self._streams[1].close()


class Student:
    """One account: orders go out, fills come in."""

    def __init__(self, url: str, room: str, account: str, token: str) -> None:
        self.account = account
        self.http = Http(url, token)
        self.due: dict[bytes, float] = {}
        self.acks: list[float] = []
        self.fills: list[float] = []
        self.standings: list[float] = []
        self.frames = self.bytes = self.refused = 0
        self._url, self._room, self._token = url, room, token

    async def listen(self, ready: asyncio.Event) -> None:
        """Read the stream until it is canceled."""
        from websockets.asyncio.client import connect

        address = f"ws{self._url.removeprefix('http')}/v1/rooms/{quote(self._room)}/stream"
        headers = {"Authorization": f"Bearer {self._token}"}
        async with connect(address, additional_headers=headers, compression=None, max_size=None) as socket:
            async for frame in socket:
                ready.set()
                assert isinstance(frame, bytes)
                self.frames += 1
                self.bytes += len(frame)
                self._facts(frame)
                if b"\xa5ranks" in frame:
                    self.standings.append(time.perf_counter())

    def _facts(self, frame: bytes) -> None:
        if b"\xa4Fill" not in frame:
            return
        now = time.perf_counter()
        for name in [name for name in self.due if name in frame]:
            self.fills.append(now - self.due.pop(name))

    async def trade(self, symbol: str, first: float, every_s: float, orders: int) -> None:
        """Send an order now and then."""
        path = f"/v1/rooms/{quote(self._room)}/commands"
        for number in range(orders):
            due = first + number * every_s
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            name = f"{self.account}-{number}"
            order = {
                "type": "submit", "client_order_id": name, "symbol": symbol, "order_type": "market",
                "side": "buy" if number % 2 else "sell", "quantity": 1,
            }  # fmt: skip
            if number == 0:
                order["side"] = "buy"
            self.due[name.encode()] = due
            reply = await self.http.send("POST", path, {"id": name, "wait_s": 0, "commands": [order]})
            self.acks.append(time.perf_counter() - due)
            self.refused += reply["results"][0]["status"] == "refused"


async def run(
    url: str, owner: str, *, room: str = "class load", tape: str = "synthetic:7", accounts: int = 500,
    seconds: float = 120.0, every_s: float = 1.0, speed: float = 1.0,
) -> dict[str, Any]:  # fmt: skip
    """Make a room, let a class in, have it trade; what everybody felt, in seconds.

    Parameters
    ----------
    url, owner : str
        The gateway, and the token of its owner.
    accounts : int
    seconds, every_s : float
        How long, and the time between two orders of an account.
    speed : float
        Of the market.
    """
    boss = Http(url, owner)
    path = f"/v1/rooms/{quote(room)}"
    seen = await boss.send("POST", "/v1/rooms", {"name": room, "tape": tape})
    names = [f"student{number:04}" for number in range(accounts)]
    tokens: dict[str, str] = {}
    for first in range(0, accounts, ENROL_AT_ONCE):
        enrolled = await boss.send("POST", f"{path}/members", {"accounts": names[first : first + ENROL_AT_ONCE]})
        tokens |= {row["account"]: row["token"] for row in next(iter(enrolled.values()))}
    await boss.send("POST", f"{path}/commands", {"id": "go", "commands": [
        {"type": "room", "action": "start", "speed": speed}]})  # fmt: skip
    students = [Student(url, room, name, tokens[name]) for name in names]
    listening: list[asyncio.Task[None]] = []
    for first in range(0, accounts, CONNECT_AT_ONCE):
        ready = [asyncio.Event() for _ in students[first : first + CONNECT_AT_ONCE]]
        listening += [
            asyncio.create_task(student.listen(event))
            for student, event in zip(students[first : first + CONNECT_AT_ONCE], ready, strict=True)
        ]
        await asyncio.wait_for(asyncio.gather(*(event.wait() for event in ready)), 60)
    await asyncio.sleep(2.0)
    begin = time.perf_counter() + 1.0
    orders = int(seconds / every_s)
    symbol = seen["symbols"][0]
    gap = every_s / accounts
    await asyncio.gather(
        *(student.trade(symbol, begin + n * gap, every_s, orders) for n, student in enumerate(students))
    )
    took = time.perf_counter() - begin
    await asyncio.sleep(SETTLE_S)
    for task in listening:
        task.cancel()
    ended = await asyncio.gather(*listening, return_exceptions=True)
    await asyncio.gather(*(student.http.close() for student in students), boss.close())
    acks = sorted(ack for student in students for ack in student.acks)
    fills = sorted(fill for student in students for fill in student.fills)
    gaps = [after - before for s in students for before, after in zip(s.standings, s.standings[1:], strict=False)]
    broken = [error for error in ended if isinstance(error, Exception)]
    return {
        "orders": len(acks), "filled": len(fills), "refused": sum(s.refused for s in students),
        "unfilled": sum(len(s.due) for s in students), "per_s": len(acks) / took,
        "ack_p50_s": quantile(acks, 0.5), "ack_p99_s": quantile(acks, 0.99), "ack_max_s": acks[-1],
        "fill_p50_s": quantile(fills, 0.5), "fill_p99_s": quantile(fills, 0.99),
        "frames_per_s": sum(s.frames for s in students) / took, "kb_per_s": sum(s.bytes for s in students) / took / 1e3,
        "standings_gap_s": statistics.median(gaps) if gaps else None,
        "broken": len(broken), "why": repr(broken[0]) if broken else "",
    }  # fmt: skip


def quantile(values: list[float], share: float) -> float | None:
    """A quantile of sorted values; ``None`` without any.

    Examples
    --------
    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5)
    3.0
    """
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def main() -> None:
    """Run against a gateway: arguments as JSON on the command line; the figures as JSON on standard output."""
    import sys

    sys.stdout.write(json.dumps(asyncio.run(run(**json.loads(sys.argv[1])))) + "\n")


if __name__ == "__main__":
    main()
