// The gRPC server on the unix domain socket: api/agent.proto's service in front of the registry and
// the capture queue. gRPC and protobuf stay inside this folder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "agent/capture/capture_queue.h"
#include "agent/models/registry.h"
#include "agent/monitor/watcher.h"
#include "base/file.h"

namespace kedge::agent {

constexpr int64_t kMessageBytesMaxDefault = 4 << 20;  // what gRPC and Edge Manager's agent have
constexpr int kServerThreadsMax = 128;                // calls at one time; more are refused
constexpr size_t kSocketPathBytesMax = 107;           // of sockaddr_un

struct GrpcServerOptions {
  Path socket;
  bool replace_socket = false;  // remove a socket that stands in the way
  int64_t message_bytes_max = kMessageBytesMaxDefault;
  bool shared_memory_allowed = true;
};

class GrpcServer {
 public:
  virtual ~GrpcServer() = default;  // as Stop
  // Listens on the socket, mode 0660. Borrows registry, queue and watcher. Errors: kAlreadyExists
  // if the path exists and may not or cannot be replaced; kInvalidArgument for its length;
  // kUnavailable.
  static Result<std::unique_ptr<GrpcServer>> Start(const GrpcServerOptions& options,
                                                   Registry& registry, CaptureQueue& captures,
                                                   Watcher& watcher);
  // Takes no more calls, lets those in flight end for at most a second, removes the socket.
  virtual void Stop() = 0;
};

}  // namespace kedge::agent
