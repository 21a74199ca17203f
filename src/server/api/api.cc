// SPDX-License-Identifier: Apache-2.0
#include "server/api/api.h"

#include <array>

#include "base/log.h"
#include "server/api/overview.h"
#include "server/api/wire.h"
#include "server/auth/authorise.h"
#include "server/schema/validate.h"

namespace kedge::server {
namespace {

constexpr std::array<std::string_view, 1> kServices = {"sagemaker"};

}  // namespace

Result<std::unique_ptr<Api>> Api::Make(const Catalogue& catalogue, const Context& context) {
  std::unique_ptr<Api> api(new Api(catalogue, context));
  AddAccessKeyRoutes(api->router_, api->context_);
  AddUserRoutes(api->router_, api->context_);
  AddAuditRoutes(api->router_, api->context_);
  AddDeviceFleetRoutes(api->router_, api->context_);
  AddFleetReportRoutes(api->router_, api->context_);
  AddTagRoutes(api->router_, api->context_);
  AddCaptureRoutes(api->router_, api->context_);
  AddDeviceCommandRoutes(api->router_, api->context_);
  AddAlertTargetRoutes(api->router_, api->context_);
  AddDriftAlarmRoutes(api->router_, api->context_);
  AddDriftRoutes(api->router_, api->context_);
  AddModelQualityRoutes(api->router_, api->context_);
  AddEventRoutes(api->router_, api->context_);
  AddImportRoutes(api->router_, api->context_);
  AddModelRoutes(api->router_, api->context_);
  AddServerStatusRoutes(api->router_, api->context_);
  AddDeviceRoutes(api->router_, api->context_);
  AddSigningKeyRoutes(api->router_, api->context_);
  AddErasureRoutes(api->router_, api->context_);
  AddEnrolmentRoutes(api->router_, api->context_);
  AddClaimTokenRoutes(api->router_, api->context_);
  AddDeviceCertificateRoutes(api->router_, api->context_);
  AddCompilationJobRoutes(api->router_, api->context_);
  AddPackagingJobRoutes(api->router_, api->context_);
  AddEncryptionKeyRoutes(api->router_, api->context_);
  AddJobLogRoutes(api->router_, api->context_);
  AddDeploymentRoutes(api->router_, api->context_);
  AddStageChoiceRoutes(api->router_, api->context_);
  AddDevicePlaneRoutes(api->router_, api->context_);
  AddMetricRoutes(api->router_, api->context_);
  AddMonitoringDefinitionRoutes(api->router_, api->context_);
  AddMonitoringScheduleRoutes(api->router_, api->context_);
  AddMonitoringExecutionRoutes(api->router_, api->context_);
  AddOverviewRoutes(api->router_, api->context_);
  for (const auto& operation : catalogue.operations()) {
    if (api->router_.Find(operation->name) == nullptr) {
      return Internal("operation '" + operation->name + "' is described but has no handler");
    }
  }
  return api;
}

bool Api::Owns(const http::Request& request) const {
  if (request.headers.Find("X-Amz-Target") != nullptr || SessionDoor::Owns(request)) return true;
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
  if (SessionDoor::Owns(request)) return "Session";
  const auto operation = FindOperation(request);
  return operation ? (*operation)->name : "unknown";
}

AwsError Api::Throttled(const Operation& operation) {
  // The AWS clients wait and try again on either; a device that knows only HTTP on 429.
  const bool is_rest = !operation.path.empty();
  return {is_rest ? 429 : 400, "ThrottlingException", "Rate exceeded"};
}

void Api::Handle(const http::Request& request, const http::Responder& responder) const {
  if (SessionDoor::Owns(request)) return responder(session_door_->Handle(request));
  const auto identity = context_.authenticator.Authenticate(request, kServices);
  if (!identity) {
    return responder(ErrorResponse(ToAws(identity.error(), nullptr), NewRequestId()));
  }
  HandleFor(request, *identity, responder);
}

void Api::HandleFor(const http::Request& request, const Identity& identity,
                    const http::Responder& responder) const {
  const auto operation = FindOperation(request);
  if (!operation) {
    return responder(ErrorResponse({400, "UnknownOperationException", operation.error().message},
                                   NewRequestId()));
  }
  if (!context_.authenticator.MayCall(identity)) {
    return responder(ErrorResponse(Throttled(**operation), NewRequestId()));
  }
  if (!request.body_file.empty() || request.body.size() > kBodyBytesMax) {
    return responder(
        ErrorResponse({413, "RequestEntityTooLarge",
                       "the request is longer than " + std::to_string(kBodyBytesMax) + " bytes"},
                      NewRequestId()));
  }
  Call(**operation, request.body, identity, responder);
}

namespace {

// The body with its types read and every constraint checked, or why not.
std::optional<AwsError> ReadBody(const Operation& operation, const std::string& text,
                                 json::Value& body) {
  auto parsed = json::Parse(text.empty() ? "{}" : text);
  if (!parsed) return AwsError{400, "SerializationException", parsed.error().message};
  auto typed = ReadTyped(operation.input, std::move(*parsed));
  if (!typed) return AwsError{400, "SerializationException", typed.error().message};
  body = std::move(*typed);
  if (const auto status = CheckConstraints(operation.input, body); !status) {
    return ToAws(status.error(), &operation);
  }
  return std::nullopt;
}

}  // namespace

// One call on its way to its answer.
struct Api::Serving {
  const Operation& operation;
  http::Responder responder;
  std::string request_id;
  std::shared_ptr<AuditTrail> audit;  // null: not audited; shared with a reply that comes later
};

void Api::Refuse(const Serving& serving, const AwsError& error) const {
  Finish(serving, ErrorResponse(error, serving.request_id), error.code);
}

void Api::Finish(const Serving& serving, http::Response response, const std::string& result) const {
  const bool succeeded = result == kAuditSuccess;
  if (serving.audit == nullptr || (succeeded && serving.audit->recorded())) {
    return serving.responder(std::move(response));
  }
  context_.store.WriteLater(
      [audit = serving.audit, result](store::Transaction& transaction) {
        return audit->Append(transaction, result);
      },
      [serving, succeeded, response = std::move(response)](const Status& status) {
        if (status) return serving.responder(response);
        LogError("a call was not written to the audit log",
                 {{"operation", serving.operation.name}, {"error", status.error().message}});
        if (!succeeded) return serving.responder(response);
        serving.responder(
            ErrorResponse(ToAws(status.error(), &serving.operation), serving.request_id));
      });
}

void Api::Call(const Operation& operation, const std::string& text, const Identity& identity,
               const http::Responder& responder) const {
  Serving serving{operation, responder, NewRequestId(), nullptr};
  json::Value body;
  const auto malformed = ReadBody(operation, text, body);
  if (operation.mutates) {
    serving.audit = std::make_shared<AuditTrail>(
        context_.signer, protocol::AuditRecord{.time = context_.clock.NowMs(),
                                               .principal = identity.Principal(),
                                               .role = std::string(RoleName(identity.role)),
                                               .operation = operation.name,
                                               .resource = AuditResource(operation, body),
                                               .request_id = serving.request_id,
                                               .source = identity.source});
  }
  // Who may not call is not told what is wrong with the request.
  if (const auto status = AuthoriseRole(identity, operation); !status) {
    return Refuse(serving, ToAws(status.error(), &operation));
  }
  if (malformed) return Refuse(serving, *malformed);
  if (const auto status = Authorise(context_.store, identity, operation, body); !status) {
    return Refuse(serving, ToAws(status.error(), &operation));
  }
  const auto reply = [this, serving](const Result<json::Value>& result) {
    // What the call changed may be somebody's rights.
    if (serving.operation.mutates) context_.authenticator.Forget();
    if (!result) return Refuse(serving, ToAws(result.error(), &serving.operation));
    Finish(serving, ResultResponse(*result, serving.operation, serving.request_id),
           std::string(kAuditSuccess));
  };
  (*router_.Find(operation.name))(
      {.operation = operation, .body = body, .identity = identity, .audit = serving.audit.get()},
      reply);
}

}  // namespace kedge::server
