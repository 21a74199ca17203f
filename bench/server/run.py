#!/usr/bin/python3
"""What one machine takes: durable heartbeats and polls over HTTP, beside what the database alone does with the same statements.

    bench/server/run.py [--seconds S] [--databases sqlite,postgresql,postgresql-2] [--connections 1,64,1000] [--json FILE]

For each database and number of connections, in turns: store_bench commits batches of that size (the bare rate), then `kedge swarm`
sends heartbeats with 200 B of statistics, each signed with its device's own key, then polls (GetDeployments), all from the same
machine; at last the heartbeats again at 70 % of the rate found, for the latency. "postgresql-2" is two nodes.
The load generator's own CPU time is printed: it is taken from what the server could have had.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "servers"))
from kedge import BIN, Server  # noqa: E402
import postgres  # noqa: E402

LATENCY_SHARE = 0.7
DEVICES_MIN = 1_000  # so that a batch of one connection is not always the same row


def bare(database, batch, seconds):
    """Heartbeats a second of the store alone, and its CPU time for one (without a database server's)."""
    done = subprocess.run([os.path.join(BIN, "store_bench"), database, "commit", str(batch), str(seconds)], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    figures = json.loads(done.stdout)
    return figures["heartbeats_per_second"], figures["cpu_us"]


def swarm(nodes, environment, database_pid, folder, fleet, *options):
    report = os.path.join(folder, "swarm.json")
    command = [os.path.join(BIN, "kedge"), "swarm", "--endpoint-url", nodes[0].url, "--fleet", fleet, "--json", report, *map(str, options)]
    for number, node in enumerate(nodes):
        command += ["--node", node.url, "--measure", f"server{number}={node.process.pid}"]
    if database_pid:
        command += ["--measure", f"database={database_pid}"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise RuntimeError("the swarm failed: " + done.stdout.decode(errors="replace"))
    with open(report, encoding="utf-8") as file:
        return json.load(file)


def row(name, connections, kind, rate, figures, bare_rate):
    result = {"database": name, "connections": connections, "kind": kind, "rate": round(rate)}
    if bare_rate:
        result.update(bare=round(bare_rate[0]), bare_us=round(bare_rate[1]), share=round(rate / bare_rate[0], 3))
    if figures:
        result.update(p50_ms=figures["latency_ms"]["p50"], p99_ms=figures["latency_ms"]["p99"],
                      swarm_us=round(figures["swarm_cpu_seconds"] * 1e6 / max(1, rate * figures["seconds"])))
        for process in figures["processes"]:
            result[process["name"] + "_us"] = round(process["cpu_seconds_per_1000"] * 1000)
            result[process["name"] + "_mb"] = round(process["resident_bytes"] / 1e6)
    print(json.dumps(result), flush=True)
    return result


def measure(name, nodes, environment, database, database_pid, folder, arguments):
    rows = []
    for connections in arguments.connections:
        devices, fleet = max(DEVICES_MIN, connections), f"bench-{connections}"
        common = ["--devices", devices, "--connections", connections, "--duration", arguments.seconds]
        bare_rate = bare(database, connections, arguments.seconds)
        beats = swarm(nodes, environment, database_pid, folder, fleet, *common)
        rate = beats["requests_per_second"]
        rows.append(row(name, connections, "heartbeats", rate, beats, bare_rate))
        polls = swarm(nodes, environment, database_pid, folder, fleet, *common, "--polls-only")
        rows.append(row(name, connections, "polls", polls["requests_per_second"], polls, None))
        # The server calls no device again before a second has passed, so a rate needs as many devices and more.
        many = max(devices, round(2 * rate * LATENCY_SHARE))
        paced = swarm(nodes, environment, database_pid, folder, fleet + "-paced", "--devices", many, "--connections", connections,
                      "--duration", arguments.seconds, "--rate", rate * LATENCY_SHARE)
        rows.append(row(name, connections, "heartbeats at 70 %", paced["requests_per_second"], paced, None))
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--databases", default="sqlite,postgresql,postgresql-2")
    parser.add_argument("--connections", default="1,64,1000")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    arguments.connections = [int(number) for number in arguments.connections.split(",")]
    rows = []
    for name in arguments.databases.split(","):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kedge-bench-"))
            database_pid, options, bare_database = None, [], os.path.join(folder, "bare.db")
            if name.startswith("postgresql"):
                cluster = stack.enter_context(postgres.Postgres())
                database_pid, bare_database = cluster.process.pid, cluster.create_database()
                options = ["--database", cluster.create_database()]
            master_key = ["--master-key", os.path.join(folder, "data0", "keys", "master.key")]
            nodes = []
            for number in range(2 if name.endswith("-2") else 1):
                nodes.append(Server(os.path.join(folder, f"data{number}"), options + (master_key if number else [])))
                stack.callback(nodes[-1].stop)
            subprocess.run([os.path.join(BIN, "store_bench"), bare_database, "fill", "10000"], check=True, stderr=subprocess.DEVNULL)
            environment = {**os.environ, **nodes[0].administrator()}
            rows += measure(name, nodes, environment, bare_database, database_pid, folder, arguments)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
