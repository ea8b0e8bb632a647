# SPDX-License-Identifier: Apache-2.0
"""All packet rows, as the JSON that weir-rows and weir-fuzz read. Imported by the tests, run by hand for the fuzzers."""

import importlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import lab  # noqa: E402

for module in sorted(HERE.glob("rows_*.py")):
    importlib.import_module(module.stem)


def rows_json(engine="host"):
    return json.dumps([row.as_json() for row in lab.ROWS if engine in row.engines])


if __name__ == "__main__":
    print(rows_json())
