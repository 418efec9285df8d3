# SPDX-License-Identifier: GPL-2.0
"""The text of --help: both grammars by example, then the options; 80 columns by 40 lines."""

from __future__ import annotations

HELP = """\
ippfvsadm rules the Linux virtual server: one address, many real servers.

1999's grammar: a real server, and its service when that is new (scheduler wrr)
  ippfvsadm -A -t 202.103.106.5:80 -R 172.16.0.3:8000 -w 2
  ippfvsadm -D -t 202.103.106.5:80 -R 172.16.0.3:8000
ipvsadm's grammar: services (scheduler wlc), then their real servers
  ippfvsadm -A -t 202.103.106.5:80 -s rr          -E edits, -D deletes
  ippfvsadm -a -t 202.103.106.5:80 -r 172.16.0.2:80 -m -w 1      -e, -d

Service       -t ADDRESS[:PORT] TCP   -u ADDRESS[:PORT] UDP   -s rr|wrr|lc|wlc
              without a port: every port; IPv6: [2001:db8::1]:80
Real server   -r or -R ADDRESS[:PORT]  -w WEIGHT 0..65535, 0: no new connections
Method        -m NAT  -i TUN  -g DR  --method nat|tun|dr|local. Without one, in
              both grammars: local for an address of the director, NAT when a
              port is given, else the default method (ipvsadm would take DR)
List          ippfvsadm [-L] [-t|-u ADDRESS:PORT] [-v] [--json], all numeric;
              in a pipe the paper's table (-v: more), else one with connections
                --stats counters   --rate[=SECONDS] rates   -c connections
                --drops refused packets by reason   --timeout timeouts
              --events follows changes of the rules (--json: a line each)
Zero, clear   -Z [-t|-u ADDRESS:PORT] counters to zero   -C remove all services
Save          ippfvsadm -S > FILE      rules and settings, whole
Restore       ippfvsadm -R < FILE      replaces the whole rule set in one step
              (ipvsadm would add to it); a wrong line is named, nothing changes
Settings      --default-method [nat|tun|dr]   --conn-max [N] 0: by memory
              --set TCP FIN UDP timeouts in seconds, 0 keeps one
Elsewhere     --netns NAME or path of a network namespace
Also          --version  --help  --debug (the trace of an unexpected error)

Long names are ipvsadm's: --add-service --add-server --tcp-service --real-server
--weight --scheduler --list --save --restore ...
Exit code: 0 done, 1 refused by the kernel, 2 not understood.
"""
