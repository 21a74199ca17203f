// SPDX-License-Identifier: Apache-2.0
#include "agent/update/commands.h"

#include <algorithm>

#include "base/log.h"

namespace kedge::agent {
namespace {

// The loaded models with their counters, JSON.
std::string DescribeModels(const Registry& registry) {
  json::Array models;
  for (const auto& model : registry.List()) {
    const ModelIdentity& identity = model->identity();
    const ModelCounters counters = model->counters();
    models.push_back(json::Object{{"ModelHandle", identity.handle},
                                  {"ModelName", identity.model_name},
                                  {"ModelVersion", identity.model_version},
                                  {"PackageSha256", identity.package_sha256},
                                  {"InferenceCount", counters.runs},
                                  {"InferenceFailures", counters.failures},
                                  {"WorkerRestarts", counters.worker_restarts},
                                  {"Condemned", model->condemned()},
                                  {"Sandbox", model->SandboxText()}});
  }
  return json::Write(json::Object{{"Models", std::move(models)}});
}

}  // namespace

protocol::CommandReport CommandRunner::Run(const protocol::DeviceCommand& command) {
  const auto done =
      std::find_if(reports_.begin(), reports_.end(),
                   [&](const protocol::CommandReport& report) { return report.id == command.id; });
  if (done != reports_.end()) return *done;
  protocol::CommandReport report{.id = command.id};
  if (auto output = Execute(command)) {
    report.succeeded = true;
    report.output = std::move(*output);
  } else {
    report.message = output.error().message;
  }
  LogInfo("command carried out", {{"command", command.id},
                                  {"kind", command.kind},
                                  {"result", report.succeeded ? "succeeded" : report.message}});
  if (reports_.size() == kReportsKeptMax) reports_.pop_front();
  reports_.push_back(report);
  return report;
}

Result<std::string> CommandRunner::Execute(const protocol::DeviceCommand& command) {
  if (command.kind == "REPORT_NOW") {
    heartbeat_bell_.Ring();
    return std::string();
  }
  if (command.kind == "DESCRIBE_MODELS") return DescribeModels(registry_);
  if (command.kind == "RESTART_MODEL") {
    KEDGE_TRY(const auto model, registry_.Find(command.model_handle));
    KEDGE_TRY_STATUS(model->RestartWorker());
    return std::string();
  }
  return Unimplemented("this agent does not know the command '" + command.kind + "'");
}

}  // namespace kedge::agent
