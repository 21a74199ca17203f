"""kedge-server for tests: started on a free port, stopped by its own pid.
SPDX-License-Identifier: Apache-2.0
"""
import os
import re
import signal
import subprocess
import tempfile
import time

import botocore.session
from botocore.config import Config

ROOT = os.environ.get("KEDGE_SOURCE_DIR", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BIN = os.environ.get("KEDGE_BIN_DIR", os.path.join(ROOT, "build", "dev", "bin"))
START_SECONDS_MAX = 60


def keys_of(text):
    """The access key in the text of DATA/administrator.env or of the first start."""
    return dict(re.findall(r"^(AWS_\w+)=(.+)$", text, re.M))


class Server:
    """kedge-server on the folder `data`, with further arguments and environment; `wrapper` is put before the command line."""

    def __init__(self, data, arguments=(), wrapper=(), environment=None, listen="127.0.0.1:0"):
        self.data = data
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        self.out = tempfile.NamedTemporaryFile("w+", suffix=".out")
        command = [*wrapper, os.path.join(BIN, "kedge-server"), "--data", data, "--listen", listen, *arguments]
        self.process = subprocess.Popen(command, stdout=self.out, stderr=self.log, env={**os.environ, **(environment or {})})
        self.url = self.wait_for(r"^listening on (http\S+)$")
        with open(self.out.name, encoding="utf-8") as file:
            self.printed = file.read()

    def wait_for(self, pattern):
        """The first group of the first line of standard output or of the log that matches."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            for name in (self.out.name, self.log.name):
                with open(name, encoding="utf-8") as file:
                    found = re.search(pattern, file.read(), re.M)
                if found:
                    return found.group(1)
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start: " + self.log_text()[-2000:])
            time.sleep(0.02)

    def log_text(self):
        with open(self.log.name, encoding="utf-8") as file:
            return file.read()

    def administrator(self):
        with open(os.path.join(self.data, "administrator.env"), encoding="utf-8") as file:
            return keys_of(file.read())

    def client(self, service, keys=None, **config):
        """A botocore client of "sagemaker", "sagemaker-edge" or "s3" that does not retry."""
        keys = keys or self.administrator()
        return botocore.session.get_session().create_client(
            service, region_name="eu-west-1", endpoint_url=self.url, aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"], aws_session_token=keys.get("AWS_SESSION_TOKEN"),
            config=Config(**{"retries": {"max_attempts": 0}, "s3": {"addressing_style": "path"}, "read_timeout": 120, **config}))

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)
