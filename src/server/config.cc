// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <charconv>
#include <thread>

namespace kedge::server {

void DeclareStorage(Flags& flags, Config& config) {
  flags.Option("--data", &config.data, "folder that holds everything; made if absent").Required();
  flags.Option(
      "--master-key", &config.master_key,
      "file of the key that seals secrets; DATA/keys/master.key, made if absent, if not given");
}

void DeclareServing(Flags& flags, Config& config) {
  config.compile_jobs = std::max<int64_t>(1, std::thread::hardware_concurrency() / 2);
  flags.Option("--listen", &config.listen, "ADDRESS:PORT; port 0 takes a free one");
  flags.Option("--region", &config.region, "region in resource names (ARNs)");
  flags.Option("--account", &config.account, "12 digits, account in resource names (ARNs)");
  flags.Option("--compile-jobs", &config.compile_jobs, "compilation jobs at a time").Range(1, 256);
  flags
      .Option("--connected-minutes", &config.connected_minutes,
              "a device heard of within them is connected in the fleet report")
      .Range(1, 1440);
  for (const QuotaName& quota : kQuotaNames) {
    flags
        .Option(std::string("--quota-") + quota.option, &(config.quotas.*quota.value),
                std::string("most ") + quota.what + "; more are a ResourceLimitExceeded")
        .Range(1, INT64_MAX);
  }
  flags.Flag(
      "--unsandboxed-jobs", &config.unsandboxed_jobs,
      "compile without a sandbox: only where no namespace can be made and models are trusted");
}

void DeclareSettings(Flags& flags, bool serves) {
  flags.Settings("KEDGE_SERVER",
                 serves ? Flags::UnknownSettings::kRefused : Flags::UnknownSettings::kIgnored);
}

Status CheckConfig(const Config& config) {
  if (config.account.size() != 12 ||
      config.account.find_first_not_of("0123456789") != std::string::npos) {
    return InvalidArgument("--account '" + config.account + "' is not 12 digits");
  }
  http::ServerOptions ignored;
  return ReadListen("--listen", config.listen, ignored);
}

Status ReadListen(const std::string& setting, const std::string& listen,
                  http::ServerOptions& options) {
  const Error wrong = InvalidArgument(setting + " '" + listen + "' is not ADDRESS:PORT");
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong;
  options.address = listen.substr(0, colon);
  const char* end = listen.data() + listen.size();
  const auto [last, error] = std::from_chars(listen.data() + colon + 1, end, options.port);
  if (error != std::errc() || last != end) return wrong;
  return {};
}

}  // namespace kedge::server
