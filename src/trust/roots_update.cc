// SPDX-License-Identifier: Apache-2.0
#include "trust/roots_update.h"

#include "base/json/json.h"
#include "trust/bundle.h"

namespace kedge::trust {
namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr std::string_view kRootsPayloadType = "application/vnd.kedge.roots+json";

std::string WritePayload(const RootsUpdate& update) {
  Array certificates;
  for (const std::string& pem : update.certificates) certificates.emplace_back(pem);
  return json::WriteCanonical(
      Object{{"certificates", std::move(certificates)}, {"version", update.version}});
}

struct Envelope {
  std::string payload;
  std::string key_id;
  ByteBuffer signature;
};

std::string WriteEnvelope(const Envelope& envelope) {
  return json::WriteCanonical(Object{
      {"payload", Base64Encode(AsBytes(envelope.payload))},
      {"payloadType", kRootsPayloadType},
      {"signatures",
       Array{Object{{"keyid", envelope.key_id}, {"sig", Base64Encode(envelope.signature)}}}}});
}

Result<Envelope> ParseEnvelope(const std::string& text) {
  if (text.size() > kRootsUpdateBytesMax) {
    return ResourceExhausted("roots document has " + std::to_string(text.size()) + " bytes");
  }
  KEDGE_TRY(const Value value, json::Parse(text, {.depth_max = 8}));
  const Value* signatures = value.Find("signatures");
  if (signatures == nullptr || signatures->AsArray() == nullptr ||
      signatures->AsArray()->size() != 1) {
    return InvalidArgument("roots document has not one signature");
  }
  const Value& signature = signatures->AsArray()->front();
  Envelope envelope{.key_id = signature.StringOr("keyid", "")};
  KEDGE_TRY(const ByteBuffer payload, Base64Decode(value.StringOr("payload", "")));
  KEDGE_TRY(envelope.signature, Base64Decode(signature.StringOr("sig", "")));
  envelope.payload = std::string(AsText(payload));
  // One accepted spelling, as of packages: reading is writing.
  if (WriteEnvelope(envelope) != text) {
    return InvalidArgument("roots document is not in its canonical form");
  }
  return envelope;
}

Result<RootsUpdate> ParsePayload(const std::string& payload) {
  KEDGE_TRY(const Value value, json::Parse(payload, {.depth_max = 8}));
  RootsUpdate update{.version = value.IntOr("version", 0)};
  const Value* certificates = value.Find("certificates");
  if (certificates != nullptr && certificates->AsArray() != nullptr) {
    for (const Value& pem : *certificates->AsArray()) {
      if (pem.AsString() != nullptr) update.certificates.push_back(*pem.AsString());
    }
  }
  if (update.version < 1 || update.certificates.empty() || WritePayload(update) != payload) {
    return InvalidArgument("roots document does not hold a version and certificates");
  }
  return update;
}

}  // namespace

Result<std::string> SignRootsUpdate(const RootsUpdate& update, const Signer& signer) {
  Envelope envelope{.payload = WritePayload(update), .key_id = signer.key_id()};
  KEDGE_TRY(envelope.signature,
            signer.Sign(AsBytes(PreAuthenticationEncoding(kRootsPayloadType, envelope.payload))));
  return WriteEnvelope(envelope);
}

Result<RootsChain> FollowRootsUpdates(TrustedRoots configured,
                                      std::span<const std::string> documents) {
  if (documents.size() > kRootsUpdatesMax) {
    return ResourceExhausted("chain of " + std::to_string(documents.size()) + " roots documents");
  }
  RootsChain chain{.roots = std::move(configured)};
  for (const std::string& document : documents) {
    KEDGE_TRY(const Envelope envelope, ParseEnvelope(document));
    KEDGE_TRY(const RootsUpdate update, ParsePayload(envelope.payload));
    if (update.version <= chain.version) continue;
    const Status trusted = chain.roots.Verify(
        envelope.key_id, AsBytes(PreAuthenticationEncoding(kRootsPayloadType, envelope.payload)),
        envelope.signature);
    if (!trusted) continue;
    TrustedRoots next;
    for (const std::string& pem : update.certificates) KEDGE_TRY_STATUS(next.Add(pem));
    chain.version = update.version;
    chain.roots = std::move(next);
    chain.counted.push_back(document);
  }
  return chain;
}

}  // namespace kedge::trust
