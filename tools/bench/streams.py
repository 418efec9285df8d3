# SPDX-License-Identifier: GPL-2.0
"""The streams of packets that benchmarks send to a variant."""

from __future__ import annotations

from bench.farm import CLIENT, MAC_OUT, PORT, Variant
from bench.flood import Field, Stream
from bench.packets import ACK, PUSH, End, frame, partial

FIRST_PORT, MANY = 1024, 60_000
STRIDE = 22_111
"""The distance between the flows of two successive packets. It has no common divisor with MANY.

Connections are created in the order of ports. If packets came in that order, too, the processor
would prefetch the entries, which are adjacent in memory.
"""
DATA = b"ippfvs"
MSS = 1448
PAYLOAD = 44 * MSS


def stream(
    variant: Variant,
    ports: int = MANY,
    *,
    flags: int = ACK,
    answers: bool = False,
    gso: bool = False,
    client: str = "",
    first_port: int = FIRST_PORT,
    stride: int = 1,
    addresses: int = 1,
    jumping: bool = False,
    busy: int = 1,
    cpu: int = 0,
) -> Stream:
    """Return packets of PORTS × ADDRESSES flows to VARIANT's service.

    If ANSWERS, the packets are the replies of the real server to these flows.

    The flows start at CLIENT and FIRST_PORT. The port moves by STRIDE with every packet. The
    address moves when all ports have been used or, if JUMPING, with every packet. All packets go to
    the middle service. If BUSY is larger than 1, they go in turn to the BUSY middle services. If
    GSO, packets have PAYLOAD bytes.
    """
    case = variant.case
    near = End(client or CLIENT[case.family], first_port)
    first_vip = (len(case.vips) - busy) // 2
    far = End(case.reals[0] if variant.direct or answers else case.vips[first_vip], PORT)
    ends, mac = ((far, near), MAC_OUT) if answers else ((near, far), variant.mac)
    data = DATA if flags == PUSH and not gso else b""
    packet = frame(mac, case.protocol, *ends, flags=flags, data=data)
    port = packet.dest_port if answers else packet.source_port
    fields = [Field(port, 2, first_port, ports, stride % ports)]
    if addresses > 1:
        fields.append(Field(packet.source, 4, near.number, addresses, chained=not jumping))
    if busy > 1:
        fields.append(Field(packet.dest, 4, far.number, busy))
    return Stream(
        netns=variant.host.path,
        frame=partial(packet, PAYLOAD) if gso else packet.data,
        ip_check=packet.ip_check,
        l4_check=0 if gso else packet.l4_check,
        fields=fields,
        into="out0" if answers else f"in{cpu}",
        out="in0" if answers else "out0",
        cpu=cpu,
        gso_size=MSS if gso else 0,
        payload=PAYLOAD if gso else 0,
    )
