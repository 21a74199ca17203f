// Bodies of API calls: the first line names the operation, the rest is the body. What passes the
// description must be what the handlers rely on: reading it again changes nothing, it can be
// written, and a heartbeat that passes is one the codec reads.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "protocol/edge_api.h"
#include "server/jobs/model_input.h"
#include "server/schema/catalogue.h"
#include "server/schema/validate.h"

namespace {

using kedge::json::Value;

const kedge::server::Catalogue& Operations() {
  static const auto kCatalogue = kedge::server::Catalogue::Load(kedge::server::OperationFiles());
  KEDGE_CHECK(kCatalogue.has_value());
  return *kCatalogue;
}

void CheckPassed(const kedge::server::Operation& operation, const Value& body) {
  const auto again = kedge::server::ReadTyped(operation.input, body);
  KEDGE_CHECK(again && *again == body);
  const auto written = kedge::json::Parse(kedge::json::Write(body));
  KEDGE_CHECK(written && *written == body);
  if (operation.name == "SendHeartbeat")
    KEDGE_CHECK(kedge::protocol::ParseHeartbeat(body).has_value());
  if (operation.name == "CreateCompilationJob") {
    const auto order = kedge::server::ReadCompileOrder(body);
    KEDGE_CHECK(order || order.error().code == kedge::Code::kInvalidArgument);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const size_t line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const auto* operation = Operations().FindByTarget(text.substr(0, line));
  if (operation == nullptr) operation = Operations().FindByPath(text.substr(0, line));
  if (operation == nullptr) return 0;
  const auto parsed = kedge::json::Parse(text.substr(line + 1));
  if (!parsed) return 0;
  const auto typed = kedge::server::ReadTyped(operation->input, *parsed);
  if (!typed) return 0;
  if (kedge::server::CheckConstraints(operation->input, *typed)) CheckPassed(*operation, *typed);
  return 0;
}
