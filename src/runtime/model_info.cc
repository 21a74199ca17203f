// SPDX-License-Identifier: Apache-2.0
#include "runtime/model_info.h"

#include <algorithm>
#include <cstring>

namespace kedge::runtime {

namespace {

Error Broken(const std::string& what) { return InvalidArgument("the compiled model's " + what); }

Result<DType> ReadDType(uint32_t number, const std::string& tensor) {
  if (number < KEDGE_F32 || number > KEDGE_BOOL)
    return Broken(tensor + " has element type " + std::to_string(number));
  return static_cast<DType>(number);
}

Result<TensorInfo> ReadTensor(const ObjectMemory& memory, const kedge_io& io,
                              const std::string& which) {
  KEDGE_TRY(std::string name, memory.Text(io.name, which.c_str()));
  KEDGE_TRY(const DType dtype, ReadDType(io.dtype, which));
  if (io.rank > KEDGE_MODEL_RANK_MAX) return Broken(which + " has rank " + std::to_string(io.rank));
  Shape shape(std::vector<int64_t>(io.dim, io.dim + io.rank));
  if (Status status = CheckShape(shape); !status)
    return Broken(which + ": " + status.error().message);
  const uint64_t bytes = static_cast<uint64_t>(shape.elements()) * DTypeSize(dtype);
  if (bytes != io.bytes) {
    return Broken(which + " says " + std::to_string(io.bytes) + " bytes, its shape " +
                  ToString(shape) + " needs " + std::to_string(bytes));
  }
  return TensorInfo{std::move(name), dtype, std::move(shape), bytes};
}

Result<std::vector<TensorInfo>> ReadTensors(const ObjectMemory& memory, const kedge_io* tensors,
                                            uint32_t count, const std::string& kind) {
  if (count > kTensorsMax) {
    return Broken(kind + " count is " + std::to_string(count) + ", at most " +
                  std::to_string(kTensorsMax) + " are accepted");
  }
  std::vector<TensorInfo> result;
  if (count == 0) return result;
  if (!memory.Holds(tensors, count * sizeof(kedge_io), alignof(kedge_io)))
    return Broken(kind + " table lies outside the object");
  for (uint32_t i = 0; i < count; ++i) {
    KEDGE_TRY(TensorInfo tensor, ReadTensor(memory, tensors[i], kind + " " + std::to_string(i)));
    result.push_back(std::move(tensor));
  }
  return result;
}

Status CheckSizes(const kedge_model_info& info) {
  if (info.flags != 0) return Broken("flags are " + std::to_string(info.flags) + ", not 0");
  if (info.arena_bytes > kArenaBytesMax)
    return Broken("arena is " + std::to_string(info.arena_bytes) + " bytes");
  const bool power_of_two =
      info.arena_align != 0 && (info.arena_align & (info.arena_align - 1)) == 0;
  if (!power_of_two || info.arena_align > kArenaAlignMax)
    return Broken("arena alignment is " + std::to_string(info.arena_align));
  if (info.weights_bytes > kWeightsBytesMax)
    return Broken("weights are " + std::to_string(info.weights_bytes) + " bytes");
  if (info.task_count_max >= kTasksMax)
    return Broken("largest task count is " + std::to_string(info.task_count_max));
  if (info.op_count > kOpsMax) return Broken("op count is " + std::to_string(info.op_count));
  return {};
}

Result<std::vector<std::string>> ReadOpNames(const ObjectMemory& memory,
                                             const kedge_model_info& info) {
  std::vector<std::string> names;
  if (info.op_count == 0) return names;
  if (!memory.Holds(info.op_names, info.op_count * sizeof(const char*), alignof(const char*)))
    return Broken("op name table lies outside the object");
  for (uint32_t i = 0; i < info.op_count; ++i) {
    KEDGE_TRY(std::string name, memory.Text(info.op_names[i], "op name"));
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

bool ObjectMemory::Holds(const void* at, uint64_t bytes, size_t align) const {
  const auto begin = reinterpret_cast<uintptr_t>(at);
  if (begin % align != 0) return false;
  for (const Range& range : ranges_) {
    if (begin >= range.begin && begin <= range.end && bytes <= range.end - begin) return true;
  }
  return false;
}

Result<std::string> ObjectMemory::Text(const char* at, const char* what) const {
  const auto begin = reinterpret_cast<uintptr_t>(at);
  for (const Range& range : ranges_) {
    if (begin < range.begin || begin >= range.end) continue;
    const size_t room = std::min<size_t>(range.end - begin, kNameBytesMax + 1);
    const size_t length = ::strnlen(at, room);
    if (length == room) return Broken(std::string(what) + " has a text without an end");
    return std::string(at, length);
  }
  return Broken(std::string(what) + " has a text outside the object");
}

Result<ModelInfo> ReadModelInfo(const ObjectMemory& memory, const kedge_model_info* info) {
  if (!memory.Holds(info, sizeof *info, alignof(kedge_model_info)))
    return Broken("description lies outside the object");
  if (info->abi != KEDGE_MODEL_ABI) {
    return Broken("interface version is " + std::to_string(info->abi) + ", this runtime has " +
                  std::to_string(KEDGE_MODEL_ABI));
  }
  KEDGE_TRY_STATUS(CheckSizes(*info));
  ModelInfo result{.arena_bytes = info->arena_bytes,
                   .arena_align = info->arena_align,
                   .weights_bytes = info->weights_bytes};
  KEDGE_TRY(result.inputs, ReadTensors(memory, info->inputs, info->input_count, "input"));
  KEDGE_TRY(result.outputs, ReadTensors(memory, info->outputs, info->output_count, "output"));
  KEDGE_TRY(result.target, memory.Text(info->target, "target"));
  KEDGE_TRY(result.cpu_features, memory.Text(info->cpu_features, "cpu_features"));
  KEDGE_TRY(result.compiler, memory.Text(info->compiler, "compiler"));
  KEDGE_TRY(result.model_hash, memory.Text(info->model_hash, "model_hash"));
  KEDGE_TRY(result.weights_hash, memory.Text(info->weights_hash, "weights_hash"));
  KEDGE_TRY(result.op_names, ReadOpNames(memory, *info));
  return result;
}

}  // namespace kedge::runtime
