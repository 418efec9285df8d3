# SPDX-License-Identifier: GPL-2.0
"""Generic netlink: attributes, messages, the socket, and the errors of the kernel.

transport.py    the socket, the framing of messages, network namespaces
messages.py     the attribute sets of ippfvs; requests and answers
nlattr.py       the encoder and the decoder of attributes
error_map.py    the conversion of the kernel's errno into an error of pylvs
"""
