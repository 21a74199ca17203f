// SPDX-License-Identifier: Apache-2.0
#include "agent/service/grpc_server.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/service/agent_service.h"

namespace kedge::agent {

namespace {

constexpr std::chrono::seconds kStopGrace{1};
constexpr mode_t kSocketUmask = 0117;  // leaves 0660

// Makes the path free, or says why it is not.
Status ClearPath(const GrpcServerOptions& options) {
  const std::string path = options.socket.string();
  if (path.empty() || path.size() > kSocketPathBytesMax)
    return InvalidArgument("socket path '" + path + "' has " + std::to_string(path.size()) +
                           " bytes, needs 1 to " + std::to_string(kSocketPathBytesMax));
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0)
    return errno == ENOENT ? Status() : Status(ErrnoError(errno, "looking at " + path));
  if (!S_ISSOCK(status.st_mode)) return AlreadyExists(path + " exists and is no socket");
  if (!options.replace_socket)
    return AlreadyExists("socket " + path + " exists; -f removes it first");
  if (unlink(path.c_str()) != 0) return ErrnoError(errno, "removing socket " + path);
  return {};
}

class RunningServer final : public GrpcServer {
 public:
  RunningServer(Path socket, std::unique_ptr<AgentService> service,
                std::unique_ptr<grpc::Server> server)
      : socket_(std::move(socket)), service_(std::move(service)), server_(std::move(server)) {}
  ~RunningServer() override { Stop(); }

  void Stop() override {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + kStopGrace);
    server_->Wait();
    server_ = nullptr;
    unlink(socket_.c_str());
  }

 private:
  const Path socket_;
  std::unique_ptr<AgentService> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

Result<std::unique_ptr<GrpcServer>> GrpcServer::Start(const GrpcServerOptions& options,
                                                      Registry& registry, CaptureQueue& captures,
                                                      Watcher& watcher) {
  KEDGE_TRY_STATUS(ClearPath(options));
  auto service =
      std::make_unique<AgentService>(registry, captures, watcher, options.shared_memory_allowed);
  grpc::ResourceQuota quota("agent");
  quota.SetMaxThreads(kServerThreadsMax);
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes_max));
  builder.SetMaxSendMessageSize(-1);  // an output may be larger than any input
  builder.AddListeningPort("unix:" + options.socket.string(), grpc::InsecureServerCredentials());
  builder.RegisterService(service.get());
  // The socket must never be there with wider permissions, not for a moment.
  const mode_t umask_before = umask(kSocketUmask);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  umask(umask_before);
  if (server == nullptr) return Unavailable("cannot listen on socket " + options.socket.string());
  return std::unique_ptr<GrpcServer>(
      std::make_unique<RunningServer>(options.socket, std::move(service), std::move(server)));
}

}  // namespace kedge::agent
