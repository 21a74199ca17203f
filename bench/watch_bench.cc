// What watching a model costs in the agent: Predict through the unix socket and a worker process,
// on two servers of one registry, of which one has the monitor at its default budget. Calls
// alternate, so that noise meets both.
//
//   watch_bench PACKAGE CERTIFICATES [CALLS]      one line of JSON
//
// The features are the image statistics of the first input of rank 4 (or a column each, up to 64,
// of another one) and the statistics of scores of the first output.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <grpcpp/create_channel.h>
#include <random>

#include "agent.grpc.pb.h"
#include "agent/service/grpc_server.h"
#include "agent/testing/test_package.h"
#include "base/log.h"
#include "stats/baseline/testing/sample_baseline.h"

namespace kedge::agent {
namespace {

namespace pb = ::AWS::SageMaker::Edge;

constexpr int kWarmup = 50;
constexpr size_t kColumnsMax = 64;
constexpr int kMessageBytesMax = 256 << 20;

using Micros = std::chrono::duration<double, std::micro>;
using stats::Statistic;

void AddFeatures(stats::Baseline& baseline, uint32_t tensor,
                 std::initializer_list<Statistic> statistics) {
  for (const Statistic statistic : statistics) {
    stats::FeatureBaseline feature = stats::testing::GaussianFeature(
        std::to_string(tensor) + "-" + std::to_string(static_cast<int>(statistic)), 0, 100'000);
    feature.use = {.tensor = tensor, .statistic = statistic};
    baseline.features.push_back(std::move(feature));
  }
}

std::string MakeBaseline(const ring::IoInfo& input, const ring::IoInfo& output) {
  stats::Baseline baseline{.rows = 100'000};
  const bool image = input.shape.rank() == 4;
  baseline.tensors.push_back({.name = input.name,
                              .dtype = input.dtype,
                              .shape = input.shape,
                              .role = image ? stats::Role::kImage : stats::Role::kColumns});
  if (image) {
    AddFeatures(
        baseline, 0,
        {Statistic::kImageMean, Statistic::kImageContrast, Statistic::kImageDark,
         Statistic::kImageSaturated, Statistic::kImageLaplacian, Statistic::kImageLaplacianVariance,
         Statistic::kImageGradientX, Statistic::kImageGradientY, Statistic::kImageRed,
         Statistic::kImageGreen, Statistic::kImageBlue, Statistic::kImageFrameDifference});
  } else {
    const auto columns = static_cast<size_t>(input.shape.elements());
    for (size_t i = 0; i < std::min(columns, kColumnsMax); ++i)
      baseline.features.push_back(stats::testing::GaussianFeature(
          "x" + std::to_string(i), static_cast<uint32_t>(i), 100'000));
  }
  baseline.tensors.push_back({.side = stats::Side::kOutput,
                              .name = output.name,
                              .dtype = output.dtype,
                              .shape = output.shape,
                              .role = stats::Role::kScores,
                              .logits = true});
  AddFeatures(baseline, 1, {Statistic::kMaxProbability, Statistic::kMargin, Statistic::kEntropy});
  return stats::WriteBaseline(baseline);
}

double CallOnce(pb::Agent::Stub& stub, const pb::PredictRequest& request) {
  grpc::ClientContext context;
  pb::PredictResponse response;
  const auto began = std::chrono::steady_clock::now();
  const grpc::Status status = stub.Predict(&context, request, &response);
  const Micros took = std::chrono::steady_clock::now() - began;
  if (!status.ok()) {
    std::fprintf(stderr, "watch_bench: %s\n", status.error_message().c_str());
    std::exit(1);
  }
  return took.count();
}

pb::PredictRequest MakeRequest(const ServedModel& model) {
  pb::PredictRequest request;
  request.set_name(model.identity().handle);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(0, 1);
  for (const ring::IoInfo& input : model.inputs()) {
    pb::Tensor* tensor = request.add_tensors();
    auto* metadata = tensor->mutable_tensor_metadata();
    metadata->set_name(input.name);
    metadata->set_data_type(static_cast<pb::DataType>(WireTypeOf(input.dtype)));
    for (const int64_t size : input.shape.dims) metadata->add_shape(static_cast<int32_t>(size));
    std::string bytes(input.bytes, '\0');
    for (size_t i = 0; input.dtype == DType::kF32 && i + 4 <= bytes.size(); i += 4)
      StoreLittle(bytes.data() + i, uniform(random));
    tensor->set_byte_data(std::move(bytes));
  }
  return request;
}

double Median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// One server with its watcher, and a client of it.
struct Side {
  std::unique_ptr<Watcher> watcher;
  std::unique_ptr<GrpcServer> server;
  std::unique_ptr<pb::Agent::Stub> stub;
  std::vector<double> us;
};

Status Run(const Path& package, const Path& certificates, int calls) {
  KEDGE_TRY(const TemporaryDirectory folder, TemporaryDirectory::Make());
  PosixFileSystem disk;
  const SystemClock clock;
  KEDGE_TRY(const trust::TrustedRoots roots,
            trust::TrustedRoots::Load(certificates.string(), false));
  Registry registry(testing::TestRegistryOptions(roots, clock));
  KEDGE_TRY(ModelSource source, OpenModelSource(package, roots));
  {
    // Once without a baseline, to see what the model is like.
    KEDGE_TRY(const auto probe, registry.Load("probe", package.string()));
    source.baseline = MakeBaseline(probe->inputs()[0], probe->outputs()[0]);
    KEDGE_TRY_STATUS(registry.Unload("probe"));
  }
  KEDGE_TRY(auto model,
            registry.StartDetached("model", package.string(), std::move(source), nullptr));
  KEDGE_TRY_STATUS(registry.Put(model));

  CaptureQueue captures(disk, clock, {});
  DayBudget day(disk, Path(), {});
  Side sides[2];  // without, with
  for (const bool with : {false, true}) {
    Side& side = sides[with ? 1 : 0];
    WatchOptions options;
    if (!with) options.cpu_fraction = 0;
    side.watcher = std::make_unique<Watcher>(Watcher::Parts{clock, captures, day, disk, Path()},
                                             options, CapturePolicy{});
    const Path socket = folder.path() / (with ? "with" : "without");
    KEDGE_TRY(side.server,
              GrpcServer::Start({.socket = socket, .message_bytes_max = kMessageBytesMax}, registry,
                                captures, *side.watcher));
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
    side.stub = pb::Agent::NewStub(grpc::CreateCustomChannel(
        "unix:" + socket.string(), grpc::InsecureChannelCredentials(), arguments));
  }
  const pb::PredictRequest request = MakeRequest(*model);
  double watched_us = 0;
  WatchCounters before;
  for (int i = 0; i < calls + kWarmup; ++i) {
    if (i == kWarmup) before = sides[1].watcher->CountersOf(model);
    for (Side& side : sides) {
      const double us = CallOnce(*side.stub, request);
      if (i >= kWarmup) side.us.push_back(us);
      if (i >= kWarmup && &side == &sides[1]) watched_us += us;
    }
  }
  sides[1].watcher->Drain();
  const WatchCounters after = sides[1].watcher->CountersOf(model);
  const auto looks = static_cast<double>(after.looked_at - before.looked_at);
  const Micros looking = after.look_time - before.look_time;
  const double without_us = Median(sides[0].us), with_us = Median(sides[1].us);
  std::printf(
      "{\"calls\":%d,\"without_p50_us\":%.1f,\"with_p50_us\":%.1f,\"added_percent\":%.2f,"
      "\"look_share\":%.4f,\"look_us\":%.1f,\"monitor_cpu_percent\":%.3f}\n",
      calls, without_us, with_us, 100 * (with_us / without_us - 1), looks / calls,
      looking.count() / std::max(looks, 1.0), 100 * looking.count() / watched_us);
  for (Side& side : sides) side.server->Stop();
  return {};
}

}  // namespace
}  // namespace kedge::agent

int main(int argc, char** argv) {
  kedge::SetLogLevel(kedge::LogLevel::kError);
  if (argc < 3) {
    std::fprintf(stderr, "usage: watch_bench PACKAGE CERTIFICATES [CALLS]\n");
    return 2;
  }
  const int calls = argc > 3 ? std::atoi(argv[3]) : 1'000;
  const kedge::Status status = kedge::agent::Run(argv[1], argv[2], std::max(calls, 1));
  if (!status) std::fprintf(stderr, "watch_bench: %s\n", status.error().message.c_str());
  return status ? 0 : 1;
}
