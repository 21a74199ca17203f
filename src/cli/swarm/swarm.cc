// `kedge swarm`: many devices in one process, with the real protocol.
// SPDX-License-Identifier: Apache-2.0
#include <cinttypes>
#include <cstdio>
#include <sys/resource.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/swarm/enrolment.h"
#include "cli/swarm/server_cpu.h"
#include "cli/swarm/simulation.h"

namespace kedge::cli {
namespace {

constexpr rlim_t kDescriptorsApart = 64;
constexpr uint64_t kPemBytesMax = 1 << 20;

void Declare(Flags& flags, SwarmOptions& options) {
  flags.Option("--fleet", &options.fleet, "fleet of the devices; made if there is none");
  flags.Option("--devices", &options.devices, "how many").Range(1, 2'000'000);
  flags.Option("--connections", &options.connections, "kept open, shared by the devices")
      .Range(1, 60'000);
  flags.Option("--rate", &options.rate, "heartbeats a second of all; 0: as many as are taken");
  flags.Option("--duration", &options.duration_seconds, "seconds").Range(1, 86'400);
  flags
      .Option("--warm-up", &options.warm_up_seconds,
              "seconds before, which are not measured; longer until every connection had an answer")
      .Range(0, 3'600);
  flags.Option("--statistics", &options.statistics_bytes, "bytes of statistics in a heartbeat")
      .Range(0, 4'096);
  flags.Option("--polls", &options.polls, "share of requests that ask for deployments");
  flags.Flag("--polls-only", &options.polls_only, "ask for deployments, send no heartbeat");
  flags.Flag("--certificates", &options.certificates,
             "devices come with certificates to the device listener, one a connection");
  flags.Flag("--own-period", &options.own_period,
             "with a rate: devices come at it even where the server would see them later");
  flags.Option("--failures", &options.failures, "share of deployments that fail on their device");
  flags.Option("--restarts", &options.restarts, "share of heartbeats that begin with a restart");
  flags.Option("--reconnects", &options.reconnects, "connections dropped a second");
  flags.Option("--skewed", &options.skewed, "share of devices whose clock is 20 minutes wrong");
  flags.Option("--seed", &options.seed, "of everything that is drawn");
  flags.Option(
      "--node", &options.endpoints,
      "URL that devices use, ADDRESS:PORT numeric; may be repeated; the endpoint if absent");
  flags.Option("--trusted", &options.trusted_file, "PEM file of who signed https certificates");
  flags.Option("--measure", &options.measured, "NAME=PID: say what it used, with its children");
  flags.Option("--json", &options.json_file, "write the figures to this file too");
}

Status RaiseDescriptorLimit(int64_t connections) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = static_cast<rlim_t>(connections) + kDescriptorsApart;
  if (limit.rlim_cur >= wanted) return {};
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  if (limit.rlim_cur < wanted || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return FailedPrecondition("the system allows " + std::to_string(limit.rlim_max) +
                              " open files, fewer than the connections");
  }
  return {};
}

// `swarm` must outlive the clients.
Result<std::vector<std::unique_ptr<http::LoadClient>>> MakeClients(const SwarmOptions& options,
                                                                   const EnrolledSwarm& swarm) {
  std::string trusted = swarm.authority_pem;
  if (!options.trusted_file.empty()) {
    PosixFileSystem disk;
    KEDGE_TRY(const ByteBuffer pem,
              disk.Read(std::filesystem::absolute(options.trusted_file), kPemBytesMax));
    trusted = AsText(pem);
  }
  std::vector<std::unique_ptr<http::LoadClient>> clients;
  const auto nodes = static_cast<int64_t>(options.endpoints.size());
  for (const std::string& url : options.endpoints) {
    http::LoadClientOptions client;
    client.url = url;
    client.connections_max = static_cast<size_t>((options.connections + nodes - 1) / nodes);
    if (url.starts_with("https:")) {
      client.tls = std::make_unique<http::LoadTls>();
      client.tls->trusted_pem = trusted;
    }
    if (options.certificates && client.tls == nullptr) {
      return InvalidArgument("'" + url + "' is not the https of a device listener");
    }
    if (options.certificates) {
      client.tls->identity = [&swarm, step = options.endpoints.size(),
                              first = clients.size()](size_t connection) {
        const SimulatedDevice& device = swarm.devices[connection * step + first];
        return std::pair(device.certificate_pem, device.key_pem);
      };
    }
    KEDGE_TRY(auto made, http::LoadClient::Make(std::move(client)));
    clients.push_back(std::move(made));
  }
  return clients;
}

struct Figures {
  const Simulation& simulation;
  const SwarmCheck& check;
  double own_cpu_seconds = 0;
  std::vector<MeasuredProcess> processes;  // what they used during the run
};

double Milliseconds(int64_t microseconds) { return static_cast<double>(microseconds) / 1e3; }

json::Object ToJson(const Figures& figures) {
  const SwarmCounts& counts = figures.simulation.counts();
  const Latencies& latencies = figures.simulation.latencies();
  const http::LoadCounts connections = figures.simulation.connection_counts();
  const int64_t requests = figures.simulation.requests();
  json::Array processes;
  for (const MeasuredProcess& process : figures.processes) {
    processes.push_back(json::Object{
        {"name", process.name},
        {"cpu_seconds", process.cpu_seconds},
        {"cpu_seconds_per_1000",
         requests > 0 ? process.cpu_seconds * 1000 / static_cast<double>(requests) : 0.0},
        {"resident_bytes", process.resident_bytes}});
  }
  return {{"seconds", figures.simulation.seconds()},
          {"requests_per_second", static_cast<double>(requests) / figures.simulation.seconds()},
          {"heartbeats_acknowledged", counts.heartbeats_acknowledged},
          {"polls_answered", counts.polls_answered},
          {"results_acknowledged", counts.results_acknowledged},
          {"refused_busy", counts.refused_busy},
          {"refused_clock", counts.refused_clock},
          {"unexpected", counts.unexpected},
          {"no_answer", counts.no_answer},
          {"restarts", counts.restarts},
          {"connects", connections.connects},
          {"latency_ms", json::Object{{"p50", Milliseconds(latencies.Quantile(0.5))},
                                      {"p90", Milliseconds(latencies.Quantile(0.9))},
                                      {"p99", Milliseconds(latencies.Quantile(0.99))},
                                      {"largest", Milliseconds(latencies.largest())}}},
          {"swarm_cpu_seconds", figures.own_cpu_seconds},
          {"processes", std::move(processes)},
          {"devices_known", figures.check.devices},
          {"devices_with_loss", figures.check.lost},
          {"heartbeats_lost", figures.check.acknowledged_lost}};
}

void Print(const Figures& figures) {
  const SwarmCounts& counts = figures.simulation.counts();
  const Latencies& latencies = figures.simulation.latencies();
  const auto requests = static_cast<double>(figures.simulation.requests());
  std::printf("acknowledged heartbeats  %" PRId64 " (%.0f requests/s over %.1f s)\n",
              counts.heartbeats_acknowledged, requests / figures.simulation.seconds(),
              figures.simulation.seconds());
  std::printf("polls %" PRId64 ", results of deployments %" PRId64 ", restarts %" PRId64
              ", dropped connections %" PRId64 "\n",
              counts.polls_answered, counts.results_acknowledged, counts.restarts,
              counts.reconnects);
  std::printf("refused: busy %" PRId64 ", wrong clock %" PRId64 "; unexpected %" PRId64
              ", no answer %" PRId64 "\n",
              counts.refused_busy, counts.refused_clock, counts.unexpected, counts.no_answer);
  if (!counts.first_unexpected.empty()) {
    std::printf("the first unexpected: %s\n", counts.first_unexpected.c_str());
  }
  std::printf("latency ms               p50 %.1f, p90 %.1f, p99 %.1f, largest %.1f\n",
              Milliseconds(latencies.Quantile(0.5)), Milliseconds(latencies.Quantile(0.9)),
              Milliseconds(latencies.Quantile(0.99)), Milliseconds(latencies.largest()));
  for (const MeasuredProcess& process : figures.processes) {
    std::printf("%-24s %.2f CPU s, %.3f CPU s per 1,000 requests, %.0f MB resident\n",
                process.name.c_str(), process.cpu_seconds,
                requests > 0 ? process.cpu_seconds * 1000 / requests : 0.0,
                static_cast<double>(process.resident_bytes) / 1e6);
  }
  std::printf("the swarm itself         %.2f CPU s\n", figures.own_cpu_seconds);
  std::printf(
      "lost                     %" PRId64 " acknowledged heartbeats of %" PRId64 " devices%s%s\n",
      figures.check.acknowledged_lost, figures.check.lost,
      figures.check.first_lost.empty() ? "" : ", the first is ", figures.check.first_lost.c_str());
}

Status RunSwarm(SwarmOptions options, const ApiOptions& api) {
  KEDGE_TRY(const ApiClient client, ApiClient::Make(api));
  std::vector<MeasuredProcess> before;
  for (const std::string& text : options.measured) {
    KEDGE_TRY(MeasuredProcess process, ParseMeasured(text));
    before.push_back(std::move(process));
  }
  KEDGE_TRY_STATUS(RaiseDescriptorLimit(options.connections));
  KEDGE_TRY(EnrolledSwarm swarm, EnrolSwarm(client, options));
  if (options.endpoints.empty()) {
    options.endpoints.push_back(options.certificates ? swarm.device_endpoint : client.endpoint());
  }
  KEDGE_TRY(auto clients, MakeClients(options, swarm));
  double own_before = 0;
  Status measured;

  Simulation simulation(options, client.region(), swarm.devices, std::move(clients));
  simulation.Run([&] {
    own_before = OwnCpuSeconds();
    for (MeasuredProcess& process : before) {
      if (measured) measured = Measure(process);
    }
  });

  KEDGE_TRY_STATUS(measured);
  const double own = OwnCpuSeconds() - own_before;
  std::vector<MeasuredProcess> used = before;
  for (size_t i = 0; i < used.size(); ++i) {
    KEDGE_TRY_STATUS(Measure(used[i]));
    used[i].cpu_seconds -= before[i].cpu_seconds;
  }
  KEDGE_TRY(const SwarmCheck check, CheckSwarm(client, options, swarm.devices));
  const Figures figures{simulation, check, own, std::move(used)};
  Print(figures);
  if (!options.json_file.empty()) {
    PosixFileSystem disk;
    const std::string text = json::WritePretty(json::Value(ToJson(figures)));
    KEDGE_TRY_STATUS(
        disk.WriteAtomically(std::filesystem::absolute(options.json_file), AsBytes(text), 0644));
  }
  if (check.lost > 0) return DataLoss("acknowledged heartbeats were lost");
  if (simulation.counts().unexpected > 0) return Internal("there were unexpected answers");
  return {};
}

}  // namespace

int Swarm(int argc, const char* const* argv) {
  SwarmOptions options;
  ApiOptions api;
  Flags flags(argv[0], "Simulates devices against a server and says what the server did.");
  Declare(flags, options);
  DeclareApi(flags, api);
  flags.Footer(
      "Every device has an access key of its own and signs its own requests, over connections\n"
      "that it shares with others; or a certificate of its own (--certificates). Heartbeats are "
      "numbered; afterwards the server must hold the\n"
      "last acknowledged one of every device. Exit code 1 if one was lost.");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  if (options.connections > options.devices) options.connections = options.devices;
  if (options.certificates) options.connections = options.devices;
  if (const auto status = RunSwarm(std::move(options), api); !status) {
    return Fail(argv[0], status.error());
  }
  return kExitSuccess;
}

}  // namespace kedge::cli
