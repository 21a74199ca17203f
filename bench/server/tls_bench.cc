// What TLS with client certificates costs a server: requests on a kept connection, resumed and full
// handshakes, against plain HTTP. The client is a process of its own (this program again), so the
// figures are the CPU time of the server's process alone, handler included.
//
//   tls_bench            prints a table
//   tls_bench client ... is what it starts
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <string>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/subprocess.h"
#include "http/client.h"
#include "http/server.h"
#include "trust/authority.h"

namespace kedge {
namespace {

constexpr int kRounds = 5;  // the least time counts

struct Mode {
  const char* name;
  const char* word;  // of the client
  bool tls;
  int requests;
};
constexpr Mode kModes[] = {{"plain, kept connection", "kept", false, 2'000},
                           {"mTLS, kept connection", "kept", true, 2'000},
                           {"plain, a connection each", "resumed", false, 500},
                           {"mTLS, resumed handshake each", "resumed", true, 300},
                           {"mTLS, full handshake each", "full", true, 100}};

int64_t CpuUs() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1'000'000 + used.ru_utime.tv_usec +
         used.ru_stime.tv_usec;
}

// argv: client MODE URL REQUESTS CA IDENTITY
int RunClient(const char* const* argv) {
  const std::string mode = argv[2];
  const http::ClientTls tls{.ca_file = argv[5], .certificate_file = argv[6], .key_file = argv[6]};
  http::ClientRequest request{.method = "POST", .url = argv[3], .body = std::string(930, 'x')};
  if (mode != "kept") request.headers.Set("Connection", "close");
  auto transport = http::MakeCurlTransport(tls);
  const int requests = std::atoi(argv[4]);
  for (int i = 0; i < requests; ++i) {
    if (mode == "full") transport = http::MakeCurlTransport(tls);
    const auto response = transport->Send(request);
    if (!response || response->status != 200) {
      std::fprintf(stderr, "%s\n", response ? "not 200" : response.error().message.c_str());
      return 1;
    }
  }
  return 0;
}

struct Files {
  Path ca;
  Path identity;
  trust::AuthorityKeys keys;
  trust::Authority::ServerCertificate server;
};

Result<Files> MakeFiles(const Path& folder) {
  const EpochMs now = SystemClock().NowMs();
  PosixFileSystem disk;
  Files files{.ca = folder / "ca.pem", .identity = folder / "identity.pem"};
  KEDGE_TRY(files.keys, trust::GenerateAuthority(now));
  KEDGE_TRY(const auto authority,
            trust::Authority::Load(files.keys.issuing_key_pem, files.keys.issuing_certificate_pem));
  KEDGE_TRY(files.server, authority->IssueServer({"127.0.0.1"}, now, 86'400'000));
  const trust::DeviceName name{.fleet = "bench", .device = "device"};
  KEDGE_TRY(const trust::KeyAndRequest made, trust::MakeDeviceRequest(name));
  KEDGE_TRY(const auto request, trust::ParseCertificateRequest(made.request_pem));
  KEDGE_TRY(const auto issued, authority->IssueDevice(request, name, now, 86'400'000));
  KEDGE_TRY_STATUS(disk.WriteAtomically(files.ca, AsBytes(files.keys.root_certificate_pem), 0644));
  KEDGE_TRY_STATUS(disk.WriteAtomically(files.identity, AsBytes(made.key_pem + issued.pem), 0600));
  return files;
}

Result<std::unique_ptr<http::Server>> StartServer(const Files& files, bool tls) {
  http::ServerOptions options{.handler_threads = 2};
  if (tls) {
    options.tls = http::ServerTls{
        .certificate_pem = files.server.certificate_pem,
        .key_pem = files.server.key_pem,
        .client_certificate = http::ClientCertificate::kRequired,
        .client_roots_pem = files.keys.root_certificate_pem + files.keys.issuing_certificate_pem};
  }
  return http::Server::Start(
      options,
      [](const http::Request&, const http::Responder& respond) { respond({.body = "{}"}); },
      [](int, std::string_view) { return http::Response(); });
}

Status Measure(const Files& files, const Mode& mode) {
  KEDGE_TRY(const auto server, StartServer(files, mode.tls));
  const std::string url = (mode.tls ? "https://127.0.0.1:" : "http://127.0.0.1:") +
                          std::to_string(server->port()) + "/";
  int64_t least_us = INT64_MAX;
  for (int round = 0; round < kRounds; ++round) {
    const int64_t before = CpuUs();
    KEDGE_TRY(
        const SubprocessResult result,
        RunSubprocess({.arguments = {"/proc/self/exe", "client", mode.word, url,
                                     std::to_string(mode.requests), files.ca, files.identity}}));
    if (result.exit_code != 0) return Internal("the client failed: " + result.errors);
    least_us = std::min(least_us, CpuUs() - before);
  }
  const double each_us = static_cast<double>(least_us) / mode.requests;
  const http::ServerCounts counts = server->counts();
  std::printf("%-30s %8.1f us of CPU each, %8.0f a second and core   (full %llu, resumed %llu)\n",
              mode.name, each_us, 1e6 / each_us, static_cast<unsigned long long>(counts.tls_full),
              static_cast<unsigned long long>(counts.tls_resumed));
  return {};
}

Status Run() {
  KEDGE_TRY(const TemporaryDirectory folder, TemporaryDirectory::Make());
  KEDGE_TRY(const Files files, MakeFiles(folder.path()));
  for (const Mode& mode : kModes) KEDGE_TRY_STATUS(Measure(files, mode));
  return {};
}

}  // namespace
}  // namespace kedge

int main(int argc, char** argv) {
  if (argc == 7 && std::string(argv[1]) == "client") return kedge::RunClient(argv);
  if (const kedge::Status status = kedge::Run(); !status) {
    std::fprintf(stderr, "tls_bench: %s\n", status.error().message.c_str());
    return 1;
  }
  return 0;
}
