// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/component.h"

#include <algorithm>

#include "base/bytes.h"
#include "server/jobs/target.h"

namespace kedge::server {
namespace {

constexpr size_t kNameBytesMax = 128;
constexpr size_t kVersionBytesMax = 64;
constexpr size_t kDescriptionBytesMax = 1024;

struct Architecture {
  std::string_view word;  // of PlatformArchitecture
  std::string_view os;
  std::string_view greengrass;
};
constexpr Architecture kArchitectures[] = {
    {"Windows32_x86", "windows", "x86"},
    {"Windows64_x64", "windows", "amd64"},
    {"Linux x86_64", "linux", "amd64"},
    {"Linux ARMV8", "linux", "aarch64"},
};

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

// Three numbers without leading zeros; Greengrass has no pre-releases of components.
bool IsVersion(std::string_view text) {
  int parts = 0;
  while (true) {
    const std::string_view part = text.substr(0, text.find('.'));
    const bool digits =
        std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (part.empty() || !digits || (part.size() > 1 && part[0] == '0') || part.size() > 9) {
      return false;
    }
    ++parts;
    if (part.size() == text.size()) return parts == 3;
    text.remove_prefix(part.size() + 1);
  }
}

Error Wrong(const std::string& member, const std::string& what) {
  return InvalidArgument("PresetDeploymentConfig: " + member + " " + what);
}

Status ReadPlatform(const std::string& os, const std::string& architecture, Component& component) {
  if (!os.empty() && os != "Linux" && os != "Windows") {
    return Wrong("PlatformOS", "'" + os + "' is not Linux or Windows");
  }
  if (!os.empty()) component.os = os == "Linux" ? "linux" : "windows";
  if (architecture.empty()) return {};
  const auto* found =
      std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                   [&](const Architecture& known) { return known.word == architecture; });
  if (found == std::end(kArchitectures)) {
    return Wrong("PlatformArchitecture",
                 "'" + architecture +
                     "' is none of Windows32_x86, Windows64_x64, Linux x86_64 and Linux ARMV8");
  }
  if (!component.os.empty() && component.os != found->os) {
    return Wrong("PlatformArchitecture", "'" + architecture + "' is not one of PlatformOS " + os);
  }
  component.os = found->os;
  component.architecture = found->greengrass;
  return {};
}

}  // namespace

Result<Component> ReadComponent(const std::string& config, const std::string& packaging_job) {
  Component component{.name = "SagemakerEdgeManager" + packaging_job, .version = "1.0.0"};
  std::string os, architecture;
  if (!config.empty()) {
    const auto value = ParseLenientJson(config);
    if (!value || value->AsObject() == nullptr) {
      return InvalidArgument("PresetDeploymentConfig is not a JSON object");
    }
    const struct {
      std::string_view member;
      std::string& into;
    } members[] = {{"ComponentName", component.name},
                   {"ComponentVersion", component.version},
                   {"ComponentDescription", component.description},
                   {"PlatformOS", os},
                   {"PlatformArchitecture", architecture}};
    for (const auto& [name, content] : *value->AsObject()) {
      const auto* known = std::find_if(std::begin(members), std::end(members),
                                       [&](const auto& one) { return one.member == name; });
      if (known == std::end(members)) return Wrong("member '" + name + "'", "is not known");
      if (content.AsString() == nullptr) return Wrong(name, "is not a text");
      known->into = *content.AsString();
    }
  }
  if (component.name.empty() || component.name.size() > kNameBytesMax ||
      !std::all_of(component.name.begin(), component.name.end(), IsNameCharacter)) {
    return Wrong("ComponentName", "must be 1 to 128 letters, digits, '-', '_' and '.'");
  }
  if (component.version.size() > kVersionBytesMax || !IsVersion(component.version)) {
    return Wrong("ComponentVersion", "'" + component.version + "' is not major.minor.patch");
  }
  if (component.description.size() > kDescriptionBytesMax) {
    return Wrong("ComponentDescription", "has more than 1024 bytes");
  }
  KEDGE_TRY_STATUS(ReadPlatform(os, architecture, component));
  return component;
}

Status ResolvePlatform(Component& component, const std::string& target) {
  const std::string architecture = target == "aarch64" ? "aarch64" : "amd64";
  if (component.os.empty()) component.os = "linux";
  if (component.architecture.empty()) component.architecture = architecture;
  if (component.os == "linux" && component.architecture == architecture) return {};
  return InvalidArgument("the component is for " + component.os + " " + component.architecture +
                         ", the model was compiled for linux " + architecture);
}

json::Value MakeRecipe(const Component& component, const ComponentArtifact& artifact) {
  const auto digest = HexDecode(artifact.sha256);
  // What is left of a former version must go: LoadModel takes a folder with the package's files and
  // nothing else.
  const std::string script =
      "cd \"{work:path}\" && find . -mindepth 1 -delete && tar -xzf \"{artifacts:path}/" +
      artifact.file_name + "\"";
  json::Object recipe{{"RecipeFormatVersion", "2020-01-25"},
                      {"ComponentName", component.name},
                      {"ComponentVersion", component.version}};
  if (!component.description.empty()) {
    recipe.Set("ComponentDescription", component.description);
  }
  recipe.Set("ComponentPublisher", "Kedge");
  recipe.Set("Manifests",
             json::Array{json::Object{
                 {"Platform",
                  json::Object{{"os", component.os}, {"architecture", component.architecture}}},
                 {"Lifecycle", json::Object{{"Install", json::Object{{"Script", script}}}}},
                 {"Artifacts",
                  json::Array{json::Object{{"Uri", artifact.uri},
                                           {"Unarchive", "NONE"},
                                           {"Algorithm", "SHA-256"},
                                           {"Digest", digest ? Base64Encode(*digest) : ""}}}}}});
  return recipe;
}

Status ClaimComponentVersion(store::Transaction& transaction, const Component& component,
                             const std::string& packaging_job, EpochMs now) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO component_versions (name, version, packaging_job, created_ms) "
                "VALUES ($1, $2, $3, $4) ON CONFLICT (name, version) DO NOTHING",
                {component.name, component.version, packaging_job, now}));
  KEDGE_TRY(const store::Rows owner,
            transaction.Query(
                "SELECT packaging_job FROM component_versions WHERE name = $1 AND version = $2",
                {component.name, component.version}));
  if (!owner.empty() && owner[0].Text(0) == packaging_job) return {};
  return AlreadyExists("version " + component.version + " of component " + component.name +
                       " exists already");
}

}  // namespace kedge::server
