// kedge-server: builds the parts, most general first, and waits for a signal.
// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <csignal>
#include <cstdio>
#include <thread>

#include "base/flags.h"
#include "base/log.h"
#include "base/subprocess.h"
#include "http/server.h"
#include "server/api/api.h"
#include "server/api/wire.h"
#include "server/installation.h"
#include "server/jobs/package_job.h"
#include "server/s3/s3_door.h"
#include "store/sqlite/sqlite_store.h"

namespace kedge::server {
namespace {

constexpr std::chrono::seconds kStopGrace{10};
constexpr size_t kPackagingThreads = 2;

struct Options {
  std::string data;
  std::string listen = "127.0.0.1:8080";
  std::string region = "us-east-1";
  std::string account = "000000000000";
  int64_t compile_jobs = 0;  // at a time
  bool unsandboxed_jobs = false;
};

Result<http::ServerOptions> ReadListen(const std::string& listen) {
  http::ServerOptions options;
  const size_t colon = listen.rfind(':');
  const Error wrong = InvalidArgument("--listen '" + listen + "' is not ADDRESS:PORT");
  if (colon == std::string::npos || colon == 0) return wrong;
  options.address = listen.substr(0, colon);
  const char* end = listen.data() + listen.size();
  const auto [last, error] = std::from_chars(listen.data() + colon + 1, end, options.port);
  if (error != std::errc() || last != end) return wrong;
  return options;
}

// SIGTERM and SIGINT wait for sigwait(); threads started later inherit that.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
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

// What a key may do in the object store. A failing store lets nobody in.
bool MayUseObject(const Authenticator& authenticator, const std::string& access_key_id,
                  S3Action action, const blob::ObjectName& object) {
  const auto allowed = action == S3Action::kReadObject
                           ? authenticator.MayReadObject(access_key_id, object)
                           : authenticator.IsAdministrator(access_key_id);
  if (!allowed) LogError("reading access keys failed", {{"error", allowed.error().message}});
  return allowed && *allowed;
}

S3Options MakeS3Options(const Context& context) {
  const Authenticator& authenticator = context.authenticator;
  return {
      .store = context.blobs,
      .clock = context.clock,
      .lookup =
          [&](const std::string& id) { return authenticator.SecretOf(id).value_or(std::nullopt); },
      .cache = &authenticator.cache(),
      .allowed =
          [&](const std::string& id, S3Action action, const std::string& bucket,
              const std::string& key) {
            return MayUseObject(authenticator, id, action, {bucket, key});
          },
      .region = context.arns.region};
}

Result<Arns> ReadArns(const Options& options) {
  if (options.account.size() != 12 ||
      options.account.find_first_not_of("0123456789") != std::string::npos) {
    return InvalidArgument("--account '" + options.account + "' is not 12 digits");
  }
  return Arns{.region = options.region, .account = options.account};
}

Status Serve(const Options& options, http::ServerOptions listen, const Arns& arns,
             const sigset_t& stop_signals) {
  PosixFileSystem disk;
  const SystemClock clock;
  const Folders folders{std::filesystem::absolute(options.data)};
  KEDGE_TRY(const FileDescriptor lock, PrepareFolders(disk, folders));
  KEDGE_TRY(const SigningKey key, LoadSigningKey(disk, folders, clock));
  KEDGE_TRY(const auto store,
            store::OpenSqliteStore({.file = folders.database(),
                                    .on_failure = [](const Error&) { kill(getpid(), SIGTERM); }}));
  KEDGE_TRY(const auto blobs, blob::OpenFileBlobStore(disk, folders.objects(), clock));
  KEDGE_TRY(const std::string new_key, EnsureAdministrator(disk, folders, clock, *store));

  const JobContext jobs{.disk = disk,
                        .store = *store,
                        .blobs = *blobs,
                        .clock = clock,
                        .signer = *key.signer,
                        .signing_certificate_pem = key.certificate_pem,
                        .programs = ExecutableDirectory(),
                        .scratch = folders.scratch(),
                        .compile_cache = folders.compile_cache(),
                        .sandboxed = !options.unsandboxed_jobs};
  KEDGE_TRY(const auto compilation,
            JobRunner::Start(*store, clock, store::JobKind::kCompilation,
                             static_cast<size_t>(options.compile_jobs),
                             [&](const JobRun& run) { return RunCompilationJob(jobs, run); }));
  KEDGE_TRY(const auto packaging,
            JobRunner::Start(*store, clock, store::JobKind::kPackaging, kPackagingThreads,
                             [&](const JobRun& run) { return RunPackagingJob(jobs, run); }));

  KEDGE_TRY(const Catalogue catalogue, Catalogue::Load(OperationFiles()));
  const Authenticator authenticator(*store, clock);
  const Context context{.store = *store,
                        .blobs = *blobs,
                        .clock = clock,
                        .authenticator = authenticator,
                        .arns = arns,
                        .signer = *key.signer,
                        .signing_certificate_pem = key.certificate_pem,
                        .compilation_jobs = *compilation,
                        .packaging_jobs = *packaging};
  KEDGE_TRY(const auto api, Api::Make(catalogue, context));

  const S3Door door(MakeS3Options(context));
  const auto handler = [&](const http::Request& request, const http::Responder& responder) {
    if (api->Owns(request)) return api->Handle(request, responder);
    responder(door.Handle(request));
  };
  listen.spool_directory = folders.scratch();
  KEDGE_TRY(const auto server, http::Server::Start(listen, handler, TransportError));
  PrintLine(new_key);
  PrintLine("listening on http://" + listen.address + ":" + std::to_string(server->port()) + "\n");
  int signal = 0;
  sigwait(&stop_signals, &signal);
  LogInfo("stopping", {{"signal", std::to_string(signal)}});
  server->Stop(kStopGrace);
  if (store->failed()) return Unavailable("the database failed");
  return {};
}

int Main(int argc, char** argv) {
  Options options;
  options.compile_jobs = std::max<int64_t>(1, std::thread::hardware_concurrency() / 2);
  Flags flags("kedge-server", "Serves fleets, jobs, deployments and objects.");
  flags.Option("--data", &options.data, "folder that holds everything; made if absent").Required();
  flags.Option("--listen", &options.listen, "ADDRESS:PORT; port 0 takes a free one");
  flags.Option("--region", &options.region, "region in resource names (ARNs)");
  flags.Option("--account", &options.account, "12 digits, account in resource names (ARNs)");
  flags.Option("--compile-jobs", &options.compile_jobs, "compilation jobs at a time").Range(1, 256);
  flags.Flag(
      "--unsandboxed-jobs", &options.unsandboxed_jobs,
      "compile without a sandbox: only where no namespace can be made and models are trusted");
  flags.Footer(
      "At the first start an access key is made, printed and kept in DATA/administrator.env.\n"
      "Log lines (JSON) go to standard error. SIGTERM and SIGINT stop the server cleanly.");
  if (const auto code = flags.Parse(argc, argv)) return *code;
  const auto listen = ReadListen(options.listen);
  const auto arns = ReadArns(options);
  if (!listen || !arns) {
    static_cast<void>(Fail("kedge-server", listen ? arns.error() : listen.error()));
    return kExitUsage;
  }
  const sigset_t stop_signals = BlockStopSignals();
  if (const auto status = Serve(options, *listen, *arns, stop_signals); !status) {
    return Fail("kedge-server", status.error());
  }
  return kExitSuccess;
}

}  // namespace
}  // namespace kedge::server

int main(int argc, char** argv) { return kedge::server::Main(argc, argv); }
