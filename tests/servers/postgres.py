#!/usr/bin/python3
"""A real PostgreSQL for a test: a fresh cluster in a temporary folder, on a free loopback port, gone with its starter.

    with Postgres() as server:                     # Python
        server.create_database()                   # "postgresql://kedge@127.0.0.1:PORT/db1"
        server.kill(); server.start()              # kill -9 of all its processes, and the recovery

    postgres.py serve                              # bash, C++: prints {"url": ..., "pid": ...}; stops when its stdin ends
        > database            makes a fresh database       < {"url": ...}
        > kill                kill -9 of all processes      < {"pid": null}
        > start               starts it again               < {"pid": ...}

The cluster syncs as in production (only `initdb` does not): what a test says about durability is true. PostgreSQL refuses to
run as root, so root runs it as the user `postgres`. Exit code 77: there is no PostgreSQL here.
SPDX-License-Identifier: Apache-2.0
"""
import glob
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

USER = "kedge"  # the cluster's superuser; from loopback without a password
START_MAX_S = 60  # a recovery after kill -9 on a busy machine
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "log_min_messages": "warning",
    "jit": "off",
    "recovery_init_sync_method": "syncfs",  # one call instead of an fsync a file
}


class Missing(Exception):
    """PostgreSQL is not installed."""


def binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: int(path.split("/")[4]))
    if not found:
        raise Missing("no /usr/lib/postgresql/*/bin/postgres: install the package postgresql-15")
    return os.path.dirname(found[-1])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """`settings` override SETTINGS. `preload` is a library that the server is started with; while fail_syncs() is on, it sees
    the file that KEDGE_FAILING_SYNC names."""

    def __init__(self, settings=None, preload=None):
        self.bin = binaries()
        self.account = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        self.settings = {**SETTINGS, **(settings or {})}
        self.folder = tempfile.mkdtemp(prefix="kedge-postgres-")
        self.environment = {}
        if preload:  # copied: its folder may be closed to the server's user
            shutil.copy(preload, self.folder + "/preload.so")
            os.chmod(self.folder + "/preload.so", 0o755)
            self.environment = {"LD_PRELOAD": self.folder + "/preload.so", "KEDGE_FAILING_SYNC": self.folder + "/fail"}
        self.process, self.databases = None, 0
        self.port = free_port()
        if self.account:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
        try:
            self._run("initdb", "-D", self.folder + "/data", "--no-sync", "--no-instructions", "--auth=trust", "--encoding=UTF8",
                      "--locale=C", "-U", USER)
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def log(self):
        return self.folder + "/log"

    def _as_user(self, environment=None):
        """Arguments of subprocess that make the child an unprivileged one."""
        arguments = {"cwd": self.folder, "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", **(environment or {})}}
        if self.account:
            arguments.update(user=self.account.pw_uid, group=self.account.pw_gid, extra_groups=[])
        return arguments

    def _run(self, program, *words):
        done = subprocess.run([os.path.join(self.bin, program), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              stdin=subprocess.DEVNULL, **self._as_user())
        if done.returncode != 0:
            raise RuntimeError(f"{program} ended with {done.returncode}: {done.stdout.decode(errors='replace')}")
        return done.stdout.decode()

    def url(self, database="postgres"):
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self):
        """Starts (again) and waits until it answers."""
        words = [os.path.join(self.bin, "postgres"), "-D", self.folder + "/data", "-p", str(self.port), "-k", self.folder]
        for name, value in self.settings.items():
            words += ["-c", f"{name}={value}"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                            **self._as_user(self.environment))
        self.wait_ready()

    def fail_syncs(self, on):
        """Whether syncs of the log fail (preload: tests/e2e/durability/failing_sync.c)."""
        if on:
            open(self.folder + "/fail", "w", encoding="ascii").close()
        else:
            os.remove(self.folder + "/fail")

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait_ready(self):
        deadline = time.monotonic() + START_MAX_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"postgres does not answer (exit code {self.process.poll()}): " + self.last_log())
            time.sleep(0.02)

    def answers(self):
        return subprocess.run([os.path.join(self.bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "5"],
                              check=False).returncode == 0

    def last_log(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]

    def _processes(self):
        """The postmaster and its children; each of them is its own process group."""
        pid = self.process.pid
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                return [pid, *map(int, file.read().split())]
        except OSError:
            return [pid]

    def kill(self):
        """kill -9 of all its processes: as a crash of the machine, but for what the kernel already has."""
        if self.process is None or self.process.poll() is not None:
            return
        for pid in self._processes():  # the parent first: it would tidy up after its children
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def stop(self):
        """A clean end: what clients have open is rolled back."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(START_MAX_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def close(self):
        self.kill()  # nothing in it is needed any more
        shutil.rmtree(self.folder, ignore_errors=True)

    def query(self, sql, database="postgres"):
        """Rows as lines, columns separated by '|'."""
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-c", sql).splitlines()

    def create_database(self):
        """The URL of a new, empty database."""
        self.databases += 1
        name = f"db{self.databases}"
        self.query(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)


def serve():
    """The line protocol of the top of this file."""
    def say(**words):
        print(json.dumps(words), flush=True)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Postgres() as server:
        say(url=server.url(), pid=server.process.pid)
        for line in sys.stdin:
            word = line.strip()
            if word == "database":
                say(url=server.create_database())
            elif word == "kill":
                server.kill()
                say(pid=None)
            elif word == "start":
                server.start()
                say(pid=server.process.pid)
            else:
                say(error=f"'{word}' is not one of database, kill, start")


if __name__ == "__main__":
    if sys.argv[1:] != ["serve"]:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        serve()
    except Missing as missing:
        print(f"skipped: {missing}", file=sys.stderr)
        sys.exit(77)
