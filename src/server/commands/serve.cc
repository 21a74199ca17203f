// kedge-server serve: builds the parts, most general first, and waits for a signal.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <malloc.h>
#include <thread>
#include <unistd.h>

#include "base/flags.h"
#include "base/log.h"
#include "base/subprocess.h"
#include "http/server.h"
#include "server/api/api.h"
#include "server/api/stage_advance.h"
#include "server/api/wire.h"
#include "server/auth/object_rights.h"
#include "server/commands/command.h"
#include "server/commands/device_listener.h"
#include "server/commands/drift_parts.h"
#include "server/commands/observation.h"
#include "server/config.h"
#include "server/console/console_door.h"
#include "server/ingest/recount.h"
#include "server/ingest/retention.h"
#include "server/installation.h"
#include "server/jobs/package_job.h"
#include "server/keys/sealed_blobs.h"
#include "server/monitoring/monitoring_job.h"
#include "server/monitoring/schedule_step.h"
#include "server/nodes/erasure_work.h"
#include "server/nodes/node.h"
#include "server/objects/scrubber.h"
#include "server/open_store.h"
#include "server/s3/s3_door.h"

namespace kedge::server {

#define KEDGE_COMMAND(word, function, summary) int function(int argc, const char* const* argv);
#include "server/commands/commands.inc"
#undef KEDGE_COMMAND

namespace {

constexpr std::chrono::seconds kStopGrace{10};
constexpr timespec kIdleLook{5, 0};
constexpr size_t kPackagingThreads = 2;
constexpr size_t kMonitoringThreads = 1;

// These wait for sigwait(); threads started later inherit that.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

void PrintLine(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

http::Response TransportError(int status, std::string_view message) {
  const std::string code = status == 503   ? "ServiceUnavailable"
                           : status == 413 ? "RequestEntityTooLarge"
                           : status >= 500 ? "InternalFailure"
                                           : "SerializationException";
  return ErrorResponse({status, code, std::string(message)}, NewRequestId());
}

// Each arena of the allocator keeps what its busiest moment scattered over it. With one for two
// cores memory comes back after a burst, and requests cost the same; with eight a core, which is
// the library's choice, 31.0 MB became 34.3 after 2,000 malformed requests and 300 slow clients.
void LimitArenas() {
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(1u, std::thread::hardware_concurrency() / 2)));
}

struct IdleWatch {
  uint64_t requests = 0;  // at the last look
  uint64_t requests_at_trim = 0;
};

// What a burst of requests needed goes back to the system once there are few: the allocator keeps
// it otherwise, in an arena for each thread.
void GiveMemoryBackIfIdle(std::initializer_list<http::Server*> servers, IdleWatch& watch) {
  constexpr uint64_t kFewRequests = 50;
  uint64_t now = 0;
  for (const http::Server* const server : servers) {
    if (server == nullptr) continue;
    const http::ServerCounts counts = server->counts();
    now += counts.requests + counts.requests_refused;
  }
  if (now - watch.requests < kFewRequests && now != watch.requests_at_trim) {
    malloc_trim(0);
    watch.requests_at_trim = now;
  }
  watch.requests = now;
}

// SIGHUP opens files anew, the others end the wait.
int WaitForStop(const sigset_t& signals, Observation& observation,
                std::initializer_list<http::Server*> servers) {
  IdleWatch watch;
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &kIdleLook);
    if (signal < 0) GiveMemoryBackIfIdle(servers, watch);
    if (signal > 0 && signal != SIGHUP) return signal;
    if (signal != SIGHUP) continue;
    observation.Reopen();
    for (http::Server* const server : servers) {
      const Status status = server != nullptr ? server->ReloadTls() : Status();
      if (!status) {
        LogError("the new TLS certificate is not used", {{"error", status.error().message}});
      }
    }
  }
}

