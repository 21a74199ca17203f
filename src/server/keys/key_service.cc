// SPDX-License-Identifier: Apache-2.0
#include "server/keys/key_service.h"

#include <algorithm>

namespace kedge::server {
namespace {

constexpr std::string_view kAliasPrefix = "alias/";
constexpr std::string_view kKeyPrefix = "key/";

// Binds sealed material to its place.
std::string Purpose(const std::string& key_id, int64_t version) {
  return "encryption key " + key_id + " " + std::to_string(version);
}

std::string WrapPurpose(const std::string& key_id) { return "kedge data key 1 " + key_id; }

// "arn:aws:kms:region:account:key/..." -> "key/..."
std::string_view WithoutArn(std::string_view name) {
  if (!name.starts_with("arn:")) return name;
  for (int i = 0; i < 5 && !name.empty(); ++i) {
    name.remove_prefix(std::min(
        name.size(), name.find(':') == std::string_view::npos ? name.size() : name.find(':') + 1));
  }
  return name;
}

Result<crypto::AeadKey> ToKey(Bytes bytes) {
  crypto::AeadKey key{};
  if (bytes.size() != key.size()) return DataLoss("a key does not have 32 bytes");
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

Status CheckUsable(const store::EncryptionKey& key) {
  if (key.state == store::kKeyEnabled) return {};
  return PermissionDenied(
      "key " + key.id +
      (key.state == store::kKeyDisabled ? " is disabled" : " is about to be deleted"));
}

}  // namespace

Result<store::EncryptionKey> FindKey(store::Transaction& transaction, const std::string& name,
                                     EpochMs now) {
  std::string_view plain = WithoutArn(name);
  std::optional<store::EncryptionKey> key;
  if (plain.starts_with(kAliasPrefix)) {
    KEDGE_TRY(key, store::FindEncryptionKeyByAlias(transaction,
                                                   std::string(plain.substr(kAliasPrefix.size()))));
  } else {
    if (plain.starts_with(kKeyPrefix)) plain.remove_prefix(kKeyPrefix.size());
    KEDGE_TRY(key, store::FindEncryptionKey(transaction, std::string(plain)));
  }
  const bool gone = key && key->delete_after && *key->delete_after <= now;
  if (!key || gone) return NotFound("No key with name: " + name);
  return std::move(*key);
}

Result<std::string> KeyService::NewMaterial(const std::string& key_id, int64_t version) const {
  const ByteBuffer material = crypto::RandomBytes(crypto::AeadKey().size());
  return keyring_.Seal(Purpose(key_id, version), AsText(material));
}

Result<crypto::AeadKey> KeyService::Material(const std::string& key_id, int64_t version,
                                             const std::string& sealed) const {
  KEDGE_TRY(const std::string material, keyring_.Open(Purpose(key_id, version), sealed));
  return ToKey(AsBytes(material));
}

Result<DataKey> KeyService::NewDataKey(const std::string& name) const {
  store::EncryptionKey key;
  std::optional<std::string> sealed;
  const Status found = store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(key, FindKey(transaction, name, clock_.NowMs()));
    KEDGE_TRY_STATUS(CheckUsable(key));
    KEDGE_TRY(sealed, store::FindEncryptionKeyVersion(transaction, key.id, key.newest_version));
    return {};
  });
  if (!found && found.error().code == Code::kNotFound) {
    return PermissionDenied(found.error().message);
  }
  KEDGE_TRY_STATUS(found);
  if (!sealed) return DataLoss("key " + key.id + " has lost its newest version");
  KEDGE_TRY(const crypto::AeadKey wrapping, Material(key.id, key.newest_version, *sealed));
  KEDGE_TRY(const crypto::AeadKey data_key, ToKey(crypto::RandomBytes(wrapping.size())));
  return DataKey{
      .key = data_key,
      .key_id = key.id,
      .version = key.newest_version,
      .wrapped = crypto::AeadSeal(wrapping, Bytes(data_key), AsBytes(WrapPurpose(key.id)))};
}

Result<crypto::AeadKey> KeyService::Unwrap(const std::string& key_id, int64_t version,
                                           Bytes wrapped) const {
  std::optional<std::string> sealed;
  const Status found = store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const store::EncryptionKey key, FindKey(transaction, key_id, clock_.NowMs()));
    KEDGE_TRY_STATUS(CheckUsable(key));
    KEDGE_TRY(sealed, store::FindEncryptionKeyVersion(transaction, key_id, version));
    return {};
  });
  if (!found && found.error().code == Code::kNotFound) {
    return PermissionDenied(found.error().message);
  }
  KEDGE_TRY_STATUS(found);
  if (!sealed) {
    return DataLoss("key " + key_id + " has no version " + std::to_string(version));
  }
  KEDGE_TRY(const crypto::AeadKey wrapping, Material(key_id, version, *sealed));
  KEDGE_TRY(const ByteBuffer opened,
            crypto::AeadOpen(wrapping, wrapped, AsBytes(WrapPurpose(key_id))));
  return ToKey(opened);
}

}  // namespace kedge::server
