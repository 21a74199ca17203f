#!/usr/bin/python3
"""kedge-server migrate, backup, restore and move with real servers on both engines.
SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kedge import BIN, Server  # noqa: E402
from postgres import Missing, Postgres  # noqa: E402

ROLE = "arn:aws:iam::000000000000:role/kedge"
OUTPUT = {"S3OutputLocation": "s3://bucket/c/"}


def command(*words, code=0, **arguments):
    done = subprocess.run([os.path.join(BIN, "kedge-server"), *words], capture_output=True, check=False, timeout=120, **arguments)
    if done.returncode != code:
        raise AssertionError(f"{words} ended with {done.returncode}: {done.stdout} {done.stderr}")
    return done


class StorageCommands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.postgres = Postgres()
        cls.addClassCleanup(cls.postgres.close)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def serve(self, data, *arguments):
        server = Server(data, arguments)
        self.addCleanup(lambda: server.process.poll() is None and server.process.kill())
        return server

    def fill(self, server, count):
        sagemaker = server.client("sagemaker")
        sagemaker.create_device_fleet(DeviceFleetName="lab", RoleArn=ROLE, OutputConfig=OUTPUT)
        sagemaker.register_devices(DeviceFleetName="lab", Devices=[{"DeviceName": f"d{i}"} for i in range(count)])

    def devices(self, server, keys=None):
        answer = server.client("sagemaker", keys).list_devices(DeviceFleetName="lab", MaxResults=100)
        return sorted(device["DeviceName"] for device in answer["DeviceSummaries"])

    def test_a_backup_under_load_restores_into_the_other_engine(self):
        source = self.serve(self.path("source"))
        self.fill(source, 7)
        stop, acknowledged = threading.Event(), []
        client = source.client("sagemaker")

        def write():
            while not stop.is_set():
                name = f"fleet-{len(acknowledged)}"
                client.create_device_fleet(DeviceFleetName=name, RoleArn=ROLE, OutputConfig=OUTPUT)
                acknowledged.append(name)

        writer = threading.Thread(target=write)
        writer.start()
        while len(acknowledged) < 20:
            stop.wait(0.01)
        before = len(acknowledged)
        done = command("backup", "--data", self.path("source"), "-o", self.path("backup"), "--json")
        stop.set()
        writer.join()
        counts = json.loads(done.stdout)
        self.assertGreater(counts["rows"], 27)
        self.assertEqual(counts["bytes"], os.path.getsize(self.path("backup")))
        self.assertEqual(os.stat(self.path("backup")).st_mode & 0o777, 0o600)
        keys = source.administrator()
        self.assertEqual(source.stop(), 0)

        url = self.postgres.create_database()
        cut = self.path("cut")
        shutil.copy(self.path("backup"), cut)
        os.truncate(cut, counts["bytes"] - 10)
        refused = command("restore", "--data", self.path("target"), "--database", url, cut, code=1)
        self.assertIn(b"the backup is damaged", refused.stderr)
        restored = command("restore", "--data", self.path("target"), "--database", url, self.path("backup"), "--json")
        self.assertEqual(json.loads(restored.stdout), counts)
        twice = command("restore", "--data", self.path("target"), "--database", url, self.path("backup"), code=1)
        self.assertIn(b"the database is not empty", twice.stderr)

        os.makedirs(self.path("target/keys"))
        shutil.copy(self.path("source/keys/master.key"), self.path("target/keys/master.key"))
        target = self.serve(self.path("target"), "--database", url)
        self.assertEqual(self.devices(target, keys), [f"d{i}" for i in range(7)])  # the old administrator's key works
        sagemaker = target.client("sagemaker", keys)
        for name in acknowledged[:before]:
            sagemaker.describe_device_fleet(DeviceFleetName=name)
        self.assertEqual(target.stop(), 0)

    def test_a_backup_goes_through_a_pipe(self):
        command("migrate", "--data", self.path("source"))
        written = command("backup", "--data", self.path("source"), "-o", "-")
        self.assertIn(b"backed up", written.stderr)
        restored = command("restore", "--data", self.path("target"), "-", input=written.stdout)
        self.assertIn(b"restored", restored.stdout)
        missing = command("backup", "--data", self.path("nowhere"), "-o", "-", code=1)
        self.assertIn(b"there is no database", missing.stderr)

    def test_an_installation_moves_to_postgres_and_back(self):
        server = self.serve(self.path("data"))
        self.fill(server, 5)
        url = self.postgres.create_database()
        refused = command("move", "--from", self.path("data"), "--to", url, code=1)
        self.assertIn(b"a server runs on", refused.stderr)
        self.assertEqual(server.stop(), 0)
        command("move", "--from", self.path("data"), "--to", url)
        server = self.serve(self.path("data"), "--database", url)  # the same folder: keys and objects stay
        self.assertEqual(self.devices(server), [f"d{i}" for i in range(5)])
        server.client("sagemaker").register_devices(DeviceFleetName="lab", Devices=[{"DeviceName": "d5"}])
        self.assertEqual(server.stop(), 0)
        command("move", "--from", url, "--to", self.path("back"))
        shutil.copytree(self.path("data/keys"), self.path("back/keys"), dirs_exist_ok=True)
        shutil.copy(self.path("data/administrator.env"), self.path("back"))
        server = self.serve(self.path("back"))
        self.assertEqual(self.devices(server), [f"d{i}" for i in range(6)])
        self.assertEqual(server.stop(), 0)
        full = command("move", "--from", url, "--to", self.path("back"), code=1)
        self.assertIn(b"the database is not empty", full.stderr)

    def test_migrate_says_what_is_missing_and_a_newer_database_is_refused(self):
        url = self.postgres.create_database()
        for database in ((), ("--database", url)):
            planned = command("migrate", "--data", self.path("data"), *database, "--dry-run").stdout.decode().splitlines()
            self.assertEqual(planned[0], "would apply 0001_first.sql")
            applied = command("migrate", "--data", self.path("data"), *database).stdout.decode().splitlines()
            self.assertEqual([line.split()[-1] for line in applied[:-1]], [line.split()[-1] for line in planned])
            self.assertIn("is the newest", command("migrate", "--data", self.path("data"), *database, "--dry-run").stdout.decode())
        self.postgres.query("INSERT INTO schema_migrations VALUES (999, 'future')", url.rsplit("/", 1)[1])
        for word in ("serve", "migrate"):
            refused = command(word, "--data", self.path("data"), "--database", url, *(("--listen", "127.0.0.1:0") if word == "serve" else ()),
                              code=1)
            self.assertIn(b"database has schema version 999, this program knows versions up to", refused.stderr)


if __name__ == "__main__":
    try:
        unittest.main()
    except Missing as missing:
        print(f"skipped: {missing}")
        sys.exit(77)
