// Claim tokens: what an operator hands to devices that enrol themselves.
// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/crypto.h"
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "server/devices/enrolment_door.h"
#include "store/tables/certificates.h"

namespace kedge::server {
namespace {

constexpr int64_t kValidMinutesDefault = 24 * 60;
constexpr size_t kTokenBytes = 32;
constexpr size_t kIdBytes = 8;

Result<json::Value> CreateClaimToken(const Context& context, const Call& call) {
  const Input input = call.input();
  const EpochMs now = context.clock.NowMs();
  const std::string secret =
      std::string(kClaimTokenPrefix) + Base64UrlEncode(crypto::RandomBytes(kTokenBytes));
  store::ClaimToken token{.id = HexEncode(crypto::RandomBytes(kIdBytes)),
                          .token_sha256 = ClaimTokenDigest(secret),
                          .fleet = input.Text("DeviceFleetName"),
                          .device_pattern = input.TextOrNone("DevicePattern").value_or("*"),
                          .uses = input.Integer("Uses", 1),
                          .created_by = call.identity.Principal(),
                          .created = now};
  token.uses_left = token.uses;
  token.expires = now + input.Integer("ValidMinutes", kValidMinutesDefault) * 60'000;
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto fleet, NeedFleet(transaction, token.fleet));
    return store::InsertClaimToken(transaction, token);
  }));
  return json::Value(json::Object{{"ClaimTokenId", token.id},
                                  {"ClaimToken", secret},
                                  {"ExpirationTime", Seconds(token.expires)}});
}

json::Value Summary(const store::ClaimToken& token) {
  return json::Object{{"ClaimTokenId", token.id},
                      {"DeviceFleetName", token.fleet},
                      {"DevicePattern", token.device_pattern},
                      {"Uses", token.uses},
                      {"UsesLeft", token.uses_left},
                      {"CreatedBy", token.created_by},
                      {"CreationTime", Seconds(token.created)},
                      {"ExpirationTime", Seconds(token.expires)}};
}

Result<json::Value> ListClaimTokens(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  store::PageOf<store::ClaimToken> tokens;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    const std::string fleet = input.Text("DeviceFleetName");
    KEDGE_TRY([[maybe_unused]] const auto found, NeedFleet(transaction, fleet));
    KEDGE_TRY(tokens, store::ListClaimTokens(transaction, fleet, page));
    return {};
  }));
  json::Array summaries;
  for (const store::ClaimToken& token : tokens.items) summaries.push_back(Summary(token));
  json::Object answer{{"ClaimTokenSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, tokens.next);
  return json::Value(std::move(answer));
}

Result<json::Value> DeleteClaimToken(const Context& context, const Call& call) {
  const std::string fleet = call.input().Text("DeviceFleetName");
  const std::string id = call.input().Text("ClaimTokenId");
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const bool deleted, store::DeleteClaimToken(transaction, fleet, id));
    if (!deleted) return InvalidArgument("No claim token with id: " + id);
    return {};
  }));
  return json::Value();
}

}  // namespace

void AddClaimTokenRoutes(Router& router, const Context& context) {
  router.Add("CreateClaimToken",
             [&context](const Call& call) { return CreateClaimToken(context, call); });
  router.Add("ListClaimTokens",
             [&context](const Call& call) { return ListClaimTokens(context, call); });
  router.Add("DeleteClaimToken",
             [&context](const Call& call) { return DeleteClaimToken(context, call); });
}

}  // namespace kedge::server
