#!/usr/bin/python3
"""Compares api/operations/sagemaker* with the service models in Debian's python3-botocore, member by member.

What differs must stand in DIFFERENT, with why: our descriptions follow the newest public model, botocore 1.29 is of 2022, and where AWS
states no maximum ours has one. Exit code 77: no botocore.
SPDX-License-Identifier: Apache-2.0
"""
import fnmatch
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import api_docs  # noqa: E402  (beside this file)

SIMPLE = {kind: {"type": kind} for kind in api_docs.SIMPLE}
DIFFERENT = {
    "operation DeleteCompilationJob": "newer than botocore 1.29",
    "errors *": "errors that are ours",
    "*Description pattern": "narrowed in newer models",
    "*KmsKeyId pattern": "narrowed in newer models",
    "*ResourceKey pattern": "narrowed in newer models",
    "*ModelPackageVersionArn pattern": "RE2 has no repetition of 2,048; max says it",
    "*DataInputConfig required": "optional in newer models",
    "*DataInputConfig max": "16,384 in newer models",
    "*TargetDevice enum": "values of newer models",
    "*MaxPendingTimeInSeconds extra": "newer model",
    "*DerivedInformation extra": "newer model",
    "GetDeployments*.CapturePolicies extra": "ours",
    "GetDeployments*.Commands extra": "ours",
    "GetDeployments.PeriodMs extra": "ours",
    "*NextContactMs extra": "ours",
    "*RootsDocuments extra": "ours",
    "*CaptureLocation extra": "ours",
    "SendHeartbeat.* extra": "ours; other servers ignore them",
    "*MaxResults min": "0 elements are no page",
    "*ScheduleConfig.DataAnalysis* extra": "newer model",
    "*Percentage min": "no negative share",
    "*.ModelConfigs m*": "ours: AWS states none",
    "*.Stages max": "ours: AWS states none",
    "*.DeviceNames max": "ours: AWS states none",
    "*Devices max": "ours: AWS states none",
    "GetDeployments* max": "ours: AWS states none",
    "SendHeartbeat* max": "ours: AWS states none",
    "*Tags min": "0 is no constraint",
    "*Value min": "0 is no constraint",
}


class Comparison:
    def __init__(self, ours, theirs):
        self.ours, self.theirs, self.found = {**SIMPLE, **ours}, theirs, set()

    def differs(self, where, what):
        text = f"{where} {what}"
        self.found.add(text)

    def shape(self, where, our_name, their_name):
        # Of an answer only members and types count: nobody checks its constraints.
        our, their = self.ours[our_name], self.theirs[their_name]
        if our["type"] != their["type"]:
            self.differs(where, f"type {our['type']}, theirs {their['type']}")
            return
        is_answer = where.startswith("answer ")
        for key in ("min", "max", "enum"):
            if our.get(key) != their.get(key) and not is_answer:
                self.differs(where, key)
        # Anchors are dropped in newer models: patterns match the whole value anyway.
        pattern = their.get("pattern", "").removeprefix("^").removesuffix("$").replace("\\/", "/")
        if our.get("pattern", "") != pattern and not is_answer:
            self.differs(where, "pattern")
        if our["type"] == "structure":
            self.members(where, our["members"], their)
        elif our["type"] == "list":
            self.shape(where + "[]", our["of"], their["member"]["shape"])
        elif our["type"] == "map":
            self.shape(where + "{key}", our["key"], their["key"]["shape"])
            self.shape(where + "{}", our["of"], their["value"]["shape"])

    def members(self, where, ours, their):
        for name, member in their["members"].items():
            if name not in ours:
                self.differs(f"{where}.{name}", "missing")
                continue
            if bool(ours[name].get("required")) != (name in their.get("required", [])):
                self.differs(f"{where}.{name}", "required")
            self.shape(f"{where}.{name}", ours[name]["shape"], member["shape"])
        for name in ours.keys() - their["members"].keys():
            self.differs(f"{where}.{name}", "extra")


def compare(service, content, model):
    comparison = Comparison(content["shapes"], model["shapes"])
    for operations in content["parts"].values():
        for name, ours in operations.items():
            their = model["operations"].get(name)
            if their is None:
                comparison.differs("operation", name)
                continue
            comparison.members(name, ours["input"], model["shapes"][their["input"]["shape"]])
            answer = {"members": {}}
            if "output" in their:
                answer = model["shapes"][their["output"]["shape"]]
            comparison.members(f"answer {name}", ours.get("output") or {}, answer)
            if sorted(ours.get("errors", [])) != sorted(error["shape"] for error in their.get("errors", [])):
                comparison.differs("errors", name)
    return {text for text in comparison.found
            if not any(fnmatch.fnmatchcase(text.removeprefix("answer "), pattern) for pattern in DIFFERENT)}


def main():
    try:
        import botocore.session
    except ImportError:
        print("skipped: no python3-botocore")
        return 77
    loader = botocore.session.get_session().get_component("data_loader")
    services = api_docs.load()
    wrong = []
    for service in ("sagemaker", "sagemaker-edge"):
        wrong += sorted(compare(service, services[service], loader.load_service_model(service, "service-2")))
    for text in wrong:
        print(f"api/operations: {text} is not as in botocore's model")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
