# SPDX-License-Identifier: GPL-2.0
"""Values of the words that users write; pure."""

from __future__ import annotations

from .endpoint import Endpoint
from .errors import InvalidValue
from .model import Config, Method, Protocol, Real, Service
from .uapi import SCHEDULER_LEN, TIMEOUT_MAX_S, WEIGHT_MAX

UINT32_MAX = 2**32 - 1


def make_service(
    protocol: Protocol | str, endpoint: Endpoint | str, scheduler: str = "wlc"
) -> Service:
    """Return a service of words or values.

    :raises InvalidValue: no such protocol, no such address, an impossible scheduler name
    """
    if not isinstance(protocol, Protocol):
        if str(protocol).upper() not in Protocol.__members__:
            raise InvalidValue(f"'{protocol}' is not a protocol: give tcp or udp")
        protocol = Protocol[protocol.upper()]
    endpoint = make_endpoint(endpoint, protocol)
    if not _may_be_scheduler(scheduler):
        raise InvalidValue(f"'{scheduler}' is not a scheduler: give rr, wrr, lc or wlc")
    return Service(protocol, endpoint, scheduler)


def make_real(
    protocol: Protocol,
    endpoint: Endpoint | str,
    weight: int = 1,
    method: Method | str | None = None,
) -> Real:
    """Return a real server of words or values.

    :raises InvalidValue: no such address, a weight out of range, no such method
    """
    endpoint = make_endpoint(endpoint, protocol)
    check_number(weight, "a weight", 0, WEIGHT_MAX)
    return Real(endpoint, weight, None if method is None else make_method(method))


def make_endpoint(endpoint: Endpoint | str, protocol: Protocol) -> Endpoint:
    """Return an endpoint of its text, or one that was made by hand when it can be.

    :raises InvalidValue: no such address, a port out of range
    """
    if isinstance(endpoint, str):
        return Endpoint.parse(endpoint, str(protocol))
    if isinstance(endpoint, Real):
        raise InvalidValue(f"{endpoint} is a real server, no address", "give its .endpoint")
    if not isinstance(endpoint, Endpoint):
        raise InvalidValue(f"{endpoint!r} is no address", "give a text or an Endpoint")
    canonical = Endpoint.unpack(endpoint.packed, endpoint.port)
    check_number(endpoint.port, "a port", 0, 65535)
    return canonical


def make_method(method: Method | str) -> Method:
    """Return a method of its name.

    :raises InvalidValue: no such method
    """
    if isinstance(method, Method):
        return method
    if str(method).upper() not in Method.__members__:
        raise InvalidValue(f"'{method}' is not a method: give nat, tun, dr or local")
    return Method[method.upper()]


def _may_be_scheduler(name: object) -> bool:
    return isinstance(name, str) and len(name) < SCHEDULER_LEN and name.isascii() and name.isalnum()


def checked_service(service: Service) -> Service:
    """Return a service that may have been made by hand, without its real servers.

    :raises InvalidValue: it is none, or has what :func:`make_service` refuses
    """
    if not isinstance(service, Service):
        raise InvalidValue(f"{service!r} is no Service", "add_service() and service() return one")
    return make_service(service.protocol, service.endpoint, service.scheduler)


def checked_real(protocol: Protocol, real: Real) -> Real:
    """Return a real server that may have been made by hand.

    :raises InvalidValue: it is none, or has what :func:`make_real` refuses
    """
    if not isinstance(real, Real):
        raise InvalidValue(f"{real!r} is no Real", "write Real(Endpoint.parse('172.16.0.2:80'))")
    return make_real(protocol, real.endpoint, real.weight, real.method)


def checked_config(config: Config) -> Config:
    """Return settings that may have been made by hand.

    :raises InvalidValue: no such method, or a number out of range
    """
    timeouts = (config.tcp_timeout_s, config.fin_timeout_s, config.udp_timeout_s)
    for seconds in timeouts:
        if seconds is not None:
            check_number(seconds, "a timeout in seconds", 1, TIMEOUT_MAX_S)
    if config.conn_max is not None:
        check_number(config.conn_max, "the most connections", 0, UINT32_MAX)
    method = None if config.default_method is None else make_method(config.default_method)
    if method is Method.LOCAL:
        raise InvalidValue("local is the method of single servers: give nat, tun or dr")
    return Config(method, *timeouts, config.conn_max)


def check_number(number: object, what: str, low: int, high: int) -> None:
    """Refuse a number that an option would refuse.

    :raises InvalidValue: not a whole number, or out of range
    """
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise InvalidValue(f"'{number}': {what} is a whole number from {low} to {high}")


def whole_number(text: str, option: str, what: str, low: int, high: int, unit: str = "") -> int:
    """Return the number that an option was given.

    :raises InvalidValue: not a whole number, or out of range
    """
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else -1
    if not low <= number <= high:
        raise InvalidValue(
            f"'{option} {text}': {what} is a whole number from {low} to {high}{unit}"
        )
    return number
