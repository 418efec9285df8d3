# SPDX-License-Identifier: GPL-2.0
"""An address with a port: parse and print ``10.0.0.1:80``, ``[2001:db8::1]:80``."""

from __future__ import annotations

import socket
from typing import NamedTuple

from .errors import InvalidValue

_FAMILY_OF_LENGTH = {4: socket.AF_INET, 16: socket.AF_INET6}


class Endpoint(NamedTuple):
    """An IPv4 or IPv6 address and a port.

    :ivar address: the address in its canonical text form, without brackets
    :ivar port: 0..65535; 0 is every port of a service; of a real server,
        what its service has
    """

    address: str
    port: int = 0

    @property
    def family(self) -> int:
        """Return ``socket.AF_INET`` or ``socket.AF_INET6``."""
        return int(socket.AF_INET6 if ":" in self.address else socket.AF_INET)

    @property
    def packed(self) -> bytes:
        """Return the address as on the wire: 4 or 16 bytes.

        :raises InvalidValue: it is no address
        """
        try:
            return socket.inet_pton(self.family, self.address)
        except (OSError, TypeError, ValueError):
            raise InvalidValue(f"'{self.address}' is not an IP address") from None

    @classmethod
    def unpack(cls, packed: bytes, port: int = 0) -> Endpoint:
        """Make an endpoint of an address of 4 or 16 bytes.

        :raises InvalidValue: neither 4 nor 16 bytes
        """
        family = _FAMILY_OF_LENGTH.get(len(packed))
        if family is None:
            raise InvalidValue(f"an address of {len(packed)} bytes is neither IPv4 nor IPv6")
        return cls(socket.inet_ntop(family, packed), port)

    @classmethod
    def parse(cls, text: str, protocol: str = "tcp") -> Endpoint:
        """Read ``ADDRESS``, ``ADDRESS:PORT`` or ``[IPV6]:PORT``.

        A port may be a number or a name of /etc/services in that protocol.

        :raises InvalidValue: malformed; the sentence says what is wrong
        """
        address, port = _split(text)
        return cls(_canonical(address, text), _port(port, text, protocol))

    def __str__(self) -> str:
        if not self.port:
            return self.address
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"


def _split(text: str) -> tuple[str, str | None]:
    """Return the address and the port of a text, the port None when it has none."""
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        if not bracket:
            raise InvalidValue(f"'{text}': the closing ']' is missing")
        if rest and not rest.startswith(":"):
            raise InvalidValue(f"'{text}': only ':PORT' can follow ']'")
        if ":" not in address:
            raise InvalidValue(f"'{text}': brackets are for IPv6 addresses")
        return address, rest[1:] if rest else None
    if text.count(":") > 1:
        return text, None
    address, colon, port = text.partition(":")
    return address, port if colon else None


def _canonical(address: str, text: str) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, address))
    except (OSError, ValueError):
        raise InvalidValue(*_bad_address(address, text)) from None


def _bad_address(address: str, text: str) -> tuple[str, str]:
    if not address:
        return f"'{text}': the address is missing", ""
    if "%" in address:
        return f"'{text}': an address with a scope, as of fe80::1%eth0, is not taken", ""
    if ":" in address:
        remedy = "" if "[" in text else "an IPv6 port needs brackets: [2001:db8::1]:80"
        return f"'{text}' is not an IPv6 address", remedy
    shown = f"'{text}'" if address == text else f"'{text}': '{address}'"
    if address.strip("0123456789./"):
        return f"{shown} is not an address", "host names are not looked up, give the address"
    return f"{shown} is not an IPv4 address", "it has four numbers from 0 to 255"


def _port(port: str | None, text: str, protocol: str) -> int:
    if port is None:
        return 0
    if port.isascii() and port.isdigit():
        if len(port) <= 5 and int(port) <= 65535:
            return int(port)
        raise InvalidValue(f"'{text}': a port is a number from 0 to 65535")
    if not port:
        raise InvalidValue(f"'{text}': the port is missing after ':'")
    try:
        return socket.getservbyname(port, protocol)
    except (OSError, ValueError):
        raise InvalidValue(
            f"'{text}': '{port}' is neither a port from 0 to 65535 nor a {protocol} service name"
        ) from None
