// SPDX-License-Identifier: Apache-2.0
#include "cli/inputs.h"

#include <charconv>
#include <optional>

#include "base/file.h"
#include "tensor/npy.h"

namespace kedge::cli {

namespace {

constexpr std::string_view kRandom = "random:";

struct Assignment {
  size_t input;
  std::string value;
};

// Names may hold '=', so the model's names decide where one ends.
Result<Assignment> Assign(const std::vector<ring::IoInfo>& inputs, const std::string& text) {
  std::string known;
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (const std::string& name : {inputs[i].name, std::to_string(i)}) {
      if (text.starts_with(name + "=")) return Assignment{i, text.substr(name.size() + 1)};
    }
    known += (known.empty() ? "'" : ", '") + inputs[i].name + "'";
  }
  return InvalidArgument("--input " + text + " names no input of the model; it has " +
                         (known.empty() ? "none" : known));
}

Result<uint64_t> ParseSeed(std::string_view text) {
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return InvalidArgument("'" + std::string(text) + "' is not a seed");
  return seed;
}

// NumPy has no bf16: its files hold f32.
Tensor ToBFloat(const Tensor& tensor) {
  Tensor result(DType::kBf16, tensor.shape());
  const auto from = tensor.As<float>();
  const auto to = result.As<uint16_t>();
  for (size_t i = 0; i < from.size(); ++i) to[i] = FloatToBFloat(from[i]);
  return result;
}

Result<Tensor> Make(const ring::IoInfo& input, const std::string& value) {
  if (value.starts_with(kRandom)) {
    KEDGE_TRY(const uint64_t seed, ParseSeed(std::string_view(value).substr(kRandom.size())));
    return RandomTensor(input.dtype, input.shape, seed);
  }
  PosixFileSystem disk;
  KEDGE_TRY(const ByteBuffer file, disk.Read(value, uint64_t{4} << 30));
  auto tensor = ParseNpy(file);
  if (!tensor) return Wrap(std::move(tensor).error(), "'" + value + "'");
  if (input.dtype == DType::kBf16 && tensor->dtype() == DType::kF32) tensor = ToBFloat(*tensor);
  if (tensor->dtype() != input.dtype || tensor->shape() != input.shape) {
    return InvalidArgument("input '" + input.name + "' is " + Describe(input.dtype, input.shape) +
                           ", '" + value + "' is " + Describe(tensor->dtype(), tensor->shape()));
  }
  return tensor;
}

}  // namespace

std::string Describe(DType dtype, const Shape& shape) {
  return std::string(DTypeName(dtype)) + " " + ToString(shape);
}

Result<ChosenInputs> ChooseInputs(const std::vector<ring::IoInfo>& inputs,
                                  const std::vector<std::string>& texts, uint64_t seed) {
  std::vector<std::optional<Tensor>> tensors(inputs.size());
  for (const std::string& text : texts) {
    KEDGE_TRY(const Assignment assignment, Assign(inputs, text));
    if (tensors[assignment.input].has_value())
      return InvalidArgument("input '" + inputs[assignment.input].name + "' is given twice");
    KEDGE_TRY(tensors[assignment.input], Make(inputs[assignment.input], assignment.value));
  }
  ChosenInputs chosen;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!tensors[i].has_value()) {
      tensors[i] = RandomTensor(inputs[i].dtype, inputs[i].shape, seed + i);
      chosen.random_inputs.push_back(inputs[i].name);
    }
    chosen.tensors.push_back(*std::move(tensors[i]));
  }
  return chosen;
}

}  // namespace kedge::cli
