// `kedge job log`: what a job says, while it runs or afterwards.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/flags.h"
#include "base/json/json.h"
#include "cli/api_client.h"
#include "cli/command.h"

namespace kedge::cli {
namespace {

constexpr std::chrono::milliseconds kFollowPause{1000};

struct LogOrder {
  ApiOptions api;
  std::string name;
  bool packaging = false;
  bool follow = false;
};

bool HasEnded(const std::string& status) {
  return status == "COMPLETED" || status == "FAILED" || status == "STOPPED";
}

Status PrintLog(const LogOrder& order) {
  KEDGE_TRY(const ApiClient server, ApiClient::Make(order.api));
  int64_t position = 0;
  while (true) {
    KEDGE_TRY(const json::Value page,
              server.Call("Kedge.GetJobLog",
                          json::Object{{"JobKind", order.packaging ? "PACKAGING" : "COMPILATION"},
                                       {"JobName", order.name},
                                       {"Position", position}}));
    if (page.IntOr("Position", 0) > position) {
      std::printf("[... %lld bytes are no longer kept ...]\n",
                  static_cast<long long>(page.IntOr("Position", 0) - position));
    }
    const std::string text = page.StringOr("Text", "");
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (std::fflush(stdout) != 0) return Unavailable("standard output takes no more");
    position = page.IntOr("NextPosition", position);
    if (position < page.IntOr("EndPosition", 0)) continue;
    if (!order.follow || HasEnded(page.StringOr("JobStatus", ""))) return {};
    std::this_thread::sleep_for(kFollowPause);
  }
}

}  // namespace

int JobLog(int argc, const char* const* argv) {
  LogOrder order;
  Flags flags(argv[0], "Prints what a compilation or packaging job says.");
  DeclareApi(flags, order.api);
  flags.Positional("NAME", &order.name, "name of the job").Required();
  flags.Flag("--packaging", &order.packaging, "a packaging job, not a compilation job");
  flags.Flag("--follow", &order.follow, "go on until the job ends");
  flags.Footer("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY hold the caller's key.");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  if (const auto status = PrintLog(order); !status) return Fail(argv[0], status.error());
  return kExitSuccess;
}

}  // namespace kedge::cli
