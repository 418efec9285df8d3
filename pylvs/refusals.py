# SPDX-License-Identifier: GPL-2.0
"""From the kernel's errno to a sentence that names the thing and the remedy; pure."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from . import errors
from .endpoint import Endpoint
from .model import Method, Real, Service
from .uapi import REALS_MAX, SERVICES_MAX


class Refusal(Exception):
    """The kernel's answer no, as the transport hands it on.

    :ivar errno: a positive errno
    :ivar kernel: the kernel's sentence, empty when it gave none
    :ivar offset: where in the body the offending attribute begins, -1 when it did not say
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
    """Return the error that says in one sentence what the kernel refused.

    :param service: the service that the request was about
    :param real: the real server that it was about
    :param attribute: the name of the attribute that the kernel found wrong
    """
    if refusal.errno == errno.ENOENT and not refusal.kernel:
        return errors.ModuleNotLoaded(  # a refusal of ours comes with a sentence
            "the ippfvs module was removed, or loaded anew, under this Manager",
            "load it with: modprobe ippfvs; then open another Manager",
        )
    if refusal.errno == errno.EADDRNOTAVAIL and attribute.startswith("IPPFVS_SERVICE"):
        real = None
    what = _SENTENCES.get(refusal.errno)
    error = what(service, real) if what is not None else None
    if error is None:
        error = _other(refusal, attribute)
    if isinstance(error, errors.AddressNotUsable) and refusal.kernel:
        error.what = f"{real.endpoint if real else service and service.endpoint}: {refusal.kernel}"
    error.kernel = refusal.kernel
    return error


def _not_permitted(service: Service | None, real: Real | None) -> errors.Error:
    return errors.NotPermitted(
        "changing the rules needs CAP_NET_ADMIN in this network namespace",
        "do it as root, for instance with sudo",
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
            f"service {service.name} is there already",
            f"change it with: ippfvsadm -E {service.option} -s SCHEDULER",
        )
    return errors.AlreadyExists(
        f"{real.endpoint} is a real server of {service.name} already",
        f"change it with: ippfvsadm -e {service.option} -r {real.endpoint}",
    )


def _families(service: Service | None, real: Real | None) -> errors.Error | None:
    if service is None or real is None or real.endpoint.family == service.endpoint.family:
        return None
    return errors.FamilyMismatch(
        f"{real.endpoint} cannot serve {service.name}: one address is IPv4, the other IPv6",
        "give both in one family",
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
        f"use -m (NAT) or {_port_to_give(service.endpoint)}",
    )


def _port_to_give(virtual: Endpoint) -> str:
    return f"give port {virtual.port}" if virtual.port else "give no port"


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
    """Why it cannot, the kernel says best."""
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
            "install module and pylvs of one release",
        )
    if refusal.errno in (errno.ENOMEM, errno.ENOBUFS):
        return errors.TransportError("the kernel is out of memory")
    sentence = refusal.kernel or os.strerror(refusal.errno)
    name = attribute.removeprefix("IPPFVS_").removeprefix("A_").lower().replace("_", " ")
    about = f" {name}:" if name else ":"
    return errors.Refused(f"the kernel refuses{about} {sentence}")


_SENTENCES: dict[int, Callable[[Service | None, Real | None], errors.Error | None]] = {
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
