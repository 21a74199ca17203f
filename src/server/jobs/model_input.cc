// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/model_input.h"

#include <algorithm>

#include "server/jobs/framework.h"

namespace kedge::server {
namespace {

constexpr size_t kInputsMax = 64;
constexpr size_t kRankMax = 8;

// [1, 3, 224, 224] or {"shape": [1, 3, 224, 224], ...} -> "1x3x224x224"
Result<std::string> ReadShape(const std::string& name, const json::Value& value) {
  const Error wrong = InvalidArgument("DataInputConfig: the shape of " + name +
                                      " must be a list of 1 to 8 positive sizes");
  const json::Value* list = value.AsObject() != nullptr ? value.Find("shape") : &value;
  const json::Array* sizes = list != nullptr ? list->AsArray() : nullptr;
  if (sizes == nullptr || sizes->empty() || sizes->size() > kRankMax) return wrong;
  std::string shape;
  for (const json::Value& size : *sizes) {
    if (size.AsInt() == nullptr || *size.AsInt() <= 0) return wrong;
    shape += (shape.empty() ? "" : "x") + std::to_string(*size.AsInt());
  }
  return shape;
}

// Shapes by name, or in the model's order. A list of sizes alone is the shape of the one input.
Result<std::vector<std::string>> ReadInputs(const std::string& text) {
  std::vector<std::string> inputs;
  if (text.empty()) return inputs;
  const auto config = ParseLenientJson(text);
  const json::Object* by_name = config ? config->AsObject() : nullptr;
  const json::Array* in_order = config ? config->AsArray() : nullptr;
  const size_t count = by_name != nullptr    ? by_name->size()
                       : in_order != nullptr ? in_order->size()
                                             : 0;
  if (count == 0) {
    return InvalidArgument(
        "DataInputConfig must be a JSON object from input name to shape, or a list of shapes");
  }
  if (count > kInputsMax) {
    return InvalidArgument("DataInputConfig names more than " + std::to_string(kInputsMax) +
                           " inputs");
  }
  if (by_name != nullptr) {
    for (const auto& [name, value] : *by_name) {
      KEDGE_TRY(const std::string shape, ReadShape("'" + name + "'", value));
      inputs.push_back(name + "=" + shape);
    }
    return inputs;
  }
  if (in_order->front().AsInt() != nullptr) {
    KEDGE_TRY(std::string shape, ReadShape("the input", *config));
    return std::vector<std::string>{std::move(shape)};
  }
  for (const json::Value& value : *in_order) {
    KEDGE_TRY(std::string shape, ReadShape("input " + std::to_string(inputs.size()), value));
    inputs.push_back(std::move(shape));
  }
  return inputs;
}

// "models/in/resnet8.onnx" -> "resnet8", "x.tar.gz" -> "x"
std::string BaseName(const std::string& key) {
  std::string name = key.substr(key.find_last_of('/') + 1);
  for (const std::string_view ending : {".tar.gz", ".tgz", ".onnx"}) {
    if (name.size() > ending.size() && name.ends_with(ending)) {
      return name.substr(0, name.size() - ending.size());
    }
  }
  return name;
}

Status ReadStoppingCondition(const json::Value& condition, CompileOrder& order) {
  order.seconds_max = condition.IntOr("MaxRuntimeInSeconds", order.seconds_max);
  const auto at_most = [&](int64_t seconds) {
    order.wait_seconds_max = std::min(order.wait_seconds_max.value_or(seconds), seconds);
  };
  if (const json::Value* pending = condition.Find("MaxPendingTimeInSeconds")) {
    at_most(*pending->AsInt());
  }
  if (const json::Value* wait = condition.Find("MaxWaitTimeInSeconds")) {
    // It bounds the time in the queue and the run together.
    if (*wait->AsInt() < order.seconds_max) {
      return InvalidArgument("StoppingCondition: MaxWaitTimeInSeconds is " +
                             std::to_string(*wait->AsInt()) + ", less than MaxRuntimeInSeconds, " +
                             std::to_string(order.seconds_max));
    }
    at_most(*wait->AsInt() - order.seconds_max);
  }
  return {};
}

}  // namespace

Result<blob::ObjectName> ObjectBelow(const std::string& location, const std::string& file_name) {
  std::string uri = location;
  if (!uri.ends_with('/')) uri += '/';
  auto name = blob::ObjectName::Parse(uri + file_name);
  if (!name) return InvalidArgument("S3OutputLocation: " + name.error().message);
  return name;
}

Result<CompileOrder> ReadCompileOrder(const json::Value& request) {
  const json::Value* input = request.Find("InputConfig");
  const json::Value* output = request.Find("OutputConfig");
  if (request.Find("ModelPackageVersionArn") != nullptr) {
    return InvalidArgument(input != nullptr
                               ? "only one of InputConfig and ModelPackageVersionArn may be given"
                               : "ModelPackageVersionArn is not supported, give InputConfig");
  }
  if (input == nullptr) return InvalidArgument("InputConfig must be given");
  CompileOrder order;
  order.framework = input->StringOr("Framework", "");
  KEDGE_TRY_STATUS(CheckFrameworkVersion(order.framework, input->StringOr("FrameworkVersion", "")));
  auto name = blob::ObjectName::Parse(input->StringOr("S3Uri", ""));
  if (!name) return InvalidArgument("InputConfig.S3Uri: " + name.error().message);
  order.input = std::move(*name);
  KEDGE_TRY(order.inputs, ReadInputs(input->StringOr("DataInputConfig", "")));
  order.key_name = output->StringOr("KmsKeyId", "");
  KEDGE_TRY(order.target, ResolveTarget(*output));
  KEDGE_TRY(order.output,
            ObjectBelow(output->StringOr("S3OutputLocation", ""),
                        BaseName(order.input.key) + "-" + order.target.label + ".tar.gz"));
  if (const json::Value* condition = request.Find("StoppingCondition")) {
    KEDGE_TRY_STATUS(ReadStoppingCondition(*condition, order));
  }
  return order;
}

}  // namespace kedge::server
