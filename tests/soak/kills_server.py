#!/usr/bin/python3
"""kill -9 of kedge-server and of PostgreSQL at seeded random moments under a mixed load: nothing that was acknowledged is lost.

    kills_server.py --database sqlite|postgresql [--server-kills N] [--database-kills N] [--sync-errors N] [--seed N]

The load: fleets are created, devices registered, tags changed, and devices send heartbeats, each by a thread of its own that
remembers what was answered 2xx. After every kill the newest of it is looked for, at the end all of it. While PostgreSQL is away the
server lives on: it answers 503 with Retry-After and acknowledges nothing. A sync error lets fsync of PostgreSQL's log fail: PostgreSQL
panics, and whatever was answered then must have been durable.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import json
import os
import random
import re
import sys
import tempfile
import threading
import time

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "servers"))
from postgres import Missing, Postgres  # noqa: E402
from world import BIN, Supervised, free_port  # noqa: E402

ROLE = "arn:aws:iam::000000000000:role/kedge"
FLEET = "load"
NEWEST = 5  # of each thread's, looked for after every kill
BACK_MAX_S = 60


class Load:
    """What all threads share: counts of answers, and what was acknowledged."""

    def __init__(self, client):
        self.client = client  # makes one for a thread
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged = 0
        self.refused = {}  # HTTP status (0: no answer) to count
        self.without_retry_after = 0
        self.violations = []

    def call(self, function, **arguments):
        """True if it was answered with success."""
        status = 0
        try:
            function(**arguments)
            with self.lock:
                self.acknowledged += 1
            return True
        except ClientError as error:
            answer = error.response["ResponseMetadata"]
            status = answer["HTTPStatusCode"]
            if status == 503 and "retry-after" not in answer["HTTPHeaders"]:
                self.without_retry_after += 1
        except (BotoCoreError, HTTPClientError):
            pass
        with self.lock:
            self.refused[status] = self.refused.get(status, 0) + 1
        time.sleep(0.005)
        return False

    def violation(self, text):
        with self.lock:
            self.violations.append(text)
        print("VIOLATION:", text, flush=True)


class Writer(threading.Thread):
    """Writes number after number, each once; `done` are those that were acknowledged."""

    def __init__(self, load, name):
        super().__init__(daemon=True, name=name)
        self.load, self.done, self.number = load, [], 0
        self.sm, self.edge = load.client("sagemaker"), load.client("sagemaker-edge")

    def run(self):
        while not self.load.stop.is_set():
            self.number += 1
            if self.write(self.number):
                self.done.append(self.number)

    def lost(self, numbers):
        """Those of the acknowledged numbers that are not there."""
        return [number for number in numbers if not self.stored(number)]


class Fleets(Writer):
    def write(self, number):
        return self.load.call(self.sm.create_device_fleet, DeviceFleetName=f"fleet-{number}", RoleArn=ROLE,
                              OutputConfig={"S3OutputLocation": "s3://bucket/c/"})

    def stored(self, number):
        return exists(self.sm.describe_device_fleet, DeviceFleetName=f"fleet-{number}")

    def lost(self, numbers):
        if len(numbers) <= NEWEST:
            return super().lost(numbers)
        there = set(pages(self.sm.list_device_fleets, "DeviceFleetSummaries", "DeviceFleetName"))
        return [number for number in numbers if f"fleet-{number}" not in there]


class Devices(Writer):
    def write(self, number):
        return self.load.call(self.sm.register_devices, DeviceFleetName=FLEET,
                              Devices=[{"DeviceName": f"device-{number}-{i}"} for i in range(2)])

    def stored(self, number):
        return all(exists(self.sm.describe_device, DeviceFleetName=FLEET, DeviceName=f"device-{number}-{i}") for i in range(2))

    def lost(self, numbers):
        if len(numbers) <= NEWEST:
            return super().lost(numbers)
        there = set(pages(self.sm.list_devices, "DeviceSummaries", "DeviceName", DeviceFleetName=FLEET))
        return [number for number in numbers if not {f"device-{number}-{i}" for i in range(2)} <= there]


class Heartbeats(Writer):
    """The agent's version counts; only the last one is stored, so it must not be older than the last acknowledged."""

    def write(self, number):
        return self.load.call(self.edge.send_heartbeat, DeviceFleetName=FLEET, DeviceName=self.name, AgentVersion=f"1.{number}")

    def lost(self, numbers):
        if not numbers:
            return []
        answer = self.sm.describe_device(DeviceFleetName=FLEET, DeviceName=self.name)
        stored = int(answer.get("AgentVersion", "1.0").split(".")[1])
        return [number for number in numbers[-1:] if number > stored]


class Descriptions(Writer):
    """The same with UpdateDeviceFleet, which reads the row before it writes it."""

    def write(self, number):
        return self.load.call(self.sm.update_device_fleet, DeviceFleetName=FLEET, Description=f"number {number}",
                              OutputConfig={"S3OutputLocation": "s3://bucket/c/"})

    def lost(self, numbers):
        if not numbers:
            return []
        stored = re.search(r"number (\d+)", self.sm.describe_device_fleet(DeviceFleetName=FLEET).get("Description", "number 0"))
        return [number for number in numbers[-1:] if number > int(stored.group(1))]


def exists(describe, **arguments):
    try:
        describe(**arguments)
        return True
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        return False


def pages(call, member, name, **arguments):
    token = {}
    while True:
        answer = call(MaxResults=100, **arguments, **token)
        yield from (one[name] for one in answer[member])
        if "NextToken" not in answer:
            return
        token = {"NextToken": answer["NextToken"]}


