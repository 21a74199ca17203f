// SPDX-License-Identifier: Apache-2.0
#include "agent/update/device_state.h"

#include <algorithm>

#include "base/crypto/crypto.h"
#include "protocol/json_members.h"

namespace kedge::agent {

namespace {

using protocol::ObjectReader;

json::Value ToJson(const InstalledVersion& version) {
  return json::Object{{"sha256", version.sha256},
                      {"model_name", version.model_name},
                      {"model_version", version.model_version},
                      {"checksum_sha1", version.checksum_sha1},
                      {"deployment_name", version.deployment_name}};
}

json::Value ToJson(const ActiveUpdate& update) {
  json::Array candidates;
  for (const Candidate& candidate : update.candidates)
    candidates.push_back(
        json::Object{{"version", ToJson(candidate.version)}, {"failure", candidate.failure}});
  json::Object object{{"started", update.started},
                      {"state", UpdateStateText(update.state)},
                      {"candidates", std::move(candidates)}};
  object.Set("listed", protocol::ToJson(std::vector<protocol::EdgeDeployment>{update.deployment}));
  return object;
}

bool IsDigest(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

InstalledVersion ReadVersion(ObjectReader& parent, std::string_view name, bool digest_required) {
  InstalledVersion version;
  const json::Value* value = parent.Object(name);
  if (value == nullptr) {
    parent.Fail(name, "is missing");
    return version;
  }
  ObjectReader reader(*value, parent.PathOf(name));
  version.sha256 = reader.String("sha256");
  version.model_name = reader.String("model_name");
  version.model_version = reader.String("model_version");
  version.checksum_sha1 = reader.String("checksum_sha1");
  version.deployment_name = reader.String("deployment_name");
  if (!IsDigest(version.sha256) && (digest_required || !version.sha256.empty()))
    reader.Fail("sha256", "is no digest");
  parent.Take(reader);
  return version;
}

int64_t ReadCount(ObjectReader& reader, std::string_view name) {
  const double number = reader.Number(name);
  if (!(number >= 0 && number < 9e15)) reader.Fail(name, "is no count");
  return number >= 0 && number < 9e15 ? static_cast<int64_t>(number) : 0;
}

UpdateState ReadUpdateState(ObjectReader& reader) {
  const std::string name = reader.String("state", true);
  for (const UpdateStateName& row : kUpdateStateNames)
    if (row.name == name && row.state != UpdateState::kIdle) return row.state;
  reader.Fail("state", "is no state of an update");
  return UpdateState::kDownloading;
}

ActiveUpdate ReadUpdate(ObjectReader& reader) {
  ActiveUpdate update;
  update.started = ReadCount(reader, "started");
  update.state = ReadUpdateState(reader);
  reader.Array("candidates", protocol::kDefinitionsMax, [&](ObjectReader& entry) {
    update.candidates.push_back({ReadVersion(entry, "version", false), entry.String("failure")});
  });
  const json::Value* listed = reader.Object("listed");
  if (listed == nullptr) {
    reader.Fail("listed", "is missing");
    return update;
  }
  auto deployments = protocol::ParseDeployments(*listed);
  if (!deployments || deployments->size() != 1) {
    reader.Fail("listed", "is not one deployment");
    return update;
  }
  update.deployment = std::move((*deployments)[0]);
  if (update.candidates.size() != update.deployment.definitions.size())
    reader.Fail("candidates", "are not as many as the deployment's definitions");
  return update;
}

DeployedModel ReadModel(ObjectReader& reader) {
  DeployedModel model;
  model.handle = reader.String("handle", true);
  if (!protocol::IsEntityName(model.handle)) reader.Fail("handle", "is no handle");
  model.current = ReadVersion(reader, "current", true);
  if (reader.Object("previous") != nullptr) model.previous = ReadVersion(reader, "previous", true);
  return model;
}

}  // namespace

DeployedModel* DeviceState::FindModel(std::string_view handle) {
  const auto found = std::find_if(models.begin(), models.end(),
                                  [&](const DeployedModel& m) { return m.handle == handle; });
  return found == models.end() ? nullptr : &*found;
}

const InstalledVersion* DeviceState::FindByChecksum(std::string_view checksum_sha1) const {
  if (checksum_sha1.empty()) return nullptr;
  for (const DeployedModel& model : models) {
    if (model.current.checksum_sha1 == checksum_sha1) return &model.current;
    if (model.previous.has_value() && model.previous->checksum_sha1 == checksum_sha1)
      return &*model.previous;
  }
  return nullptr;
}

std::vector<std::string> DeviceState::ReferencedPackages() const {
  std::vector<std::string> digests;
  for (const DeployedModel& model : models) {
    digests.push_back(model.current.sha256);
    if (model.previous.has_value()) digests.push_back(model.previous->sha256);
  }
  if (update.has_value())
    for (const Candidate& candidate : update->candidates)
      if (!candidate.version.sha256.empty()) digests.push_back(candidate.version.sha256);
  return digests;
}

std::string WriteDeviceState(const DeviceState& state) {
  json::Array models, unreported, finished;
  for (const DeployedModel& model : state.models) {
    json::Object object{{"handle", model.handle}, {"current", ToJson(model.current)}};
    if (model.previous.has_value()) object.Set("previous", ToJson(*model.previous));
    models.push_back(std::move(object));
  }
  for (const protocol::DeploymentResult& result : state.unreported)
    unreported.push_back(protocol::ToJson(result));
  for (const std::string& fingerprint : state.finished) finished.push_back(fingerprint);
  json::Object object{{"models", std::move(models)},     {"unreported", std::move(unreported)},
                      {"finished", std::move(finished)}, {"starts", state.starts},
                      {"crashes", state.crashes},        {"running", state.running}};
  if (state.update.has_value()) object.Set("update", ToJson(*state.update));
  return json::Write(std::move(object));
}

Result<DeviceState> ParseDeviceState(std::string_view text) {
  KEDGE_TRY(const json::Value value, json::Parse(text, {.bytes_max = 4 << 20, .depth_max = 16}));
  ObjectReader reader(value, "");
  DeviceState state;
  reader.Array("models", kDeployedModelsMax,
               [&](ObjectReader& entry) { state.models.push_back(ReadModel(entry)); });
  if (const json::Value* update = reader.Object("update"); update != nullptr) {
    ObjectReader inner(*update, "update");
    state.update = ReadUpdate(inner);
    reader.Take(inner);
  }
  state.starts = ReadCount(reader, "starts");
  state.crashes = ReadCount(reader, "crashes");
  state.running = value.BoolOr("running", false);
  KEDGE_TRY_STATUS(reader.status());
  if (const json::Value* unreported = value.Find("unreported"); unreported != nullptr) {
    if (unreported->AsArray() == nullptr || unreported->AsArray()->size() > kUnreportedMax)
      return InvalidArgument("member unreported is no list of results");
    for (const json::Value& entry : *unreported->AsArray()) {
      KEDGE_TRY(protocol::DeploymentResult result, protocol::ParseDeploymentResult(entry));
      state.unreported.push_back(std::move(result));
    }
  }
  if (const json::Value* finished = value.Find("finished"); finished != nullptr) {
    if (finished->AsArray() == nullptr || finished->AsArray()->size() > kFinishedMax)
      return InvalidArgument("member finished is no list of fingerprints");
    for (const json::Value& entry : *finished->AsArray()) {
      if (entry.AsString() == nullptr) return InvalidArgument("member finished holds no text");
      state.finished.push_back(*entry.AsString());
    }
  }
  return state;
}

std::string Fingerprint(const std::string& deployment_name,
                        const protocol::Definition& definition) {
  const protocol::EdgeDeployment alone{.deployment_name = deployment_name,
                                       .definitions = {definition}};
  const json::Value value = protocol::ToJson(std::vector<protocol::EdgeDeployment>{alone});
  return crypto::Sha256Hex(AsBytes(json::WriteCanonical(value))).substr(0, 32);
}

}  // namespace kedge::agent
