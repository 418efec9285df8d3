# SPDX-License-Identifier: GPL-2.0
"""The error map turns the kernel's errno into an error with the object and the remedy. No I/O."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from .. import errors
from ..endpoint import Endpoint
from ..model import Method, Real, Service
from ..uapi import REALS_MAX, SERVICES_MAX


class Refusal(Exception):
    """A negative answer of the kernel, as the transport received it.

    :ivar errno: a positive errno
    :ivar kernel: the message of the extended error; empty if there is none
    :ivar offset: the position of the refused attribute in the body of the request, in bytes;
        -1 if the kernel did not report it
    """

    def __init__(self, number: int, kernel: str = "", offset: int = -1) -> None:
        super().__init__(number, kernel, offset)
        self.errno = number
        self.kernel = kernel
        self.offset = offset


def not_loaded() -> errors.ModuleNotLoaded:
    """Return the error that says how to load the module."""
    return errors.ModuleNotLoaded(
        "the ippfvs module is not loaded", "load it with: modprobe ippfvs"
    )


def explain(
    refusal: Refusal,
    service: Service | None = None,
    real: Real | None = None,
    attribute: str = "",
) -> errors.Error:
    """Return the error for a refusal.

    :param service: the service that the request named
    :param real: the real server that the request named
    :param attribute: the kernel's name of the attribute that it refused
    """
    if refusal.errno == errno.ENOENT and not refusal.kernel:
        # The module sends a message with every ENOENT, so this one comes from nlctrl.
        return errors.ModuleNotLoaded(
            "the ippfvs module was removed or reloaded while this Manager was open",
            "load it with: modprobe ippfvs; then open another Manager",
        )
    if refusal.errno == errno.EADDRNOTAVAIL and attribute.startswith("IPPFVS_SERVICE"):
        real = None
    make = _ERRORS.get(refusal.errno)
    error = make(service, real) if make is not None else None
    if error is None:
        error = _other(refusal, attribute)
    if isinstance(error, errors.NotPermitted) and refusal.kernel:
        error.what, error.remedy = refusal.kernel, "do it as root of the host"
    if isinstance(error, errors.TooMany) and "hard cap" in refusal.kernel:
        name = real.endpoint if real else service and service.name
        error.what = f"no room for {name}: {refusal.kernel}"
        error.remedy = "root of the host raises it with --service-cap or --real-cap"
    if isinstance(error, errors.AddressNotUsable) and refusal.kernel:
        error.what = f"{real.endpoint if real else service and service.endpoint}: {refusal.kernel}"
    error.kernel = refusal.kernel
    return error


# Each function returns the error for one errno, or None if the request did not name the object
# that the error would be about.


def _not_permitted(service: Service | None, real: Real | None) -> errors.Error:
    return errors.NotPermitted(
        "changing rules or listing connections needs CAP_NET_ADMIN in this network namespace",
        "do it as root, for example with sudo",
    )


def _no_service(service: Service | None, real: Real | None) -> errors.Error | None:
    if service is None:
        return None
    if real is None:
        return errors.NoSuchService(f"no service {service.name}", "list them with: ippfvsadm -L")
    return errors.NoSuchService(
        f"no service {service.name}",
        f"list them with: ippfvsadm -L, or add it with: ippfvsadm -A {service.option}",
    )


def _no_real(service: Service | None, real: Real | None) -> errors.Error | None:
    if service is None or real is None:
        return None
    return errors.NoSuchReal(
        f"no real server {real.endpoint} in {service.name}",
        f"list them with: ippfvsadm -L {service.option}",
    )


def _exists(service: Service | None, real: Real | None) -> errors.Error | None:
    if service is None:
        return None
    if real is None:
        return errors.AlreadyExists(
            f"service {service.name} already exists",
            f"change it with: ippfvsadm -E {service.option} -s SCHEDULER",
        )
    return errors.AlreadyExists(
        f"{real.endpoint} is already a real server of {service.name}",
        f"change it with: ippfvsadm -e {service.option} -r {real.endpoint}",
    )


def _families(service: Service | None, real: Real | None) -> errors.Error | None:
    if service is None or real is None or real.endpoint.family == service.endpoint.family:
        return None
    return errors.FamilyMismatch(
        f"{real.endpoint} cannot serve {service.name}: one address is IPv4, the other IPv6",
        "use addresses of one family",
    )


def _scheduler(service: Service | None, real: Real | None) -> errors.Error | None:
    if service is None:
        return None
    return errors.UnknownScheduler(f"the kernel has no scheduler '{service.scheduler}'")


def _port(service: Service | None, real: Real | None) -> errors.Error | None:
    if service is None or real is None:
        return None
    method = "DR or TUN" if real.method is None else real.method.name
    keeps = "keep" if real.method is None else "keeps"
    return errors.PortCannotChange(
        f"{real.endpoint} cannot be a {method} server of {service.name}: {method} {keeps} the port",
        f"use -m (NAT) or {_port_remedy(service.endpoint)}",
    )


def _port_remedy(virtual: Endpoint) -> str:
    return f"port {virtual.port}" if virtual.port else "omit the port"


def _too_many(service: Service | None, real: Real | None) -> errors.Error | None:
    if service is None:
        return None
    if real is None:
        return errors.TooMany(
            f"no room for service {service.name}: a namespace holds {SERVICES_MAX} services"
        )
    return errors.TooMany(
        f"no room for {real.endpoint} in {service.name}: "
        f"a service holds {REALS_MAX} real servers, a namespace {SERVICES_MAX} services"
    )


def _address(service: Service | None, real: Real | None) -> errors.Error | None:
    """Return the error without its reason, which explain() takes from the kernel's message."""
    if service is None:
        return None
    if real is None:
        return errors.AddressNotUsable(f"{service.endpoint} cannot be a virtual address")
    remedy = "use -m, -i or -g" if real.method is Method.LOCAL else ""
    return errors.AddressNotUsable(f"{real.endpoint} cannot serve {service.name}", remedy)


def _other(refusal: Refusal, attribute: str) -> errors.Error:
    if refusal.errno == errno.EOPNOTSUPP:
        return errors.VersionMismatch(
            "the ippfvs module does not know this command",
            "install the module and pylvs of the same release",
        )
    if refusal.errno in (errno.ENOMEM, errno.ENOBUFS):
        return errors.TransportError("the kernel is out of memory")
    reason = refusal.kernel or os.strerror(refusal.errno)
    name = attribute.removeprefix("IPPFVS_").removeprefix("A_").lower().replace("_", " ")
    about = f" {name}:" if name else ":"
    return errors.Refused(f"the kernel refuses{about} {reason}")


_ERRORS: dict[int, Callable[[Service | None, Real | None], errors.Error | None]] = {
    errno.EPERM: _not_permitted,
    errno.ESRCH: _no_service,
    errno.ENOENT: _no_real,
    errno.EEXIST: _exists,
    errno.EAFNOSUPPORT: _families,
    errno.EPROTONOSUPPORT: _scheduler,
    errno.EDOM: _port,
    errno.ENOSPC: _too_many,
    errno.EADDRNOTAVAIL: _address,
}
