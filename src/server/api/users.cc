// Users: who may log in to the console and own access keys.
// SPDX-License-Identifier: Apache-2.0
#include "store/tables/users.h"

#include "server/api/context.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "server/auth/password.h"

namespace kedge::server {
namespace {

// The hash of the request's password; empty if there is none. Never inside a transaction: it takes
// long on purpose.
Result<std::string> HashOfPassword(const Context& context, const Input& input) {
  const auto password = input.TextOrNone("Password");
  if (!password) return std::string();
  return context.authenticator.passwords().Hash(*password);
}

Result<json::Value> CreateUser(const Context& context, const Call& call) {
  const Input input = call.input();
  const EpochMs now = context.clock.NowMs();
  store::User user{.name = input.Text("UserName"),
                   .role = input.Text("Role"),
                   .fleets = WriteFleets(input.Texts("Fleets")),
                   .created = now,
                   .modified = now};
  KEDGE_TRY(user.password, HashOfPassword(context, input));
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto found, store::FindUser(transaction, user.name));
    if (found) return AlreadyExists("User with name " + user.name + " already exists");
    return store::InsertUser(transaction, user);
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

Result<json::Value> UpdateUser(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string name = input.Text("UserName");
  KEDGE_TRY(const std::string password, HashOfPassword(context, input));
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(auto user, store::FindUser(transaction, name));
    if (!user) return NotFound("No user with name: " + name);
    if (const auto role = input.TextOrNone("Role")) user->role = *role;
    if (input.Find("Fleets") != nullptr) user->fleets = WriteFleets(input.Texts("Fleets"));
    if (input.Find("Enabled") != nullptr) user->enabled = input.Flag("Enabled");
    if (!password.empty()) user->password = password;
    user->modified = context.clock.NowMs();
    KEDGE_TRY([[maybe_unused]] const bool found, store::UpdateUser(transaction, *user));
    if (user->enabled && password.empty()) return {};
    return store::DeleteSessionsOfUser(transaction, name);
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

Result<json::Value> Summary(const store::User& user) {
  json::Object summary{{"UserName", user.name},
                       {"Role", user.role},
                       {"Enabled", user.enabled},
                       {"HasPassword", !user.password.empty()},
                       {"CreationTime", Seconds(user.created)},
                       {"LastModifiedTime", Seconds(user.modified)}};
  KEDGE_TRY(const auto fleets, ReadFleets(user.fleets));
  if (!fleets.empty()) summary.Set("Fleets", FromText(user.fleets));
  if (user.login) summary.Set("LastLoginTime", Seconds(*user.login));
  return json::Value(std::move(summary));
}

Result<json::Value> ListUsers(const Context& context, const Call& call) {
  KEDGE_TRY(const store::Page page, ReadPage(call.input(), call.operation));
  store::PageOf<store::User> users;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(users, store::ListUsers(transaction, page));
    return {};
  }));
  json::Array summaries;
  for (const store::User& user : users.items) {
    KEDGE_TRY(json::Value summary, Summary(user));
    summaries.push_back(std::move(summary));
  }
  json::Object answer{{"UserSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, users.next);
  return json::Value(std::move(answer));
}

Result<json::Value> DeleteUser(const Context& context, const Call& call) {
  const std::string name = call.input().Text("UserName");
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const bool deleted, store::DeleteUser(transaction, name));
    return deleted ? Status() : NotFound("No user with name: " + name);
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

Result<json::Value> WhoAmI(const Call& call) {
  const Identity& identity = call.identity;
  json::Object answer{{"Principal", identity.Principal()},
                      {"Role", std::string(RoleName(identity.role))}};
  if (!identity.user.empty()) answer.Set("UserName", identity.user);
  if (!identity.access_key_id.empty()) answer.Set("AccessKeyId", identity.access_key_id);
  if (identity.IsRestricted()) answer.Set("Fleets", FromText(WriteFleets(identity.fleets)));
  return json::Value(std::move(answer));
}

}  // namespace

void AddUserRoutes(Router& router, const Context& context) {
  router.Add("CreateUser", [&context](const Call& call) { return CreateUser(context, call); });
  router.Add("UpdateUser", [&context](const Call& call) { return UpdateUser(context, call); });
  router.Add("ListUsers", [&context](const Call& call) { return ListUsers(context, call); });
  router.Add("DeleteUser", [&context](const Call& call) { return DeleteUser(context, call); });
  router.Add("WhoAmI", WhoAmI);
}

}  // namespace kedge::server
