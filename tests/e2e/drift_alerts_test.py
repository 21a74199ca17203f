#!/usr/bin/python3
"""Alerts as their receivers get them: a real HTTP server and a real SMTP server on this host.
SPDX-License-Identifier: Apache-2.0
"""
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import socketserver
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kedge import Server, keys_of  # noqa: E402


class Hook(http.server.BaseHTTPRequestHandler):
    received, status = [], 200

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Hook.received.append((dict(self.headers), body))
        self.send_response(Hook.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as one mail takes. A recipient that begins with 'nobody' is refused."""
    mails = []

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say("220 here")
        recipients = []
        while line := self.rfile.readline().decode().strip():
            word = line.upper()
            if word.startswith("EHLO"):
                self.say("250 here")
            elif word.startswith("RCPT TO:<NOBODY"):
                self.say("550 no such mailbox")
            elif word.startswith("RCPT"):
                recipients.append(line)
                self.say("250 ok")
            elif word == "DATA":
                self.say("354 go on")
                lines = []
                while (data := self.rfile.readline()) != b".\r\n":
                    lines.append(data[1:] if data.startswith(b".") else data)
                Smtp.mails.append((recipients, b"".join(lines)))
                self.say("250 taken")
            elif word == "QUIT":
                return self.say("221 bye")
            else:
                self.say("250 ok")


def serve(server):
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Alerts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.web = serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook))
        cls.mail = serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp))
        cls.server = Server(os.path.join(cls.folder.name, "data"),
                            ["--smtp-url", f"smtp://127.0.0.1:{cls.mail.server_address[1]}", "--smtp-from", "kedge@example.com",
                             "--metrics-listen", "127.0.0.1:0"])
        cls.keys = keys_of(cls.server.printed)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        for server in (cls.web, cls.mail):
            server.shutdown()
            server.server_close()
        cls.folder.cleanup()

    def kedge(self, operation, **body):
        request = AWSRequest("POST", self.server.url + "/", data=json.dumps(body),
                             headers={"X-Amz-Target": "Kedge." + operation, "Content-Type": "application/x-amz-json-1.1"})
        SigV4Auth(Credentials(self.keys["AWS_ACCESS_KEY_ID"], self.keys["AWS_SECRET_ACCESS_KEY"]), "sagemaker",
                  "us-east-1").add_auth(request)
        call = urllib.request.Request(request.url, request.data.encode() if isinstance(request.data, str) else request.data,
                                      dict(request.headers))
        try:
            with urllib.request.urlopen(call, timeout=30) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    def hook(self, name, path="/"):
        return self.kedge("PutAlertTarget", TargetName=name, Address=f"http://127.0.0.1:{self.web.server_address[1]}{path}")

    def test_a_webhook_is_signed_with_the_secret_that_was_told_once(self):
        secret = self.hook("hook", "/alerts?team=1")["Secret"]
        Hook.received.clear()
        self.assertEqual(self.kedge("TestAlertTarget", TargetName="hook"), {"Delivered": True, "Message": "status 200"})
        headers, body = Hook.received[0]
        fields = dict(part.split("=", 1) for part in headers["X-Kedge-Signature"].split(","))
        expected = hmac.new(secret.encode(), fields["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        self.assertEqual(fields["v1"], expected)
        self.assertEqual(headers["X-Kedge-Event"], "Test")
        self.assertEqual(json.loads(body)["AlertId"], headers["X-Kedge-Delivery"])
        self.assertNotIn(secret, json.dumps(self.kedge("ListAlertTargets")))

    def test_a_receiver_that_fails_is_named_by_its_status(self):
        self.hook("failing")
        Hook.status = 503
        try:
            answer = self.kedge("TestAlertTarget", TargetName="failing")
        finally:
            Hook.status = 200
        self.assertEqual(answer, {"Delivered": False, "Message": "answered status 503"})

    def test_a_mail_reaches_the_mail_server(self):
        self.kedge("PutAlertTarget", TargetName="ops", Address="mailto:ops@example.com")
        Smtp.mails.clear()
        self.assertTrue(self.kedge("TestAlertTarget", TargetName="ops")["Delivered"])
        recipients, text = Smtp.mails[0]
        self.assertEqual(recipients, ["RCPT TO:<ops@example.com>"])
        mail = email.message_from_bytes(text, policy=email.policy.default)
        self.assertEqual((mail["From"], mail["To"], mail["Subject"]), ("kedge@example.com", "ops@example.com", "[kedge] Test"))
        self.assertIn("This is a test.", mail.get_content())

    def test_a_mailbox_that_is_refused_is_told(self):
        self.kedge("PutAlertTarget", TargetName="gone", Address="mailto:nobody@example.com")
        answer = self.kedge("TestAlertTarget", TargetName="gone")
        self.assertFalse(answer["Delivered"])
        self.assertIn("mail to nobody@example.com", answer["Message"])

    def test_plain_http_to_another_host_is_refused(self):
        answer = self.kedge("PutAlertTarget", TargetName="far", Address="http://192.0.2.1/hook")
        self.assertEqual(answer["__type"], "ValidationException")
        self.assertIn("must be https", answer["message"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
