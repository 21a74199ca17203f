#!/usr/bin/python3
"""Malformed requests, slow clients and hoarders against kedge-server, while good clients work.

    malformed.py [--count N] [--seed N] [--connections N] [--slow-seconds S] [--no-memory]

What must hold:
  * every malformed request is answered with 4xx, 501 or 505, or not at all; 503 only with Retry-After; no other 5xx, no smuggled answer;
  * the good clients (API calls, heartbeats, objects; no retries) succeed every time;
  * the server lives, its descriptors return to where they were, and its memory to within 2 % of what it was before, once it is idle.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import collections
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, HERE)
from malformed_cases import ANYTHING, FRAMING, Cases  # noqa: E402
from servers.kedge import ROOT, Server  # noqa: E402

JSON_SUITE = os.path.join(ROOT, "..", "shared", "vectors", "json")
SLOW_MODES = {"slow headers": ["-H", "-i", "1"], "slow body": ["-B", "-s", "100000", "-i", "1"],
              "ranges": ["-R", "-a", "1", "-b", "3000"], "slow read": ["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "8", "-k", "3"]}
ANSWER_SECONDS_MAX = 20
MALFORMED = (400, 413, 417, 431, 501, 503, 505)
MEMORY_GROWTH_MAX = 0.02
DESCRIPTORS_SLACK = 6  # the database's readers are opened when they are first needed


class GoodClients:
    """Three threads that work without a pause; every failure is kept."""

    def __init__(self, server):
        self.done, self.failures, self.slowest = collections.Counter(), [], 0.0
        api, edge, s3 = server.client("sagemaker"), server.client("sagemaker-edge"), server.client("s3")
        self._work = {"list": lambda i: api.list_device_fleets(),
                      "heartbeat": lambda i: edge.send_heartbeat(AgentVersion="1.0", DeviceName="device-1", DeviceFleetName="good"),
                      "object": lambda i: self._object(s3, i)}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._loop, args=item, daemon=True) for item in self._work.items()]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def prepare(server):
        api = server.client("sagemaker")
        for bucket in ("good", "bucket"):
            server.client("s3").create_bucket(Bucket=bucket)
        api.create_device_fleet(DeviceFleetName="good", RoleArn="arn:aws:iam::000000000000:role/kedge-sagemaker",
                                OutputConfig={"S3OutputLocation": "s3://good/captures/"})
        api.register_devices(DeviceFleetName="good", Devices=[{"DeviceName": "device-1"}])

    @staticmethod
    def _object(s3, i):
        text = b"object %d" % i * 1000
        s3.put_object(Bucket="good", Key=f"k{i % 5}", Body=text)
        assert s3.get_object(Bucket="good", Key=f"k{i % 5}")["Body"].read() == text

    def _loop(self, name, work):
        while not self._stop.is_set():
            begin = time.monotonic()
            try:
                work(self.done[name])
            except Exception as error:  # any failure counts, whatever its kind
                self.failures.append(f"{name}: {error!r}"[:300])
            self.done[name] += 1
            self.slowest = max(self.slowest, time.monotonic() - begin)
            time.sleep(0.01)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


def statuses(answer):
    """Of all answers in the bytes that came; "100 Continue" is none."""
    found = re.findall(rb"(?:^|\n|\})HTTP/1\.1 (\d{3})|HTTP/1\.1 (\d{3}) [A-Z]", answer)
    return [code for code in (int(a or b) for a, b in found) if code != 100]


def send(port, data, rng):
    """The answer to the bytes, written in one to three pieces; None if the client went away in the middle."""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS_MAX) as connection:
        if rng.random() < 0.05:  # goes away without a farewell
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.send(data[:rng.randrange(len(data) + 1)] or b"G")
            return None
        answer = b""
        try:
            cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(3)))
            for begin, end in zip([0, *cuts], [*cuts, len(data)]):
                connection.sendall(data[begin:end])
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has seen enough
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


class Attack:
    def __init__(self, port, cases, rng):
        self.port, self.rng = port, rng
        self.seen, self.violations, self.busy = collections.Counter(), [], 0
        self._cases = iter(cases)
        self._lock = threading.Lock()

    def run(self, threads=4):
        workers = [threading.Thread(target=self._loop, args=(random.Random(self.rng.random()),)) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def _loop(self, rng):
        while True:
            with self._lock:
                case = next(self._cases, None)
            if case is None:
                return
            try:
                answer = send(self.port, case.data, rng)
            except OSError as error:
                self._violate(case, f"{error!r}")
                continue
            if answer is not None:
                self._judge(case, answer)

    def _judge(self, case, answer):
        codes = statuses(answer)
        self.seen[str(codes[0]) if codes else "closed"] += 1
        self.busy += codes.count(503)
        if len(codes) > case.requests:
            self._violate(case, f"{len(codes)} answers to at most {case.requests} requests")
        if any(code >= 500 and code not in (501, 503, 505) for code in codes) or (503 in codes and b"Retry-After" not in answer):
            self._violate(case, f"answered {codes}: {answer[:300]!r}")
        understood = codes and (codes[0] < 400 or (case.refused == FRAMING and codes[0] not in MALFORMED))
        if case.refused != ANYTHING and understood:
            self._violate(case, f"was understood: {answer[:200]!r}")

    def _violate(self, case, why):
        self.violations.append(f"{case.name}: {why}; sent {case.data[:200]!r}")


def slow(port, mode, connections, seconds):
    command = ["/usr/bin/slowhttptest", *SLOW_MODES[mode], "-c", str(connections), "-r", str(max(50, connections // 2)), "-l", str(seconds),
               "-u", f"http://127.0.0.1:{port}/good/k0", "-p", "5", "-v", "0"]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds + 60, check=False)


def hoard(port, connections, seconds):
    """Connections that say nothing, and such that begin a request and stop."""
    held = []
    for i in range(connections):
        try:
            held.append(socket.create_connection(("127.0.0.1", port), timeout=5))
            if i % 2:
                held[-1].sendall(b"GET /")
        except OSError:
            break
    time.sleep(seconds)
    for connection in held:
        connection.close()
    return len(held)


def memory_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def settled(pid, goal, seconds):
    """The least memory that the idle server comes to, waiting at most so long for the goal."""
    deadline = time.monotonic() + seconds
    least = memory_kb(pid)
    while time.monotonic() < deadline and least > goal:
        time.sleep(0.25)
        least = min(least, memory_kb(pid))
    return least


class Trial:
    def __init__(self, options):
        self.options = options
        self.problems = []

    def expect(self, good, text):
        print(("ok      " if good else "FAILED  ") + text, flush=True)
        if not good:
            self.problems.append(text)

    def attack(self, server, count, seed):
        rng = random.Random(seed)
        cases = Cases(rng, server.administrator(), server.url, JSON_SUITE if os.path.isdir(JSON_SUITE) else None)
        attack = Attack(int(server.url.rsplit(":", 1)[1]), cases.draw(count), rng)
        attack.run()
        return attack

    def attack_slowly(self, port):
        options = self.options
        if not os.path.exists("/usr/bin/slowhttptest"):
            print("skipped: slowhttptest is not installed")
            return
        for mode in SLOW_MODES:
            slow(port, mode, options.connections, options.slow_seconds)
        held = hoard(port, options.connections, min(options.slow_seconds, 10))
        self.expect(held == options.connections, f"{held} hoarded connections were taken, as many in each of {len(SLOW_MODES)} slow modes")

    def run(self, folder):
        options = self.options
        server = Server(os.path.join(folder, "data"))
        try:
            pid, port = server.process.pid, int(server.url.rsplit(":", 1)[1])
            GoodClients.prepare(server)
            good = GoodClients(server)
            self.attack(server, max(200, options.count // 10), options.seed + 1)  # what is made once is made
            self.attack_slowly(port)
            good.stop()
            time.sleep(2)
            before_kb, before_fds = settled(pid, 0, 6), descriptors(pid)

            good = GoodClients(server)
            begin = time.monotonic()
            attack = self.attack(server, options.count, options.seed)
            seconds = time.monotonic() - begin
            self.attack_slowly(port)
            good.stop()

            self.expect(server.process.poll() is None, "the server lives")
            print(f"        {options.count} malformed requests in {seconds:.1f} s: {dict(attack.seen)}")
            for line in attack.violations[:20]:
                print("        " + line)
            self.expect(not attack.violations,
                        f"{len(attack.violations)} malformed requests were answered wrongly ({attack.busy} times 503)")
            for line in good.failures[:10]:
                print("        " + line)
            total = sum(good.done.values())
            self.expect(not good.failures and total > 0,
                        f"good clients: {len(good.failures)} of {total} calls failed, slowest {good.slowest:.2f} s")
            self.judge_rest(pid, before_kb, before_fds)
        finally:
            code = server.stop() if server.process.poll() is None else server.process.returncode
            self.expect(code == 0, f"the server ended with {code}")
            if code != 0 or self.problems:
                print(server.log_text()[-4000:])

    def judge_rest(self, pid, before_kb, before_fds):
        time.sleep(1)
        after_fds = descriptors(pid)
        deadline = time.monotonic() + 30
        while after_fds > before_fds + DESCRIPTORS_SLACK and time.monotonic() < deadline:
            time.sleep(0.25)
            after_fds = descriptors(pid)
        self.expect(after_fds <= before_fds + DESCRIPTORS_SLACK, f"descriptors: {before_fds} before, {after_fds} after")
        goal = before_kb * (1 + MEMORY_GROWTH_MAX)
        after_kb = settled(pid, goal, 30)
        growth = after_kb / before_kb - 1
        text = f"memory: {before_kb} kB before, {after_kb} kB after ({growth:+.1%})"
        if self.options.no_memory:
            print("        " + text)
        else:
            self.expect(after_kb <= goal, text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--slow-seconds", type=int, default=3)
    parser.add_argument("--no-memory", action="store_true", help="report memory only: under a sanitizer")
    trial = Trial(parser.parse_args())
    folder = tempfile.mkdtemp(prefix="kedge-malformed-")
    try:
        trial.run(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if trial.problems else 0


if __name__ == "__main__":
    sys.exit(main())
