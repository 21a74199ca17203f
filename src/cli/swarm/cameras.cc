// `kedge cameras`: a fleet of simulated cameras. Pictures, faults and time are simulated; the
// model, the monitors, their reports and the protocol are the real ones. SPDX-License-Identifier:
// Apache-2.0
#include <cstdio>
#include <map>

#include "base/clock.h"
#include "base/file.h"
#include "base/flags.h"
#include "cli/command.h"
#include "cli/executor.h"
#include "cli/swarm/camera.h"
#include "cli/swarm/enrolment.h"
#include "protocol/edge_api.h"
#include "stats/monitor.h"
#include "tensor/npy.h"

namespace kedge::cli {
namespace {

constexpr uint64_t kFileBytesMax = uint64_t{1} << 30;

struct CamerasOrder {
  ApiOptions api;
  SwarmOptions swarm{.fleet = "cameras", .devices = 20};
  std::string model;
  std::string root;
  std::string model_name;
  std::string model_version;
  std::string baseline;
  std::string pictures;
  std::vector<std::string> faults;  // "dirty-lens=camera-03"
  int64_t beats = 6;
  int64_t samples = 50;
  int64_t faults_from = 3;
};

struct Camera {
  SimulatedDevice device;
  stats::ModelMonitor monitor;
  CameraFault fault = CameraFault::kNone;
  uint64_t boot = 0;
  uint64_t sequence = 0;
};

Result<std::string> ReadText(const std::string& file) {
  PosixFileSystem disk;
  KEDGE_TRY(const ByteBuffer bytes, disk.Read(std::filesystem::absolute(file), kFileBytesMax));
  return std::string(AsText(bytes));
}

std::string NameOf(int64_t number) {
  char text[32];
  std::snprintf(text, sizeof(text), "camera-%02lld", static_cast<long long>(number + 1));
  return text;
}

Result<std::map<std::string, CameraFault>> ReadFaults(const std::vector<std::string>& texts) {
  std::map<std::string, CameraFault> faults;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return InvalidArgument("--fault '" + text + "' is not FAULT=DEVICE");
    }
    KEDGE_TRY(faults[text.substr(equals + 1)], ParseCameraFault(text.substr(0, equals)));
  }
  return faults;
}

// Cameras with a key and a monitor each.
Result<std::vector<Camera>> MakeCameras(const CamerasOrder& order, const ApiClient& client,
                                        std::mt19937_64& random) {
  KEDGE_TRY(const std::string text, ReadText(order.baseline));
  KEDGE_TRY(const stats::Baseline baseline, stats::ParseBaseline(text));
  KEDGE_TRY(auto faults, ReadFaults(order.faults));
  KEDGE_TRY(EnrolledSwarm enrolled, EnrolSwarm(client, order.swarm));
  const SystemClock clock;
  std::vector<Camera> cameras;
  for (SimulatedDevice& device : enrolled.devices) {
    KEDGE_TRY(auto monitor,
              stats::ModelMonitor::Make(baseline, stats::BaselineIdOf(text), {}, clock.NowMs()));
    Camera camera{.device = std::move(device), .monitor = std::move(monitor), .boot = random()};
    if (const auto fault = faults.find(camera.device.name); fault != faults.end()) {
      camera.fault = fault->second;
      faults.erase(fault);
    }
    cameras.push_back(std::move(camera));
  }
  if (!faults.empty()) return NotFound("there is no device " + faults.begin()->first);
  return cameras;
}

// What a heartbeat of the camera carries, signed.
Result<http::ClientRequest> MakeHeartbeat(const CamerasOrder& order, const ApiClient& client,
                                          EpochMs now, Camera& camera) {
  stats::StatisticsReport report{.boot = camera.boot, .sequence = ++camera.sequence};
  report.models.push_back(camera.monitor.TakeReport(
      now / 1000, {.model_name = order.model_name, .model_version = order.model_version}));
  protocol::Heartbeat heartbeat;
  heartbeat.agent_version = "1.0.cameras";
  heartbeat.device = {.device_name = camera.device.name, .device_fleet_name = order.swarm.fleet};
  heartbeat.boot = BootName(camera.device.boot);
  heartbeat.sequence = static_cast<int64_t>(camera.sequence);
  KEDGE_TRY(heartbeat.statistics, stats::EncodeReportText(report));
  http::ClientRequest request{.method = "POST",
                              .url = client.endpoint() + std::string(protocol::kSendHeartbeatPath),
                              .body = json::Write(protocol::ToJson(heartbeat))};
  request.headers.Set("Content-Type", "application/json");
  KEDGE_TRY_STATUS(
      http::SignRequest(camera.device.credentials, {client.region(), "sagemaker"}, now, request));
  return request;
}

