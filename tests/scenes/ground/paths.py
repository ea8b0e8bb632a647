# SPDX-License-Identifier: Apache-2.0
"""Where everything is: the checkout, the build (WEIR_BUILD, else build/), the apps. Nothing else in
the scenes may spell a path of the tree."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("WEIR_BUILD", ROOT / "build")).resolve()
WEIR = BUILD / "control" / "weir"
WEIR_DATAPLANE = BUILD / "dataplane" / "weir-dataplane"
WEIRCTL = BUILD / "control" / "weirctl"
APPS = ROOT / "tests" / "apps"
TUTORIAL = ROOT / "config" / "examples" / "tutorial.conf"


def missing():
    """The binaries that are not built, as a sentence; empty when all are there."""
    absent = [str(p) for p in (WEIR, WEIR_DATAPLANE, WEIRCTL) if not p.exists()]
    return f"not built: {', '.join(absent)} (WEIR_BUILD names another build)" if absent else ""
