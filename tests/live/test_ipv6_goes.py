# SPDX-License-Identifier: GPL-2.0
"""A device loses IPv6, and gets it back, while packets look for a route by it.

    pktgen, CPU 0 ──► in0 (dummy) ── director ── out0 (veth) ──► a real server that is not there

VS-DR to a neighbour that is not resolved makes a route for each packet. One that is made just when
the device loses IPv6 has no device of IPv6.
"""

from __future__ import annotations

import subprocess
import threading
import time

from ippfvslab import netns
from ippfvslab.netns import Host
from ippfvslab.pktgen import tell

import pylvs

RACE_S = 10
MAC = "02:00:00:00:00:01"
VIP, REAL, CLIENT = "fd00:9::100", "fd00:2::2", "fd00:5::1"
OWN = "addr add fd00:2::1/64 dev out0 nodad"
GOES_AND_COMES = ("link set out0 mtu 1200", "link set out0 mtu 1500", OWN)
"""IPv6 needs 1,280 bytes."""


def test_while_packets_are_sent_by_it() -> None:
    host = Host("goes")
    netns.ip([f"netns add {host.name}"])
    try:
        subprocess.run(["modprobe", "pktgen"], check=True)
        with host.inside(), pylvs.Manager() as lvs:
            _build(host)
            service = lvs.add_service("udp", f"[{VIP}]:7", "rr")
            lvs.add_real(service, f"[{REAL}]:7", method="dr")
            _race(lvs)
            lvs.clear()
    finally:
        netns.ip([f"netns del {host.name}"])


def _build(host: Host) -> None:
    host.ip(
        "link set lo up",
        f"link add in0 address {MAC} type dummy",
        "link set in0 up",
        "link add out0 type veth peer name beyond",
        "link set out0 up",
        "link set beyond up",
        "addr add fd00:1::1/64 dev in0 nodad",
        f"addr add {VIP}/128 dev in0 nodad",
        OWN,
        "route add fd00:5::/64 dev in0",
    )
    host.sysctl("ipv6.conf.all.forwarding", 1)


def _race(lvs: pylvs.Manager) -> None:
    tell("kpktgend_0", "rem_device_all", "add_device in0")
    tell("in0", "xmit_mode netif_receive", "clone_skb 0", "burst 1", "delay 3000")
    tell("in0", f"src6 {CLIENT}", f"dst6 {VIP}", f"dst_mac {MAC}", "count 0", "pkt_size 100")
    tell("in0", "udp_src_min 5000", "udp_src_max 5001", "udp_dst_min 7", "udp_dst_max 7")
    flood = threading.Thread(target=tell, args=("pgctrl", "start"))
    flood.start()
    try:
        end = time.monotonic() + RACE_S
        while time.monotonic() < end:
            lines = "\n".join(GOES_AND_COMES * 10)
            subprocess.run(["ip", "-force", "-batch", "-"], input=lines, text=True, check=True)
    finally:
        tell("pgctrl", "stop")
        flood.join(10)
        tell("kpktgend_0", "rem_device_all")
    assert not flood.is_alive()
    assert lvs.stats().packets_in > 10_000
