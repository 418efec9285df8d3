# SPDX-License-Identifier: GPL-2.0
"""The errors that pylvs raises.

::

                                exit code
    Error                            1   base class of all of them
    ├── InvalidValue                 2   an address, port, weight or line is not valid
    ├── Refused                      1   the kernel refused the request
    │   ├── NoSuchService            1
    │   ├── NoSuchReal               1
    │   ├── AlreadyExists            1   the service or real server exists already
    │   ├── NotPermitted             1   CAP_NET_ADMIN is missing
    │   ├── UnknownScheduler         1
    │   ├── FamilyMismatch           1   IPv4 and IPv6 in one service
    │   ├── PortCannotChange         1   DR and TUN keep the port
    │   ├── AddressNotUsable         1   not unicast, or not an address of this host
    │   └── TooMany                  1   a limit of the kernel is reached
    ├── ModuleNotLoaded              1
    ├── VersionMismatch              1   module and pylvs are of different releases
    ├── MissingOption                1   the running kernel lacks a needed option
    ├── BuildFailed                  1   the module could not be built or loaded
    ├── NoSuchNamespace              1
    └── TransportError               1   netlink itself failed

``str(error)`` is one sentence that says what was refused and why. ``error.remedy`` says
what to do about it. ``error.kernel`` is the kernel's own message if it sent one.
``error.exit_code`` is the exit code of ippfvsadm.
"""

from __future__ import annotations


class Error(Exception):
    """The base class of every error of pylvs.

    :ivar remedy: what the user can do, a clause without a full stop; may be empty
    :ivar kernel: the message that the kernel sent; empty if it sent none
    :ivar where: the file and line, or the rule, that is at fault; empty if there is none
    :ivar word: the index of the word at fault in its line, counted from 0; -1 if there is none
    """

    exit_code = 1

    def __init__(self, what: str, remedy: str = "", kernel: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.kernel = kernel
        self.where = ""
        self.word = -1

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what

    def advise(self, remedy: str) -> None:
        """Append a clause to the remedy."""
        self.remedy = f"{self.remedy}; {remedy}" if self.remedy else remedy

    def sentence(self) -> str:
        """Return what was refused, why, and the remedy, as one sentence."""
        return f"{self}; {self.remedy}" if self.remedy else str(self)


class InvalidValue(Error):
    """An address, port, weight, name or line is not valid. Nothing was sent."""

    exit_code = 2


class Refused(Error):
    """The kernel refused a request. Nothing was changed."""


class NoSuchService(Refused):
    """The service does not exist."""


class NoSuchReal(Refused):
    """The service has no such real server."""


class AlreadyExists(Refused):
    """The service, or the real server of the service, exists already."""


class NotPermitted(Refused):
    """The caller lacks CAP_NET_ADMIN, which changes and the listing of connections need."""


class UnknownScheduler(Refused):
    """The kernel has no scheduler with that name."""


class FamilyMismatch(Refused):
    """The real server and the service are of different address families."""


class PortCannotChange(Refused):
    """The port differs from the service's port, which DR and TUN cannot change."""


class AddressNotUsable(Refused):
    """The address is not unicast, or the method is local and the director lacks the address."""


class TooMany(Refused):
    """A maximum number of services or of real servers, or a hard cap, is reached."""


class ModuleNotLoaded(Error):
    """The running kernel has no generic netlink family ippfvs."""


class VersionMismatch(Error):
    """The module and pylvs are of different releases."""


class MissingOption(Error):
    """The running kernel was built without an option that the module needs."""


class BuildFailed(Error):
    """The module could not be built or loaded."""


class NoSuchNamespace(Error):
    """There is no network namespace with that name or path."""


class TransportError(Error):
    """Netlink itself failed: no memory, a truncated message, a closed socket."""
