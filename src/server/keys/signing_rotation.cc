// SPDX-License-Identifier: Apache-2.0
#include "server/keys/signing_rotation.h"

#include <optional>

#include "server/keys/installed_key.h"
#include "store/tables/roots_documents.h"
#include "store/tables/sealed_keys.h"
#include "trust/roots_update.h"

namespace kedge::server {
namespace {

constexpr char kCurrent[] = "package signing";
constexpr char kNext[] = "next package signing";
static_assert(kCurrent == kPackageSigningPurpose);

// What is stored, as one transaction sees it.
struct Stored {
  std::optional<store::SealedKey> current;
  std::optional<store::SealedKey> next;
  int64_t roots_version = 0;
  bool retired = true;  // the last document names the current key alone
};

Result<Stored> ReadStored(store::Transaction& transaction) {
  Stored stored;
  KEDGE_TRY(const auto keys, store::ListSealedKeys(transaction, kCurrent));
  KEDGE_TRY(const auto next, store::ListSealedKeys(transaction, kNext));
  KEDGE_TRY(const auto documents, store::ListRootsDocuments(transaction));
  if (!keys.empty()) stored.current = keys[0];
  if (!next.empty()) stored.next = next[0];
  if (!documents.empty()) stored.roots_version = documents.back().version;
  // Each rotation has two documents, the second of which retires.
  stored.retired = stored.roots_version % 2 == 0;
  return stored;
}

Rotation Describe(const Stored& stored) {
  Rotation rotation{.roots_version = stored.roots_version};
  if (stored.current) rotation.certificate_pem = stored.current->certificate;
  if (stored.next) {
    rotation.phase = RotationPhase::kPrepared;
    rotation.next_certificate_pem = stored.next->certificate;
  } else if (!stored.retired) {
    rotation.phase = RotationPhase::kActivated;
  }
  return rotation;
}

Status Publish(store::Transaction& transaction, const Stored& stored,
               std::vector<std::string> certificates, const trust::Signer& signer, EpochMs now) {
  const int64_t version = stored.roots_version + 1;
  KEDGE_TRY(std::string document,
            trust::SignRootsUpdate({.version = version, .certificates = std::move(certificates)},
                                   signer));
  return store::InsertRootsDocument(
      transaction, {.version = version, .document = std::move(document), .created = now});
}

Result<std::unique_ptr<trust::Signer>> SignerOf(const Keyring& keyring,
                                                const store::SealedKey& key) {
  KEDGE_TRY(const std::string pem, OpenInstalledKey(keyring, key));
  return trust::LoadSigner(pem, key.certificate);
}

Status Prepare(store::Transaction& transaction, const Keyring& keyring, const Stored& stored,
               EpochMs now) {
  KEDGE_TRY(const auto signer, SignerOf(keyring, *stored.current));
  KEDGE_TRY(const trust::KeyPair pair, trust::GenerateKeyPair("Kedge package signing", now));
  store::SealedKey next{.purpose = kNext,
                        .number = stored.current->number + 1,
                        .certificate = pair.certificate_pem,
                        .created = now};
  KEDGE_TRY_STATUS(SealInstalledKey(keyring, pair.key_pem, next));
  KEDGE_TRY_STATUS(store::InsertSealedKey(transaction, next));
  return Publish(transaction, stored, {stored.current->certificate, next.certificate}, *signer,
                 now);
}

Status Activate(store::Transaction& transaction, const Keyring& keyring, const Stored& stored,
                EpochMs now) {
  KEDGE_TRY(const std::string pem, OpenInstalledKey(keyring, *stored.next));
  store::SealedKey current{.purpose = kCurrent,
                           .number = stored.next->number,
                           .certificate = stored.next->certificate,
                           .created = now};
  KEDGE_TRY_STATUS(SealInstalledKey(keyring, pem, current));
  KEDGE_TRY_STATUS(store::InsertSealedKey(transaction, current));
  return store::DeleteSealedKeys(transaction, kNext);
}

Status Retire(store::Transaction& transaction, const Keyring& keyring, const Stored& stored,
              EpochMs now) {
  KEDGE_TRY(const auto signer, SignerOf(keyring, *stored.current));
  return Publish(transaction, stored, {stored.current->certificate}, *signer, now);
}

Status DoStep(store::Transaction& transaction, const Keyring& keyring, RotationStep step,
              EpochMs now) {
  KEDGE_TRY(const Stored stored, ReadStored(transaction));
  if (!stored.current) return NotFound("there is no signing key yet: start the server once");
  const RotationPhase phase = Describe(stored).phase;
  const std::string is = std::string(Name(phase));
  switch (step) {
    case RotationStep::kPrepare:
      if (phase == RotationPhase::kSettled) return Prepare(transaction, keyring, stored, now);
      return FailedPrecondition("a rotation is under way (" + is + "), end it first");
    case RotationStep::kActivate:
      if (phase == RotationPhase::kPrepared) return Activate(transaction, keyring, stored, now);
      return FailedPrecondition("no key is prepared (" + is + ")");
    case RotationStep::kRetire:
      if (phase == RotationPhase::kActivated) return Retire(transaction, keyring, stored, now);
      return FailedPrecondition("no key was activated (" + is + ")");
  }
  return Internal("unknown step");
}

}  // namespace

std::string_view Name(RotationPhase phase) {
  switch (phase) {
    case RotationPhase::kSettled:
      return "SETTLED";
    case RotationPhase::kPrepared:
      return "PREPARED";
    case RotationPhase::kActivated:
      return "ACTIVATED";
  }
  return "";
}

Result<Rotation> DescribeRotation(store::Store& store) {
  Stored stored;
  KEDGE_TRY_STATUS(store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(stored, ReadStored(transaction));
    return {};
  }));
  return Describe(stored);
}

Result<Rotation> RotateSigningKey(store::Store& store, const Keyring& keyring, RotationStep step,
                                  EpochMs now) {
  KEDGE_TRY_STATUS(store.Write(
      [&](store::Transaction& transaction) { return DoStep(transaction, keyring, step, now); }));
  return DescribeRotation(store);
}

Result<std::vector<std::string>> RootsDocuments(store::Transaction& transaction) {
  KEDGE_TRY(const auto documents, store::ListRootsDocuments(transaction));
  std::vector<std::string> texts;
  for (const store::RootsDocument& document : documents) texts.push_back(document.document);
  return texts;
}

}  // namespace kedge::server
