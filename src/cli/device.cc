// `kedge device enroll`: what a device needs to speak for itself, and nothing more. The operator's
// access key comes from the environment and stays on the operator's machine.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/file.h"
#include "base/flags.h"
#include "base/json/json.h"
#include "cli/api_client.h"
#include "cli/command.h"
#include "protocol/device_credentials.h"

namespace kedge::cli {

namespace {

constexpr int kFolderMode = 0700;
constexpr int kSecretMode = 0600;
constexpr int kRootMode = 0444;  // an agent demands roots that nobody can write
constexpr int64_t kPollSeconds = 10;

struct Enrolment {
  ApiOptions api;
  std::string fleet;
  std::string device;
  std::string folder;
  bool may_register = false;
};

json::Value AgentConfiguration(const Enrolment& enrolment, const ApiClient& server,
                               const Path& folder) {
  return json::Object{
      {"sagemaker_edge_core_device_name", enrolment.device},
      {"sagemaker_edge_core_device_fleet_name", enrolment.fleet},
      {"sagemaker_edge_core_region", server.region()},
      {"sagemaker_edge_core_root_certs_path", (folder / "root-certs").string()},
      {"sagemaker_edge_core_endpoint_override", server.endpoint()},
      {"sagemaker_edge_core_capture_data_destination", "Disk"},
      {"sagemaker_edge_core_capture_data_disk_path", (folder / "capture").string()},
      {"sagemaker_edge_local_data_root_path", (folder / "data").string()},
      {"kedge_credentials_path", (folder / "credentials.json").string()},
      {"kedge_deployment_poll_interval_seconds", kPollSeconds},
  };
}

Status WriteRoots(FileSystem& disk, const Path& folder, const json::Value& answer) {
  const json::Value* certificates = answer.Find("RootCertificates");
  if (certificates == nullptr || certificates->AsArray() == nullptr ||
      certificates->AsArray()->empty()) {
    return Internal("the server sent no root certificate");
  }
  // Roots of a former server must not stay trusted.
  KEDGE_TRY_STATUS(disk.RemoveAll(folder));
  KEDGE_TRY_STATUS(disk.MakeDirectories(folder, 0755));
  size_t number = 0;
  for (const json::Value& certificate : *certificates->AsArray()) {
    if (certificate.AsString() == nullptr) return Internal("a root certificate is no text");
    const Path file = folder / ("root-" + std::to_string(++number) + ".pem");
    KEDGE_TRY_STATUS(disk.WriteAtomically(file, AsBytes(*certificate.AsString()), kRootMode));
  }
  return {};
}

Status Enroll(const Enrolment& enrolment) {
  KEDGE_TRY(const ApiClient server, ApiClient::Make(enrolment.api));
  KEDGE_TRY(const json::Value answer,
            server.Call("Kedge.EnrollDevice", json::Object{{"DeviceFleetName", enrolment.fleet},
                                                           {"DeviceName", enrolment.device},
                                                           {"Register", enrolment.may_register}}));
  const protocol::DeviceCredentials credentials{
      .endpoint = server.endpoint(),
      .region = server.region(),
      .device_fleet_name = enrolment.fleet,
      .device_name = enrolment.device,
      .access_key_id = answer.StringOr("AccessKeyId", ""),
      .secret_access_key = answer.StringOr("SecretAccessKey", "")};
  const std::string text = protocol::WriteDeviceCredentials(credentials);
  // Read back before anything is written: what the agent could not read must not be left.
  if (const auto read = protocol::ParseDeviceCredentials(text); !read) {
    return Wrap(read.error(), "the server's answer");
  }
  PosixFileSystem disk;
  const Path folder = std::filesystem::absolute(enrolment.folder).lexically_normal();
  KEDGE_TRY_STATUS(disk.MakeDirectories(folder, kFolderMode));
  KEDGE_TRY_STATUS(WriteRoots(disk, folder / "root-certs", answer));
  for (const char* name : {"capture", "data"}) {
    KEDGE_TRY_STATUS(disk.MakeDirectories(folder / name, kFolderMode));
  }
  KEDGE_TRY_STATUS(disk.WriteAtomically(folder / "credentials.json", AsBytes(text), kSecretMode));
  return disk.WriteAtomically(
      folder / "agent.json",
      AsBytes(json::WritePretty(AgentConfiguration(enrolment, server, folder))), 0644);
}

}  // namespace

int DeviceEnroll(int argc, const char* const* argv) {
  Enrolment enrolment;
  Flags flags(argv[0], "Gives a device an access key of its own and the files its agent needs.");
  DeclareApi(flags, enrolment.api);
  flags.Option("--fleet", &enrolment.fleet, "name of the device's fleet").Required();
  flags.Option("--device", &enrolment.device, "name of the device in its fleet").Required();
  flags.Option("-o,--output", &enrolment.folder, "folder to write; it becomes the device's own")
      .Required();
  flags.Flag("--register", &enrolment.may_register, "register the device if it is not");
  flags.Footer(
      "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY hold the operator's key, which is not written.\n"
      "Writes credentials.json (a key for this device only; a former one is revoked),\n"
      "root-certs/*.pem and agent.json, which `kedge-agent -c` takes as it is.");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  if (const auto status = Enroll(enrolment); !status) return Fail(argv[0], status.error());
  std::printf("enrolled device %s of fleet %s, files in %s\n", enrolment.device.c_str(),
              enrolment.fleet.c_str(), enrolment.folder.c_str());
  return kExitSuccess;
}

}  // namespace kedge::cli
