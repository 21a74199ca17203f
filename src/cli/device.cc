// `kedge device enroll`: what a device needs to speak for itself, and nothing more. With a claim
// token it gets a certificate, and no key of an operator is needed; otherwise an access key, for
// which the operator's own comes from the environment and stays on the operator's machine.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/file.h"
#include "base/flags.h"
#include "base/json/json.h"
#include "cli/api_client.h"
#include "cli/command.h"
#include "protocol/device_credentials.h"
#include "trust/authority.h"

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
  std::string claim_token;
  bool may_register = false;
};

// Whom the agent speaks with.
struct Server {
  std::string fleet;
  std::string region;
  std::string endpoint;
};

json::Object AgentConfiguration(const Enrolment& enrolment, const Server& server,
                                const Path& folder) {
  return json::Object{
      {"sagemaker_edge_core_device_name", enrolment.device},
      {"sagemaker_edge_core_device_fleet_name", server.fleet},
      {"sagemaker_edge_core_region", server.region},
      {"sagemaker_edge_core_root_certs_path", (folder / "root-certs").string()},
      {"sagemaker_edge_core_endpoint_override", server.endpoint},
      {"sagemaker_edge_core_capture_data_destination", "Disk"},
      {"sagemaker_edge_core_capture_data_disk_path", (folder / "capture").string()},
      {"sagemaker_edge_local_data_root_path", (folder / "data").string()},
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

// The device's folder with the roots of packages and the agent's own folders in it.
Result<Path> MakeFolder(FileSystem& disk, const Enrolment& enrolment, const json::Value& answer) {
  const Path folder = std::filesystem::absolute(enrolment.folder).lexically_normal();
  KEDGE_TRY_STATUS(disk.MakeDirectories(folder, kFolderMode));
  KEDGE_TRY_STATUS(WriteRoots(disk, folder / "root-certs", answer));
  for (const char* name : {"capture", "data"}) {
    KEDGE_TRY_STATUS(disk.MakeDirectories(folder / name, kFolderMode));
  }
  return folder;
}

Status Enroll(const Enrolment& enrolment) {
  if (enrolment.fleet.empty()) return InvalidArgument("--fleet is needed without --claim");

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
  KEDGE_TRY(const Path folder, MakeFolder(disk, enrolment, answer));
  KEDGE_TRY_STATUS(disk.WriteAtomically(folder / "credentials.json", AsBytes(text), kSecretMode));
  json::Object agent = AgentConfiguration(
      enrolment,
      {.fleet = enrolment.fleet, .region = server.region(), .endpoint = server.endpoint()}, folder);
  agent.Set("kedge_credentials_path", (folder / "credentials.json").string());
  return disk.WriteAtomically(folder / "agent.json", AsBytes(json::WritePretty(agent)), 0644);
}

// POST /enroll: the token is the proof, nothing is signed.
Result<json::Value> Claim(const Enrolment& enrolment, const std::string& request_pem) {
  std::string endpoint = enrolment.api.endpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (endpoint.empty()) return InvalidArgument("--endpoint-url is needed with --claim");
  http::ClientRequest request{.method = "POST", .url = endpoint + "/enroll"};
  request.headers.Set("Content-Type", "application/json");
  request.body = json::Write(json::Object{{"ClaimToken", enrolment.claim_token},
                                          {"DeviceName", enrolment.device},
                                          {"CertificateSigningRequest", request_pem}});
  auto response = MakeTransport()->Send(request);
  if (!response) return Wrap(response.error(), "asking '" + endpoint + "'");
  if (response->status != 200) return ServerError(*response);
  return json::Parse(response->body);
}

// The private key is made here and stays here. The fleet is the token's, so the request names the
// device only.
Status EnrollByClaim(const Enrolment& enrolment) {
  KEDGE_TRY(const trust::KeyAndRequest made,
            trust::MakeDeviceRequest({.fleet = enrolment.fleet, .device = enrolment.device}));
  KEDGE_TRY(const json::Value answer, Claim(enrolment, made.request_pem));
  const std::string certificate = answer.StringOr("Certificate", "");
  if (!trust::KeyBelongsToCertificate(made.key_pem, certificate)) {
    return Internal("the server's certificate is not for this device's key");
  }
  PosixFileSystem disk;
  KEDGE_TRY(const Path folder, MakeFolder(disk, enrolment, answer));
  const Path identity = folder / "identity.pem";
  const Path authority = folder / "device-ca.pem";
  KEDGE_TRY_STATUS(
      disk.WriteAtomically(identity, AsBytes(made.key_pem + certificate), kSecretMode));
  KEDGE_TRY_STATUS(disk.WriteAtomically(
      authority, AsBytes(answer.StringOr("CertificateAuthority", "")), kRootMode));
  json::Object agent = AgentConfiguration(enrolment,
                                          {.fleet = answer.StringOr("DeviceFleetName", ""),
                                           .region = answer.StringOr("Region", ""),
                                           .endpoint = answer.StringOr("DeviceEndpoint", "")},
                                          folder);
  agent.Set("sagemaker_edge_provider_aws_ca_cert_file", authority.string());
  agent.Set("sagemaker_edge_provider_aws_cert_file", identity.string());
  agent.Set("sagemaker_edge_provider_aws_cert_pk_file", identity.string());
  return disk.WriteAtomically(folder / "agent.json", AsBytes(json::WritePretty(agent)), 0644);
}

}  // namespace

int DeviceEnroll(int argc, const char* const* argv) {
  Enrolment enrolment;
  Flags flags(argv[0],
              "Gives a device a key or a certificate of its own and the files its agent needs.");
  DeclareApi(flags, enrolment.api);
  flags.Option("--fleet", &enrolment.fleet,
               "name of the device's fleet; a claim token says it too");
  flags.Option("--claim", &enrolment.claim_token,
               "claim token (Kedge.CreateClaimToken): the device gets a certificate, not a key");
  flags.Option("--device", &enrolment.device, "name of the device in its fleet").Required();
  flags.Option("-o,--output", &enrolment.folder, "folder to write; it becomes the device's own")
      .Required();
  flags.Flag("--register", &enrolment.may_register, "register the device if it is not");
  flags.Footer(
      "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY hold the operator's key, which is not written.\n"
      "Writes credentials.json (a key for this device only; a former one is revoked),\n"
      "root-certs/*.pem and agent.json, which `kedge-agent -c` takes as it is.\n"
      "With --claim no operator's key is needed: writes identity.pem (a new private key and its\n"
      "certificate, which the agent renews) and device-ca.pem instead of credentials.json.");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const Status status =
      enrolment.claim_token.empty() ? Enroll(enrolment) : EnrollByClaim(enrolment);
  if (!status) return Fail(argv[0], status.error());
  std::printf("enrolled device %s%s%s, files in %s\n", enrolment.device.c_str(),
              enrolment.fleet.empty() ? "" : " of fleet ", enrolment.fleet.c_str(),
              enrolment.folder.c_str());
  return kExitSuccess;
}

}  // namespace kedge::cli
