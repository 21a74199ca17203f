// `kedge signing-key`: the key that signs packages, and its replacement step by step.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "cli/api_client.h"
#include "cli/command.h"

namespace kedge::cli {
namespace {

// What to do after each step.
const char* Advice(const std::string& phase) {
  if (phase == "PREPARED") {
    return "devices learn of it within five minutes of their next contact; then: kedge signing-key "
           "activate";
  }
  if (phase == "ACTIVATED") {
    return "restart the servers, package anew what is deployed, then: kedge signing-key retire";
  }
  return "devices are to trust this key alone";
}

Status Run(const std::string& step, const ApiOptions& options, bool as_json) {
  KEDGE_TRY(const ApiClient server, ApiClient::Make(options));
  json::Value answer;
  if (step == "status") {
    KEDGE_TRY(answer, server.Call("Kedge.DescribeSigningKey", json::Object()));
  } else {
    std::string word = step;
    for (char& c : word) c = static_cast<char>(c - 'a' + 'A');
    KEDGE_TRY(answer, server.Call("Kedge.RotateSigningKey", json::Object{{"Step", word}}));
  }
  if (as_json) {
    std::printf("%s\n", json::Write(answer).c_str());
    return {};
  }
  const std::string phase = answer.StringOr("Phase", "");
  std::printf("%s, version %lld of the trusted keys: %s\n", phase.c_str(),
              static_cast<long long>(answer.IntOr("RootsVersion", 0)), Advice(phase));
  return {};
}

}  // namespace

int SigningKey(int argc, const char* const* argv) {
  ApiOptions options;
  std::string step;
  bool as_json = false;
  Flags flags(argv[0], "Replaces the key that signs packages, in three steps.");
  flags.Positional("STEP", &step, "status, prepare, activate or retire")
      .Required()
      .OneOf({"status", "prepare", "activate", "retire"});
  DeclareApi(flags, options);
  flags.Flag("--json", &as_json, "print the answer as JSON");
  if (const auto code = flags.Parse(argc, argv)) return *code;
  if (const Status status = Run(step, options, as_json); !status) {
    return Fail(argv[0], status.error());
  }
  return kExitSuccess;
}

}  // namespace kedge::cli
