// The key that signs packages, and its replacement.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/keys/signing_rotation.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

Result<json::Value> DescribeSigningKey(const Context& context) {
  KEDGE_TRY(const Rotation rotation, DescribeRotation(context.store));
  json::Object answer{{"Phase", Name(rotation.phase)},
                      {"RootsVersion", rotation.roots_version},
                      {"Certificate", rotation.certificate_pem}};
  if (!rotation.next_certificate_pem.empty()) {
    answer.Set("NextCertificate", rotation.next_certificate_pem);
  }
  return json::Value(std::move(answer));
}

RotationStep StepOf(const std::string& name) {
  if (name == "PREPARE") return RotationStep::kPrepare;
  return name == "ACTIVATE" ? RotationStep::kActivate : RotationStep::kRetire;
}

Result<json::Value> Rotate(const Context& context, const Call& call) {
  const std::string step = call.input().Text("Step");
  KEDGE_TRY(const Rotation rotation,
            RotateSigningKey(context.store, context.keyring, StepOf(step), context.clock.NowMs()));
  KEDGE_TRY_STATUS(context.store.Write([&](store::Transaction& transaction) {
    return store::AddEvent(transaction, context.clock.NowMs(),
                           {.kind = store::EventKind::kKeyRotated,
                            .resource = "signing-key",
                            .actor = call.identity.Principal(),
                            .message = step});
  }));
  return json::Value(
      json::Object{{"Phase", Name(rotation.phase)}, {"RootsVersion", rotation.roots_version}});
}

}  // namespace

void AddSigningKeyRoutes(Router& router, const Context& context) {
  router.Add("DescribeSigningKey", [&context](const Call&) { return DescribeSigningKey(context); });
  router.Add("RotateSigningKey", [&context](const Call& call) { return Rotate(context, call); });
}

}  // namespace kedge::server
