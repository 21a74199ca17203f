"""The real programs of one device and its server, each under a supervisor that starts it again as soon as it ends.

SPDX-License-Identifier: Apache-2.0
"""
import atexit
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import botocore.session
from botocore.config import Config

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("KEDGE_BIN_DIR", os.path.join(ROOT, "build", "dev", "bin"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Supervised:
    """A program that is started again whenever it ends. `epochs` lists [started, ready or None, ended or None] of each life."""

    def __init__(self, name, words, log, ready_words):
        self.name, self.words, self.log, self.ready_words = name, words, log, ready_words
        self.epochs, self.process = [], None
        self.lock = threading.Lock()
        self.stopping = False
        self.out = log + ".out"
        self.thread = threading.Thread(target=self._supervise, daemon=True)
        atexit.register(self._leave_nothing)

    def start(self):
        self.thread.start()
        self.wait_ready(0)

    def _leave_nothing(self):
        """However the run ends, the program does not outlive it."""
        self.stopping = True
        if self.process is not None and self.process.poll() is None:
            self.process.kill()

    def _supervise(self):
        while not self.stopping:
            with open(self.log, "ab") as log, open(self.out, "wb") as out:
                start = log.tell()
                with self.lock:
                    self.process = subprocess.Popen(self.words, stdout=out, stderr=log, start_new_session=True)
                    self.epochs.append([time.monotonic(), None, None])
            watcher = threading.Thread(target=self._watch_ready, args=(len(self.epochs) - 1, start, self.process), daemon=True)
            watcher.start()
            self.process.wait()
            with self.lock:
                self.epochs[-1][2] = self.epochs[-1][2] or time.monotonic()
            watcher.join()

    def _watch_ready(self, epoch, start, process):
        while process.poll() is None:
            for path, offset in ((self.log, start), (self.out, 0)):
                with open(path, "rb") as file:
                    file.seek(offset)
                    if self.ready_words in file.read():
                        with self.lock:
                            self.epochs[epoch][1] = time.monotonic()
                        return
            time.sleep(0.002)

    def wait_ready(self, epoch, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with self.lock:
                if len(self.epochs) > epoch and self.epochs[-1][1] is not None:
                    return
            time.sleep(0.005)
        raise RuntimeError(f"{self.name} is not ready: " + open(self.log, "rb").read()[-2000:].decode("utf-8", "replace"))

    def kill(self):
        """kill -9; False if it was just not running."""
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                return False
            self.epochs[-1][2] = time.monotonic()  # before the kill: what ends after this moment may have been hit by it
            self.process.kill()
            return True

    def alive_through(self, begin, end):
        """True if one life was ready before `begin` and did not end before `end`."""
        with self.lock:
            return any(ready is not None and ready <= begin and (ended is None or ended > end) for _, ready, ended in self.epochs)

    def stop(self):
        self.stopping = True
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.thread.join(30)
        return self.process.returncode if self.process is not None else None


class World:
    def __init__(self, work):
        self.work = work
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = Supervised("server", [os.path.join(BIN, "kedge-server"), "--data", os.path.join(work, "server"),
                                            "--listen", f"127.0.0.1:{self.port}"], os.path.join(work, "server.log"), b"listening on ")
        self.server.start()
        self.keys = dict(re.findall(r"(AWS_\w+)=(\S+)", open(self.server.out, encoding="utf-8").read()))
        self.agent = None
        self.socket = os.path.join(work, "agent.sock")

    def client(self, service, keys=None):
        keys = keys or (self.keys["AWS_ACCESS_KEY_ID"], self.keys["AWS_SECRET_ACCESS_KEY"])
        session = botocore.session.get_session()
        session.set_credentials(*keys)
        return session.create_client(service, region_name="us-east-1", endpoint_url=self.url, config=Config(
            retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=5, read_timeout=20, s3={"addressing_style": "path"}))

    def enroll(self, fleet, device):
        """The device's folder, with its credentials and the agent's configuration."""
        folder = os.path.join(self.work, "device-" + device)
        subprocess.run([os.path.join(BIN, "kedge"), "device", "enroll", "--endpoint-url", self.url, "--fleet", fleet, "--device", device,
                        "-o", folder], check=True, stdout=subprocess.DEVNULL, env={**os.environ, **self.keys})
        return folder

    def start_agent(self, folder):
        path = os.path.join(folder, "agent.json")
        config = json.load(open(path, encoding="utf-8"))
        config.update({"kedge_deployment_poll_interval_seconds": 1, "kedge_heartbeat_interval_seconds": 1})
        json.dump(config, open(path, "w", encoding="utf-8"))
        self.agent = Supervised("agent", [os.path.join(BIN, "kedge-agent"), "-a", self.socket, "-c", path, "-f"],
                                os.path.join(self.work, "agent.log"), b'"agent is ready"')
        self.agent.start()

    def workers(self):
        """{pid: handle} of the workers of the agent that runs now."""
        handles = {}
        for line in open(self.agent.log, encoding="utf-8", errors="replace"):
            if '"worker_pid"' in line:
                entry = json.loads(line)
                handles[int(entry["worker_pid"])] = entry["handle"]
        found = {}
        try:
            for task in os.listdir(f"/proc/{self.agent.process.pid}/task"):
                for pid in open(f"/proc/{self.agent.process.pid}/task/{task}/children", encoding="ascii").read().split():
                    if int(pid) in handles:
                        found[int(pid)] = handles[int(pid)]
        except OSError:
            return {}
        return found

    def stop(self):
        codes = [part.stop() for part in (self.agent, self.server) if part is not None]
        return codes
