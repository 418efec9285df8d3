# SPDX-License-Identifier: GPL-2.0
"""An IP address with a port, and its text form: ``10.0.0.1:80``, ``[2001:db8::1]:80``."""

from __future__ import annotations

import socket
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import NamedTuple

from .errors import InvalidValue

PORT_MAX = 65535

_new_tuple = tuple.__new__
_FAMILY_OF_LENGTH = {4: AF_INET, 16: AF_INET6}


class Endpoint(NamedTuple):
    """An IPv4 or IPv6 address and a port.

    :ivar address: the address in its canonical text form, without brackets
    :ivar port: 0..65535 in host byte order; 0 means all ports for a service, and the service's
        port for a real server
    """

    address: str
    port: int = 0

    @property
    def family(self) -> int:
        """Return ``socket.AF_INET`` or ``socket.AF_INET6``."""
        return int(AF_INET6 if ":" in self.address else AF_INET)

    @property
    def packed(self) -> bytes:
        """Return the address in network byte order: 4 or 16 bytes.

        :raises InvalidValue: the text is not an IP address
        """
        try:
            return inet_pton(self.family, self.address)
        except (OSError, TypeError, ValueError):
            raise InvalidValue(f"'{self.address}' is not an IP address") from None

    @classmethod
    def unpack(cls, packed: bytes, port: int = 0) -> Endpoint:
        """Return the endpoint of a packed address.

        :param packed: 4 or 16 bytes in network byte order
        :raises InvalidValue: the address has neither 4 nor 16 bytes
        """
        family = _FAMILY_OF_LENGTH.get(len(packed))
        if family is None:
            raise InvalidValue(f"an address of {len(packed)} bytes is neither IPv4 nor IPv6")
        return cls(inet_ntop(family, packed), port)

    @classmethod
    def parse(cls, text: str, protocol: str = "tcp") -> Endpoint:
        """Parse ``ADDRESS``, ``ADDRESS:PORT`` or ``[IPV6]:PORT``.

        :param protocol: "tcp" or "udp"; the port may be a name in /etc/services for this protocol
        :raises InvalidValue: the text is malformed, or it may be an IPv6 address or a shorter
            one with a port; the error says what is wrong
        """
        address, colon, port = text.partition(":")
        if text[:1] == "[" or ":" in port:
            address, colon, port = _split_ipv6(text)
        try:
            # inet_pton() accepts IPv4 addresses only in their canonical form.
            if ":" not in address:
                inet_pton(AF_INET, address)
            else:
                address = inet_ntop(AF_INET6, inet_pton(AF_INET6, address))
        except (OSError, ValueError):
            raise InvalidValue(*_bad_address(address, text)) from None
        # The result is equal to cls(...), whose __new__() takes three times as long.
        return _new_tuple(cls, (address, _port(port, text, protocol) if colon else 0))

    def __str__(self) -> str:
        if self.port:
            address = f"[{self.address}]" if ":" in self.address else self.address
            return f"{address}:{self.port}"
        shorter, _, last = self.address.rpartition(":")
        # parse() refuses what could be an address with a port.
        return f"[{self.address}]" if last.isdecimal() and _is_ipv6(shorter) else self.address


def _split_ipv6(text: str) -> tuple[str, str, str]:
    """Split a text with brackets or several colons into address, colon and port."""
    if not text.startswith("["):
        shorter, _, last = text.rpartition(":")
        if last.isdecimal() and _is_ipv6(shorter) and _is_ipv6(text):
            raise InvalidValue(
                f"'{text}' may be an address, or {shorter} with port {last}",
                f"write [{text}] or [{shorter}]:{last}",
            )
        return text, "", ""
    address, bracket, rest = text[1:].partition("]")
    if not bracket:
        raise InvalidValue(f"'{text}': the closing ']' is missing")
    if rest and not rest.startswith(":"):
        raise InvalidValue(f"'{text}': only ':PORT' can follow ']'")
    if ":" not in address:
        raise InvalidValue(f"'{text}': brackets are for IPv6 addresses")
    return address, rest[:1], rest[1:]


def _is_ipv6(text: str) -> bool:
    try:
        inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        return False
    return True


def _bad_address(address: str, text: str) -> tuple[str, str]:
    """Return what is wrong with an address, and the remedy."""
    if not address:
        return f"'{text}': the address is missing", ""
    if "%" in address:
        return f"'{text}': an address with a scope, such as fe80::1%eth0, is not accepted", ""
    if ":" in address:
        remedy = "" if "[" in text else "an IPv6 port needs brackets: [2001:db8::1]:80"
        return f"'{text}' is not an IPv6 address", remedy
    shown = f"'{text}'" if address == text else f"'{text}': '{address}'"
    if address.strip("0123456789./"):
        return f"{shown} is not an address", "host names are not looked up, use the address"
    return f"{shown} is not an IPv4 address", "an IPv4 address has four numbers from 0 to 255"


def _port(port: str, text: str, protocol: str) -> int:
    if port.isascii() and port.isdigit():
        if len(port) <= 5 and (number := int(port)) <= PORT_MAX:
            return number
        raise InvalidValue(f"'{text}': a port is a number from 0 to 65535")
    if not port:
        raise InvalidValue(f"'{text}': the port is missing after ':'")
    try:
        return socket.getservbyname(port, protocol)
    except (OSError, ValueError):
        raise InvalidValue(
            f"'{text}': '{port}' is neither a port from 0 to 65535 nor a {protocol} service name"
        ) from None
