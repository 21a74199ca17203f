// The local key service as operations.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "server/api/context.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "server/keys/key_service.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

constexpr int64_t kPendingDaysDefault = 30;
constexpr int64_t kDayMs = 24 * 3600 * 1000;
constexpr size_t kAliasPrefixBytes = 6;  // "alias/"

json::Value Metadata(const Context& context, const store::EncryptionKey& key) {
  const Arns& arns = context.arns;
  json::Object metadata{
      {"KeyId", key.id},
      {"Arn", "arn:aws:kms:" + arns.region + ":" + arns.account + ":key/" + key.id},
      {"KeyState", key.state},
      {"Version", key.newest_version},
      {"CreationTime", Seconds(key.created)}};
  if (key.alias) metadata.Set("Alias", "alias/" + *key.alias);
  if (!key.description.empty()) metadata.Set("Description", key.description);
  if (key.rotated) metadata.Set("RotationTime", Seconds(*key.rotated));
  if (key.delete_after) metadata.Set("DeletionTime", Seconds(*key.delete_after));
  return metadata;
}

json::Value Answer(const Context& context, const store::EncryptionKey& key) {
  return json::Object{{"KeyMetadata", Metadata(context, key)}};
}

Result<json::Value> CreateKey(const Context& context, const Call& call) {
  const EpochMs now = context.clock.NowMs();
  const auto alias = call.input().TextOrNone("Alias");
  store::EncryptionKey key{
      .id = NewRequestId(), .description = call.input().Text("Description"), .created = now};
  if (alias) key.alias = alias->substr(kAliasPrefixBytes);
  const KeyService service(context.store, context.keyring, context.clock);
  KEDGE_TRY(const std::string sealed, service.NewMaterial(key.id, key.newest_version));
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::DeleteEncryptionKeysDue(transaction, now));
    const Status inserted = store::InsertEncryptionKey(transaction, key, sealed);
    if (!inserted && inserted.error().code == Code::kAlreadyExists) {
      return AlreadyExists("Another key has the alias " + alias.value_or(""));
    }
    return inserted;
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return Answer(context, key);
}

Result<json::Value> DescribeKey(const Context& context, const Call& call) {
  store::EncryptionKey key;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(key, FindKey(transaction, call.input().Text("KeyId"), context.clock.NowMs()));
    return {};
  }));
  return Answer(context, key);
}

Result<json::Value> ListKeys(const Context& context, const Call& call) {
  KEDGE_TRY(const store::Page page, ReadPage(call.input(), call.operation));
  store::PageOf<store::EncryptionKey> keys;
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::DeleteEncryptionKeysDue(transaction, context.clock.NowMs()));
    KEDGE_TRY(keys, store::ListEncryptionKeys(transaction, page));
    return {};
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  json::Array list;
  for (const auto& key : keys.items) list.push_back(Metadata(context, key));
  json::Object answer{{"Keys", std::move(list)}};
  SetNextToken(answer, call.operation, keys.next);
  return json::Value(std::move(answer));
}

// What changes a key: from which states, and how.
struct Change {
  std::vector<std::string_view> from;
  std::function<Status(store::Transaction&, const store::EncryptionKey&)> apply;
};

Result<json::Value> ChangeKey(const Context& context, const Call& call, const Change& change) {
  const EpochMs now = context.clock.NowMs();
  const std::string name = call.input().Text("KeyId");
  store::EncryptionKey key;
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(key, FindKey(transaction, name, now));
    if (std::find(change.from.begin(), change.from.end(), key.state) == change.from.end()) {
      return FailedPrecondition("Key " + key.id + " is " + key.state);
    }
    KEDGE_TRY_STATUS(change.apply(transaction, key));
    KEDGE_TRY(key, FindKey(transaction, key.id, now));
    return {};
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return Answer(context, key);
}

Change ToState(std::vector<std::string_view> from, std::string_view to,
               std::optional<EpochMs> delete_after = std::nullopt) {
  return {std::move(from),
          [to, delete_after](store::Transaction& transaction, const store::EncryptionKey& key) {
            return store::SetEncryptionKeyState(transaction, key.id, to, delete_after);
          }};
}

Result<json::Value> RotateKey(const Context& context, const Call& call) {
  const EpochMs now = context.clock.NowMs();
  const KeyService service(context.store, context.keyring, context.clock);
  return ChangeKey(
      context, call,
      {{store::kKeyEnabled},
       [&](store::Transaction& transaction, const store::EncryptionKey& key) -> Status {
         KEDGE_TRY(const std::string sealed, service.NewMaterial(key.id, key.newest_version + 1));
         KEDGE_TRY_STATUS(store::AddEncryptionKeyVersion(transaction, key, sealed, now));
         return store::AddEvent(transaction, now,
                                {.kind = store::EventKind::kKeyRotated,
                                 .resource = "key/" + key.id,
                                 .actor = call.identity.access_key_id,
                                 .message = "encryption key " + key.id + " has version " +
                                            std::to_string(key.newest_version + 1)});
       }});
}

Result<json::Value> ScheduleKeyDeletion(const Context& context, const Call& call) {
  const int64_t days = call.input().Integer("PendingWindowInDays", kPendingDaysDefault);
  return ChangeKey(context, call,
                   ToState({store::kKeyEnabled, store::kKeyDisabled}, store::kKeyPendingDeletion,
                           context.clock.NowMs() + days * kDayMs));
}

}  // namespace

void AddEncryptionKeyRoutes(Router& router, const Context& context) {
  router.Add("CreateKey", [&context](const Call& call) { return CreateKey(context, call); });
  router.Add("DescribeKey", [&context](const Call& call) { return DescribeKey(context, call); });
  router.Add("ListKeys", [&context](const Call& call) { return ListKeys(context, call); });
  router.Add("RotateKey", [&context](const Call& call) { return RotateKey(context, call); });
  router.Add("DisableKey", [&context](const Call& call) {
    return ChangeKey(context, call,
                     ToState({store::kKeyEnabled, store::kKeyDisabled}, store::kKeyDisabled));
  });
  router.Add("EnableKey", [&context](const Call& call) {
    return ChangeKey(context, call,
                     ToState({store::kKeyEnabled, store::kKeyDisabled}, store::kKeyEnabled));
  });
  router.Add("ScheduleKeyDeletion",
             [&context](const Call& call) { return ScheduleKeyDeletion(context, call); });
  router.Add("CancelKeyDeletion", [&context](const Call& call) {
    return ChangeKey(context, call, ToState({store::kKeyPendingDeletion}, store::kKeyDisabled));
  });
}

}  // namespace kedge::server
