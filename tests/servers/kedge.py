"""kedge-server for a test: started on a free loopback port, gone with its starter.

    with KedgeServer(bin_dir, folder, "--database", url) as server:
        server.url, server.pid, server.environment      # AWS_* of its administrator

SPDX-License-Identifier: Apache-2.0
"""
import os
import signal
import subprocess
import sys

START_LINES_MAX = 50


class KedgeServer:
    def __init__(self, bin_dir, folder, *arguments, listen="127.0.0.1:0"):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.log = folder, open(os.path.join(folder, "server.log"), "ab")
        self.process = subprocess.Popen(
            [os.path.join(bin_dir, "kedge-server"), "serve", "--data", os.path.join(folder, "data"), "--listen", listen, *arguments],
            stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL, text=True)
        self.pid, self.url = self.process.pid, self._wait_listening()
        self.environment = {**os.environ, **self._administrator()}

    def _wait_listening(self):
        for _ in range(START_LINES_MAX):
            line = self.process.stdout.readline()
            if line.startswith("listening on http"):
                return line.split()[2]
            if not line:
                break
        self.process.wait()
        with open(os.path.join(self.folder, "server.log"), encoding="utf-8", errors="replace") as log:
            raise RuntimeError("kedge-server did not start: " + log.read()[-2000:])

    def _administrator(self):
        """Of the first node; a further node of the same database makes no key of its own."""
        path = os.path.join(self.folder, "data", "administrator.env")
        if not os.path.exists(path):
            return {}
        with open(path, encoding="ascii") as file:
            lines = [line.strip().removeprefix("export ") for line in file if "=" in line and not line.startswith("#")]
        return dict(line.split("=", 1) for line in lines)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                print("kedge-server did not end in 30 s", file=sys.stderr)
                self.kill()
        self.process.stdout.close()
        self.log.close()
