// `kedge key ...`: access keys of users and programs.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/clock.h"
#include "cli/api_client.h"
#include "cli/command.h"
#include "cli/listing.h"

namespace kedge::cli {
namespace {

constexpr int64_t kDayMs = 24 * 3600 * 1000;

struct KeyFlags {
  ApiOptions api;
  std::string id;
  std::string role;
  std::string user;
  std::string description;
  std::vector<std::string> fleets;
  int64_t days = 0;
};

Status Call(const KeyFlags& key, std::string_view target, const json::Object& body) {
  KEDGE_TRY(const ApiClient server, ApiClient::Make(key.api));
  KEDGE_TRY([[maybe_unused]] const json::Value answer, server.Call(target, body));
  return {};
}

// Prints a new key in the form a shell reads.
int PrintKey(const char* program, const KeyFlags& key, std::string_view target,
             const json::Object& body) {
  const auto answer = [&]() -> Result<json::Value> {
    KEDGE_TRY(const ApiClient server, ApiClient::Make(key.api));
    return server.Call(target, body);
  }();
  if (!answer) return Fail(program, answer.error());
  std::printf("AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n",
              answer->StringOr("AccessKeyId", "").c_str(),
              answer->StringOr("SecretAccessKey", "").c_str());
  return kExitSuccess;
}

int Report(const char* program, const Status& status, const KeyFlags& key, const char* done) {
  if (!status) return Fail(program, status.error());
  std::printf("%s access key %s\n", done, key.id.c_str());
  return kExitSuccess;
}

void DeclareKey(Flags& flags, KeyFlags& key) {
  DeclareApi(flags, key.api);
  flags.Positional("KEY-ID", &key.id, "id of the access key").Required();
}

}  // namespace

int KeyCreate(int argc, const char* const* argv) {
  KeyFlags key;
  Flags flags(argv[0], "Makes an access key and prints it, this once.");
  DeclareApi(flags, key.api);
  flags.Option("--role", &key.role, "what the key may do")
      .Required()
      .OneOf({"viewer", "operator", "admin"});
  flags.Option("--user", &key.user, "whose key it is; without, it is a program's");
  flags.Option("--fleet", &key.fleets,
               "fleet that the key is held to, or a prefix with a final *; may be repeated");
  flags.Option("--description", &key.description, "what it is for");
  flags.Option("--days", &key.days, "days until it expires; never if absent").Range(1, 36500);
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  json::Object body{{"Role", key.role}};
  if (!key.user.empty()) body.Set("UserName", key.user);
  if (!key.fleets.empty()) body.Set("Fleets", TextArray(key.fleets));
  if (!key.description.empty()) body.Set("Description", key.description);
  if (key.days > 0) {
    body.Set("ExpirationTime", (SystemClock().NowMs() + key.days * kDayMs) / 1000);
  }
  return PrintKey(argv[0], key, "Kedge.CreateAccessKey", body);
}

int KeyRotate(int argc, const char* const* argv) {
  KeyFlags key;
  key.days = 7;
  Flags flags(argv[0], "Makes a second key with the same rights and prints it, this once.");
  DeclareKey(flags, key);
  flags.Option("--days", &key.days, "days for which the first key still works").Range(0, 365);
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  return PrintKey(
      argv[0], key, "Kedge.RotateAccessKey",
      json::Object{{"AccessKeyId", key.id}, {"OldKeySeconds", key.days * kDayMs / 1000}});
}

int KeyUpdate(int argc, const char* const* argv) {
  KeyFlags key;
  bool enable = false;
  bool disable = false;
  Flags flags(argv[0], "Changes an access key; what is not given stays.");
  DeclareKey(flags, key);
  flags.Option("--role", &key.role, "what the key may do").OneOf({"viewer", "operator", "admin"});
  flags.Option("--fleet", &key.fleets,
               "fleet that the key is held to, or a prefix with a final *; may be repeated");
  flags.Option("--description", &key.description, "what it is for");
  flags.Flag("--enable", &enable, "let the key count again");
  flags.Flag("--disable", &disable, "the key does not count any more");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  if (enable && disable) {
    return Fail(argv[0], InvalidArgument("--enable and --disable exclude each other"));
  }
  json::Object body{{"AccessKeyId", key.id}};
  if (!key.role.empty()) body.Set("Role", key.role);
  if (!key.fleets.empty()) body.Set("Fleets", TextArray(key.fleets));
  if (!key.description.empty()) body.Set("Description", key.description);
  if (enable || disable) body.Set("Enabled", enable);
  return Report(argv[0], Call(key, "Kedge.UpdateAccessKey", body), key, "changed");
}

int KeyDelete(int argc, const char* const* argv) {
  KeyFlags key;
  Flags flags(argv[0], "Removes an access key for good.");
  DeclareKey(flags, key);
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  return Report(argv[0], Call(key, "Kedge.DeleteAccessKey", json::Object{{"AccessKeyId", key.id}}),
                key, "removed");
}

int KeyList(int argc, const char* const* argv) {
  KeyFlags key;
  Flags flags(argv[0], "Lists the access keys of users and programs.");
  DeclareApi(flags, key.api);
  flags.Option("--user", &key.user, "only this user's");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  json::Object body;
  if (!key.user.empty()) body.Set("UserName", key.user);
  return PrintList(argv[0], key.api, "Kedge.ListAccessKeys", std::move(body), "AccessKeySummaries",
                   {"AccessKeyId", "Role", "UserName", "Fleets", "Enabled", "ExpirationTime",
                    "LastUsedTime", "Description"});
}

}  // namespace kedge::cli
