// The shared-memory ring between a program that has tensors (the host: agent, command line) and the
// sandboxed process that has the model (the guest: kedge-worker).
//
// It is one memfd that the host makes and seals (no growing, no shrinking, no new seals, so that no
// access can ever fault), maps, and hands over by descriptor: no name, nobody else can find it.
//
//   page 0        RingHeader: magic, version, sizes; the guest's doorbell
//   slots         2 to 4 of the same size, each:
//                   SlotHeader   state word, request, reply
//                   times        of the runs of a bench request
//                   inputs       each at a multiple of 64 bytes, in the model's order
//                   outputs      likewise
//
// Where a tensor lies follows from the sizes of all tensors alone. Both sides know them and compute
// the same layout, so no offset and no length ever stands in shared memory; the guest only compares
// the header, copied once into private memory, with what it computed. What does cross, crosses in
// these words:
//
//   state (futex)   kFree -> kRequested (host) -> kRequestedAsleep (host, before it sleeps)
//                         -> kDone (guest) -> kRequested (host) ...
//                   kDead from anywhere and for good: the host's note that the guest has ended
//   doorbell(futex) counts requests; the guest sleeps on it
//   request         written by the host before kRequested
//   reply           written by the guest before kDone; hostile: copied once, then checked
//
// The guest serves requests in the order of their sequence numbers. A state that the table above
// does not allow, or a reply with another sequence number than the request's, is a broken promise:
// the host ends the guest.
//
// Both sides spin for some 20 us before they sleep: a warm hand-over then costs under a
// microsecond, one that must wake the other side 13-25 us on a virtual machine.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/futex.h"
#include "base/result.h"

namespace kedge::ring {

constexpr uint32_t kSlotsMin = 2;
constexpr uint32_t kSlotsMax = 4;
constexpr uint64_t kSlotBytesMax = uint64_t{1} << 31;
constexpr uint32_t kBenchRunsMax = 256;  // of one request
constexpr size_t kMessageBytes = 256;

enum class RequestKind : uint32_t {
  kRun = 1,
  kBench = 2,  // run `runs` times and write down how long each took
};

struct RunTimes {
  uint64_t cpu_ns;  // of the whole guest process
  uint64_t wall_ns;
};

// Sizes in bytes of a model's tensors, in its order.
struct TensorSizes {
  std::vector<uint64_t> inputs;
  std::vector<uint64_t> outputs;
};

// Where everything lies. Computed, never read from shared memory.
struct RingLayout {
  uint32_t slot_count = 0;
  uint64_t slot_bytes = 0;
  uint64_t ring_bytes = 0;
  std::vector<uint64_t> inputs;   // offsets in a slot
  std::vector<uint64_t> outputs;  // offsets in a slot

  // 4 slots, 2 of more than 1 MiB. kResourceExhausted if a slot would be larger than kSlotBytesMax.
  static Result<RingLayout> For(const TensorSizes& sizes);
};

// What the guest answered, in private memory.
struct Reply {
  uint64_t sequence = 0;
  Code code = Code::kOk;
  std::string message;
};

// A mapping of the whole ring; what both sides share.
class RingMemory {
 public:
  RingMemory() = default;
  ~RingMemory();
  RingMemory(RingMemory&& other) noexcept
      : at_(std::exchange(other.at_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  RingMemory& operator=(RingMemory&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  static Result<RingMemory> Map(int fd, uint64_t bytes);
  uint8_t* at() const { return at_; }

 private:
  uint8_t* at_ = nullptr;
  uint64_t bytes_ = 0;
};

struct SlotHeader;
struct RingHeader;

// The host's side. Which slot is used by whom is the caller's business; for different slots all
// functions are thread-safe.
class HostRing {
 public:
  // kResourceExhausted if the memory cannot be had or a limit is passed.
  static Result<HostRing> Create(const TensorSizes& sizes, uint32_t spin_us);

  const RingLayout& layout() const { return layout_; }
  int fd() const { return fd_.get(); }
  uint8_t* Input(uint32_t slot, size_t i) const;
  const uint8_t* Output(uint32_t slot, size_t i) const;

  // Hands the slot to the guest.
  void Submit(uint32_t slot, RequestKind kind, uint32_t runs, uint64_t sequence);

  enum class WaitResult { kDone, kTimeout, kDead, kBroken };
  // Waits for the reply. kBroken: the guest wrote a state that it must not write.
  WaitResult Wait(uint32_t slot, std::chrono::steady_clock::time_point until);
  // After kDone; copies.
  Reply TakeReply(uint32_t slot) const;
  // After kDone for a bench request of `runs`.
  std::vector<RunTimes> TakeTimes(uint32_t slot, uint32_t runs) const;
  // Wakes everybody who waits for a guest that has ended; their wait ends with kDead.
  void MarkDead();

 private:
  SlotHeader& Slot(uint32_t slot) const;
  RingHeader& Header() const;

  FileDescriptor fd_;
  RingMemory memory_;
  RingLayout layout_;
  AdaptiveSpin spin_;
};

// The guest's side. One thread.
class GuestRing {
 public:
  // kInvalidArgument if the memory is not sealed, or its header is not that of a ring for these
  // tensors.
  static Result<GuestRing> Attach(int fd, const TensorSizes& sizes, uint32_t spin_us);

  struct Request {
    uint32_t slot;
    RequestKind kind;
    uint32_t runs;  // at most kBenchRunsMax
    uint64_t sequence;
  };
  // Waits for the next request, for ever. Makes no system call but futex.
  Request Next();
  const void* Input(uint32_t slot, size_t i) const;
  void* Output(uint32_t slot, size_t i) const;
  std::span<RunTimes> Times(uint32_t slot) const;
  void Complete(const Request& request, Code code, std::string_view message);

 private:
  SlotHeader& Slot(uint32_t slot) const;
  RingHeader& Header() const;
  bool FindOldest(Request& request) const;

  RingMemory memory_;
  RingLayout layout_;
  AdaptiveSpin spin_;
};

}  // namespace kedge::ring
