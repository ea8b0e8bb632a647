# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark programs one after the other, gathers their records and writes them as a table, as JSON and
into docs/. Called by scripts/bench; it decides nothing about a packet and measures nothing itself."""
import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import memory
import report
import suites

ROOT = Path(__file__).resolve().parents[2]


class Context:
    """What a suite is given: where things are, how long it may take, and a place for its files."""

    def __init__(self, options, build, pages):
        self.quick, self.build, self.pages = options.quick, build, pages
        self.memory = options.memory

    def program(self, name, *arguments, timeout=300):
        """The records that a benchmark program prints."""
        return records_in(self.output(name, *arguments, timeout=timeout))

    def output(self, name, *arguments, timeout=300):
        words = [str(self.build / "tests" / "bench" / name), *map(str, arguments), "--memory", str(self.memory)]
        if self.pages.folder:
            words += ["--huge", str(self.pages.folder)]
        if self.quick:
            words.append("--quick")
        return run(words, timeout)

    @staticmethod
    def lines(words, timeout=300):
        return records_in(run(words, timeout))


def run(words, timeout):
    result = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=timeout, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {result.returncode}")
    return result.stdout


def records_in(output):
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="weir's benchmark")
    parser.add_argument("--json", metavar="FILE", help="one record a case")
    parser.add_argument("--markdown", metavar="FILE", help="put the tables between the marks in this page")
    parser.add_argument("--quick", action="store_true", help="each case for a moment: do they all run")
    parser.add_argument("--only", metavar="PART", default="", help="suites whose name contains this")
    parser.add_argument("--memory", type=int, metavar="MIB", help="huge pages that tables may take")
    parser.add_argument("--from-json", metavar="FILE", help="run nothing, write what an earlier run has measured")
    options = parser.parse_args()
    if options.from_json:
        return finish(json.loads(Path(options.from_json).read_text()), options)

    # As for an exception, so that everything is given back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    build = Path(os.environ.get("WEIR_BUILD", ROOT / "build"))
    if options.memory is None:
        options.memory = 1024 if options.quick else memory.affordable()
    records, failed = [], []
    with memory.HugePages(options.memory) as pages:
        context = Context(options, build, pages)
        for name, suite in suites.ALL:
            if options.only not in name:
                continue
            began = time.monotonic()
            try:
                found = suite(context)
            except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
                print(f"bench: {name}: {error}", file=sys.stderr)
                failed.append(name)
                continue
            records += found
            print(f"bench: {name}: {len(found)} cases, {time.monotonic() - began:.0f} s", file=sys.stderr)
    status = finish(records, options)
    if failed:
        print(f"bench: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else status


def finish(records, options):
    print(report.text(records))
    if options.json:
        Path(options.json).write_text(json.dumps(records, indent=1) + "\n")
    if options.markdown:
        report.into_page(Path(options.markdown), records)
    return 0


if __name__ == "__main__":
    sys.exit(main())
