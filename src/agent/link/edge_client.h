// The device's calls to the server: the three operations of protocol/edge_api.h and reading
// objects. Each is signed with the device's own key, or with temporary keys, or not at all where
// the transport's certificate says who the device is. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>

#include "agent/link/temporary_credentials.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "http/client.h"
#include "http/sigv4.h"
#include "protocol/capture_policy.h"
#include "protocol/edge_api.h"

namespace kedge::agent {

constexpr std::chrono::seconds kCallTimeout{30};
// One exchange of a download or upload; what came of a download until then is kept, and the next
// exchange goes on there.
constexpr std::chrono::minutes kTransferTimeout{10};

struct EdgeClientOptions {
  std::string endpoint;  // "http://host:port"
  std::string region;
  protocol::DeviceIdentity device;
  http::Credentials credentials;  // used if `temporary` is null; an empty id: nothing is signed
  TemporaryCredentials* temporary = nullptr;    // borrowed
  const std::atomic<bool>* stopping = nullptr;  // borrowed; set: calls end with kCancelled
};

// "s3://bucket/key"
struct ObjectName {
  std::string bucket;
  std::string key;
};
// kInvalidArgument.
Result<ObjectName> ParseS3Url(const std::string& url);

// What an object is written from.
struct ObjectBody {
  Bytes bytes;  // borrowed
  Path file;    // if not empty: the content of this file instead
};

// A server that is overloaded (429, 503 with Retry-After) is left alone for as long as it asked
// for, and up to as long again, drawn, so that devices do not all come back at once.
constexpr std::chrono::seconds kRetryAfterMax{3'600};

// Thread-safe. While the server wants to be left alone, the three operations fail at once with
// kUnavailable and nothing is sent, whoever calls. Errors of all calls: kUnavailable and
// kDeadlineExceeded (network, or the server says it is overloaded or broken: try again later),
// kPermissionDenied (the server refuses this device), kInvalidArgument (the server refuses the
// message, or its answer is not understood).
class EdgeClient {
 public:
  // Borrows transport and clock.
  EdgeClient(http::Transport& transport, const Clock& clock, EdgeClientOptions options)
      : transport_(transport), clock_(clock), options_(std::move(options)) {}

  const protocol::DeviceIdentity& device() const { return options_.device; }
  Result<protocol::DeviceRegistration> GetDeviceRegistration();
  // What the device should have, and what else an operator wants of it.
  struct Orders {
    std::vector<protocol::EdgeDeployment> deployments;
    std::vector<protocol::DeviceCommand> commands;
    std::vector<protocol::CapturePolicy> capture_policies;
  };
  Result<Orders> GetDeployments();
  Status ReportCommand(const protocol::CommandReport& report);
  // When the server wishes the next one; nothing if it does not say.
  Result<protocol::Contact> SendHeartbeat(const protocol::Heartbeat& heartbeat);

  // Reads an object from `offset` to its end, piece by piece. kNotFound; kOutOfRange if the object
  // has no byte at `offset`; kAborted if the server sent the whole object although a part was asked
  // for (what the sink got is then no continuation); the sink's own error; kCancelled.
  Status ReadObject(const ObjectName& name, uint64_t offset,
                    const std::function<Status(Bytes)>& sink, const std::atomic<bool>* cancelled);
  // Writes a whole object; what had its name is replaced. A file is sent piece by piece, and must
  // not change meanwhile.
  Status WriteObject(const ObjectName& name, const ObjectBody& body);

 private:
  Result<json::Value> Call(std::string_view path, const json::Value& message);
  Status Sign(const std::string& service, http::ClientRequest& request,
              const std::string& body_sha256 = "");
  void LeaveAlone(const http::Response& response);

  http::Transport& transport_;
  const Clock& clock_;
  const EdgeClientOptions options_;
  std::atomic<std::chrono::steady_clock::time_point> quiet_until_{};
};

}  // namespace kedge::agent
