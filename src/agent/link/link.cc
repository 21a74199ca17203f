// SPDX-License-Identifier: Apache-2.0
#include "agent/link/link.h"

#include "protocol/device_credentials.h"

namespace kedge::agent {
namespace {

constexpr std::string_view kRenewPath = "/certificates/renew";

// The server's URL without slashes at its end: paths begin with one.
std::string WithoutSlash(std::string endpoint) {
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint;
}

// Renewal is at the listener that takes certificates: the one of the temporary keys, if there is
// one, else the server itself. Nothing for a plain server.
std::string RenewalUrl(const Config& config, const std::string& endpoint) {
  const auto url =
      http::SplitUrl(config.credentials_endpoint.empty() ? endpoint : config.credentials_endpoint);
  if (!url || url->scheme != "https") return "";
  return "https://" + url->authority + std::string(kRenewPath);
}

}  // namespace

Status Link::UseAccessKey(FileSystem& disk, const Config& config) {
  KEDGE_TRY(const ByteBuffer text,
            disk.Read(config.credentials_path, protocol::kCredentialsBytesMax));
  const auto credentials = protocol::ParseDeviceCredentials(AsText(text));
  if (!credentials) return Wrap(credentials.error(), config.credentials_path);
  if (options.endpoint.empty()) options.endpoint = WithoutSlash(credentials->endpoint);
  options.credentials = {credentials->access_key_id, credentials->secret_access_key, ""};
  return {};
}

Status Link::UseCertificate(FileSystem& disk, const Config& config, const Clock& clock) {
  KEDGE_TRY(identity_, DeviceIdentity::Load(disk, clock,
                                            {.ca_file = config.ca_file,
                                             .certificate_file = config.certificate_file,
                                             .key_file = config.key_file,
                                             .renewal_url = RenewalUrl(config, options.endpoint),
                                             .name = {config.fleet_name, config.device_name}}));
  if (!config.credentials_path.empty() || config.credentials_endpoint.empty()) return {};
  credentials_transport_ = MakeDeviceTransport(*identity_);
  temporary_ = std::make_unique<TemporaryCredentials>(
      *credentials_transport_, clock, config.credentials_endpoint, config.iot_thing_name);
  options.temporary = temporary_.get();
  return {};
}

std::unique_ptr<http::Transport> Link::NewTransport(const Config& config) {
  if (identity_ != nullptr) return MakeDeviceTransport(*identity_);
  return http::MakeCurlTransport({.ca_file = config.ca_file});
}

Result<std::unique_ptr<Link>> Link::Make(FileSystem& disk, const Config& config, const Clock& clock,
                                         Registration::OnRoots on_roots) {
  const bool has_key = !config.credentials_path.empty();
  const bool has_certificate = !config.certificate_file.empty();
  if (config.provider == "None" || (!has_key && !has_certificate)) return std::unique_ptr<Link>();
  std::unique_ptr<Link> link(new Link());
  link->options = {.endpoint = WithoutSlash(config.endpoint),
                   .region = config.region,
                   .device = {config.device_name, config.fleet_name},
                   .stopping = &link->stopping};
  if (has_key) KEDGE_TRY_STATUS(link->UseAccessKey(disk, config));
  if (has_certificate) KEDGE_TRY_STATUS(link->UseCertificate(disk, config, clock));
  if (link->options.endpoint.empty())
    return InvalidArgument(
        "neither 'sagemaker_edge_core_endpoint_override' nor the credentials name a server");
  link->heartbeat_transport_ = link->NewTransport(config);
  link->update_transport_ = link->NewTransport(config);
  link->upload_transport_ = link->NewTransport(config);
  link->heartbeat_client =
      std::make_unique<EdgeClient>(*link->heartbeat_transport_, clock, link->options);
  link->update_client =
      std::make_unique<EdgeClient>(*link->update_transport_, clock, link->options);
  link->upload_client =
      std::make_unique<EdgeClient>(*link->upload_transport_, clock, link->options);
  link->registration =
      std::make_unique<Registration>(*link->heartbeat_client, clock, std::move(on_roots));
  return link;
}

}  // namespace kedge::agent
