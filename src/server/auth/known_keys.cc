// SPDX-License-Identifier: Apache-2.0
#include "server/auth/known_keys.h"

#include <algorithm>

#include "base/json/json.h"
#include "store/tables/users.h"

namespace kedge::server {
namespace {

constexpr int64_t kSealedAtOnceMax = 1000;
constexpr EpochMs kDeviceUseStepMs = 24 * 3600 * 1000;
constexpr EpochMs kUseStepMs = 600 * 1000;

std::string Purpose(const std::string& id) { return "access key secret " + id; }

// What the user leaves of its key's rights. Nothing if the user is disabled or gone.
Result<bool> ApplyUser(store::Transaction& transaction, Identity& identity) {
  KEDGE_TRY(const auto user, store::FindUser(transaction, identity.user));
  if (!user || !user->enabled) return false;
  const auto role = ParseRole(user->role);
  if (!role) return DataLoss("user '" + user->name + "' has unknown role '" + user->role + "'");
  identity.role = std::min(identity.role, *role);
  KEDGE_TRY(identity.fleets, ReadFleets(user->fleets));
  return true;
}

Result<std::optional<Identity>> IdentityOf(store::Transaction& transaction,
                                           const store::AccessKey& key) {
  const auto role = ParseRole(key.role);
  if (!role) return DataLoss("access key '" + key.id + "' has unknown role '" + key.role + "'");
  Identity identity{.role = *role,
                    .access_key_id = key.id,
                    .user = key.user.value_or(""),
                    .fleet = key.fleet.value_or(""),
                    .device = key.device.value_or("")};
  KEDGE_TRY(identity.fleets, ReadFleets(key.fleets));
  if (!key.user) return std::optional<Identity>(std::move(identity));
  KEDGE_TRY(const bool usable, ApplyUser(transaction, identity));
  return usable ? std::optional<Identity>(std::move(identity)) : std::nullopt;
}

}  // namespace

Result<std::vector<std::string>> ReadFleets(const std::string& text) {
  const auto value = json::Parse(text);
  if (!value || value->AsArray() == nullptr) return DataLoss("a list of fleets is damaged");
  std::vector<std::string> fleets;
  for (const json::Value& item : *value->AsArray()) {
    if (item.AsString() == nullptr) return DataLoss("a list of fleets is damaged");
    fleets.push_back(*item.AsString());
  }
  return fleets;
}

std::string WriteFleets(const std::vector<std::string>& fleets) {
  json::Array array;
  for (const std::string& fleet : fleets) array.emplace_back(fleet);
  return json::Write(array);
}

Status SealSecret(const Keyring& keyring, store::AccessKey& key) {
  KEDGE_TRY(key.secret, keyring.Seal(Purpose(key.id), key.secret));
  key.is_sealed = true;
  return {};
}

Status SealPlainSecrets(store::Store& store, const Keyring& keyring) {
  for (size_t sealed = kSealedAtOnceMax; sealed == kSealedAtOnceMax;) {
    const auto seal = [&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(std::vector<store::AccessKey> keys,
                store::UnsealedAccessKeys(transaction, kSealedAtOnceMax));
      for (store::AccessKey& key : keys) {
        KEDGE_TRY_STATUS(SealSecret(keyring, key));
        KEDGE_TRY([[maybe_unused]] const bool found, store::UpdateAccessKey(transaction, key));
      }
      sealed = keys.size();
      return {};
    };
    KEDGE_TRY_STATUS(store.Write(seal));
  }
  return {};
}

Result<std::shared_ptr<const KnownKey>> KnownKeys::Load(const std::string& id) const {
  std::optional<store::AccessKey> row;
  std::optional<Identity> identity;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(row, store::FindAccessKey(transaction, id));
    if (!row || !row->enabled) return {};
    KEDGE_TRY(identity, IdentityOf(transaction, *row));
    return {};
  }));
  if (!identity) return std::shared_ptr<const KnownKey>();
  auto key = std::make_shared<KnownKey>(KnownKey{.identity = std::move(*identity),
                                                 .secret = row->secret,
                                                 .expires = row->expires,
                                                 .used = row->used.value_or(0)});
  if (row->is_sealed) {
    auto opened = keyring_.Open(Purpose(id), row->secret);
    if (!opened) return Wrap(opened.error(), "access key '" + id + "'");
    key->secret = std::move(*opened);
  }
  return std::shared_ptr<const KnownKey>(std::move(key));
}

std::shared_ptr<const KnownKey> KnownKeys::Remembered(const std::string& id, int64_t& epoch) const {
  const std::lock_guard lock(mutex_);
  epoch = epoch_;
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.trusted_until <= clock_.Steady()) return nullptr;
  return found->second.key;
}

// After a change here everybody asks until one has the answer; otherwise whoever comes first after
// the interval, and others go on with what is known.
Status KnownKeys::PollEpoch() {
  const Time now = clock_.Steady();
  const uint64_t wanted = wanted_.load();
  uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    if (polled_for_ >= wanted && now < polled_ + kEpochPoll) return {};
    polled_ = now;
    number = ++polls_begun_;
  }
  int64_t epoch = 0;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(epoch, store::RightsEpoch(transaction));
    return {};
  }));
  const std::lock_guard lock(mutex_);
  if (number < poll_heard_) return {};  // a later one has answered before
  poll_heard_ = number;
  polled_for_ = std::max(polled_for_, wanted);
  if (epoch == epoch_) return {};
  entries_.clear();
  epoch_ = epoch;
  return {};
}

Result<std::shared_ptr<const KnownKey>> KnownKeys::Find(const std::string& id) {
  KEDGE_TRY_STATUS(PollEpoch());
  int64_t epoch = 0;
  std::shared_ptr<const KnownKey> key = Remembered(id, epoch);
  if (key == nullptr) {
    // Counted from before the reading: a change during it is not missed for longer.
    const auto trusted_until = clock_.Steady() + kTrustedFor;
    KEDGE_TRY(key, Load(id));
    if (key == nullptr) return key;
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= kEntriesMax) entries_.clear();
    if (epoch == epoch_) entries_.insert_or_assign(id, Entry{key, trusted_until});
  }
  if (key->expires && *key->expires <= clock_.NowMs()) return std::shared_ptr<const KnownKey>();
  return key;
}

bool KnownKeys::IsRemembered(const std::string& id) const {
  int64_t ignored = 0;
  return Remembered(id, ignored) != nullptr;
}

void KnownKeys::NoteUse(const std::string& id, const KnownKey& key) {
  const EpochMs now = clock_.NowMs();
  const EpochMs step = key.identity.IsDevice() ? kDeviceUseStepMs : kUseStepMs;
  if (now < key.used + step) return;
  {
    const std::lock_guard lock(mutex_);
    EpochMs& written = uses_[id];
    if (now < written + step) return;
    if (uses_.size() > kEntriesMax) uses_.clear();
    uses_[id] = now;
  }
  {
    const std::lock_guard lock(unwritten_->mutex);
    unwritten_->uses.push_back({id, now});
    if (unwritten_->uses.size() > 1) return;  // the write that is queued takes it along
  }
  // When a fleet comes for the first time on a day, one statement writes what many of it did. A
  // lost write only shows an older time.
  store_.WriteLater(
      [unwritten = unwritten_](store::Transaction& transaction) {
        std::vector<store::KeyUse> uses;
        {
          const std::lock_guard lock(unwritten->mutex);
          uses.swap(unwritten->uses);
        }
        return store::TouchAccessKeys(transaction, uses);
      },
      [](const Status&) {});
}

size_t KnownKeys::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace kedge::server
