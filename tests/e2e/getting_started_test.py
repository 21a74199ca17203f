#!/usr/bin/python3
"""Runs every command of docs/getting-started.md, in order, in one shell, and checks what they print.

SPDX-License-Identifier: Apache-2.0
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WANTED = ["listening on http://127.0.0.1:", '"COMPLETED"', "s3://models/packages/shapes-1.tar.gz", "credentials.json",
          '"StageStatus": "DEPLOYED"', "triangle (", '"LatestHeartbeat"']


def run(page, wanted, blocks_min):
    """Runs the sh blocks of a page of docs/; 0 if they succeed and print all that is wanted."""
    with open(os.path.join(ROOT, "docs", page), encoding="utf-8") as file:
        text = file.read()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    # The page says build/dev/bin and port 8080; the test runs the build it belongs to, on a free port.
    binaries = os.environ.get("KEDGE_BIN_DIR", os.path.join(ROOT, "build", "dev", "bin"))
    script = "set -euo pipefail\n" + "\n".join(blocks).replace("$PWD/build/dev/bin", binaries)
    with tempfile.TemporaryDirectory() as work:
        done = subprocess.run(["bash", "-c", script], cwd=ROOT, env={**os.environ, "WORK": work, "PORT": "0"}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280)
        print(done.stdout)
        if done.returncode != 0:
            for name in ("server.log", "agent.log"):
                path = os.path.join(work, name)
                if os.path.exists(path):
                    print(f"--- {name}\n" + open(path, encoding="utf-8", errors="replace").read()[-4000:])
    missing = [words for words in wanted if words not in done.stdout]
    print(f"{len(blocks)} blocks, exit code {done.returncode}" + (f", not found: {missing}" if missing else ""))
    return 1 if missing or done.returncode or len(blocks) < blocks_min else 0


if __name__ == "__main__":
    sys.exit(run("getting-started.md", WANTED, blocks_min=8))
