# SPDX-License-Identifier: GPL-2.0
"""IPv6 is removed from a device and added again, while the director looks up routes through it.

    pktgen, CPU 0 ──► in0 (dummy) ── director ── out0 (veth) ──► a missing real server

VS-DR to an unresolved neighbour creates a route for each packet. If IPv6 is being removed from the
device at that time, the route has no inet6_dev.
"""

from __future__ import annotations

import subprocess
import threading
import time

from ippfvslab import netns
from ippfvslab.netns import Host
from ippfvslab.traffic import pktgen_write

import pylvs

RACE_S = 10
MAC = "02:00:00:00:00:01"
VIP, REAL, CLIENT = "fd00:9::100", "fd00:2::2", "fd00:5::1"
OWN = "addr add fd00:2::1/64 dev out0 nodad"
REMOVE_AND_ADD = ("link set out0 mtu 1200", "link set out0 mtu 1500", OWN)
"""IPv6 needs an MTU of 1,280 bytes."""


def test_removing_ipv6_from_a_device_does_no_harm_to_packets_in_flight() -> None:
    host = Host("ipv6removal")
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
    pktgen_write("kpktgend_0", "rem_device_all", "add_device in0")
    pktgen_write("in0", "xmit_mode netif_receive", "clone_skb 0", "burst 1", "delay 3000")
    pktgen_write(
        "in0", f"src6 {CLIENT}", f"dst6 {VIP}", f"dst_mac {MAC}", "count 0", "pkt_size 100"
    )
    pktgen_write("in0", "udp_src_min 5000", "udp_src_max 5001", "udp_dst_min 7", "udp_dst_max 7")
    flood = threading.Thread(target=pktgen_write, args=("pgctrl", "start"))
    flood.start()
    try:
        end = time.monotonic() + RACE_S
        while time.monotonic() < end:
            lines = "\n".join(REMOVE_AND_ADD * 10)
            subprocess.run(["ip", "-force", "-batch", "-"], input=lines, text=True, check=True)
    finally:
        pktgen_write("pgctrl", "stop")
        flood.join(10)
        pktgen_write("kpktgend_0", "rem_device_all")
    assert not flood.is_alive()
    assert lvs.stats().packets_in > 10_000
