#!/usr/bin/python3
"""A swarm of devices against a server on PostgreSQL or SQLite: no acknowledged heartbeat may be lost, counted on both sides.

    swarm.py [--database postgresql|sqlite] [--devices N] [--connections N] [--duration S] [--period S] [--json FILE]

Each device sends one heartbeat a period over the shared keep-alive connections, with restarts, polls, dropped connections and wrong
clocks among them. At full size (scripts/soak swarm): 100,000 devices, 4,000 connections, 10 minutes, one heartbeat a minute.
Exit code 77: there is no PostgreSQL here.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "servers"))
from kedge import BIN, Server  # noqa: E402
import postgres  # noqa: E402

SKEWED = 0.01


def run_swarm(server, arguments, database_pid, report):
    command = [os.path.join(BIN, "kedge"), "swarm", "--endpoint-url", server.url, "--devices", str(arguments.devices),
               "--connections", str(arguments.connections), "--duration", str(arguments.duration),
               "--rate", str(arguments.devices / arguments.period), "--restarts", "0.02", "--polls", "0.05", "--reconnects", "2",
               "--skewed", str(SKEWED), "--measure", f"server={server.process.pid}", "--json", report]
    if database_pid:
        command += ["--measure", f"database={database_pid}"]
    return subprocess.run(command, env={**os.environ, **server.administrator()}, check=False).returncode


def check(arguments, figures):
    """What must hold beyond the swarm's own exit code (which says that none was lost and no answer was unexpected)."""
    due = arguments.devices * (1 - SKEWED) * arguments.duration / arguments.period
    acknowledged = figures["heartbeats_acknowledged"]
    problems = []
    if acknowledged < 0.8 * due:
        problems.append(f"{acknowledged} heartbeats were acknowledged of about {due:.0f} that were due")
    if figures["devices_known"] != arguments.devices:
        problems.append(f"the server knows {figures['devices_known']} devices of {arguments.devices}")
    if arguments.duration >= arguments.period and figures["refused_clock"] == 0:
        problems.append("no wrong clock was refused")
    return problems


def run(arguments, folder, database_url, database_pid):
    options = ["--database", database_url] if database_url else []
    report = arguments.json or os.path.join(folder, "swarm.json")
    server = Server(os.path.join(folder, "data"), options)
    try:
        code = run_swarm(server, arguments, database_pid, report)
    finally:
        server.stop()
    if code != 0:
        return code
    with open(report, encoding="utf-8") as file:
        problems = check(arguments, json.load(file))
    for problem in problems:
        print("FAILED:", problem)
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=4_000)
    parser.add_argument("--duration", type=int, default=600)
    parser.add_argument("--period", type=float, default=60.0)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kedge-swarm-") as folder:
        if arguments.database == "sqlite":
            return run(arguments, folder, None, None)
        try:
            with postgres.Postgres() as database:
                return run(arguments, folder, database.create_database(), database.process.pid)
        except postgres.Missing as missing:
            print(f"skipped: {missing}", file=sys.stderr)
            return 77


if __name__ == "__main__":
    sys.exit(main())
