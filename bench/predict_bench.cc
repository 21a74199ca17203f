// What the agent adds to a bare gRPC echo of the same message: Predict of a 4 KB tensor through the
// unix socket and a worker process, against a server that only sends the tensors back. Both servers
// run in this process with the same settings; calls alternate, so that noise meets both.
//
//   predict_bench [CALLS]      one line of JSON: microseconds, and the difference of the medians
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>

#include "agent.grpc.pb.h"
#include "agent/service/grpc_server.h"
#include "agent/testing/test_package.h"
#include "base/log.h"

namespace kedge::agent {
namespace {

namespace pb = ::AWS::SageMaker::Edge;

constexpr int64_t kElements = 1024;  // 4 KB of f32
constexpr int kWarmup = 200;

class EchoService final : public pb::Agent::Service {
  grpc::Status Predict(grpc::ServerContext*, const pb::PredictRequest* request,
                       pb::PredictResponse* response) override {
    *response->mutable_tensors() = request->tensors();
    return grpc::Status::OK;
  }
};

using Micros = std::chrono::duration<double, std::micro>;

double CallOnce(pb::Agent::Stub& stub, const pb::PredictRequest& request) {
  grpc::ClientContext context;
  pb::PredictResponse response;
  const auto began = std::chrono::steady_clock::now();
  const grpc::Status status = stub.Predict(&context, request, &response);
  const Micros took = std::chrono::steady_clock::now() - began;
  if (!status.ok() || response.tensors(0).byte_data().size() != kElements * sizeof(float)) {
    std::fprintf(stderr, "predict_bench: %s\n", status.error_message().c_str());
    std::exit(1);
  }
  return took.count();
}

std::unique_ptr<pb::Agent::Stub> Connect(const Path& socket) {
  return pb::Agent::NewStub(
      grpc::CreateChannel("unix:" + socket.string(), grpc::InsecureChannelCredentials()));
}

double At(std::vector<double>& sorted, double share) {
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

Status Run(int calls) {
  KEDGE_TRY(const TemporaryDirectory folder, TemporaryDirectory::Make());
  const package::testing::TestKey key = package::testing::MakeTestKey();
  const Path package = folder.path() / "copy.tar.gz";
  KEDGE_TRY_STATUS(testing::WriteTestPackage(
      key,
      {.model = {.run_body = "for (int i = 0; i < ELEMENTS; ++i) y[i] = x[i]; return 0;",
                 .elements = kElements},
       .name = "copy"},
      package));
  const SystemClock clock;
  PosixFileSystem disk;
  Registry registry(testing::TestRegistryOptions(key.roots, clock));
  CaptureQueue captures(disk, clock, {});
  DayBudget day(disk, Path(), {});
  Watcher watcher({clock, captures, day, disk, Path()}, {.cpu_fraction = 0}, {});
  KEDGE_TRY(const auto model, registry.Load("copy", package.string()));
  KEDGE_TRY(const auto agent,
            GrpcServer::Start({.socket = folder.path() / "agent"}, registry, captures, watcher));
  EchoService echo_service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + (folder.path() / "echo").string(),
                           grpc::InsecureServerCredentials());
  builder.RegisterService(&echo_service);
  const std::unique_ptr<grpc::Server> echo = builder.BuildAndStart();

  pb::PredictRequest request;
  request.set_name("copy");
  pb::Tensor* tensor = request.add_tensors();
  tensor->mutable_tensor_metadata()->set_name("x");
  tensor->mutable_tensor_metadata()->set_data_type(pb::FLOAT32);
  tensor->mutable_tensor_metadata()->add_shape(kElements);
  tensor->set_byte_data(std::string(kElements * sizeof(float), '\1'));

  const auto agent_stub = Connect(folder.path() / "agent"),
             echo_stub = Connect(folder.path() / "echo");
  std::vector<double> agent_us, echo_us;
  for (int i = 0; i < calls + kWarmup; ++i) {
    const double echo_took = CallOnce(*echo_stub, request);
    const double agent_took = CallOnce(*agent_stub, request);
    if (i < kWarmup) continue;
    echo_us.push_back(echo_took);
    agent_us.push_back(agent_took);
  }
  const double agent_p50 = At(agent_us, 0.5), echo_p50 = At(echo_us, 0.5);
  std::printf(
      "{\"calls\":%d,\"echo_min_us\":%.1f,\"echo_p50_us\":%.1f,\"agent_min_us\":%.1f,"
      "\"agent_p50_us\":%.1f,\"added_min_us\":%.1f,\"added_p50_us\":%.1f}\n",
      calls, At(echo_us, 0), echo_p50, At(agent_us, 0), agent_p50, At(agent_us, 0) - At(echo_us, 0),
      agent_p50 - echo_p50);
  agent->Stop();
  echo->Shutdown();
  return {};
}

}  // namespace
}  // namespace kedge::agent

int main(int argc, char** argv) {
  kedge::SetLogLevel(kedge::LogLevel::kError);
  const int calls = argc > 1 ? std::atoi(argv[1]) : 10'000;
  const kedge::Status status = kedge::agent::Run(std::max(calls, 1));
  if (!status) std::fprintf(stderr, "predict_bench: %s\n", status.error().message.c_str());
  return status ? 0 : 1;
}
