#!/usr/bin/python3
"""What an operator sees of a node: /metrics, the access log over a rotation, traces at a collector, settings from file and environment; and
that the dashboards and alarms in packaging/ ask for metrics that there are.
SPDX-License-Identifier: Apache-2.0
"""
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

from botocore.exceptions import ClientError

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kedge import BIN, ROOT, Server  # noqa: E402

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})? (\S+)$')


class Collector(http.server.ThreadingHTTPServer):
    """Takes OTLP/HTTP and keeps the spans."""

    def __init__(self):
        self.spans = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for resource in body["resourceSpans"]:
                    for scope in resource["scopeSpans"]:
                        collector.spans += scope["spans"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Observability(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.access_log = os.path.join(cls.folder.name, "access.log")
        cls.collector = Collector()
        settings = os.path.join(cls.folder.name, "kedge.toml")
        with open(settings, "w", encoding="utf-8") as file:
            file.write('metrics-listen = "127.0.0.1:0"\naccess-log = "/nowhere/overridden.log"\ntrace-fraction = 0\n')
        cls.server = Server(os.path.join(cls.folder.name, "data"), ["--config", settings],
                            environment={"KEDGE_SERVER_ACCESS_LOG": cls.access_log,
                                         "KEDGE_SERVER_OTLP_ENDPOINT": f"http://127.0.0.1:{cls.collector.server_address[1]}"})
        cls.metrics_port = int(cls.server.wait_for(r'"metrics are served".*"port":"(\d+)"'))
        cls.sm = cls.server.client("sagemaker")
        cls.sm.meta.events.register("before-call.sagemaker.ListDevices", lambda params, **_: params["headers"].update(
            {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.collector.shutdown()
        cls.folder.cleanup()

    def scrape(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            return answer.read().decode()

    def samples(self):
        found = {}
        for line in self.scrape().splitlines():
            if line.startswith("#"):
                continue
            self.assertRegex(line, SAMPLE)
            name, labels, value = SAMPLE.match(line).groups()
            found[name + (labels or "")] = float(value)
        return found

    def log_lines(self):
        with open(self.access_log, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def test_requests_are_counted_by_operation_and_status(self):
        before = self.samples().get('kedge_requests_total{operation="DescribeDeviceFleet",status="400"}', 0)
        with self.assertRaises(ClientError):
            self.sm.describe_device_fleet(DeviceFleetName="nobody")
        after = self.samples()
        self.assertEqual(after['kedge_requests_total{operation="DescribeDeviceFleet",status="400"}'], before + 1)
        self.assertGreater(after["process_resident_memory_bytes"], 1e6)
        self.assertGreaterEqual(after['kedge_connections_open{listener="api"}'], 1)

    def test_each_request_is_one_line_and_rotation_loses_none(self):
        self.sm.list_device_fleets()
        line = self.log_lines()[-1]
        self.assertEqual((line["operation"], line["status"], line["method"], line["path"]), ("ListDeviceFleets", 200, "POST", "/"))
        self.assertEqual(line["key"], self.server.administrator()["AWS_ACCESS_KEY_ID"])
        self.assertRegex(line["request_id"], "^[0-9a-f-]{36}$")
        os.rename(self.access_log, self.access_log + ".1")
        self.sm.list_device_fleets()
        with open(self.access_log + ".1", encoding="utf-8") as file:
            self.assertEqual(json.loads(file.readlines()[-1])["operation"], "ListDeviceFleets")
        self.server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while not os.path.exists(self.access_log):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        self.sm.list_device_fleets()
        self.assertEqual(len(self.log_lines()), 1)

    def test_a_callers_trace_reaches_the_collector(self):
        self.sm.list_devices()
        deadline = time.monotonic() + 30
        while not self.collector.spans:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        spans = [span for span in self.collector.spans if span["name"] == "ListDevices"]
        self.assertEqual(spans[0]["traceId"], TRACE)
        self.assertEqual(spans[0]["parentSpanId"], "b7ad6b7169203331")
        self.assertGreaterEqual(int(spans[0]["endTimeUnixNano"]), int(spans[0]["startTimeUnixNano"]))
        self.assertEqual([span["name"] for span in self.collector.spans], ["ListDevices"] * len(spans), "a fraction of 0 sends no other")

    def test_printed_settings_are_those_in_force(self):
        ended = subprocess.run([os.path.join(BIN, "kedge-server"), "--data", "/x", "--compile-jobs", "3", "--print-config"],
                               env={**os.environ, "KEDGE_SERVER_REGION": "eu-west-1"}, capture_output=True, text=True, check=True)
        self.assertIn('region="eu-west-1"', ended.stdout)
        self.assertIn("compile-jobs=3", ended.stdout)

    def test_a_wrong_setting_is_named(self):
        for environment, words in (({"KEDGE_SERVER_TRACE_FRACTION": "2"}, "--trace-fraction"),
                                   ({"KEDGE_SERVER_METRICS_LISTEN": "everywhere"}, "--metrics-listen 'everywhere'"),
                                   ({"KEDGE_SERVER_LOG_LEVEL": "loud"}, "--log-level")):
            ended = subprocess.run([os.path.join(BIN, "kedge-server"), "--data", "/x"], env={**os.environ, **environment},
                                   capture_output=True, text=True, check=False)
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.assertIn(words, ended.stderr)

    def test_dashboards_and_alarms_ask_for_metrics_that_there_are(self):
        self.sm.list_device_fleets()
        known = set(re.findall(r"^# TYPE (\S+)", self.scrape(), re.M))
        texts = {}
        folder = os.path.join(ROOT, "packaging")
        with open(os.path.join(folder, "grafana", "kedge.json"), encoding="utf-8") as file:
            dashboard = json.load(file)
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                texts[panel["title"]] = target["expr"]
        with open(os.path.join(folder, "prometheus", "alerts.yml"), encoding="utf-8") as file:
            for number, expression in enumerate(re.findall(r"^\s+expr: (.+)$", file.read(), re.M)):
                texts[f"alarm {number}"] = expression
        self.assertGreater(len(texts), 10)
        for title, expression in texts.items():
            for name in re.findall(r"\b(?:kedge|process)_[a-z_]+", expression):
                self.assertIn(re.sub("_(bucket|count|sum)$", "", name), known, title)


if __name__ == "__main__":
    unittest.main(verbosity=2)