ObjectAction ActionOf(S3Action action) {
  switch (action) {
    case S3Action::kListBuckets:
      return ObjectAction::kListBuckets;
    case S3Action::kManageBucket:
      return ObjectAction::kManageBuckets;
    case S3Action::kListObjects:
      return ObjectAction::kList;
    case S3Action::kReadObject:
      return ObjectAction::kRead;
    case S3Action::kWriteObject:
      return ObjectAction::kWrite;
    case S3Action::kDeleteObject:
      return ObjectAction::kDelete;
  }
  return ObjectAction::kManageBuckets;
}

// Gives load balancers the time to look elsewhere; a second signal ends the wait.
void WaitForSecondSignal(const sigset_t& signals, int64_t seconds) {
  const timespec most{.tv_sec = seconds};
  sigtimedwait(&signals, nullptr, &most);
}

// What a key may do in the object store. A failing store lets nobody in.
bool MayKeyUseObject(const Context& context, const std::string& access_key_id, S3Action action,
                     const blob::ObjectName& object) {
  const auto key = context.authenticator.Find(access_key_id);
  if (!key) LogError("reading access keys failed", {{"error", key.error().message}});
  if (!key || *key == nullptr) return false;
  const auto allowed = MayUseObject(context.store, (*key)->identity, ActionOf(action), object);
  if (!allowed) LogError("reading rights failed", {{"error", allowed.error().message}});
  return allowed && *allowed;
}

S3Options MakeS3Options(const Config& config, const Context& context) {
  const Authenticator& authenticator = context.authenticator;
  return {.store = context.blobs,
          .clock = context.clock,
          .lookup = [&](const std::string& id) -> std::optional<std::string> {
            const auto key = authenticator.Find(id);
            if (!key || *key == nullptr) return std::nullopt;
            return (*key)->secret;
          },
          .cache = &authenticator.cache(),
          .token_is_valid =
              [&](const std::string& id, const std::string& token) {
                return authenticator.TokenIsValid(id, token);
              },
          .allowed =
              [&](const std::string& id, S3Action action, const std::string& bucket,
                  const std::string& key) {
                return MayKeyUseObject(context, id, action, {bucket, key});
              },
          .region = context.arns.region,
          .host = config.s3_host};
}

// The object store for somebody with a console session.
S3Options MakeSessionS3Options(const Config& config, const Context& context,
                               const Identity& identity) {
  S3Options options = MakeS3Options(config, context);
  options.allowed = [&context, identity](const std::string&, S3Action action,
                                         const std::string& bucket, const std::string& key) {
    const auto allowed = MayUseObject(context.store, identity, ActionOf(action), {bucket, key});
    if (!allowed) LogError("reading rights failed", {{"error", allowed.error().message}});
    return allowed && *allowed;
  };
  return options;
}

