# SPDX-License-Identifier: GPL-2.0
"""What can go wrong: the error tree.

::

                                exit code
    Error                            1   any of them
    ├── InvalidValue                 2   an address, port, weight ... that cannot be
    ├── Refused                      1   the kernel said no
    │   ├── NoSuchService            1
    │   ├── NoSuchReal               1
    │   ├── AlreadyExists            1   that service or real server is there
    │   ├── NotPermitted             1   CAP_NET_ADMIN is missing
    │   ├── UnknownScheduler         1
    │   ├── FamilyMismatch           1   IPv4 and IPv6 in one service
    │   ├── PortCannotChange         1   DR and TUN keep the port
    │   ├── AddressNotUsable         1   not unicast, or local but foreign
    │   └── TooMany                  1   a limit of the kernel is reached
    ├── ModuleNotLoaded              1
    ├── VersionMismatch              1   module and pylvs of different releases
    ├── MissingOption                1   the running kernel lacks a needed option
    ├── BuildFailed                  1   the module could not be built or loaded
    ├── NoSuchNamespace              1
    └── TransportError               1   netlink itself failed

``str(error)`` is one sentence: what, and why. ``error.remedy`` says what to do,
``error.kernel`` is the kernel's own sentence where it gave one.
"""

from __future__ import annotations


class Error(Exception):
    """Base of every error of pylvs.

    :ivar remedy: what to do about it, without a full stop; may be empty
    :ivar kernel: the kernel's own sentence; empty when it did not speak
    :ivar where: the place in a file that is at fault; empty when there is none
    """

    exit_code = 1

    def __init__(self, what: str, remedy: str = "", kernel: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.kernel = kernel
        self.where = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what

    def advise(self, remedy: str) -> None:
        """Add REMEDY behind what there is."""
        self.remedy = f"{self.remedy}; {remedy}" if self.remedy else remedy

    def sentence(self) -> str:
        """Return what, why and the remedy as one sentence."""
        return f"{self}; {self.remedy}" if self.remedy else str(self)


class InvalidValue(Error):
    """An address, port, weight, name or line that cannot be; nothing was sent."""

    exit_code = 2


class Refused(Error):
    """The kernel refused a request; nothing was changed."""


class NoSuchService(Refused):
    """The service is not there."""


class NoSuchReal(Refused):
    """The service has no such real server."""


class AlreadyExists(Refused):
    """That service, or that real server of it, is there already."""


class NotPermitted(Refused):
    """Changing rules needs CAP_NET_ADMIN."""


class UnknownScheduler(Refused):
    """The kernel has no scheduler of that name."""


class FamilyMismatch(Refused):
    """Real server and service are of different address families."""


class PortCannotChange(Refused):
    """DR and TUN leave the packet as it is, its port too."""


class AddressNotUsable(Refused):
    """Not a unicast address, or a local server asked for at a foreign address."""


class TooMany(Refused):
    """A limit is reached: services of a namespace, or real servers of a service."""


class ModuleNotLoaded(Error):
    """The running kernel has no ippfvs family."""


class VersionMismatch(Error):
    """Module and pylvs come from different releases."""


class MissingOption(Error):
    """The running kernel was built without an option that the module needs."""


class BuildFailed(Error):
    """The module could not be built or loaded."""


class NoSuchNamespace(Error):
    """There is no network namespace of that name or path."""


class TransportError(Error):
    """Netlink itself failed: no memory, a truncated message, a closed socket."""