class Run:
    def __init__(self, options, work, database):
        self.options, self.database = options, database
        self.random = random.Random(options.seed)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        words = [os.path.join(BIN, "kedge-server"), "--data", os.path.join(work, "data"), "--listen", f"127.0.0.1:{port}",
                 "--log-level", "error"]
        if database:
            words += ["--database", database.create_database()]
        self.server = Supervised("server", words, os.path.join(work, "server.log"), b"listening on ")
        self.server.start()
        with open(os.path.join(work, "data", "administrator.env"), encoding="utf-8") as file:
            self.keys = dict(re.findall(r"^(AWS_\w+)=(.+)$", file.read(), re.M))
        self.load = Load(self.client)
        client = self.client("sagemaker")
        client.create_device_fleet(DeviceFleetName=FLEET, RoleArn=ROLE, OutputConfig={"S3OutputLocation": "s3://bucket/c/"})
        self.writers = [Fleets(self.load, "fleets"), Devices(self.load, "devices"), Descriptions(self.load, "descriptions")]
        for name in ("beating-1", "beating-2"):
            client.register_devices(DeviceFleetName=FLEET, Devices=[{"DeviceName": name}])
            self.writers.append(Heartbeats(self.load, name))

    def client(self, service):
        return botocore.session.get_session().create_client(
            service, region_name="us-east-1", endpoint_url=self.url, aws_access_key_id=self.keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.keys["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=5, read_timeout=60))

    def some_load(self):
        """Lets the load run for a random while, but at least for a few acknowledgements."""
        begin, until = self.load.acknowledged, time.monotonic() + self.random.uniform(0.02, 0.4)
        deadline = time.monotonic() + BACK_MAX_S
        while time.monotonic() < until or self.load.acknowledged < begin + 5:
            if time.monotonic() > deadline:
                raise RuntimeError(f"nothing is acknowledged any more: {self.load.refused}")
            time.sleep(0.005)

    def verify(self, what, newest=NEWEST):
        """What was acknowledged before this moment is there."""
        known = [(writer, writer.done[-newest:] if newest else list(writer.done)) for writer in self.writers]
        deadline = time.monotonic() + BACK_MAX_S
        for writer, numbers in known:
            while True:
                try:
                    for number in writer.lost(numbers):
                        self.load.violation(f"{what}: {writer.name} {number} was acknowledged and is not there")
                    break
                except (BotoCoreError, HTTPClientError, ClientError) as error:  # not back yet
                    if time.monotonic() > deadline:
                        raise RuntimeError(f"the server does not come back: {error}") from error
                    time.sleep(0.02)

    def kill_server(self):
        self.some_load()
        epoch = len(self.server.epochs)
        if self.server.kill():
            self.server.wait_ready(epoch)
        self.verify("server killed")

    def kill_database(self):
        self.some_load()
        self.database.kill()
        time.sleep(self.random.uniform(0, 0.3))  # calls meet the server without its database
        self.database.start()
        self.verify("database killed")

    def fail_syncs(self):
        self.some_load()
        self.database.fail_syncs(True)
        time.sleep(self.random.uniform(0.1, 0.5))
        before = {writer: len(writer.done) for writer in self.writers}
        time.sleep(0.3)
        # No commit can be durable any more, so none may be acknowledged.
        for writer in self.writers:
            if len(writer.done) > before[writer]:
                self.load.violation(f"{writer.name} was acknowledged while syncs failed")
        self.database.fail_syncs(False)
        if not self.database.running() or not self.database.answers():
            self.database.kill()
            self.database.start()
        self.verify("sync error")

    def run(self):
        for writer in self.writers:
            writer.start()
        moments = ([self.kill_server] * self.options.server_kills + [self.kill_database] * self.options.database_kills +
                   [self.fail_syncs] * self.options.sync_errors)
        self.random.shuffle(moments)
        for moment in moments:
            moment()
        self.some_load()
        self.load.stop.set()
        for writer in self.writers:
            writer.join(90)
        self.verify("at the end", newest=None)
        code = self.server.stop()
        if code != 0:
            self.load.violation(f"the server ended with {code} after SIGTERM")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", choices=("sqlite", "postgresql"), required=True)
    parser.add_argument("--server-kills", type=int, default=0)
    parser.add_argument("--database-kills", type=int, default=0)
    parser.add_argument("--sync-errors", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.database == "sqlite" and options.database_kills + options.sync_errors > 0:
        parser.error("SQLite's disk is the test program's business (sqlite_store_test), it has no process to kill")
    database = None
    try:
        if options.database == "postgresql":
            database = Postgres(preload=os.path.join(BIN, "..", "test", "libkedge_failing_sync.so") if options.sync_errors else None)
        with tempfile.TemporaryDirectory(prefix="kedge-kills-") as work:
            run = Run(options, work, database)
            run.run()
    except Missing as missing:
        print(f"skipped: {missing}")
        return 77
    finally:
        if database:
            database.close()
    load = run.load
    if options.database_kills + options.sync_errors > 0:
        if load.without_retry_after:
            load.violation(f"{load.without_retry_after} answers 503 had no Retry-After")
        if not load.refused.get(503):
            load.violation("no call met the server without its database")
    print(json.dumps({"acknowledged": {writer.name: len(writer.done) for writer in run.writers},
                      "refused_by_status": load.refused, "server_lives": len(run.server.epochs)}))
    print(f"kills_server: {options.database}, {options.server_kills} kills of the server, {options.database_kills} of the database, "
          f"{options.sync_errors} sync errors, {load.acknowledged} acknowledgements: {len(load.violations)} violations, seed {options.seed}")
    return 1 if load.violations else 0


if __name__ == "__main__":
    sys.exit(main())
