// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "trust/bundle.h"
#include "trust/model_signing.h"

namespace kedge::trust {

namespace {

using json::Array;
using json::Value;

constexpr size_t kForeignBundleBytesMax = 16 << 20;

Result<const Value*> Member(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  if (value == nullptr || value->is_null())
    return InvalidArgument("bundle has no '" + std::string(name) + "'");
  return value;
}

Result<std::string> Text(const Value& object, std::string_view name) {
  KEDGE_TRY(const Value* value, Member(object, name));
  if (value->AsString() == nullptr || value->AsString()->empty())
    return InvalidArgument("member '" + std::string(name) + "' is no text");
  return *value->AsString();
}

Result<const Array*> NonEmptyList(const Value& object, std::string_view name) {
  KEDGE_TRY(const Value* value, Member(object, name));
  if (value->AsArray() == nullptr || value->AsArray()->empty())
    return InvalidArgument("member '" + std::string(name) + "' is no list with elements");
  return value->AsArray();
}

Result<ByteBuffer> Raw(const Value& object, std::string_view name) {
  KEDGE_TRY(const std::string text, Text(object, name));
  return Base64Decode(text);
}

// Section 4.1: the member tells the method.
Status ReadMaterial(const Value& material, ModelBundle& bundle) {
  if (const Value* key = material.Find("publicKey"); key != nullptr) {
    bundle.method = SigningMethod::kKey;
    bundle.key_hint = key->StringOr("hint", "");
    if (bundle.key_hint.empty()) KEDGE_TRY_STATUS(Text(*key, "rawBytes"));
    return {};
  }
  if (const Value* chain = material.Find("x509CertificateChain"); chain != nullptr) {
    bundle.method = SigningMethod::kCertificate;
    KEDGE_TRY(const Array* certificates, NonEmptyList(*chain, "certificates"));
    for (const Value& certificate : *certificates) {
      KEDGE_TRY(ByteBuffer der, Raw(certificate, "rawBytes"));
      bundle.certificates.push_back(std::move(der));
    }
    return {};
  }
  bundle.method = SigningMethod::kSigstore;
  KEDGE_TRY(const Value* certificate, Member(material, "certificate"));
  KEDGE_TRY(ByteBuffer der, Raw(*certificate, "rawBytes"));
  bundle.certificates.push_back(std::move(der));
  KEDGE_TRY_STATUS(NonEmptyList(material, "tlogEntries"));
  return {};
}

Status ReadEnvelope(const Value& envelope, ModelBundle& bundle) {
  KEDGE_TRY(const std::string type, Text(envelope, "payloadType"));
  if (type != kPayloadType) return InvalidArgument("payload type is '" + type + "'");
  KEDGE_TRY(const ByteBuffer payload, Raw(envelope, "payload"));
  bundle.payload = AsText(payload);
  KEDGE_TRY(const Array* signatures, NonEmptyList(envelope, "signatures"));
  KEDGE_TRY(bundle.signature, Raw(signatures->front(), "sig"));
  return {};
}

Status ReadSerialization(const Value& serialization, ModelStatement& statement) {
  const std::string method = serialization.StringOr("method", "");
  if (method != "files") return Unimplemented("serialization method is '" + method + "'");
  const std::string hash = serialization.StringOr("hash_type", "");
  if (hash != "sha256") return Unimplemented("digests are by '" + hash + "'");
  if (serialization.BoolOr("allow_symlinks", true))
    return Unimplemented("signature follows symbolic links");
  const Value* ignored = serialization.Find("ignore_paths");
  if (ignored == nullptr || ignored->AsArray() == nullptr) return {};
  for (const Value& path : *ignored->AsArray()) {
    if (path.AsString() == nullptr) return InvalidArgument("an ignored path is no text");
    statement.ignored.push_back(*path.AsString());
  }
  return {};
}

// Names and digests, in order; gives the root digest (section 6.5.1).
Result<std::string> ReadResources(const Array& resources, ModelStatement& statement) {
  crypto::Hasher root;
  for (const Value& resource : resources) {
    KEDGE_TRY(std::string name, Text(resource, "name"));
    KEDGE_TRY(const std::string digest, Text(resource, "digest"));
    KEDGE_TRY(const std::string algorithm, Text(resource, "algorithm"));
    if (algorithm != "sha256") return Unimplemented("digest of '" + name + "' is " + algorithm);
    KEDGE_TRY(const ByteBuffer raw, HexDecode(digest));
    root.Update(raw);
    if (!statement.digests.emplace(name, HexEncode(raw)).second)
      return InvalidArgument("'" + name + "' is signed twice");
  }
  return HexEncode(root.Finish());
}

}  // namespace

Result<ModelBundle> ParseModelBundle(std::string_view text) {
  KEDGE_TRY(const Value value, json::Parse(text, {.bytes_max = kForeignBundleBytesMax}));
  KEDGE_TRY(const std::string media_type, Text(value, "mediaType"));
  if (media_type != kBundleMediaType)
    return InvalidArgument("bundle has media type '" + media_type + "'");
  ModelBundle bundle;
  KEDGE_TRY(const Value* material, Member(value, "verificationMaterial"));
  KEDGE_TRY_STATUS(ReadMaterial(*material, bundle));
  KEDGE_TRY(const Value* envelope, Member(value, "dsseEnvelope"));
  KEDGE_TRY_STATUS(ReadEnvelope(*envelope, bundle));
  return bundle;
}

Result<ModelStatement> ParseModelStatement(std::string_view payload) {
  KEDGE_TRY(const Value value, json::Parse(payload, {.bytes_max = kForeignBundleBytesMax}));
  if (value.StringOr("_type", "") != kStatementType)
    return InvalidArgument("payload is no in-toto statement v1");
  if (const std::string type = value.StringOr("predicateType", ""); type != kPredicateType)
    return InvalidArgument("predicate type is '" + type + "'");
  ModelStatement statement;
  KEDGE_TRY(const Array* subjects, NonEmptyList(value, "subject"));
  if (subjects->size() != 1) return InvalidArgument("statement has more than one subject");
  KEDGE_TRY(statement.model, Text(subjects->front(), "name"));
  KEDGE_TRY(const Value* digests, Member(subjects->front(), "digest"));
  KEDGE_TRY(const std::string root, Text(*digests, "sha256"));
  KEDGE_TRY(const Value* predicate, Member(value, "predicate"));
  KEDGE_TRY(const Value* serialization, Member(*predicate, "serialization"));
  KEDGE_TRY_STATUS(ReadSerialization(*serialization, statement));
  KEDGE_TRY(const Array* resources, NonEmptyList(*predicate, "resources"));
  KEDGE_TRY(const std::string computed, ReadResources(*resources, statement));
  if (computed != root)
    return InvalidArgument("root digest is " + root + ", the resources give " + computed);
  return statement;
}

}  // namespace kedge::trust
