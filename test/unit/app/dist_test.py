#!/usr/bin/env python3
"""dist_test.py WHAT ROOT STOA: what dist/ hands out fits the program.

metrics: the alert rules name only metrics that the program has.
alerts:  promtool accepts the rules and their tests pass.
unit:    systemd accepts the unit, and it stays as closed as it is.
sample:  dist/stoa.yaml is what `stoa config sample` prints.
Without the tool it needs a check is skipped (exit code 77).
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
EXPOSURE_MAX = 2.0


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def defined_metrics(root):
    names = set()
    for path in (root / "src").rglob("*.[ch]"):
        text = path.read_text()
        names.update(re.findall(r"\b((?:stoa|livekit)_[a-z0-9_]+)", text))
    return names


def metrics(root, stoa):
    text = (root / "dist/stoa-alerts.yml").read_text()
    used = set(re.findall(r"\b((?:stoa|livekit)_[a-z0-9_]+)\b", text))
    known = defined_metrics(root)
    known |= {name + "_bucket" for name in known if name.endswith("latency_ms")}
    unknown = sorted(used - known)
    for name in unknown:
        print(f"dist/stoa-alerts.yml: no metric is called {name}")
    return 1 if unknown or len(used) < 10 else 0


def alerts(root, stoa):
    if not shutil.which("promtool"):
        print("promtool is not installed (Debian's package prometheus)")
        return SKIPPED
    status = 0
    for arguments in (("check", "rules", "stoa-alerts.yml"), ("test", "rules", "stoa-alerts.test.yml")):
        got = subprocess.run(("promtool", *arguments), cwd=root / "dist")
        status = status or got.returncode
    return status


def unit(root, stoa):
    if not shutil.which("systemd-analyze"):
        print("systemd-analyze is not installed")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stoa.service"
        text = (root / "dist/stoa.service").read_text()
        path.write_text(text.replace("/usr/bin/stoa", str(stoa)))
        verified = run("systemd-analyze", "verify", str(path))
        faults = [line for line in verified.stdout.splitlines() if "stoa" in line]
        security = run("systemd-analyze", "security", "--offline=true", str(path))
    found = re.search(r"Overall exposure level for stoa\.service: ([0-9.]+)", security.stdout)
    if not found:
        print("this systemd-analyze cannot judge a unit offline")
        return SKIPPED if not faults else 1
    print(f"exposure {found.group(1)}, at most {EXPOSURE_MAX}")
    print("\n".join(faults))
    return 1 if faults or float(found.group(1)) > EXPOSURE_MAX else 0


def sample(root, stoa):
    printed = subprocess.run((stoa, "config", "sample"), capture_output=True, text=True, check=True)
    if printed.stdout != (root / "dist/stoa.yaml").read_text():
        print("dist/stoa.yaml is behind: stoa config sample >dist/stoa.yaml")
        return 1
    return 0


def main():
    what, root, stoa = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if not stoa.exists():
        print(f"{stoa} is not built")
        return SKIPPED
    return {"metrics": metrics, "alerts": alerts, "unit": unit, "sample": sample}[what](root, stoa)


if __name__ == "__main__":
    sys.exit(main())
