// SPDX-License-Identifier: Apache-2.0
#include "ring/ring.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kedge::ring {

namespace {

constexpr uint64_t kMagic = 0x31'67'6e'69'72'67'64'6b;  // "kdgring1"
constexpr uint32_t kVersion = 1;
constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kTensorAlign = 64;
constexpr uint64_t kManySlotsBytesMax = uint64_t{1} << 20;
constexpr int kSeals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

enum State : uint32_t {
  kFree = 0,
  kRequested = 1,
  kRequestedAsleep = 2,
  kDone = 3,
  kDead = 4,
};

uint64_t RoundUp(uint64_t bytes, uint64_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

struct RingHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t slot_count;
  uint64_t slot_bytes;
  uint64_t ring_bytes;
  alignas(64) std::atomic<uint32_t> doorbell;
  std::atomic<uint32_t> guest_sleeps;
};
static_assert(sizeof(RingHeader) <= kPageBytes && std::is_standard_layout_v<RingHeader>);

struct SlotHeader {
  std::atomic<uint32_t> state;
  uint32_t kind;
  uint32_t runs;
  uint64_t sequence;

  alignas(64) uint64_t done_sequence;
  uint32_t code;
  char message[kMessageBytes];

  alignas(64) RunTimes times[kBenchRunsMax];
};
static_assert(std::is_standard_layout_v<SlotHeader> && sizeof(SlotHeader) % kTensorAlign == 0);

Result<RingLayout> RingLayout::For(const TensorSizes& sizes) {
  RingLayout layout;
  uint64_t at = sizeof(SlotHeader);
  const auto place = [&at](const std::vector<uint64_t>& tensors, std::vector<uint64_t>& offsets) {
    for (const uint64_t bytes : tensors) {
      if (bytes > kSlotBytesMax || at > kSlotBytesMax) return false;
      offsets.push_back(at);
      at = RoundUp(at + bytes, kTensorAlign);
    }
    return at <= kSlotBytesMax;
  };
  if (!place(sizes.inputs, layout.inputs) || !place(sizes.outputs, layout.outputs)) {
    return ResourceExhausted("the model's inputs and outputs are larger than " +
                             std::to_string(kSlotBytesMax) + " bytes");
  }
  layout.slot_bytes = RoundUp(at, kPageBytes);
  layout.slot_count = layout.slot_bytes <= kManySlotsBytesMax ? kSlotsMax : kSlotsMin;
  layout.ring_bytes = kPageBytes + layout.slot_count * layout.slot_bytes;
  return layout;
}

RingMemory::~RingMemory() {
  if (at_ != nullptr) ::munmap(at_, bytes_);
}

Result<RingMemory> RingMemory::Map(int fd, uint64_t bytes) {
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return ErrnoError(errno, "mapping the ring");
  RingMemory memory;
  memory.at_ = static_cast<uint8_t*>(at);
  memory.bytes_ = bytes;
  return memory;
}

Result<HostRing> HostRing::Create(const TensorSizes& sizes, uint32_t spin_us) {
  HostRing ring;
  KEDGE_TRY(ring.layout_, RingLayout::For(sizes));
  ring.fd_ = FileDescriptor(::memfd_create("kedge-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!ring.fd_.valid()) return ErrnoError(errno, "making the ring");
  if (::ftruncate(ring.fd(), static_cast<off_t>(ring.layout_.ring_bytes)) != 0)
    return ErrnoError(errno, "sizing the ring");
  if (::fcntl(ring.fd(), F_ADD_SEALS, kSeals) != 0) return ErrnoError(errno, "sealing the ring");
  KEDGE_TRY(ring.memory_, RingMemory::Map(ring.fd(), ring.layout_.ring_bytes));
  new (ring.memory_.at()) RingHeader{.magic = kMagic,
                                     .version = kVersion,
                                     .slot_count = ring.layout_.slot_count,
                                     .slot_bytes = ring.layout_.slot_bytes,
                                     .ring_bytes = ring.layout_.ring_bytes};
  ring.spin_ = AdaptiveSpin(spin_us);
  return ring;
}

RingHeader& HostRing::Header() const { return *reinterpret_cast<RingHeader*>(memory_.at()); }

SlotHeader& HostRing::Slot(uint32_t slot) const {
  return *reinterpret_cast<SlotHeader*>(memory_.at() + kPageBytes + slot * layout_.slot_bytes);
}

uint8_t* HostRing::Input(uint32_t slot, size_t i) const {
  return reinterpret_cast<uint8_t*>(&Slot(slot)) + layout_.inputs[i];
}

const uint8_t* HostRing::Output(uint32_t slot, size_t i) const {
  return reinterpret_cast<uint8_t*>(&Slot(slot)) + layout_.outputs[i];
}

void HostRing::Submit(uint32_t slot, RequestKind kind, uint32_t runs, uint64_t sequence) {
  SlotHeader& header = Slot(slot);
  header.kind = static_cast<uint32_t>(kind);
  header.runs = runs;
  header.sequence = sequence;
  // MarkDead() may have come first; its note stays.
  uint32_t state = header.state.load(std::memory_order_relaxed);
  while (state != kDead &&
         !header.state.compare_exchange_weak(state, kRequested, std::memory_order_release)) {
  }
  // The guest says that it sleeps before it looks at the doorbell a last time; this side rings
  // before it looks whether the guest sleeps: one of them sees the other.
  Header().doorbell.fetch_add(1);
  if (Header().guest_sleeps.load() != 0) FutexWake(Header().doorbell, FutexScope::kProcesses, 1);
}

HostRing::WaitResult HostRing::Wait(uint32_t slot, std::chrono::steady_clock::time_point until) {
  std::atomic<uint32_t>& word = Slot(slot).state;
  uint32_t state = kRequested;
  spin_.WaitFor([&] { return (state = word.load(std::memory_order_acquire)) != kRequested; });
  for (;;) {
    if (state == kDone) return WaitResult::kDone;
    if (state == kDead) return WaitResult::kDead;
    if (state != kRequested && state != kRequestedAsleep) return WaitResult::kBroken;
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds(0)) return WaitResult::kTimeout;
    if (state == kRequestedAsleep ||
        word.compare_exchange_strong(state, kRequestedAsleep, std::memory_order_acquire)) {
      FutexWait(word, kRequestedAsleep, FutexScope::kProcesses, left);
      state = word.load(std::memory_order_acquire);
    }
  }
}

Reply HostRing::TakeReply(uint32_t slot) const {
  SlotHeader& header = Slot(slot);
  char message[kMessageBytes];
  std::memcpy(message, header.message, sizeof message);
  const uint32_t code = std::atomic_ref(header.code).load(std::memory_order_relaxed);  // once
  return {.sequence = header.done_sequence,
          .code = code <= static_cast<uint32_t>(Code::kUnauthenticated) ? static_cast<Code>(code)
                                                                        : Code::kUnknown,
          .message = std::string(message, ::strnlen(message, sizeof message))};
}

std::vector<RunTimes> HostRing::TakeTimes(uint32_t slot, uint32_t runs) const {
  const SlotHeader& header = Slot(slot);
  return {header.times, header.times + std::min(runs, kBenchRunsMax)};
}

void HostRing::MarkDead() {
  for (uint32_t slot = 0; slot < layout_.slot_count; ++slot) {
    std::atomic<uint32_t>& word = Slot(slot).state;
    word.exchange(kDead, std::memory_order_acq_rel);
    FutexWake(word, FutexScope::kProcesses);
  }
}

Result<GuestRing> GuestRing::Attach(int fd, const TensorSizes& sizes, uint32_t spin_us) {
  GuestRing ring;
  KEDGE_TRY(ring.layout_, RingLayout::For(sizes));
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) return InvalidArgument("the ring is not sealed");
  struct stat file{};
  if (::fstat(fd, &file) != 0) return ErrnoError(errno, "size of the ring");
  if (static_cast<uint64_t>(file.st_size) != ring.layout_.ring_bytes) {
    return InvalidArgument("the ring is " + std::to_string(file.st_size) +
                           " bytes, the model's is " + std::to_string(ring.layout_.ring_bytes));
  }
  KEDGE_TRY(ring.memory_, RingMemory::Map(fd, ring.layout_.ring_bytes));
  struct {
    uint64_t magic;
    uint32_t version, slot_count;
    uint64_t slot_bytes, ring_bytes;
  } header{};
  static_assert(offsetof(RingHeader, ring_bytes) == 24 && sizeof header == 32);
  std::memcpy(&header, ring.memory_.at(), sizeof header);
  if (header.magic != kMagic || header.version != kVersion ||
      header.slot_count != ring.layout_.slot_count ||
      header.slot_bytes != ring.layout_.slot_bytes || header.ring_bytes != ring.layout_.ring_bytes)
    return InvalidArgument("the ring's header is not that of this model's ring");
  ring.spin_ = AdaptiveSpin(spin_us);
  return ring;
}

RingHeader& GuestRing::Header() const { return *reinterpret_cast<RingHeader*>(memory_.at()); }

SlotHeader& GuestRing::Slot(uint32_t slot) const {
  return *reinterpret_cast<SlotHeader*>(memory_.at() + kPageBytes + slot * layout_.slot_bytes);
}

const void* GuestRing::Input(uint32_t slot, size_t i) const {
  return reinterpret_cast<uint8_t*>(&Slot(slot)) + layout_.inputs[i];
}

void* GuestRing::Output(uint32_t slot, size_t i) const {
  return reinterpret_cast<uint8_t*>(&Slot(slot)) + layout_.outputs[i];
}

std::span<RunTimes> GuestRing::Times(uint32_t slot) const { return Slot(slot).times; }

bool GuestRing::FindOldest(Request& request) const {
  bool found = false;
  for (uint32_t slot = 0; slot < layout_.slot_count; ++slot) {
    const SlotHeader& header = Slot(slot);
    const uint32_t state = header.state.load(std::memory_order_acquire);
    if (state != kRequested && state != kRequestedAsleep) continue;
    const uint64_t sequence = header.sequence;
    if (found && sequence >= request.sequence) continue;
    found = true;
    request = {.slot = slot,
               .kind = static_cast<RequestKind>(header.kind),
               .runs = std::min(header.runs, kBenchRunsMax),
               .sequence = sequence};
  }
  return found;
}

GuestRing::Request GuestRing::Next() {
  Request request{};
  std::atomic<uint32_t>& doorbell = Header().doorbell;
  for (;;) {
    const uint32_t seen = doorbell.load();
    if (FindOldest(request)) return request;
    if (spin_.WaitFor([&] { return doorbell.load(std::memory_order_acquire) != seen; })) continue;
    Header().guest_sleeps.store(1);
    if (doorbell.load() == seen) FutexWait(doorbell, seen, FutexScope::kProcesses);
    Header().guest_sleeps.store(0);
  }
}

void GuestRing::Complete(const Request& request, Code code, std::string_view message) {
  SlotHeader& header = Slot(request.slot);
  const size_t length = std::min(message.size(), kMessageBytes - 1);
  std::copy_n(message.data(), length, header.message);
  header.message[length] = '\0';
  header.code = static_cast<uint32_t>(code);
  header.done_sequence = request.sequence;
  if (header.state.exchange(kDone, std::memory_order_acq_rel) == kRequestedAsleep)
    FutexWake(header.state, FutexScope::kProcesses, 1);
}

}  // namespace kedge::ring
