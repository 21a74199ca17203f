#!/usr/bin/env python3
"""A real S3 server for tests: OpenStack Swift with its s3api, on loopback, in a temporary folder.

    with Swift() as swift:
        swift.endpoint, swift.access_key, swift.secret_key

or from a shell: `swift.py COMMAND...` runs the command with AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set.
Four processes of Debian's python3-swift (proxy, account, container, object), one disk, one copy of everything. The folder must take
extended attributes (ext4, xfs, btrfs do). The access key contains a colon, as Swift's do.
SPDX-License-Identifier: Apache-2.0
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

PARTS = ("account", "container", "object", "proxy")
ACCESS_KEY, SECRET_KEY = "test:tester", "testing"
START_SECONDS_MAX = 60

# Swift reads its one fixed path before it reads any setting, so a part is started by these lines.
LAUNCHER = """
import sys, warnings
warnings.simplefilter('ignore')
import eventlet
eventlet.monkey_patch()
import swift.common.utils as utils
utils.SWIFT_CONF_FILE = sys.argv[1] + '/swift.conf'
from swift.common import storage_policy
storage_policy.SWIFT_CONF_FILE = utils.SWIFT_CONF_FILE
storage_policy.reload_storage_policies()
from swift.common.wsgi import run_wsgi
sys.exit(run_wsgi(sys.argv[1] + '/' + sys.argv[2] + '.conf', sys.argv[2] + '-server'))
"""

COMMON = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
workers = 0
log_address = {folder}/no-syslog
disable_fallocate = true
"""
STORAGE = COMMON + """
[pipeline:main]
pipeline = {part}-server
[app:{part}-server]
use = egg:swift#{part}
[{part}-replicator]
"""
PROXY = COMMON + """
[pipeline:main]
pipeline = cache listing_formats s3api tempauth slo dlo proxy-server
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcache}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
allow_multipart_uploads = true
min_segment_size = 5242880
check_bucket_owner = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


def available():
    return subprocess.run(["/usr/bin/python3", "-c", "import swift.common.wsgi"], capture_output=True).returncode == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Swift:
    access_key, secret_key = ACCESS_KEY, SECRET_KEY

    def __init__(self, folder=None):
        self._owned = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="kedge-swift-")
        self._ports = {part: free_port() for part in PARTS}
        self._processes = []
        self.endpoint = f"http://127.0.0.1:{self._ports['proxy']}"

    def __enter__(self):
        try:
            self._configure()
            for part in PARTS:
                log = open(os.path.join(self.folder, part + ".log"), "wb")
                self._processes.append(subprocess.Popen(
                    ["/usr/bin/python3", "-c", LAUNCHER, self.folder, part], stdout=log, stderr=log, stdin=subprocess.DEVNULL))
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._owned:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def _configure(self):
        os.makedirs(os.path.join(self.folder, "devices", "disk1"))
        os.makedirs(os.path.join(self.folder, "recon"))
        self._write("swift.conf", "[swift-hash]\nswift_hash_path_suffix = kedge\nswift_hash_path_prefix = kedge\n"
                    "[storage-policy:0]\nname = default\ndefault = yes\n")
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        for part in PARTS:
            text = (PROXY if part == "proxy" else STORAGE).format(
                port=self._ports[part], user=user, folder=self.folder, part=part, memcache=free_port())
            self._write(part + ".conf", text.replace("egg:swift#" + part + "\n",
                                                     f"egg:swift#{part}\nrecon_cache_path = {self.folder}/recon\n"))
        for part in PARTS[:3]:
            # Two to the 4 partitions, one copy, no wait between two changes of the ring.
            ring = ("from swift.common.ring import RingBuilder; import sys\n"
                    "b = RingBuilder(4, 1, 0)\n"
                    f"b.add_dev(dict(region=1, zone=1, ip='127.0.0.1', port={self._ports[part]}, device='disk1', weight=1,\n"
                    f"  replication_ip='127.0.0.1', replication_port={self._ports[part]}))\n"
                    f"b.rebalance(); b.get_ring().save('{self.folder}/{part}.ring.gz')\n")
            subprocess.run(["/usr/bin/python3", "-W", "ignore", "-c", ring], check=True)

    def _wait(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            for part, process in zip(PARTS, self._processes):
                if process.poll() is not None:
                    with open(os.path.join(self.folder, part + ".log"), encoding="utf-8", errors="replace") as log:
                        raise RuntimeError(f"swift's {part} server ended: {log.read()[-2000:]}")
            if all(self._answers(port) for port in self._ports.values()):
                return
            time.sleep(0.1)
        raise RuntimeError("swift did not answer in time")

    @staticmethod
    def _answers(port):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


def main():
    if not available():
        print("skipped: python3-swift is not installed")
        return 77
    with Swift() as swift:
        environment = dict(os.environ, AWS_ENDPOINT_URL=swift.endpoint, AWS_ACCESS_KEY_ID=ACCESS_KEY,
                           AWS_SECRET_ACCESS_KEY=SECRET_KEY, AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true")
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
