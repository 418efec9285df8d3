# SPDX-License-Identifier: GPL-2.0
"""In the guest: ask every question of every lane, round after round, and write the figures down."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from ippfvslab.bench.lanes import CLIENT, Lane, build_director, connections, run
from ippfvslab.bench.pktgen import Flood, Generator
from ippfvslab.bench.questions import QUESTIONS, Question
from ippfvslab.say import line

ADDRESSES = 131_000
PORTS = 60_000


def main() -> int:
    """Measure what the words name and leave RUN/figures.json."""
    words = argparse.ArgumentParser()
    words.add_argument("--rounds", type=int, default=7)
    words.add_argument("--packets", type=int, default=1_000_000)
    words.add_argument("names", nargs="*")
    chosen = words.parse_args()
    build_director()
    run("modprobe", "pktgen")
    generator = Generator("in0")
    figures = {}
    for question in QUESTIONS:
        if chosen.names and question.name not in chosen.names:
            continue
        line(f"-- {question.title}")
        figures[question.name] = _ask(generator, question, chosen.rounds, chosen.packets)
    Path(os.environ["IPPFVS_RUN"], "figures.json").write_text(json.dumps(figures))
    return 0


def _ask(
    generator: Generator, question: Question, rounds: int, packets: int
) -> dict[str, list[float]]:
    """Figures of each lane, a round each; lanes alternate, so that noise hits all alike."""
    figures: dict[str, list[float]] = {lane.name: [] for lane in question.lanes}
    for _ in range(rounds):
        for lane in question.lanes:
            figures[lane.name].append(_once(generator, question, lane, packets))
    for name, all_of_them in figures.items():
        line(f"   {name:8} best {max(all_of_them) / 1e6:.2f} M/s")
    return figures


def _once(generator: Generator, question: Question, lane: Lane, packets: int) -> float:
    """One round: the figure counts only when every packet came out at the other end."""
    with lane.up():
        if question.new:
            flood = Flood(lane.mac, CLIENT[4], lane.dest, PORTS, ADDRESSES)
            packets //= 2
        else:
            flood = Flood(lane.mac, CLIENT[lane.family], lane.dest, question.flows)
            generator.send(flood, 2 * question.flows)
        before = _forwarded()
        figure = generator.send(flood, packets)
        came = _forwarded() - before
        if lane.name != "floor" and came < packets:
            raise RuntimeError(f"{question.name}: {lane.name} lost {packets - came} of {packets}")
        if question.new and (made := connections(lane)) != packets:
            raise RuntimeError(f"{question.name}: {lane.name} made {made} of {packets}")
        return figure


def _forwarded() -> int:
    return int(Path("/sys/class/net/out0/statistics/tx_packets").read_text())


if __name__ == "__main__":
    raise SystemExit(main())
