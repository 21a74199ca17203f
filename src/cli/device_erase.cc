// `kedge device erase`: everything that is held of one device goes.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "cli/api_client.h"
#include "cli/command.h"

namespace kedge::cli {
namespace {

struct Erasure {
  ApiOptions api;
  std::string fleet;
  std::string device;
  std::string folder_prefix;
  bool sure = false;
  bool json = false;
};

Status Erase(const Erasure& erasure) {
  KEDGE_TRY(const ApiClient server, ApiClient::Make(erasure.api));
  json::Object request{{"DeviceFleetName", erasure.fleet}, {"DeviceName", erasure.device}};
  if (!erasure.folder_prefix.empty()) request.Set("CaptureFolderPrefix", erasure.folder_prefix);
  KEDGE_TRY(const json::Value answer, server.Call("Kedge.EraseDevice", std::move(request)));
  if (erasure.json) {
    std::printf("%s\n", json::Write(answer).c_str());
    return {};
  }
  std::printf(
      "device '%s' of fleet '%s': %lld rows erased; its captured objects are being deleted\n",
      erasure.device.c_str(), erasure.fleet.c_str(),
      static_cast<long long>(answer.IntOr("RowsErased", 0)));
  return {};
}

}  // namespace

int DeviceErase(int argc, const char* const* argv) {
  Erasure erasure;
  Flags flags(argv[0], "Deregisters a device and erases everything held of it, captures included.");
  DeclareApi(flags, erasure.api);
  flags.Option("--fleet", &erasure.fleet, "its fleet").Required();
  flags.Option("--device", &erasure.device, "its name").Required();
  flags.Option("--capture-folder-prefix", &erasure.folder_prefix,
               "folder prefix of the agents' configuration, if they have one");
  flags.Flag("--yes", &erasure.sure, "do it: there is no way back");
  flags.Flag("--json", &erasure.json, "print the answer as JSON");
  if (const auto code = flags.Parse(argc, argv)) return *code;
  if (!erasure.sure) {
    static_cast<void>(Fail(argv[0], FailedPrecondition("erasing device '" + erasure.device +
                                                       "' cannot be undone: say --yes")));
    return kExitUsage;
  }
  if (const Status status = Erase(erasure); !status) return Fail(argv[0], status.error());
  return kExitSuccess;
}

}  // namespace kedge::cli