Status Run(const CamerasOrder& order) {
  KEDGE_TRY(const ApiClient client, ApiClient::Make(order.api));
  KEDGE_TRY(const std::string npy, ReadText(order.pictures));
  KEDGE_TRY(Tensor pictures, ParseNpy(AsBytes(npy)));
  KEDGE_TRY(const PicturePool pool, PicturePool::Make(std::move(pictures)));
  KEDGE_TRY(const ModelSource source, OpenModelSource(order.model, order.root));
  KEDGE_TRY(const auto model, MakeExecutor(source, {}));
  std::mt19937_64 random(static_cast<uint64_t>(order.swarm.seed));
  KEDGE_TRY(std::vector<Camera> cameras, MakeCameras(order, client, random));
  const auto transport = MakeTransport();
  const SystemClock clock;
  for (int64_t beat = 0; beat < order.beats; ++beat) {
    for (Camera& camera : cameras) {
      const CameraFault fault = beat >= order.faults_from ? camera.fault : CameraFault::kNone;
      for (int64_t i = 0; i < order.samples; ++i) {
        std::vector<Tensor> inputs;
        inputs.push_back(pool.Draw(fault, random));
        KEDGE_TRY(const std::vector<Tensor> outputs, model->Run(inputs));
        std::vector<stats::TensorView> given;
        for (const Tensor& tensor : outputs) given.push_back(stats::TensorView::Of(tensor));
        const stats::TensorView view = stats::TensorView::Of(inputs[0]);
        camera.monitor.Observe({&view, 1}, given, clock.NowMs());
      }
      KEDGE_TRY(const auto request, MakeHeartbeat(order, client, clock.NowMs(), camera));
      KEDGE_TRY(const http::Response response, transport->Send(request));
      if (response.status != 200) return ServerError(response);
    }
    std::printf("beat %lld of %lld: %lld pictures on each of %zu cameras%s\n",
                static_cast<long long>(beat + 1), static_cast<long long>(order.beats),
                static_cast<long long>(order.samples), cameras.size(),
                beat >= order.faults_from && !order.faults.empty() ? ", some of them faulty" : "");
    std::fflush(stdout);
  }
  return {};
}

}  // namespace

int Cameras(int argc, const char* const* argv) {
  CamerasOrder order;
  Flags flags(argv[0], "Simulates cameras that run a model and report its statistics.");
  DeclareApi(flags, order.api);
  flags.Option("--fleet", &order.swarm.fleet, "fleet of the cameras; made if there is none");
  flags.Option("--devices", &order.swarm.devices, "how many").Range(1, 1'000);
  flags.Option("--model", &order.model, "compiled folder or package").Required();
  flags.Option("--root", &order.root, "certificate that signed the package");
  flags.Option("--model-name", &order.model_name, "as packaged").Required();
  flags.Option("--model-version", &order.model_version, "as packaged").Required();
  flags.Option("--baseline", &order.baseline, "baseline.json of the model").Required();
  flags.Option("--pictures", &order.pictures, ".npy of f32[n, c, h, w], 0 to 1").Required();
  flags.Option("--fault", &order.faults,
               "dirty-lens=DEVICE or gain=DEVICE (camera-01 ...); may be repeated");
  flags.Option("--beats", &order.beats, "heartbeats of each camera").Range(1, 100'000);
  flags.Option("--samples", &order.samples, "pictures before each").Range(1, 100'000);
  flags.Option("--faults-from", &order.faults_from, "beats before the faults begin")
      .Range(0, 100'000);
  flags.Option("--seed", &order.swarm.seed, "of everything that is drawn");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  for (int64_t i = 0; i < order.swarm.devices; ++i) order.swarm.names.push_back(NameOf(i));
  if (const auto status = Run(order); !status) return Fail(argv[0], status.error());
  return kExitSuccess;
}

}  // namespace kedge::cli
