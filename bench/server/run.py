#!/usr/bin/python3
"""What one machine takes: durable heartbeats and polls over HTTP, beside what the database alone does with the same statements.

    bench/server/run.py [--seconds S] [--databases sqlite,postgresql,postgresql-2] [--connections 1,64,1000]
                        [--identities certificates,keys] [--json FILE]

For each database and number of connections, in turns: store_bench commits batches of that size (the bare rate), then `kedge swarm`
sends heartbeats with 200 B of statistics, then polls (GetDeployments), all from the same machine; at last the heartbeats again at
70 % of the rate found, for the latency. Handshakes and first contacts are in a warm-up that is not measured. "postgresql-2" is two nodes.

Identities: "certificates" is mutual TLS on the device listener, a device a connection, as a fleet should come; "keys" is plain HTTP on
the API listener, each request signed (SigV4) with its device's own key. Paced, certificates keep the rate asked for over their
connections; keys are twice as many devices as requests a second, which come again when the server says.

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
DEVICES_MIN = 1_000  # of keys: so that a batch of one connection is not always the same row
WARM_UP_SECONDS = 3  # more than the period of paced devices


class Bench:
    def __init__(self, name, arguments, folder, stack):
        self.name, self.arguments, self.folder, self.rows, self.fleets = name, arguments, folder, [], 0
        self.database_pid, options, self.bare_database = None, [], os.path.join(folder, "bare.db")
        if name.startswith("postgresql"):
            cluster = stack.enter_context(postgres.Postgres())
            self.database_pid, self.bare_database = cluster.process.pid, cluster.create_database()
            options = ["--database", cluster.create_database()]
        options += ["--device-listen", "127.0.0.1:0", "--enrolments", "1000000"]
        master_key = ["--master-key", os.path.join(folder, "data0", "keys", "master.key")]
        self.nodes = []
        for number in range(2 if name.endswith("-2") else 1):
            self.nodes.append(Server(os.path.join(folder, f"data{number}"), options + (master_key if number else [])))
            stack.callback(self.nodes[-1].stop)
        subprocess.run([os.path.join(BIN, "store_bench"), self.bare_database, "fill", "10000"], check=True, stderr=subprocess.DEVNULL)

    def bare(self, batch):
        """Heartbeats a second of the store alone, and its CPU time for one (without a database server's)."""
        done = subprocess.run([os.path.join(BIN, "store_bench"), self.bare_database, "commit", str(batch), str(self.arguments.seconds)],
                              check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        figures = json.loads(done.stdout)
        return figures["heartbeats_per_second"], figures["cpu_us"]

    def swarm(self, identity, *options):
        """A fleet of its own: a claim token for a pattern makes new devices only."""
        report = os.path.join(self.folder, "swarm.json")
        self.fleets += 1
        command = [os.path.join(BIN, "kedge"), "swarm", "--endpoint-url", self.nodes[0].url, "--fleet", f"bench-{self.fleets}",
                   "--json", report, "--warm-up", str(WARM_UP_SECONDS), "--duration", str(self.arguments.seconds), *map(str, options)]
        if identity == "certificates":
            command.append("--certificates")
        for number, node in enumerate(self.nodes):
            url = node.wait_for(r"^listening for devices on (https\S+)$") if identity == "certificates" else node.url
            command += ["--node", url, "--measure", f"server{number}={node.process.pid}"]
        if self.database_pid:
            command += ["--measure", f"database={self.database_pid}"]
        done = subprocess.run(command, env={**os.environ, **self.nodes[0].administrator()}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise RuntimeError("the swarm failed: " + done.stdout.decode(errors="replace"))
        with open(report, encoding="utf-8") as file:
            return json.load(file)

    def row(self, identity, connections, kind, figures, bare_rate=None):
        rate = figures["requests_per_second"]
        result = {"database": self.name, "identity": identity, "connections": connections, "kind": kind, "rate": round(rate)}
        if bare_rate:
            result.update(bare=round(bare_rate[0]), bare_us=round(bare_rate[1]), share=round(rate / bare_rate[0], 3))
        result.update(p50_ms=figures["latency_ms"]["p50"], p99_ms=figures["latency_ms"]["p99"],
                      swarm_us=round(figures["swarm_cpu_seconds"] * 1e6 / max(1, rate * figures["seconds"])))
        for process in figures["processes"]:
            result[process["name"] + "_us"] = round(process["cpu_seconds_per_1000"] * 1000)
            result[process["name"] + "_mb"] = round(process["resident_bytes"] / 1e6)
        print(json.dumps(result), flush=True)
        self.rows.append(result)
        return rate

    def measure(self, identity, connections):
        devices = connections if identity == "certificates" else max(DEVICES_MIN, connections)
        common = ["--devices", devices, "--connections", connections]
        bare_rate = self.bare(connections)
        rate = self.row(identity, connections, "heartbeats", self.swarm(identity, *common), bare_rate)
        self.row(identity, connections, "polls", self.swarm(identity, *common, "--polls-only"))
        paced = ["--rate", rate * LATENCY_SHARE]
        if identity == "certificates":
            paced += ["--own-period", *common]
        else:
            # The server calls no device again before a second has passed, so a rate needs as many devices and more.
            paced += ["--devices", max(devices, round(2 * rate * LATENCY_SHARE)), "--connections", connections]
        self.row(identity, connections, "heartbeats at 70 %", self.swarm(identity, *paced))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--databases", default="sqlite,postgresql,postgresql-2")
    parser.add_argument("--connections", default="1,64,1000")
    parser.add_argument("--identities", default="certificates,keys")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.databases.split(","):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kedge-bench-"))
            bench = Bench(name, arguments, folder, stack)
            for connections in map(int, arguments.connections.split(",")):
                for identity in arguments.identities.split(","):
                    bench.measure(identity, connections)
            rows += bench.rows
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
