# SPDX-License-Identifier: GPL-2.0
"""The texts of ``ippfvsadm --help`` and of the manual page ippfvsadm(8).

``python -m pylvs.cli.help`` prints the manual page. A test compares this page with
docs/ippfvsadm.8. Another test compares OPTIONS with the grammar.
"""

from __future__ import annotations

HELP = """\
ippfvsadm configures the load balancer ippfvs: services and their real servers.

1999 grammar: adds a real server, and its service if it is new (scheduler wrr)
  ippfvsadm -A -t 202.103.106.5:80 -R 172.16.0.3:8000 -w 2
  ippfvsadm -D -t 202.103.106.5:80 -R 172.16.0.3:8000
Grammar of ipvsadm: services (scheduler wlc), then their real servers
  ippfvsadm -A -t 202.103.106.5:80 -s rr          -E edits, -D deletes
  ippfvsadm -a -t 202.103.106.5:80 -r 172.16.0.2:80 -m -w 1      -e, -d

Service       -t ADDRESS[:PORT] TCP   -u ADDRESS[:PORT] UDP   -s rr|wrr|lc|wlc
              without a port: all ports; IPv6: [2001:db8::1]:80
Real server   -r or -R ADDRESS[:PORT]  -w WEIGHT 0..65535, 0: no new connections
Method        -m NAT  -i TUN  -g DR  --method nat|tun|dr|local. Without one:
              with -r DR, as in ipvsadm; with -R NAT if a port is given, else
              the default method. An address of the director is local in both
List          ippfvsadm [-L] [-t|-u ADDRESS:PORT] [-v] [--json], all numeric;
              in a pipe the paper's table, with -v or on a terminal more columns
                --stats counters, --rate[=SECONDS] rates or both  -c connections
                --drops dropped packets by reason   --timeout timeouts
              --events follows changes of the rules (--json: one line per event)
Zero, clear   -Z [-t|-u ADDRESS:PORT] zero the counters   -C remove all services
Save          ippfvsadm -S > FILE      all rules and settings
Restore       ippfvsadm -R < FILE      replaces the whole rule set in one step
              (ipvsadm adds to it); an error names the line, nothing changes
Settings      --default-method [nat|tun|dr]   --conn-max [N] (0: by memory size)
              --set TCP FIN UDP timeouts in seconds (0 keeps the present one)
Hard caps     --conn-cap [N]  --service-cap [N]  --real-cap [N]   (0: none)
Namespace     --netns NAME or path of a network namespace
Other         --version  --help  --debug (traceback of an unexpected error)

Long names are those of ipvsadm: --add-service --add-server --tcp-service
--real-server --weight --scheduler --list --save --restore ...
Exit code: 0 done, 1 refused by the kernel, 2 usage error.
"""

OPTIONS: dict[str, dict[str, str]] = {
    "Commands": {
        "add-service": "Add a virtual service. With -R: add a real server, and the service if it "
        "is new.",
        "edit-service": "Change the scheduler of a service. Without a scheduler it keeps its own.",
        "delete-service": "Remove a service with its real servers. With -R: remove the real "
        "server only.",
        "add-server": "Add a real server to a service.",
        "edit-server": "Change the weight or the method of a real server.",
        "delete-server": "Remove a real server. The TCP clients of its connections get an RST.",
        "list": "List services, real servers or connections. This is the default.",
        "zero": "Zero the counters of a service, or all counters.",
        "clear": "Remove all services.",
        "save": "Write all rules and settings to standard output.",
        "restore": "Replace all rules by those on standard input, in one step. The value - means "
        "standard input. After -A or -D: the real server.",
        "set": "Set the timeouts of established TCP, of TCP after a FIN, and of UDP, in seconds. "
        "0 keeps a timeout.",
        "default-method": "Show or set the method of real servers that -R adds without a port.",
        "conn-max": "Show or set the maximum number of connections of the namespace. 0 means the "
        "number that fills a quarter of the memory, or the hard cap if that is lower. At the "
        "limit, a new connection replaces one that is closed or whose client may not exist. "
        "Timeouts become shorter while more than half of the limit is used.",
        "conn-cap": "Show or set the hard cap of connections of the namespace, which --conn-max "
        "cannot exceed. 0 means none. A change needs CAP_NET_ADMIN in the initial user namespace.",
        "service-cap": "Show or set the hard cap of services. Otherwise like --conn-cap.",
        "real-cap": "Show or set the hard cap of the real servers of all services together. "
        "Otherwise like --conn-cap.",
        "events": "Print changes of the rules as they happen, until interrupted.",
        "version": "Print the versions of ippfvsadm and of the module.",
        "help": "Print a summary.",
    },
    "Parameters": {
        "tcp-service": "A TCP service at ADDRESS:PORT. Without a port: all TCP ports.",
        "udp-service": "A UDP service at ADDRESS:PORT. Without a port: all UDP ports.",
        "scheduler": "The scheduler: rr (round robin), wrr (weighted round robin), lc (least "
        "connections) or wlc (weighted least connections).",
        "real-server": "The real server ADDRESS[:PORT]. Without a port: the port of the service.",
        "weight": "The weight, 0 to 65535. With 0 the real server gets no new connections.",
        "masquerading": "VS-NAT: rewrite addresses and ports.",
        "ipip": "VS-TUN: encapsulate packets in an IP tunnel.",
        "gatewaying": "VS-DR: send packets to the MAC address of the real server.",
        "method": "The forwarding method: nat, tun, dr or local.",
    },
    "Listings": {
        "connection": "List connections.",
        "stats": "List counters. With --rate: counters, then rates.",
        "rate": "List rates, measured for one second or for the given time.",
        "drops": "List dropped packets and evicted connections by reason.",
        "timeout": "List timeouts.",
        "json": "Print JSON.",
        "verbose": "Show method, scheduler and connections even if the output is a pipe.",
        "numeric": "Accepted for compatibility; output is always numeric.",
        "exact": "Accepted for compatibility; numbers are always exact.",
        "sort": "Accepted for compatibility; services are listed in the order of their creation.",
        "nosort": "Accepted for compatibility; services are listed in the order of their creation.",
    },
    "Other options": {
        "netns": "Work in another network namespace, which is named by its name or path.",
        "debug": "Show the traceback of an unexpected error.",
    },
}

