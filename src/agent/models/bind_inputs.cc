// SPDX-License-Identifier: Apache-2.0
#include "agent/models/bind_inputs.h"

#include <algorithm>

namespace kedge::agent {

namespace {

constexpr size_t kNameBytesShown = 80;

// What a client calls a tensor may be any bytes; a message shows the printable ones.
std::string Shown(std::string_view name) {
  std::string shown;
  for (const char c : name.substr(0, kNameBytesShown)) shown += c >= ' ' && c < 0x7f ? c : '?';
  return shown;
}

std::string Names(std::span<const ring::IoInfo> inputs) {
  std::string names;
  for (const ring::IoInfo& input : inputs)
    names += (names.empty() ? "'" : ", '") + Shown(input.name) + "'";
  return names;
}

bool GivesTypeOrShape(const RequestTensor& tensor) {
  return tensor.type != WireType::kUint8 || !tensor.shape.empty();
}

Status CheckTensor(const ring::IoInfo& input, const RequestTensor& tensor) {
  const std::string tensor_name = "tensor '" + Shown(input.name) + "'";
  const WireType needed = WireTypeOf(input.dtype);
  if (GivesTypeOrShape(tensor)) {
    const Shape shape(std::vector<int64_t>(tensor.shape.begin(), tensor.shape.end()));
    if (tensor.type != needed || shape != input.shape)
      return InvalidArgument(tensor_name + " is " + DescribeTensor(tensor.type, shape) +
                             ", the model needs " + DescribeTensor(needed, input.shape));
  }
  if (tensor.bytes.size() != input.bytes)
    return InvalidArgument(tensor_name + " has " + std::to_string(tensor.bytes.size()) +
                           " bytes, " + DescribeTensor(needed, input.shape) + " needs " +
                           std::to_string(input.bytes));
  return {};
}

}  // namespace

std::string DescribeTensor(WireType type, const Shape& shape) {
  std::string dims;
  for (const int64_t dim : shape.dims) dims += (dims.empty() ? "" : "x") + std::to_string(dim);
  return std::string(WireTypeName(type)) + " " + (dims.empty() ? "scalar" : dims);
}

Result<std::vector<Bytes>> BindInputs(std::span<const ring::IoInfo> inputs,
                                      std::span<const RequestTensor> tensors) {
  if (tensors.size() != inputs.size())
    return InvalidArgument("the request has " + std::to_string(tensors.size()) +
                           " tensors, the model needs " + std::to_string(inputs.size()) + ": " +
                           Names(inputs));
  const bool by_position = std::all_of(tensors.begin(), tensors.end(),
                                       [](const RequestTensor& t) { return t.name.empty(); });
  std::vector<Bytes> bound(inputs.size());
  std::vector<bool> taken(inputs.size(), false);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const RequestTensor& tensor = tensors[i];
    size_t at = i;
    if (!by_position) {
      const auto found = std::find_if(inputs.begin(), inputs.end(), [&](const ring::IoInfo& input) {
        return input.name == tensor.name;
      });
      if (found == inputs.end())
        return InvalidArgument("tensor '" + Shown(tensor.name) +
                               "' is no input of the model, its inputs are " + Names(inputs));
      at = static_cast<size_t>(found - inputs.begin());
    }
    if (taken[at]) return InvalidArgument("tensor '" + Shown(tensor.name) + "' is given twice");
    taken[at] = true;
    KEDGE_TRY_STATUS(CheckTensor(inputs[at], tensor));
    bound[at] = tensor.bytes;
  }
  return bound;
}

}  // namespace kedge::agent
