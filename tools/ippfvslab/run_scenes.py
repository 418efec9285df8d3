# SPDX-License-Identifier: GPL-2.0
"""The demo inside the guest or on the host, which runs the scenes and checks real packets."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ippfvslab import clients, nginx, warmup
from ippfvslab.capture import Capture, Frame, Packet
from ippfvslab.farm import Farm, endpoint
from ippfvslab.layouts import METHODS, layout
from ippfvslab.log import line
from ippfvslab.scenes import SCENES, Point, Row, Scene

EXAMPLE_PORT = 3456
EXAMPLE_TRIES = 12
REQUESTS = 90
BAR = 30
REQUEST = """\
#!/bin/sh
# request [ADDRESS [PORT]]: print the reply that the client gets from there
exec {python} -m ippfvslab.clients client "${{1:-{vip}}}" "${{2:-80}}"
"""
Seen = list[tuple[Frame, Packet]]


def main() -> int:
    """Run the chosen scenes. Return 0 only if every result was right."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--method", choices=METHODS)
    parser.add_argument("--shell", metavar="TTY")
    chosen = parser.parse_args()
    line(f"Linux {os.uname().release}, ippfvs from this tree, farms of network namespaces")
    in_guest = "IPPFVS_KERNEL" in os.environ
    with warmup.run() if in_guest else contextlib.nullcontext():
        verdicts = [run_scene(SCENES[method], chosen.shell) for method in _methods(chosen)]
    return 0 if all(verdicts) else 1


def _methods(chosen: argparse.Namespace) -> list[str]:
    if chosen.method:
        return [chosen.method]
    return [METHODS[0]] if chosen.shell else list(METHODS)


def run_scene(scene: Scene, shell: str | None = None) -> bool:
    """Run one scene. Return whether all of its results were right."""
    with Farm(layout(scene.method)) as farm:
        line(f"\n━━ {scene.title} ".ljust(81, "━"))
        line(scene.drawing)
        _run_commands(farm, scene)
        for host, address, port in scene.listen:
            nginx.serve(farm.hosts[host], host, (address, port))
        rows = _check_rows(farm, scene)
        shares = _check_shares(farm, scene)
        right = rows and shares
        line(
            f"{'✓' if right else '✗ WRONG:'} {scene.title.partition(':')[0]}: "
            f"packets {'as in the paper' if rows else 'differ from the paper'}, "
            f"shares {'as the weights say' if shares else 'not as the weights say'}"
        )
        if shell:
            _shell(farm, shell)
    return right


def _run_commands(farm: Farm, scene: Scene) -> None:
    for command in scene.setup:
        line(f"director# {command}    (1999: a kernel compile option)")
        farm.director.run(*shlex.split(command))
    for command in (*scene.commands, "ippfvsadm -L"):
        line(f"director# {command}")
        for text in farm.director.run(*shlex.split(command)).stdout.splitlines():
            line(f"  {text.rstrip()}")


def _check_rows(farm: Farm, scene: Scene) -> bool:
    """Send the paper's example request from its source port, and compare the packets."""
    for _ in range(EXAMPLE_TRIES):
        hosts = {row.point.host for row in scene.rows}
        captures = {name: Capture(farm.hosts[name]) for name in hosts}
        reply = clients.http_get(farm.client, farm.vip, 80, "/index.html", EXAMPLE_PORT)
        seen = {row.name: _packets_at(captures[row.point.host], row.point) for row in scene.rows}
        for capture in captures.values():
            capture.close()
        if reply.server == scene.example:
            break
    else:
        line(f"✗ {scene.example} served no request from port {EXAMPLE_PORT}")
        return False
    verdicts = [_compare(row, seen[row.name]) for row in scene.rows]
    if scene.unchanged:
        verdicts.append(_same_bytes(*(seen[name] for name in scene.unchanged)))
    return all(verdicts)


def _packets_at(capture: Capture, point: Point) -> Seen:
    """Return the packets of the example's flow at POINT, in their order."""
    return [
        (frame, packet)
        for frame, packet in capture.packets()
        if frame.device == point.device and frame.outgoing == point.outgoing
        if EXAMPLE_PORT in ((packet.inner or packet).ports or ())
    ]


def _compare(row: Row, seen: Seen) -> bool:
    """Print the paper's row and the captured one. Return whether all packets match the paper."""
    written = list(dict.fromkeys(_describe(row.point.form, *each) for each in seen)) or ["nothing"]
    right = written == [row.paper]
    line(f"  {row.name:23} paper {row.paper}")
    for text in written:
        line(f"  {'':21} {'✓' if right else '✗'} wire  {text}")
    return right


def _describe(form: str, frame: Frame, packet: Packet) -> str:
    if form == "inner":
        return _ends(packet.inner) if packet.inner else "no tunnel"
    if form == "mac":
        return f"MAC {frame.source_mac[-2:]}>{frame.dest_mac[-2:]} {_ends(packet)}"
    return _ends(packet)


def _ends(packet: Packet) -> str:
    source, dest = packet.ports or (None, None)
    return f"{endpoint(packet.source, source)} → {endpoint(packet.dest, dest)}"


def _same_bytes(before: Seen, after: Seen) -> bool:
    """Return whether only the TTL and the header checksum of the packets changed."""
    wanted = [_expected_part(packet) for _, packet in before]
    same = bool(wanted) and wanted == [_unchanged_part(packet) for _, packet in after]
    line(f"  {'':21} {'✓' if same else '✗'} every other byte is unchanged, the TTL is one less")
    return same


def _unchanged_part(packet: Packet) -> tuple[int, bytes]:
    return packet.ttl, packet.raw[:8] + packet.raw[9:10] + packet.raw[12:]


def _expected_part(packet: Packet) -> tuple[int, bytes]:
    ttl, rest = _unchanged_part(packet)
    return ttl - 1, rest


def _check_shares(farm: Farm, scene: Scene) -> bool:
    """Count the replies of each server. Return whether each share matches the weight exactly."""
    served: Counter[str] = Counter()
    for number in range(REQUESTS):
        reply = clients.http_get(farm.client, farm.vip, scene.ports[number % len(scene.ports)])
        served[reply.server if reply.status == 200 else f"status {reply.status}"] += 1
    total = sum(weight for _, weight in scene.weights.values())
    wanted = {name: REQUESTS * weight // total for name, (_, weight) in scene.weights.items()}
    for name, (rule, weight) in scene.weights.items():
        bar = "█" * round(served[name] * BAR / REQUESTS)
        line(f"  {rule:15} weight {weight}  {served[name]:3} of {REQUESTS} requests  {bar}")
    return dict(served) == wanted


def _shell(farm: Farm, tty: str) -> None:
    """Start a shell in the director and keep the farm until it ends."""
    home = Path(os.environ["IPPFVS_RUN"])
    (home / "shell-ready").touch()
    request = home / "bin/request"
    request.write_text(REQUEST.format(python=sys.executable, vip=farm.vip))
    request.chmod(0o755)
    line("-- this is a shell on the director; `exit` ends the farm")
    line(f"-- `request` sends a request to {farm.vip} from the client")
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
