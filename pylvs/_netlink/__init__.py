# SPDX-License-Identifier: GPL-2.0
"""Generic netlink: attributes, messages, the socket, and the errors of the kernel.

transport.py    the socket, the framing of messages, network namespaces
messages.py     the attribute sets of ippfvs; requests and answers as values
nlattr.py       the encoder and the decoder of attributes
error_map.py    the kernel's errno as an error of pylvs
"""
