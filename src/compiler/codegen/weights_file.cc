// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/weights_file.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "base/crypto/crypto.h"

namespace kedge::compiler {
namespace {

// A file mapped for writing. The space is reserved before, so that a full disk is an error and not
// a signal.
class WritableMapping {
 public:
  static Result<WritableMapping> Make(const Path& path, uint64_t bytes) {
    KEDGE_TRY(FileDescriptor fd, OpenFile(path, O_RDWR | O_CREAT | O_TRUNC));
    if (bytes == 0) return WritableMapping({});
    if (const int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes)); error != 0) {
      return ErrnoError(error,
                        "reserving " + std::to_string(bytes) + " bytes for " + path.string());
    }
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (at == MAP_FAILED) return ErrnoError(errno, "mapping " + path.string());
    return WritableMapping({static_cast<uint8_t*>(at), bytes});
  }
  ~WritableMapping() {
    if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
  }
  WritableMapping(WritableMapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  WritableMapping& operator=(WritableMapping&&) = delete;
  std::span<uint8_t> bytes() const { return bytes_; }

 private:
  explicit WritableMapping(std::span<uint8_t> bytes) : bytes_(bytes) {}
  std::span<uint8_t> bytes_;
};

// Weights that a step reads, in the order of their offsets.
std::vector<const Buffer*> UsedWeights(const Plan& plan) {
  std::vector<bool> used(plan.buffers.size());
  for (const Step& step : plan.steps) {
    for (const BufferRef& place : step.reads) used[static_cast<size_t>(place.buffer)] = true;
  }
  std::vector<const Buffer*> weights;
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    const bool wanted = used[i] && plan.buffers[i].kind == BufferKind::kWeights;
    if (wanted) weights.push_back(&plan.buffers[i]);
  }
  std::sort(weights.begin(), weights.end(),
            [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; });
  return weights;
}

}  // namespace

Result<std::string> WriteWeights(const Plan& plan, const Path& path) {
  KEDGE_TRY(const WritableMapping mapping, WritableMapping::Make(path, plan.weights_bytes));
  if (plan.weights_bytes == 0) return std::string();
  for (const Buffer* buffer : UsedWeights(plan)) {
    KEDGE_CHECK(buffer->pack != nullptr &&
                buffer->offset + buffer->bytes <= mapping.bytes().size());
    if (buffer->bytes > 0) buffer->pack(mapping.bytes().subspan(buffer->offset, buffer->bytes));
  }
  return crypto::Sha256Hex(mapping.bytes());
}

}  // namespace kedge::compiler
