// Reads kedge_model_info out of a loaded object without believing it: every pointer must lie inside
// the object, every string must end there, every count and size must be within its limit and agree
// with the others.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "kedge_model.h"
#include "runtime/session.h"

namespace kedge::runtime {

constexpr uint32_t kTensorsMax = 256;  // inputs, and outputs
constexpr uint32_t kOpsMax = 1u << 16;
constexpr size_t kNameBytesMax = 1024;
constexpr uint64_t kArenaBytesMax = uint64_t{1} << 40;
constexpr uint64_t kWeightsBytesMax = uint64_t{1} << 40;
constexpr uint64_t kArenaAlignMax = 4096;  // a page: what mmap gives
constexpr uint32_t kTasksMax = 1u << 31;

// The readable memory of one loaded object.
class ObjectMemory {
 public:
  struct Range {
    uintptr_t begin;
    uintptr_t end;
  };
  explicit ObjectMemory(std::vector<Range> ranges) : ranges_(std::move(ranges)) {}

  // Whether [at, at + bytes) lies in one range and is aligned.
  bool Holds(const void* at, uint64_t bytes, size_t align) const;
  // The text at `at`. kInvalidArgument, naming `what`, if it does not end within the object and
  // kNameBytesMax.
  Result<std::string> Text(const char* at, const char* what) const;

 private:
  std::vector<Range> ranges_;
};

// kInvalidArgument if anything of it is not as api/kedge_model.h says; the message names the field.
Result<ModelInfo> ReadModelInfo(const ObjectMemory& memory, const kedge_model_info* info);

}  // namespace kedge::runtime
