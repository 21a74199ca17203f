// kedge-agent: the program on every device. Reads like its life: configure, start what is deployed,
// serve, keep in touch with the server, stop.
// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <limits>
#include <memory>
#include <unistd.h>

#include "agent/capture/capture_queue.h"
#include "agent/capture/uploader.h"
#include "agent/config.h"
#include "agent/link/link.h"
#include "agent/models/registry.h"
#include "agent/monitor/heartbeat_loop.h"
#include "agent/monitor/start_pages.h"
#include "agent/monitor/watcher.h"
#include "agent/service/grpc_server.h"
#include "agent/update/roots_keeper.h"
#include "agent/update/update_loop.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/subprocess.h"

namespace kedge::agent {
namespace {

struct Arguments {
  std::string socket;
  std::string config;
  bool replace_socket = false;
  int64_t message_bytes_max = kMessageBytesMaxDefault;
};

Result<Config> ReadConfig(FileSystem& disk, const std::string& path) {
  KEDGE_TRY(const ByteBuffer text, disk.Read(path, kConfigBytesMax));
  std::vector<std::string> warnings;
  auto config = ParseConfig(AsText(text), &warnings);
  if (!config) return Wrap(config.error(), path);
  for (const std::string& warning : warnings) LogWarning("configuration", {{"what", warning}});
  return config;
}

RegistryOptions MakeRegistryOptions(const Config& config, const trust::TrustedRoots& roots,
                                    const Clock& clock) {
  ring::WorkerOptions worker;
  worker.program = config.worker_path.empty() ? ExecutableDirectory() / "kedge-worker"
                                              : Path(config.worker_path);
  worker.threads = static_cast<uint32_t>(config.worker_threads);
  worker.memory_bytes_max = static_cast<uint64_t>(config.model_memory_bytes_max);
  worker.load_timeout = std::chrono::seconds(config.load_timeout_seconds);
  worker.run_timeout = std::chrono::seconds(config.run_timeout_seconds);
  worker.sandbox_required = config.sandbox_required && ring::kSandboxPossible;
  return {.roots = &roots, .clock = &clock, .worker = worker};
}

CaptureOptions MakeCaptureOptions(const Config& config) {
  return {.disk_path = config.capture_disk_path,
          .folder_prefix = config.capture_folder_prefix,
          .fleet = config.fleet_name,
          .device = config.device_name,
          .buffer_size = static_cast<size_t>(config.capture_buffer_size),
          .batch_size = static_cast<size_t>(config.capture_batch_size),
          .push_period = std::chrono::seconds(config.capture_push_period_seconds),
          .embed_bytes_max = static_cast<uint64_t>(config.capture_embed_bytes_max)};
}

CapturePolicy MakeCapturePolicy(const Config& config) {
  return {.floor = config.capture_floor_rate,
          .drift = config.capture_drift_rate,
          .novel = config.capture_novel_rate,
          .uncertain = config.capture_uncertain_rate,
          .uncertain_margin = config.capture_uncertain_margin};
}

WatchOptions MakeWatchOptions(const Config& config) {
  return {.cpu_fraction = config.monitor_cpu_fraction,
          .rule = config.drift_rule == "stop"        ? DriftRule::kStop
                  : config.drift_rule == "fall_back" ? DriftRule::kFallBack
                                                     : DriftRule::kNothing};
}

// Null if nothing is captured on this device.
std::unique_ptr<Uploader> StartUploader(FileSystem& disk, const Clock& clock, const Config& config,
                                        Link* link, DayBudget& budget) {
  const bool upload = config.capture_upload && link != nullptr;
  // What applications alone put there and nobody takes away is theirs, however much it is.
  if (config.capture_disk_path.empty() || (!upload && !MakeCapturePolicy(config).Any()))
    return nullptr;
  return std::make_unique<Uploader>(
      Uploader::Parts{.disk = disk,
                      .clock = clock,
                      .client = upload ? link->upload_client.get() : nullptr,
                      .location = [link] { return link->registration->CaptureLocation(); },
                      .budget = config.capture_upload_bytes_a_day > 0 ? &budget : nullptr,
                      .spool = {.root = Path(config.capture_disk_path) /
                                        config.capture_folder_prefix / config.fleet_name,
                                .device = config.device_name,
                                .location = "",
                                .bytes_max = static_cast<uint64_t>(config.capture_spool_bytes_max),
                                .files_max = static_cast<uint64_t>(config.capture_spool_files_max)},
                      .period = std::chrono::seconds(config.capture_upload_period_seconds)});
}

// A file that the agent keeps for itself; nowhere without a data folder.
Path LocalFile(const Config& config, const char* name) {
  return config.local_root_path.empty() ? Path() : Path(config.local_root_path) / name;
}

// Null without a folder for deployments, or if the folder belongs to a newer agent.
Result<std::unique_ptr<DeviceStore>> OpenStore(FileSystem& disk, const Config& config) {
  if (config.local_root_path.empty()) return std::unique_ptr<DeviceStore>();
  auto store = std::make_unique<DeviceStore>(disk, config.local_root_path);
  const Status status = store->Open();
  if (status) return store;
  if (status.error().code != Code::kUnimplemented) return status.error();
  LogError("deployments are off: the state is of a newer agent and is left as it is",
           {{"why", status.error().message}});
  return std::unique_ptr<DeviceStore>();
}

void WaitForStopSignal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  LogInfo("stopping", {{"signal", std::to_string(signal)}});
}

Status Serve(const Arguments& arguments, const sigset_t& stop_signals) {
  PosixFileSystem disk;
  const SystemClock clock;
  KEDGE_TRY(const Config config, ReadConfig(disk, arguments.config));
  if (config.log_verbose) SetLogLevel(LogLevel::kDebug);
  RootsKeeper keeper(disk, config.root_certs_path, LocalFile(config, "roots.json"));
  KEDGE_TRY_STATUS(keeper.Open());
  const trust::TrustedRoots& roots = keeper.roots();
  KEDGE_TRY(const std::unique_ptr<DeviceStore> store, OpenStore(disk, config));
  KEDGE_TRY(const std::unique_ptr<Link> link,
            Link::Make(disk, config, clock, [&keeper](const auto& documents) {
              const Status status = keeper.Offer(documents);
              if (!status)
                LogError("trusted keys stay as they are", {{"why", status.error().message}});
            }));

  Doorbell update_bell, heartbeat_bell;
  std::unique_ptr<Updater> updater;  // before the registry: its models report here until they end
  Registry registry(MakeRegistryOptions(config, roots, clock));
  CaptureQueue captures(disk, clock, MakeCaptureOptions(config));
  DayBudget capture_budget(
      disk, LocalFile(config, "captures.day"),
      {.records = config.capture_records_a_day, .bytes = config.capture_bytes_a_day});
  KEDGE_TRY_STATUS(capture_budget.Open(clock.NowMs()));
  DayBudget upload_budget(
      disk, LocalFile(config, "uploads.day"),
      {.records = std::numeric_limits<int64_t>::max(), .bytes = config.capture_upload_bytes_a_day});
  KEDGE_TRY_STATUS(upload_budget.Open(clock.NowMs()));
  Watcher watcher({clock, captures, capture_budget, disk, LocalFile(config, "statistics.report")},
                  MakeWatchOptions(config), MakeCapturePolicy(config));
  if (store != nullptr) {
    updater = std::make_unique<Updater>(
        Updater::Parts{disk, clock, registry, roots, *store, update_bell});
    registry.SetDeployedStart(
        [&updater](const std::string& handle) { return updater->StartCurrent(handle); });
    updater->StartDeployed();
  }
  KEDGE_TRY(const std::unique_ptr<GrpcServer> server,
            GrpcServer::Start({.socket = arguments.socket,
                               .replace_socket = arguments.replace_socket,
                               .message_bytes_max = arguments.message_bytes_max,
                               .shared_memory_allowed = config.shared_memory_tensors},
                              registry, captures, watcher));
  const std::unique_ptr<Uploader> uploader =
      StartUploader(disk, clock, config, link.get(), upload_budget);
  std::unique_ptr<UpdateLoop> updates;
  std::unique_ptr<HeartbeatLoop> heartbeats;
  if (updater != nullptr)
    updates = std::make_unique<UpdateLoop>(
        UpdateLoop::Parts{*updater, *store, link ? link->update_client.get() : nullptr,
                          link ? link->registration.get() : nullptr, registry, update_bell,
                          heartbeat_bell, std::chrono::seconds(config.PollSeconds()),
                          [&watcher](std::vector<protocol::CapturePolicy> policies) {
                            watcher.SetServerPolicies(std::move(policies));
                          }});
  if (link != nullptr)
    heartbeats = std::make_unique<HeartbeatLoop>(HeartbeatLoop::Parts{
        clock, *link->heartbeat_client, *link->registration, registry, captures, watcher,
        uploader.get(), store.get(), updater.get(), heartbeat_bell,
        std::chrono::seconds(config.heartbeat_interval_seconds)});
  LogInfo("agent is ready", {{"socket", arguments.socket},
                             {"device", config.device_name},
                             {"fleet", config.fleet_name},
                             {"version", KEDGE_VERSION},
                             {"server", link ? link->options.endpoint : "none"},
                             {"models", std::to_string(registry.List().size())}});
  ReleaseStartPages();
  WaitForStopSignal(stop_signals);

  server->Stop();
  if (link != nullptr) link->stopping.store(true);
  heartbeats = nullptr;
  updates = nullptr;
  watcher.KeepReport();
  captures.Flush();
  if (updater != nullptr) updater->MarkStopped();
  LogInfo("stopped");
  return {};
}

int Main(int argc, char** argv) {
  Arguments arguments;
  Flags flags("kedge-agent", "Runs models on a device and serves them on a unix socket.");
  flags.Option("-a,--socket", &arguments.socket, "unix socket to serve on").Required();
  flags.Option("-c,--config", &arguments.config, "configuration, a JSON file").Required();
  flags.Flag("-f,--force", &arguments.replace_socket, "remove an existing socket first");
  flags.Option("-m,--message-bytes", &arguments.message_bytes_max, "largest message taken")
      .Range(1024, 2'147'483'647);
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;

  // Blocked before any thread is made, so that only sigwait sees them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&stop_signals, signal);
  sigprocmask(SIG_BLOCK, &stop_signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  if (const Status status = Serve(arguments, stop_signals); !status)
    return Fail("kedge-agent", status.error());
  return kExitSuccess;
}

}  // namespace
}  // namespace kedge::agent

int main(int argc, char** argv) { return kedge::agent::Main(argc, argv); }
