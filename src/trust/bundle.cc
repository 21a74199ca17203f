// SPDX-License-Identifier: Apache-2.0
#include "trust/bundle.h"

#include "base/bytes.h"
#include "base/crypto/crypto.h"
#include "base/json/json.h"

namespace kedge::trust {

namespace {

using json::Array;
using json::Object;
using json::Value;

// SHA-256 over the raw digests in order: the digest of the model as a whole.
std::string RootDigest(std::span<const Resource> resources) {
  crypto::Hasher hasher;
  for (const Resource& resource : resources) {
    const auto digest = HexDecode(resource.sha256);
    KEDGE_CHECK(digest.has_value());
    hasher.Update(*digest);
  }
  return HexEncode(hasher.Finish());
}

struct BundleParts {
  std::string key_id;
  std::string payload;
  ByteBuffer signature;
};

std::string WriteBundle(const BundleParts& parts) {
  const Value bundle(Object{
      {"mediaType", kBundleMediaType},
      {"verificationMaterial",
       Object{{"publicKey", Object{{"hint", parts.key_id}}}, {"tlogEntries", Array{}}}},
      {"dsseEnvelope", Object{{"payload", Base64Encode(AsBytes(parts.payload))},
                              {"payloadType", kPayloadType},
                              {"signatures", Array{Object{{"sig", Base64Encode(parts.signature)},
                                                          {"keyid", ""}}}}}},
  });
  return json::WriteCanonical(bundle);
}

// The string at a path of member names; null if it is not there.
const std::string* FindString(const Value* value, std::initializer_list<std::string_view> path) {
  for (const std::string_view name : path) {
    if (value != nullptr) value = value->Find(name);
  }
  return value == nullptr ? nullptr : value->AsString();
}

Result<BundleParts> ParseBundle(std::string_view text) {
  KEDGE_TRY(const Value bundle, json::Parse(text, {.bytes_max = kBundleBytesMax, .depth_max = 8}));
  const Value* envelope = bundle.Find("dsseEnvelope");
  const Value* signatures = envelope == nullptr ? nullptr : envelope->Find("signatures");
  const Array* list = signatures == nullptr ? nullptr : signatures->AsArray();
  const std::string* key_id = FindString(&bundle, {"verificationMaterial", "publicKey", "hint"});
  const std::string* payload = FindString(envelope, {"payload"});
  const std::string* signature =
      list == nullptr || list->size() != 1 ? nullptr : FindString(&list->front(), {"sig"});
  if (key_id == nullptr || payload == nullptr || signature == nullptr)
    return InvalidArgument("bundle has no key hint, payload or single signature");
  KEDGE_TRY(const ByteBuffer payload_bytes, Base64Decode(*payload));
  KEDGE_TRY(ByteBuffer signature_bytes, Base64Decode(*signature));
  return BundleParts{*key_id, std::string(AsText(payload_bytes)), std::move(signature_bytes)};
}

}  // namespace

std::string WriteStatement(std::string_view model, std::span<const Resource> resources) {
  Array list;
  for (size_t i = 0; i < resources.size(); ++i) {
    KEDGE_CHECK(i == 0 || resources[i - 1].name < resources[i].name);
    list.emplace_back(Object{
        {"name", resources[i].name}, {"digest", resources[i].sha256}, {"algorithm", "sha256"}});
  }
  const Value statement(Object{
      {"_type", kStatementType},
      {"subject",
       Array{Object{{"name", model}, {"digest", Object{{"sha256", RootDigest(resources)}}}}}},
      {"predicateType", kPredicateType},
      {"predicate",
       Object{{"resources", std::move(list)},
              {"serialization",
               Object{{"method", "files"}, {"hash_type", "sha256"}, {"allow_symlinks", false}}}}},
  });
  return json::WriteCanonical(statement);
}

std::string PreAuthenticationEncoding(std::string_view payload_type, std::string_view payload) {
  return "DSSEv1 " + std::to_string(payload_type.size()) + " " + std::string(payload_type) + " " +
         std::to_string(payload.size()) + " " + std::string(payload);
}

Result<std::string> SignStatement(std::string_view statement, const Signer& signer) {
  KEDGE_TRY(ByteBuffer signature,
            signer.Sign(AsBytes(PreAuthenticationEncoding(kPayloadType, statement))));
  return WriteBundle({signer.key_id(), std::string(statement), std::move(signature)});
}

Result<SignedStatement> VerifyBundle(std::string_view bundle, const TrustedRoots& roots) {
  if (bundle.size() > kBundleBytesMax)
    return ResourceExhausted("bundle has " + std::to_string(bundle.size()) + " bytes");
  KEDGE_TRY(BundleParts parts, ParseBundle(bundle));
  if (WriteBundle(parts) != bundle) return InvalidArgument("bundle is not in its canonical form");
  KEDGE_TRY_STATUS(roots.Verify(parts.key_id,
                                AsBytes(PreAuthenticationEncoding(kPayloadType, parts.payload)),
                                parts.signature));
  return SignedStatement{std::move(parts.payload), std::move(parts.key_id)};
}

}  // namespace kedge::trust
