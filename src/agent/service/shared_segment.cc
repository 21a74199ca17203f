// SPDX-License-Identifier: Apache-2.0
#include "agent/service/shared_segment.h"

#include <climits>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kedge::agent {

namespace {
constexpr mode_t kWriteOrExecute = S_IWUSR | S_IWGRP | S_IWOTH | S_IXUSR | S_IXGRP | S_IXOTH;
}

SharedSegment::~SharedSegment() {
  if (address_ != nullptr) shmdt(address_);
}

Result<SharedSegment> SharedSegment::Attach(uint64_t segment_id, uint64_t offset, uint64_t size) {
  const std::string name = "shared memory segment " + std::to_string(segment_id);
  shmid_ds state{};
  const auto id = static_cast<int>(segment_id);
  if (segment_id > INT_MAX || shmctl(id, IPC_STAT, &state) != 0)
    return InvalidArgument(name + " does not exist or may not be read");
  if (state.shm_perm.uid != geteuid())
    return InvalidArgument(name + " belongs to user " + std::to_string(state.shm_perm.uid) +
                           ", the agent runs as " + std::to_string(geteuid()));
  if ((state.shm_perm.mode & kWriteOrExecute) != 0)
    return InvalidArgument(name + " may be written or executed, its mode must be 0400");
  if (offset > state.shm_segsz || size > state.shm_segsz - offset)
    return InvalidArgument(name + " has " + std::to_string(state.shm_segsz) + " bytes, offset " +
                           std::to_string(offset) + " and size " + std::to_string(size) +
                           " reach beyond");
  void* address = shmat(id, nullptr, SHM_RDONLY);
  if (address == reinterpret_cast<void*>(-1)) return InvalidArgument(name + " cannot be attached");
  SharedSegment segment;
  segment.address_ = address;
  const uint64_t bytes = size == 0 ? state.shm_segsz - offset : size;
  segment.bytes_ = {static_cast<const uint8_t*>(address) + offset, bytes};
  return segment;
}

}  // namespace kedge::agent