Status Run(const Config& config, const sigset_t& signals) {
  PosixFileSystem disk;
  const SystemClock clock;
  const Folders folders{std::filesystem::absolute(config.data)};
  KEDGE_TRY(const FileDescriptor lock, PrepareFolders(disk, folders));
  KEDGE_TRY(const Keyring keyring, LoadKeyring(disk, folders, config.master_key));
  KEDGE_TRY(const auto store,
            OpenStore(config, folders, [](const Error&) { kill(getpid(), SIGTERM); }));
  KEDGE_TRY(const SigningKey key, LoadSigningKey(disk, folders, clock, keyring, *store));
  BlobAccess blob_access{disk, clock};
  KEDGE_TRY(const auto stored_blobs, OpenBlobs(config, folders, blob_access));
  const KeyService keys(*store, keyring, clock);
  const auto blobs =
      MakeSealedBlobs(*stored_blobs, keys, FleetEncryptionRule(*store, clock), folders.scratch());
  KEDGE_TRY(const std::string new_key, EnsureAdministrator(disk, folders, clock, keyring, *store));

  const Arns arns{.region = config.region, .account = config.account};
  KEDGE_TRY(const std::string folder_id, LoadFolderId(disk, folders));
  const JobContext jobs{.disk = disk,
                        .store = *store,
                        .blobs = *blobs,
                        .clock = clock,
                        .keyring = keyring,
                        .programs = ExecutableDirectory(),
                        .scratch = folders.scratch(),
                        .compile_cache = folders.compile_cache(),
                        .sandboxed = !config.unsandboxed_jobs,
                        .arns = arns,
                        .keys = &keys};
  KEDGE_TRY(const auto compilation,
            JobRunner::Start(*store, clock,
                             {.kind = store::JobKind::kCompilation,
                              .threads = static_cast<size_t>(config.compile_jobs),
                              .holder = folder_id,
                              .arn_prefix = arns.CompilationJob("")},
                             [&](const JobRun& run) { return RunCompilationJob(jobs, run); }));
  KEDGE_TRY(const auto packaging,
            JobRunner::Start(*store, clock,
                             {.kind = store::JobKind::kPackaging,
                              .threads = kPackagingThreads,
                              .holder = folder_id,
                              .arn_prefix = arns.PackagingJob("")},
                             [&](const JobRun& run) { return RunPackagingJob(jobs, run); }));

  KEDGE_TRY(const auto monitoring,
            JobRunner::Start(*store, clock,
                             {.kind = store::JobKind::kMonitoring,
                              .threads = kMonitoringThreads,
                              .holder = folder_id,
                              .arn_prefix = arns.SageMaker("processing-job/")},
                             [&](const JobRun& run) { return RunMonitoringJob(jobs, run); }));

  KEDGE_TRY_STATUS(RepairCountsIfMarked(*store));
  Heartbeats heartbeats(*store, clock, NewCounterShard());
  KEDGE_TRY(const Catalogue catalogue, Catalogue::Load(OperationFiles()));
  const Authenticator authenticator(*store, keyring, clock,
                                    {.calls_per_second = static_cast<double>(config.rate_limit)});
  KEDGE_TRY(const auto alerts, MakeAlertSender(config, keyring, clock));
  Baselines baselines(*store, *blobs, clock, key.certificate_pem);
  CaptureOrders capture_orders(*store, clock, baselines);
  const Context context{.store = *store,
                        .blobs = *blobs,
                        .clock = clock,
                        .authenticator = authenticator,
                        .arns = arns,
                        .quotas = config.quotas,
                        .connected_minutes = config.connected_minutes,
                        .keyring = keyring,
                        .signer = *key.signer,
                        .signing_certificate_pem = key.certificate_pem,
                        .compilation_jobs = *compilation,
                        .packaging_jobs = *packaging,
                        .monitoring_jobs = *monitoring,
                        .heartbeats = heartbeats,
                        .alerts = *alerts,
                        .baselines = baselines,
                        .capture_orders = capture_orders,
                        .drift_alarm_days = config.drift_alarm_days};
  KEDGE_TRY(const auto api, Api::Make(catalogue, context));

  LeasedLoop erasures(
      *store, clock, {.lease = kErasureLease, .node = folder_id},
      [&](const store::Lease& lease) { return EraseObjectsStep(*store, *blobs, lease); });
  LeasedLoop monitoring_loop(
      *store, clock, {.lease = kMonitoringLease, .node = folder_id},
      [&](const store::Lease& lease) { return MonitoringStep(*store, clock, lease, *monitoring); });
  LeasedLoop retention(
      *store, clock, {.lease = kRetentionLease, .node = folder_id, .period = kRetentionPeriod},
      [&](const store::Lease& lease) { return RetentionStep(*store, clock, lease); });
  DriftLoops drift({*store, clock, arns, baselines}, config, *alerts, folder_id);
  std::optional<Scrubber> scrubber;  // an S3 store looks after its own disks
  if (!KeepsObjectsInS3(config)) scrubber.emplace(*stored_blobs, Scrubber::Options{});
  const S3Door door(MakeS3Options(config, context));
  ConsoleDoor console({.catalogue = catalogue,
                       .api = *api,
                       .authenticator = authenticator,
                       .objects = [&](const Identity& identity) {
                         return MakeSessionS3Options(config, context, identity);
                       }});
  KEDGE_TRY(const auto observation, Observation::Start(config, clock));
  const auto observe = [&](http::Handler inner) {
    return observation->Around(std::move(inner), *api);
  };
  KEDGE_TRY(const auto devices,
            DeviceListener::Start(config, *api, context, MakeS3Options(config, context),
                                  folders.scratch(), TransportError, observe));
  Node node(*store, *blobs, clock,
            {.id = NewNodeId(), .address = config.listen, .version = KEDGE_VERSION});
  const auto handler = [&](const http::Request& request, const http::Responder& responder) {
    if (auto answer = node.Answer(request)) return responder(std::move(*answer));
    if (EnrolmentDoor::Owns(request)) return responder(devices->enrolment().Handle(request));
    if (api->Owns(request)) return api->Handle(request, responder);
    if (ConsoleDoor::Owns(request)) return console.Handle(request, responder);
    responder(door.Handle(request));
  };
  http::ServerOptions listen;
  KEDGE_TRY_STATUS(ReadListen("--listen", config.listen, listen));
  listen.spool_directory = folders.scratch();
  listen.tls = ApiTls(config, keyring);
  listen.head_check = [&](const http::Request& head) -> http::HeadVerdict {
    if (api->Owns(head)) return {.body_bytes_max = Api::kBodyBytesMax};
    if (ConsoleDoor::Owns(head)) return {.refusal = console.CheckHead(head)};
    return {.refusal = door.CheckHead(head)};
  };
  KEDGE_TRY(const auto server,
            http::Server::Start(listen, observation->Around(handler, *api), TransportError));
  drift.Observe(observation->metrics());
  observation->Count(*server, "api");
  if (devices->server() != nullptr) observation->Count(*devices->server(), "devices");
  KEDGE_TRY_STATUS(observation->Serve(config));
  StageLoop stages(*store, clock, node.id(), std::chrono::milliseconds(config.lease_ms));
  PrintLine(new_key);
  PrintLine("listening on " + std::string(listen.tls ? "https" : "http") + "://" + listen.address +
            ":" + std::to_string(server->port()) + "\n");
  if (devices->server() != nullptr) {
    PrintLine("listening for devices on " + devices->endpoint() + "\n");
  }
  const int signal = WaitForStop(signals, *observation, {server.get(), devices->server()});
  LogInfo("stopping", {{"signal", std::to_string(signal)}});
  node.Drain();
  if (config.drain_seconds > 0) WaitForSecondSignal(signals, config.drain_seconds);
  console.Stop();
  server->Stop(kStopGrace);
  if (devices->server() != nullptr) devices->server()->Stop(kStopGrace);
  observation->Stop();
  if (store->failed()) return Unavailable("the database failed");
  return {};
}

}  // namespace

int Serve(int argc, const char* const* argv) {
  Config config;
  Flags flags(argv[0], "Serves fleets, jobs, deployments and objects.");
  DeclareStorage(flags, config);
  DeclareServing(flags, config);
  DeclareSettings(flags, /*serves=*/true);
  flags.Footer(
      "At the first start an access key is made, printed and kept in DATA/administrator.env.\n"
      "Log lines (JSON) go to standard error. SIGTERM and SIGINT stop the server cleanly,\n"
      "SIGHUP opens the access log anew and reads the TLS certificate again.");
  if (const auto code = flags.Parse(argc, argv)) return *code;
  if (const auto status = CheckConfig(config); !status) {
    static_cast<void>(Fail(argv[0], status.error()));
    return kExitUsage;
  }
  SetLogLevel(LogLevelOf(config));
  LimitArenas();
  const sigset_t signals = BlockSignals();
  if (const auto status = Run(config, signals); !status) {
    return Fail(argv[0], status.error());
  }
  return kExitSuccess;
}

}  // namespace kedge::server
