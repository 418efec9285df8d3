# SPDX-License-Identifier: GPL-2.0
"""The demo, inside the guest (or on the host): plays acts on real packets and judges them."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ippfvslab import nginx, steady, web
from ippfvslab.farm import Farm, endpoint
from ippfvslab.layouts import METHODS, layout
from ippfvslab.say import line
from ippfvslab.stage import ACTS, Act, Point, Row
from ippfvslab.wire import Capture, Frame, Packet

EXAMPLE_PORT = 3456
EXAMPLE_TRIES = 12
REQUESTS = 90
BAR = 30
REQUEST = """\
#!/bin/sh
# request [ADDRESS [PORT]]: what the client gets from there
exec {python} -m ippfvslab.web client "${{1:-{vip}}}" "${{2:-80}}"
"""
Seen = list[tuple[Frame, Packet]]


def main() -> int:
    """Play the acts that the words name; 0 only when everything was right."""
    words = argparse.ArgumentParser()
    words.add_argument("--method", choices=METHODS)
    words.add_argument("--shell", metavar="TTY")
    chosen = words.parse_args()
    line(f"Linux {os.uname().release}, ippfvs of this tree, farms of namespaces")
    in_guest = "IPPFVS_KERNEL" in os.environ
    with steady.code() if in_guest else contextlib.nullcontext():
        verdicts = [perform(ACTS[method], chosen.shell) for method in _methods(chosen)]
    return 0 if all(verdicts) else 1


def _methods(chosen: argparse.Namespace) -> list[str]:
    if chosen.method:
        return [chosen.method]
    return [METHODS[0]] if chosen.shell else list(METHODS)


def perform(act: Act, shell: str | None = None) -> bool:
    """Show one method from its farm to its verdict; answer whether all was right."""
    with Farm(layout(act.method)) as farm:
        line(f"\n━━ {act.title} ".ljust(81, "━"))
        line(act.drawing)
        _type_commands(farm, act)
        for host, address, port in act.listen:
            nginx.serve(farm.hosts[host], host, (address, port))
        rows = _rows(farm, act)
        shares = _shares(farm, act)
        right = rows and shares
        line(
            f"{'✓' if right else '✗ WRONG:'} {act.title.partition(':')[0]}: "
            f"packets {'as in the paper' if rows else 'differ from the paper'}, "
            f"shares {'as the weights say' if shares else 'not as the weights say'}"
        )
        if shell:
            _shell(farm, shell)
    return right


def _type_commands(farm: Farm, act: Act) -> None:
    for command in act.setup:
        line(f"director# {command}    (1999: a kernel compile option)")
        farm.director.run(*shlex.split(command))
    for command in (*act.commands, "ippfvsadm -L"):
        line(f"director# {command}")
        for text in farm.director.run(*shlex.split(command)).stdout.splitlines():
            line(f"  {text.rstrip()}")


def _rows(farm: Farm, act: Act) -> bool:
    """Send the paper's example request, from its port to its server, and compare."""
    for _ in range(EXAMPLE_TRIES):
        hosts = {row.point.host for row in act.rows}
        captures = {name: Capture(farm.hosts[name]) for name in hosts}
        reply = web.get(farm.client, farm.vip, 80, "/index.html", EXAMPLE_PORT)
        seen = {row.name: _seen(captures[row.point.host], row.point) for row in act.rows}
        for capture in captures.values():
            capture.close()
        if reply.server == act.example:
            break
    else:
        line(f"✗ no request from port {EXAMPLE_PORT} was served by {act.example}")
        return False
    verdicts = [_compare(row, seen[row.name]) for row in act.rows]
    if act.unchanged:
        verdicts.append(_same_bytes(*(seen[name] for name in act.unchanged)))
    return all(verdicts)


def _seen(capture: Capture, point: Point) -> Seen:
    """The packets of the example's flow at POINT, in their order."""
    return [
        (frame, packet)
        for frame, packet in capture.packets()
        if frame.device == point.device and frame.outgoing == point.outgoing
        if EXAMPLE_PORT in ((packet.inner or packet).ports or ())
    ]


def _compare(row: Row, seen: Seen) -> bool:
    """Print the paper's row and the wire's; right when all packets there look like the paper's."""
    written = list(dict.fromkeys(_write(row.point.form, *each) for each in seen)) or ["nothing"]
    right = written == [row.paper]
    line(f"  {row.name:23} paper {row.paper}")
    for text in written:
        line(f"  {'':21} {'✓' if right else '✗'} wire  {text}")
    return right


def _write(form: str, frame: Frame, packet: Packet) -> str:
    if form == "inner":
        return _ends(packet.inner) if packet.inner else "no tunnel"
    if form == "mac":
        return f"MAC {frame.source_mac[-2:]}>{frame.dest_mac[-2:]} {_ends(packet)}"
    return _ends(packet)


def _ends(packet: Packet) -> str:
    source, dest = packet.ports or (None, None)
    return f"{endpoint(packet.source, source)} → {endpoint(packet.dest, dest)}"


def _same_bytes(before: Seen, after: Seen) -> bool:
    """Whether the packets left as they came, but for TTL and the checksum that covers it."""
    same = [_passed(packet) for _, packet in before] == [_kept(packet) for _, packet in after] != []
    line(f"  {'':21} {'✓' if same else '✗'} every other byte is the same, the TTL one less")
    return same


def _kept(packet: Packet) -> tuple[int, bytes]:
    return packet.ttl, packet.raw[:8] + packet.raw[9:10] + packet.raw[12:]


def _passed(packet: Packet) -> tuple[int, bytes]:
    ttl, rest = _kept(packet)
    return ttl - 1, rest


def _shares(farm: Farm, act: Act) -> bool:
    """Count who answers; right when each server's share is exactly its weight's."""
    served: Counter[str] = Counter()
    for number in range(REQUESTS):
        reply = web.get(farm.client, farm.vip, act.ports[number % len(act.ports)])
        served[reply.server if reply.status == 200 else f"status {reply.status}"] += 1
    total = sum(weight for _, weight in act.weights.values())
    wanted = {name: REQUESTS * weight // total for name, (_, weight) in act.weights.items()}
    for name, (rule, weight) in act.weights.items():
        bar = "█" * round(served[name] * BAR / REQUESTS)
        line(f"  {rule:15} weight {weight}  {served[name]:3} of {REQUESTS} requests  {bar}")
    return dict(served) == wanted


def _shell(farm: Farm, tty: str) -> None:
    """Leave the user at a prompt in the director, the farm standing."""
    home = Path(os.environ["IPPFVS_RUN"])
    (home / "shell-ready").touch()
    request = home / "bin/request"
    request.write_text(REQUEST.format(python=sys.executable, vip=farm.vip))
    request.chmod(0o755)
    line("-- you are on the director; `exit` ends the farm")
    line(f"-- `request` asks {farm.vip} as the client")
    command = ["setsid", "-c", "bash", "--norc", "-i"]
    environment = {**os.environ, "PS1": "director# ", "TERM": os.environ.get("TERM", "linux")}
    with farm.director.inside():
        if tty == "-":
            subprocess.run(command[2:], env=environment, check=False)
            return
        with open(tty, "r+b", buffering=0) as terminal:
            subprocess.run(
                ["stty", *os.environ["IPPFVS_SCREEN"].split()], stdin=terminal, check=True
            )
            subprocess.run(
                command,
                env=environment,
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                check=False,
            )


if __name__ == "__main__":
    raise SystemExit(main())
