// SPDX-License-Identifier: Apache-2.0
#include "server/api/api.h"

#include <array>

#include "base/log.h"
#include "server/api/wire.h"
#include "server/auth/authorise.h"
#include "server/schema/validate.h"

namespace kedge::server {
namespace {

constexpr size_t kBodyBytesMax = 4u << 20;  // of one call
// Described, and not written yet.
constexpr std::array<std::string_view, 2> kAwaited = {
    "DeleteEdgeDeploymentPlan", "DeleteEdgeDeploymentStage"};
constexpr std::array<std::string_view, 1> kServices = {"sagemaker"};

}  // namespace

Result<std::unique_ptr<Api>> Api::Make(const Catalogue& catalogue, const Context& context) {
  std::unique_ptr<Api> api(new Api(catalogue, context));
  AddDeviceFleetRoutes(api->router_, api->context_);
  AddFleetReportRoutes(api->router_, api->context_);
  AddTagRoutes(api->router_, api->context_);
  AddDeviceRoutes(api->router_, api->context_);
  AddEnrolmentRoutes(api->router_, api->context_);
  AddCompilationJobRoutes(api->router_, api->context_);
  AddPackagingJobRoutes(api->router_, api->context_);
  AddJobLogRoutes(api->router_, api->context_);
  AddDeploymentRoutes(api->router_, api->context_);
  AddDevicePlaneRoutes(api->router_, api->context_);
  for (const std::string_view name : kAwaited) {
    if (api->router_.Find(std::string(name)) != nullptr) continue;
    api->router_.Add(std::string(name), [](const kedge::server::Call& call) -> Result<json::Value> {
      return InvalidArgument(call.operation.name + " is not available yet");
    });
  }
  for (const auto& operation : catalogue.operations()) {
    if (api->router_.Find(operation->name) == nullptr) {
      return Internal("operation '" + operation->name + "' is described but has no handler");
    }
  }
  return api;
}

bool Api::Owns(const http::Request& request) const {
  if (request.headers.Find("X-Amz-Target") != nullptr) return true;
  return request.method == "POST" && catalogue_.FindByPath(request.path()) != nullptr;
}

Result<const Operation*> Api::FindOperation(const http::Request& request) const {
  if (const std::string* target = request.headers.Find("X-Amz-Target")) {
    if (const Operation* operation = catalogue_.FindByTarget(*target)) return operation;
    return NotFound("unknown operation '" + *target + "'");
  }
  return catalogue_.FindByPath(request.path());
}

std::string Api::OperationName(const http::Request& request) const {
  const auto operation = FindOperation(request);
  return operation ? (*operation)->name : "unknown";
}

void Api::Handle(const http::Request& request, const http::Responder& responder) const {
  const auto identity = context_.authenticator.Authenticate(request, kServices);
  if (!identity) {
    return responder(ErrorResponse(ToAws(identity.error(), nullptr), NewRequestId()));
  }
  const auto operation = FindOperation(request);
  if (!operation) {
    return responder(ErrorResponse({400, "UnknownOperationException", operation.error().message},
                                   NewRequestId()));
  }
  if (!request.body_file.empty() || request.body.size() > kBodyBytesMax) {
    return responder(
        ErrorResponse({413, "RequestEntityTooLarge",
                       "the request is longer than " + std::to_string(kBodyBytesMax) + " bytes"},
                      NewRequestId()));
  }
  Call(**operation, request.body, *identity, responder);
}

void Api::Call(const Operation& operation, const std::string& body, const Identity& identity,
               const http::Responder& responder) const {
  const std::string request_id = NewRequestId();
  const auto refuse = [&](const AwsError& error) { responder(ErrorResponse(error, request_id)); };
  const auto parsed = json::Parse(body.empty() ? "{}" : body);
  if (!parsed) return refuse({400, "SerializationException", parsed.error().message});
  const auto typed = ReadTyped(operation.input, *parsed);
  if (!typed) return refuse({400, "SerializationException", typed.error().message});
  if (const auto status = CheckConstraints(operation.input, *typed); !status) {
    return refuse(ToAws(status.error(), &operation));
  }
  if (const auto status = Authorise(context_.store, identity, operation, *typed); !status) {
    return refuse(ToAws(status.error(), &operation));
  }
  const LaterHandler* handler = router_.Find(operation.name);
  (*handler)({.operation = operation, .body = *typed, .identity = identity},
             [this, &operation, responder, request_id](Result<json::Value> result) {
               // What the call changed may be somebody's rights.
               if (operation.mutates) context_.authenticator.Forget();
               responder(result ? ResultResponse(*result, operation, request_id)
                                : ErrorResponse(ToAws(result.error(), &operation), request_id));
             });
}

}  // namespace kedge::server
