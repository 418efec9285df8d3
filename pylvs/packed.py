# SPDX-License-Identifier: GPL-2.0
"""Rule sets as one REPLACE request carries them: packed, and unpacked; pure.

Packed, a rule takes some 40 bytes in a single block of memory; as values it takes
several hundred, in five blocks.
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


@dataclass(frozen=True, slots=True)
class PackedRuleset:
    """A rule set, packed.

    :ivar body: a nest of the settings, if there are any, then one of each service, each
        followed by those of its real servers
    :ivar config: the settings
    :ivar source: where it was read; empty when it was not
    :ivar line_numbers: there, of each service and each real server in their order
    """

    body: Body
    config: Config
    source: str = ""
    line_numbers: Sequence[int] = ()

    def unpack(self) -> Ruleset:
        """Return it as values."""
        services = tuple(read_rules([bytes(self.body)]))
        return Ruleset(services, self.config, self.source, self.line_numbers)

    def rule_at(self, index: int) -> Rule:
        """See :meth:`Ruleset.rule_at`."""
        return self.unpack().rule_at(index)


def pack(ruleset: Ruleset) -> PackedRuleset:
    """Return a rule set, packed."""
    body = bytearray(pack_config(ruleset.config))
    for service in ruleset.services:
        body += pack_service(service)
        for real in service.reals:
            body += pack_real(real)
    return PackedRuleset(body, ruleset.config, ruleset.source, ruleset.line_numbers)


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
        return _pack_real6(inet_pton(AF_INET6, address), port, real.weight, real.method)
    return pack_real4(inet_pton(AF_INET, address), port, real.weight, real.method)


def _real_packer(address: bytes) -> Callable[[bytes, int, int, int], bytes]:
    """Return what packs real servers with addresses of that length."""
    sample = real_nest(Endpoint.unpack(address), 1, Method.NAT)
    form = Form(Message, wire.encode(Message, [sample]))
    head, at_port, at_weight, at_method, tail = form.frames
    pack_form = form.struct.pack

    def packer(address: bytes, port: int, weight: int, method: int) -> bytes:
        return pack_form(
            head, address, at_port, htons(port), at_weight, weight, at_method, method, tail
        )

    return packer


pack_real4 = _real_packer(bytes(4))
"""Return the nest of a real server: of its IPv4 address as on the wire, port, weight, method."""

_pack_real6 = _real_packer(bytes(16))
