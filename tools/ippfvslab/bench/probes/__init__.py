# SPDX-License-Identifier: GPL-2.0
"""How questions are answered: a module a kind, each with `ask(question, rounds, quick)`.

It runs inside the guest, leaves the guest as it was, and answers one figure a round for each lane
of the question. A figure counts only when the work was done, so every probe checks that it was.
"""