_ARGUMENTS = {
    "restore": "[ADDRESS[:PORT]]",
    "set": "TCP FIN UDP",
    "default-method": "[METHOD]",
    "conn-max": "[N]",
    "conn-cap": "[N]",
    "service-cap": "[N]",
    "real-cap": "[N]",
    "tcp-service": "ADDRESS[:PORT]",
    "udp-service": "ADDRESS[:PORT]",
    "scheduler": "NAME",
    "real-server": "ADDRESS[:PORT]",
    "weight": "WEIGHT",
    "method": "METHOD",
    "rate": "[=SECONDS]",
    "netns": "NAME",
}

_EXAMPLES = """\
ippfvsadm -A -t 202.103.106.5:80 -R 172.16.0.2:80
ippfvsadm -A -t 202.103.106.5:80 -R 172.16.0.3:8000 -w 2
ippfvsadm -L
ippfvsadm -S > /etc/ippfvs.rules
ippfvsadm -R < /etc/ippfvs.rules
"""


def manual() -> str:
    """Return the manual page ippfvsadm(8), in the macros of man(7)."""
    from .._version import __version__

    lines = [
        '.\\" SPDX-License-Identifier: GPL-2.0',
        '.\\" Generated by python -m pylvs.cli.help; do not edit.',
        f'.TH IPPFVSADM 8 "" "ippfvs {__version__}" "System Administration"',
        ".SH NAME",
        "ippfvsadm \\- configure the load balancer ippfvs",
        ".SH SYNOPSIS",
        ".nf",
        *map(_text, _synopsis()),
        ".fi",
        ".SH DESCRIPTION",
        *_paragraph(_DESCRIPTION),
    ]
    for title, options in OPTIONS.items():
        lines.append(f".SH {title.upper()}")
        for name, sentence in options.items():
            lines += [".TP", f".B {_text(_spelling(name))}", _text(sentence)]
    lines += [".SH EXAMPLES", ".nf", *map(_text, _EXAMPLES.splitlines()), ".fi"]
    lines += [".SH EXIT STATUS", *_paragraph(_EXIT)]
    lines += [".SH SEE ALSO", ".BR ipvsadm (8),", ".BR ip\\-netns (8)"]
    return "".join(f"{line}\n" for line in lines)


_DESCRIPTION = (
    (
        "ippfvsadm adds, changes, removes and lists virtual services and their real servers in the "
        "kernel module ippfvs. It accepts the grammar of 1999, in which -A with -R adds a real "
        "server, and the grammar of ipvsadm. Rules belong to the network namespace. Every change "
        "needs CAP_NET_ADMIN, and so does a listing of connections."
    ),
    (
        "If no method is given, it is local for a loopback address or an address of the director. "
        "For any other real server that -r names it is DR, as in ipvsadm. For one that -R names it "
        "is NAT if a port is given, and otherwise the default method of the namespace."
    ),
    (
        "A rule file has one rule per line. A line may begin with the name or path of ipvsadm or "
        "ippfvsadm, -C may be the first rule, and a real server may precede its service. Empty "
        "lines and comments (#) are skipped. A line that is not valid is refused with its number "
        "and, if a word is at fault, its column."
    ),
    (
        "If the output is a pipe, the listing is the table of the 1999 paper. On a terminal it "
        "also shows the numbers of connections."
    ),
    (
        "A real server at a loopback address or at an address of the director is Local Node, "
        "whatever method is given."
    ),
)
_EXIT = (
    (
        "0 if the command was carried out, 1 if the kernel refused it, 2 if the command line was "
        "not understood. An error is one sentence on standard error."
    ),
)


def _synopsis() -> list[str]:
    """Return the command lines in HELP that show the grammars."""
    head = HELP.partition("\nService ")[0]
    return [line.strip() for line in head.splitlines() if line.startswith("  ippfvsadm")]


def _paragraph(sentences: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    for text in sentences:
        lines += [".PP", _text(text)]
    return lines[1:]


def _spelling(name: str) -> str:
    from .._grammar import BY_NAME

    option = BY_NAME[name]
    letter = f"-{option.letter}, " if option.letter else ""
    argument = _ARGUMENTS.get(name, "")
    return f"{letter}--{name}{'' if argument.startswith('[=') else ' '}{argument}".rstrip()


def _text(text: str) -> str:
    """Return TEXT for troff, in which a hyphen is a minus sign and a leading dot is a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    print(manual(), end="")
