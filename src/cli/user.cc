// `kedge user ...` and `kedge whoami`: who may log in and own access keys.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <iostream>

#include "cli/api_client.h"
#include "cli/command.h"
#include "cli/listing.h"

namespace kedge::cli {
namespace {

struct UserFlags {
  ApiOptions api;
  std::string name;
  std::string role;
  std::vector<std::string> fleets;
  bool all_fleets = false;
  bool enable = false;
  bool disable = false;
  bool password_stdin = false;
};

void DeclareUser(Flags& flags, UserFlags& user) {
  DeclareApi(flags, user.api);
  flags.Positional("NAME", &user.name, "name of the user").Required();
}

Flags::Argument DeclareRights(Flags& flags, UserFlags& user) {
  flags.Option("--fleet", &user.fleets,
               "fleet that the user is held to, or a prefix with a final *; may be repeated");
  flags.Flag("--password-stdin", &user.password_stdin, "read a password, one line, from stdin");
  auto role = flags.Option("--role", &user.role, "what the user may do");
  role.OneOf({"viewer", "operator", "admin"});
  return role;
}

// Sets the members that the flags name.
Status SetMembers(const UserFlags& user, json::Object& body) {
  if (!user.role.empty()) body.Set("Role", user.role);
  if (!user.fleets.empty() || user.all_fleets) body.Set("Fleets", TextArray(user.fleets));
  if (user.enable || user.disable) body.Set("Enabled", user.enable);
  if (!user.password_stdin) return {};
  std::string password;
  if (!std::getline(std::cin, password) || password.empty()) {
    return InvalidArgument("there is no password on standard input");
  }
  body.Set("Password", password);
  return {};
}

Status Send(const UserFlags& user, std::string_view target) {
  json::Object body{{"UserName", user.name}};
  KEDGE_TRY_STATUS(SetMembers(user, body));
  KEDGE_TRY(const ApiClient server, ApiClient::Make(user.api));
  KEDGE_TRY([[maybe_unused]] const json::Value answer, server.Call(target, body));
  return {};
}

int Report(const char* program, const Status& status, const UserFlags& user, const char* done) {
  if (!status) return Fail(program, status.error());
  std::printf("%s user %s\n", done, user.name.c_str());
  return kExitSuccess;
}

}  // namespace

int UserCreate(int argc, const char* const* argv) {
  UserFlags user;
  Flags flags(argv[0], "Makes a user.");
  DeclareUser(flags, user);
  DeclareRights(flags, user).Required();
  flags.Footer(
      "Without a password the user cannot log in to the console, but may own access keys.");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  return Report(argv[0], Send(user, "Kedge.CreateUser"), user, "made");
}

int UserUpdate(int argc, const char* const* argv) {
  UserFlags user;
  Flags flags(argv[0], "Changes a user; what is not given stays.");
  DeclareUser(flags, user);
  DeclareRights(flags, user);
  flags.Flag("--all-fleets", &user.all_fleets, "hold the user to no fleet any more");
  flags.Flag("--enable", &user.enable, "let the user in again");
  flags.Flag("--disable", &user.disable, "neither password nor keys of the user count any more");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  if (user.enable && user.disable) {
    return Fail(argv[0], InvalidArgument("--enable and --disable exclude each other"));
  }
  return Report(argv[0], Send(user, "Kedge.UpdateUser"), user, "changed");
}

int UserDelete(int argc, const char* const* argv) {
  UserFlags user;
  Flags flags(argv[0], "Removes a user with all access keys and sessions.");
  DeclareUser(flags, user);
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  return Report(argv[0], Send(user, "Kedge.DeleteUser"), user, "removed");
}

int UserList(int argc, const char* const* argv) {
  ApiOptions api;
  Flags flags(argv[0], "Lists users.");
  DeclareApi(flags, api);
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  return PrintList(argv[0], api, "Kedge.ListUsers", json::Object(), "UserSummaries",
                   {"UserName", "Role", "Fleets", "Enabled", "HasPassword", "LastLoginTime"});
}

int WhoAmI(int argc, const char* const* argv) {
  ApiOptions api;
  Flags flags(argv[0], "Says whose access key this is, and what it may do.");
  DeclareApi(flags, api);
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const auto answer = [&]() -> Result<json::Value> {
    KEDGE_TRY(const ApiClient server, ApiClient::Make(api));
    return server.Call("Kedge.WhoAmI", json::Object());
  }();
  if (!answer) return Fail(argv[0], answer.error());
  std::printf("%s", json::WritePretty(*answer).c_str());
  return kExitSuccess;
}

}  // namespace kedge::cli
