# SPDX-License-Identifier: GPL-2.0
"""Rule sets as one REPLACE request carries them: packed, and unpacked; pure.

Packed, a rule takes 36 bytes (of an IPv4 server) of one block of memory; as values it
takes 200, in four blocks of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, htons, inet_pton

from . import wire
from .bulk import read_rules
from .codec import config_nest, real_nest, service_nest
from .endpoint import Endpoint
from .messages import Message
from .model import Config, Method, Real, Service
from .rows import Form
from .ruleset import Rule, Ruleset
from .wire import Body
from .words import checked_config, checked_real, checked_service


@dataclass(frozen=True, slots=True, eq=False)
class PackedRuleset:
    """A rule set that was read, packed.

    :ivar body: see :func:`pack`
    :ivar config: the settings
    :ivar source: where it was read
    :ivar line_numbers: there, of each service and each real server in their order
    """

    body: Body
    config: Config
    source: str
    line_numbers: Sequence[int]

    def unpack(self) -> Ruleset:
        """Return it as values."""
        services = tuple(read_rules([bytes(self.body)]))
        return Ruleset(services, self.config, self.source, self.line_numbers)

    def rule_at(self, index: int) -> Rule:
        """See :meth:`Ruleset.rule_at`; it unpacks all, for one that was refused."""
        return self.unpack().rule_at(index)


def pack(ruleset: Ruleset) -> bytearray:
    """Return the body of a REPLACE request.

    It has a nest of the settings, if there are any, then one of each service, each
    followed by those of its real servers.

    :raises InvalidValue: a value that no option would take
    """
    body = bytearray(pack_config(checked_config(ruleset.config)))
    for service in ruleset.services:
        body += pack_service(checked_service(service))
        for real in service.reals:
            body += pack_real(checked_real(service.protocol, real))
    return body


def pack_config(config: Config) -> bytes:
    """Return the nest of the settings that are not None, nothing when all are."""
    nest = config_nest(config)
    return wire.encode(Message, [nest]) if nest[1] else b""


def pack_service(service: Service) -> bytes:
    """Return the nest of a service, without its real servers."""
    return wire.encode(Message, [service_nest(service)])


def pack_real(real: Real) -> bytes:
    """Return the nest of a real server."""
    address, port = real.endpoint
    if real.method is None:
        return wire.encode(Message, [real_nest(real.endpoint, real.weight, None)])
    if ":" in address:
        return pack_real6(inet_pton(AF_INET6, address), port, real.weight, real.method)
    return pack_real4(inet_pton(AF_INET, address), port, real.weight, real.method)


def _real_packer(address: bytes) -> Callable[[bytes, int, int, int], bytes]:
    """Return what packs real servers with addresses of that length."""
    sample = real_nest(Endpoint.unpack(address), 1, Method.NAT)
    form = Form(Message, wire.encode(Message, [sample]))
    head, at_port, at_weight, at_method, tail = form.frames
    fill = form.struct.pack

    def packer(address: bytes, port: int, weight: int, method: int) -> bytes:
        return fill(head, address, at_port, htons(port), at_weight, weight, at_method, method, tail)

    return packer


# Of an address as on the wire, a port, a weight, a method: the nest of a real server.
pack_real4, pack_real6 = _real_packer(bytes(4)), _real_packer(bytes(16))
