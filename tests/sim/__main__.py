"""Does every promise hold for a whole night of seeds? ``python -m tests.sim --seeds 10000``, or ``make sim``.

Rules: the first seed that fails ends the run; it is printed with what to type to live that day again. Days are dealt
out to as many processes as there are processors; a day is the same in any of them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter

from tests.sim.days import live

SHOW_EVERY = 100


def main() -> int:
    """Live through days; 0 if all promises were kept, 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1_000, help="how many days")
    parser.add_argument("--from", dest="first", type=int, default=0, help="seed of the first day")
    parser.add_argument("--seed", type=int, help="only this day")
    parser.add_argument("--trace", action="store_true", help="print everything that happened on that day")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(), help="processes")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        return one(chosen.seed, trace=chosen.trace)
    return many(range(chosen.first, chosen.first + chosen.seeds), jobs=chosen.jobs)


def one(seed: int, *, trace: bool) -> int:
    """Live through one day."""
    day = live(seed)
    if trace:
        sys.stdout.write("\n".join(day.trace) + "\n")
    sys.stdout.write(f"{day}\ntrace {day.trace_hash}\n")
    return int(bool(day.why))


def many(seeds: range, *, jobs: int) -> int:
    """Live through many days, up to the first that goes wrong."""
    began, seen = time.monotonic(), Counter[str]()
    with multiprocessing.get_context("spawn").Pool(max(1, min(jobs, len(seeds)))) as pool:
        for count, day in enumerate(pool.imap(live, seeds, chunksize=4), start=1):
            if day.why:
                sys.stdout.write(f"\n{day}\n")
                return 1
            seen += day.seen
            if count % SHOW_EVERY == 0 or count == len(seeds):
                pace = count / (time.monotonic() - began)
                sys.stdout.write(f"\r{count:,} of {len(seeds):,} days, {pace:.1f} a second, all promises kept")
                sys.stdout.flush()
    told = ", ".join(f"{what} {times:,}" for what, times in sorted(seen.items()))
    sys.stdout.write(f"\n{told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
