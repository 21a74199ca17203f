// Access keys of users and programs.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "server/auth/access_key.h"
#include "store/tables/users.h"

namespace kedge::server {
namespace {

constexpr int64_t kKeysOfUserMax = 10;
constexpr int64_t kOldKeySecondsDefault = 7 * 24 * 3600;
constexpr int64_t kAdminKeysLookedAtMax = 100;

Result<store::AccessKey> NeedKey(store::Transaction& transaction, const std::string& id) {
  KEDGE_TRY(auto key, store::FindAccessKey(transaction, id));
  // A device's key is its enrolment's, not an administrator's to change.
  if (!key || key->role == store::kRoleDevice) return NotFound("No access key with id: " + id);
  return std::move(*key);
}

// Somebody must be able to undo what an administrator does.
Status CheckAdminLeft(store::Transaction& transaction, const std::string& without) {
  KEDGE_TRY(const auto admins,
            store::ListAccessKeys(transaction, {.role = std::string(store::kRoleAdmin)},
                                  {.rows_max = kAdminKeysLookedAtMax}));
  for (const store::AccessKey& key : admins.items) {
    if (key.id != without && key.enabled && !key.user && !key.expires && key.fleets == "[]") {
      return {};
    }
  }
  return FailedPrecondition("access key " + without +
                            " is the last of an administrator that is enabled and never expires");
}

Status InsertKey(store::Transaction& transaction, const store::AccessKey& key) {
  if (key.user) {
    KEDGE_TRY(const auto user, store::FindUser(transaction, *key.user));
    if (!user) return NotFound("No user with name: " + *key.user);
    KEDGE_TRY(const int64_t count, store::CountAccessKeysOfUser(transaction, *key.user));
    if (count >= kKeysOfUserMax) {
      return OutOfRange("user " + *key.user + " has " + std::to_string(kKeysOfUserMax) +
                        " access keys, the most there may be");
    }
  }
  return store::InsertAccessKey(transaction, key);
}

json::Value Shown(const std::string& id, const std::string& secret) {
  return json::Object{{"AccessKeyId", id}, {"SecretAccessKey", secret}};
}

Result<json::Value> CreateAccessKey(const Context& context, const Call& call) {
  const Input input = call.input();
  store::AccessKey key = NewAccessKey(context.clock.NowMs());
  key.role = input.Text("Role");
  key.user = input.TextOrNone("UserName");
  key.fleets = WriteFleets(input.Texts("Fleets"));
  key.description = input.TextOrNone("Description");
  key.expires = input.Time("ExpirationTime");
  if (key.user && !input.Texts("Fleets").empty()) {
    return InvalidArgument("Fleets and UserName exclude each other: a user's key has its user's");
  }
  const std::string secret = key.secret;
  KEDGE_TRY_STATUS(SealSecret(context.keyring, key));
  KEDGE_TRY_STATUS(call.Write(
      context.store, [&](store::Transaction& transaction) { return InsertKey(transaction, key); }));
  return Shown(key.id, secret);
}

Result<json::Value> RotateAccessKey(const Context& context, const Call& call) {
  const Input input = call.input();
  const EpochMs now = context.clock.NowMs();
  const EpochMs ends = now + 1000 * input.Integer("OldKeySeconds", kOldKeySecondsDefault);
  store::AccessKey made = NewAccessKey(now);
  const std::string secret = made.secret;
  KEDGE_TRY_STATUS(SealSecret(context.keyring, made));
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(store::AccessKey old, NeedKey(transaction, input.Text("AccessKeyId")));
    store::AccessKey key = old;
    key.id = made.id;
    key.secret = made.secret;
    key.is_sealed = made.is_sealed;
    key.created = now;
    key.used.reset();
    KEDGE_TRY_STATUS(InsertKey(transaction, key));
    old.expires = old.expires ? std::min(*old.expires, ends) : ends;
    KEDGE_TRY([[maybe_unused]] const bool found, store::UpdateAccessKey(transaction, old));
    return {};
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return Shown(made.id, secret);
}

Result<json::Value> Summary(const store::AccessKey& key) {
  json::Object summary{{"AccessKeyId", key.id},
                       {"Role", key.role},
                       {"Enabled", key.enabled},
                       {"CreationTime", Seconds(key.created)}};
  SetIf(summary, "UserName", key.user);
  SetIf(summary, "Description", key.description);
  KEDGE_TRY(const auto fleets, ReadFleets(key.fleets));
  if (!fleets.empty()) summary.Set("Fleets", FromText(key.fleets));
  if (key.expires) summary.Set("ExpirationTime", Seconds(*key.expires));
  if (key.used) summary.Set("LastUsedTime", Seconds(*key.used));
  return json::Value(std::move(summary));
}

Result<json::Value> ListAccessKeys(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  const store::AccessKeyFilter filter{.user = input.TextOrNone("UserName"),
                                      .role = input.TextOrNone("Role")};
  store::PageOf<store::AccessKey> keys;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(keys, store::ListAccessKeys(transaction, filter, page));
    return {};
  }));
  json::Array summaries;
  for (const store::AccessKey& key : keys.items) {
    KEDGE_TRY(json::Value summary, Summary(key));
    summaries.push_back(std::move(summary));
  }
  json::Object answer{{"AccessKeySummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, keys.next);
  return json::Value(std::move(answer));
}

void ApplyChanges(const Input& input, store::AccessKey& key) {
  if (input.Find("Enabled") != nullptr) key.enabled = input.Flag("Enabled");
  if (const auto role = input.TextOrNone("Role")) key.role = *role;
  if (input.Find("Fleets") != nullptr) key.fleets = WriteFleets(input.Texts("Fleets"));
  if (const auto description = input.TextOrNone("Description")) key.description = description;
  if (const auto expires = input.Time("ExpirationTime")) key.expires = expires;
}

Result<json::Value> UpdateAccessKey(const Context& context, const Call& call) {
  const Input input = call.input();
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(store::AccessKey key, NeedKey(transaction, input.Text("AccessKeyId")));
    if (key.user && !input.Texts("Fleets").empty()) {
      return InvalidArgument("access key " + key.id + " has the fleets of its user " + *key.user);
    }
    const bool was_admin = key.role == store::kRoleAdmin;
    ApplyChanges(input, key);
    if (was_admin) KEDGE_TRY_STATUS(CheckAdminLeft(transaction, key.id));
    KEDGE_TRY([[maybe_unused]] const bool found, store::UpdateAccessKey(transaction, key));
    return {};
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

Result<json::Value> DeleteAccessKey(const Context& context, const Call& call) {
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const store::AccessKey key, NeedKey(transaction, call.input().Text("AccessKeyId")));
    if (key.role == store::kRoleAdmin) KEDGE_TRY_STATUS(CheckAdminLeft(transaction, key.id));
    KEDGE_TRY([[maybe_unused]] const bool found, store::DeleteAccessKey(transaction, key.id));
    return {};
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

}  // namespace

void AddAccessKeyRoutes(Router& router, const Context& context) {
  router.Add("CreateAccessKey",
             [&context](const Call& call) { return CreateAccessKey(context, call); });
  router.Add("RotateAccessKey",
             [&context](const Call& call) { return RotateAccessKey(context, call); });
  router.Add("ListAccessKeys",
             [&context](const Call& call) { return ListAccessKeys(context, call); });
  router.Add("UpdateAccessKey",
             [&context](const Call& call) { return UpdateAccessKey(context, call); });
  router.Add("DeleteAccessKey",
             [&context](const Call& call) { return DeleteAccessKey(context, call); });
}

}  // namespace kedge::server
