// SPDX-License-Identifier: Apache-2.0
#include "server/commands/device_listener.h"

#include "base/log.h"
#include "server/auth/object_rights.h"

namespace kedge::server {
namespace {

constexpr double kDayMs = 86'400'000;

// What a device may do with objects: `uri` is trust::DeviceUri. A failing store lets nobody in.
bool MayDevice(const Context& context, const std::string& uri, S3Action action,
               const blob::ObjectName& object) {
  const auto name = trust::ParseDeviceUri(uri);
  if (!name || (action != S3Action::kReadObject && action != S3Action::kWriteObject)) return false;
  const Identity identity{.role = Role::kDevice, .fleet = name->fleet, .device = name->device};
  const auto allowed = MayUseObject(
      context.store, identity,
      action == S3Action::kReadObject ? ObjectAction::kRead : ObjectAction::kWrite, object);
  if (!allowed) LogError("reading rights failed", {{"error", allowed.error().message}});
  return allowed && *allowed;
}

// "host" of "https://host:port"; brackets of an IPv6 address are taken off.
std::string HostOf(const std::string& endpoint) {
  const auto url = http::SplitUrl(endpoint);
  if (!url) return "";
  std::string host = url->authority.substr(0, url->authority.rfind(':'));
  if (url->authority.find(':') == std::string::npos) host = url->authority;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

// Names by which the listener's own certificate is found right.
std::vector<std::string> HostsOf(const Config& config, const std::string& address) {
  std::vector<std::string> hosts = {"localhost", "127.0.0.1"};
  for (const std::string& host : {HostOf(config.device_endpoint), address}) {
    const bool known = std::find(hosts.begin(), hosts.end(), host) != hosts.end();
    if (!host.empty() && host != "0.0.0.0" && host != "::" && !known) hosts.push_back(host);
  }
  return hosts;
}

}  // namespace

Result<std::unique_ptr<DeviceListener>> DeviceListener::Start(
    const Config& config, const Api& api, const Context& context, S3Options s3_options,
    const Path& spool_directory, http::ErrorBody error_body, const Observer& observer) {
  std::unique_ptr<DeviceListener> listener(new DeviceListener());
  const DeviceAuthorityOptions options{
      .life_ms = static_cast<int64_t>(config.certificate_days * kDayMs),
      .grace_ms = static_cast<int64_t>(config.certificate_grace_days * kDayMs)};
  KEDGE_TRY(listener->authority_,
            DeviceAuthority::Load(context.store, context.keyring, options, context.clock.NowMs()));
  s3_options.allowed = [&context](const std::string& uri, S3Action action,
                                  const std::string& bucket, const std::string& key) {
    return MayDevice(context, uri, action, {bucket, key});
  };
  listener->objects_ = std::make_unique<S3Door>(std::move(s3_options));
  listener->door_ =
      std::make_unique<DeviceDoor>(DeviceDoor::Parts{.api = api,
                                                     .context = context,
                                                     .authority = *listener->authority_,
                                                     .objects = *listener->objects_});
  if (!config.device_listen.empty()) {
    KEDGE_TRY_STATUS(
        listener->Listen(config, context, spool_directory, std::move(error_body), observer));
  }
  listener->enrolment_ = std::make_unique<EnrolmentDoor>(
      context, *listener->authority_, listener->endpoint_, config.enrolments_a_minute);
  return listener;
}

Status DeviceListener::Listen(const Config& config, const Context& context,
                              const Path& spool_directory, http::ErrorBody error_body,
                              const Observer& observer) {
  http::ServerOptions listen;
  KEDGE_TRY_STATUS(ReadListen("--device-listen", config.device_listen, listen));
  listen.spool_directory = spool_directory;
  http::ServerTls tls;
  tls.client_certificate = http::ClientCertificate::kRequired;
  tls.client_roots_pem = authority_->root_pem() + authority_->issuing_pem();
  tls.accept_expired = true;  // for the renewal; DeviceDoor looks at the time
  tls.ticket_secret = context.keyring.Derive("tls tickets of the device listener");
  if (config.device_tls_certificate.empty()) {
    KEDGE_TRY(const auto made,
              authority_->IssueListener(HostsOf(config, listen.address), context.clock.NowMs()));
    tls.certificate_pem = made.certificate_pem;
    tls.key_pem = made.key_pem;
  } else {
    tls.certificate_file = config.device_tls_certificate;
    tls.key_file = config.device_tls_key;
  }
  listen.tls = std::move(tls);
  const auto handler = [this](const http::Request& request, const http::Responder& responder) {
    door_->Handle(request, responder);
  };
  KEDGE_TRY(server_, http::Server::Start(listen, observer(handler), std::move(error_body)));
  endpoint_ = config.device_endpoint;
  if (endpoint_.empty()) {
    endpoint_ = "https://" + listen.address + ":" + std::to_string(server_->port());
  }
  while (endpoint_.ends_with('/')) endpoint_.pop_back();
  return {};
}

}  // namespace kedge::server
