# SPDX-License-Identifier: Apache-2.0
"""Counts instructions with valgrind's callgrind: how many in all while one function was on the stack, and how many of
them in each of the functions that it called. Reads callgrind's output file (its format is in valgrind's manual)."""
import re
import subprocess
import tempfile
from pathlib import Path


def count(words, function):
    """What the program printed, the instructions under `function`, and those by function called."""
    with tempfile.NamedTemporaryFile(prefix="weir-bench-") as output:
        command = ["valgrind", "--tool=callgrind", "-q", "--collect-atstart=no", f"--toggle-collect={function}",
                   f"--callgrind-out-file={output.name}", *map(str, words)]
        printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True).stdout
        return printed, *parse(Path(output.name).read_text())


def parse(text):
    """The total, and the inclusive cost of each called function by name."""
    names, called, total = {}, {}, 0
    callee, inclusive = None, False
    for line in text.splitlines():
        if found := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
            number, name = found.groups()
            if name:
                names[number] = name
            if line.startswith("cfn="):
                callee = number
        elif line.startswith("calls="):
            inclusive = True
        elif line.startswith("totals:"):
            total = int(line.split()[1])
        elif inclusive:
            called[callee] = called.get(callee, 0) + int(line.split()[-1])
            inclusive = False
    return total, {names[number]: cost for number, cost in called.items()}
