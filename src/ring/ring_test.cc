// SPDX-License-Identifier: Apache-2.0
#include "ring/ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

namespace kedge::ring {
namespace {

using Clock = std::chrono::steady_clock;
using WaitResult = HostRing::WaitResult;

const TensorSizes kSizes = {.inputs = {16, 5}, .outputs = {100}};

Clock::time_point Soon() { return Clock::now() + std::chrono::seconds(60); }
Clock::time_point Past() { return Clock::now() - std::chrono::seconds(1); }

TEST(RingLayout, PlacesTensorsApartAndAligned) {
  const auto layout = RingLayout::For(kSizes);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->slot_count, 4u);
  ASSERT_EQ(layout->inputs.size(), 2u);
  EXPECT_EQ(layout->inputs[0] % 64, 0u);
  EXPECT_EQ(layout->inputs[1], layout->inputs[0] + 64);
  EXPECT_EQ(layout->outputs[0], layout->inputs[1] + 64);
  EXPECT_EQ(layout->slot_bytes % 4096, 0u);
  EXPECT_GE(layout->slot_bytes, layout->outputs[0] + 100);
  EXPECT_EQ(layout->ring_bytes, 4096 + 4 * layout->slot_bytes);
}

TEST(RingLayout, HasFewerSlotsForLargeTensors) {
  EXPECT_EQ(RingLayout::For({.inputs = {2u << 20}, .outputs = {}})->slot_count, 2u);
  EXPECT_EQ(RingLayout::For({.inputs = {}, .outputs = {}})->slot_count, 4u);
}

TEST(RingLayout, RefusesWhatWouldOverflow) {
  const TensorSizes cases[] = {
      {.inputs = {kSlotBytesMax + 1}, .outputs = {}},
      {.inputs = {~uint64_t{0}}, .outputs = {}},
      {.inputs = {~uint64_t{0} - 63, 64}, .outputs = {}},
      {.inputs = {kSlotBytesMax}, .outputs = {1}},
      {.inputs = {kSlotBytesMax / 2, kSlotBytesMax / 2}, .outputs = {kSlotBytesMax / 2}},
  };
  for (const TensorSizes& sizes : cases) {
    SCOPED_TRACE(sizes.inputs[0]);
    const auto layout = RingLayout::For(sizes);
    ASSERT_FALSE(layout);
    EXPECT_EQ(layout.error().code, Code::kResourceExhausted);
  }
}

struct Pair {
  HostRing host;
  GuestRing guest;
};

Pair MakePair(uint32_t spin_us = 20) {
  auto host = HostRing::Create(kSizes, spin_us);
  KEDGE_CHECK(host.has_value());
  auto guest = GuestRing::Attach(host->fd(), kSizes, spin_us);
  KEDGE_CHECK(guest.has_value());
  return {*std::move(host), *std::move(guest)};
}

TEST(Ring, CarriesARequestAndItsReply) {
  Pair ring = MakePair();
  std::memset(ring.host.Input(2, 1), 0x5a, 5);
  ring.host.Submit(2, RequestKind::kRun, 1, 77);
  const GuestRing::Request request = ring.guest.Next();
  EXPECT_EQ(request.slot, 2u);
  EXPECT_EQ(request.kind, RequestKind::kRun);
  EXPECT_EQ(request.sequence, 77u);
  EXPECT_EQ(static_cast<const uint8_t*>(ring.guest.Input(2, 1))[4], 0x5a);
  std::memset(ring.guest.Output(2, 0), 0xa5, 100);
  ring.guest.Complete(request, Code::kOutOfRange, "index 9 is out of range");
  ASSERT_EQ(ring.host.Wait(2, Soon()), WaitResult::kDone);
  const Reply reply = ring.host.TakeReply(2);
  EXPECT_EQ(reply.sequence, 77u);
  EXPECT_EQ(reply.code, Code::kOutOfRange);
  EXPECT_EQ(reply.message, "index 9 is out of range");
  EXPECT_EQ(ring.host.Output(2, 0)[99], 0xa5);
}

TEST(Ring, ServesTheOldestRequestFirst) {
  Pair ring = MakePair();
  ring.host.Submit(0, RequestKind::kRun, 1, 12);
  ring.host.Submit(3, RequestKind::kRun, 1, 10);
  ring.host.Submit(1, RequestKind::kRun, 1, 11);
  for (const uint64_t sequence : {10u, 11u, 12u}) {
    const auto request = ring.guest.Next();
    EXPECT_EQ(request.sequence, sequence);
    ring.guest.Complete(request, Code::kOk, "");
  }
}

TEST(Ring, WaitEndsAtItsTime) {
  Pair ring = MakePair(0);
  ring.host.Submit(0, RequestKind::kRun, 1, 1);
  EXPECT_EQ(ring.host.Wait(0, Past()), WaitResult::kTimeout);
  EXPECT_EQ(ring.host.Wait(0, Clock::now() + std::chrono::milliseconds(5)), WaitResult::kTimeout);
  ring.guest.Complete(ring.guest.Next(), Code::kOk, "");
  EXPECT_EQ(ring.host.Wait(0, Past()), WaitResult::kDone);
}

TEST(Ring, CutsRunsAndMessagesToTheirRoom) {
  Pair ring = MakePair();
  ring.host.Submit(0, RequestKind::kBench, 1'000'000, 1);
  const auto request = ring.guest.Next();
  EXPECT_EQ(request.runs, kBenchRunsMax);
  EXPECT_EQ(ring.guest.Times(0).size(), kBenchRunsMax);
  ring.guest.Times(0)[kBenchRunsMax - 1] = {.cpu_ns = 1, .wall_ns = 2};
  ring.guest.Complete(request, Code::kOk, std::string(5000, 'm'));
  ASSERT_EQ(ring.host.Wait(0, Soon()), WaitResult::kDone);
  EXPECT_EQ(ring.host.TakeReply(0).message, std::string(kMessageBytes - 1, 'm'));
  EXPECT_EQ(ring.host.TakeTimes(0, 1'000'000).size(), kBenchRunsMax);
  EXPECT_EQ(ring.host.TakeTimes(0, kBenchRunsMax).back().wall_ns, 2u);
}

TEST(Ring, WakesWhoeverWaitsForADeadGuest) {
  Pair ring = MakePair(0);
  std::thread waiter([&] {
    ring.host.Submit(0, RequestKind::kRun, 1, 1);
    EXPECT_EQ(ring.host.Wait(0, Soon()), WaitResult::kDead);
  });
  (void)ring.guest.Next();
  ring.host.MarkDead();
  waiter.join();
  // The note stays: a request that comes too late does not wait at all.
  ring.host.Submit(1, RequestKind::kRun, 1, 2);
  EXPECT_EQ(ring.host.Wait(1, Soon()), WaitResult::kDead);
}

TEST(Ring, NoticesAStateThatTheGuestMustNotWrite) {
  Pair ring = MakePair();
  ring.host.Submit(1, RequestKind::kRun, 1, 1);
  // The state is the first word of a slot, which lies before its first tensor.
  auto* word = reinterpret_cast<std::atomic<uint32_t>*>(ring.host.Input(1, 0) -
                                                        ring.host.layout().inputs[0]);
  word->store(99);
  EXPECT_EQ(ring.host.Wait(1, Soon()), WaitResult::kBroken);
  word->store(0);
  EXPECT_EQ(ring.host.Wait(1, Soon()), WaitResult::kBroken);
}

TEST(Ring, TakesNothingInAReplyForGranted) {
  Pair ring = MakePair();
  ring.host.Submit(0, RequestKind::kRun, 1, 5);
  const auto request = ring.guest.Next();
  // Everything between the request's words and the first tensor: sequence, code, message, times.
  uint8_t* slot = ring.host.Input(0, 0) - ring.host.layout().inputs[0];
  std::memset(slot + 64, 0xff, ring.host.layout().inputs[0] - 64);
  reinterpret_cast<std::atomic<uint32_t>*>(slot)->store(3);
  ASSERT_EQ(ring.host.Wait(0, Soon()), WaitResult::kDone);
  const Reply reply = ring.host.TakeReply(0);
  EXPECT_NE(reply.sequence, request.sequence);
  EXPECT_EQ(reply.code, Code::kUnknown);
  EXPECT_EQ(reply.message.size(), kMessageBytes);  // without an end in its room
}

TEST(Ring, PassesManyRequestsThroughAllSlots) {
  for (const uint32_t spin_us : {0u, 20u}) {
    SCOPED_TRACE(spin_us);
    Pair ring = MakePair(spin_us);
    constexpr uint64_t kRequests = 2000;
    std::thread guest([&] {
      for (uint64_t i = 0; i < 4 * kRequests; ++i) {
        const auto request = ring.guest.Next();
        const auto* in = static_cast<const uint64_t*>(ring.guest.Input(request.slot, 0));
        *static_cast<uint64_t*>(ring.guest.Output(request.slot, 0)) = *in + 1;
        ring.guest.Complete(request, Code::kOk, "");
      }
    });
    std::atomic<uint64_t> sequence{1};
    std::vector<std::thread> hosts;
    for (uint32_t slot = 0; slot < 4; ++slot) {
      hosts.emplace_back([&, slot] {
        for (uint64_t i = 0; i < kRequests; ++i) {
          const uint64_t mine = sequence.fetch_add(1);
          StoreLittle(ring.host.Input(slot, 0), mine);
          ring.host.Submit(slot, RequestKind::kRun, 1, mine);
          ASSERT_EQ(ring.host.Wait(slot, Soon()), WaitResult::kDone);
          ASSERT_EQ(ring.host.TakeReply(slot).sequence, mine);
          ASSERT_EQ(LoadLittle<uint64_t>(ring.host.Output(slot, 0)), mine + 1);
        }
      });
    }
    for (std::thread& host : hosts) host.join();
    guest.join();
  }
}

TEST(Ring, IsSealed) {
  const Pair ring = MakePair();
  EXPECT_NE(::ftruncate(ring.host.fd(), 4096), 0);
  EXPECT_NE(::ftruncate(ring.host.fd(), 1 << 30), 0);
  EXPECT_NE(::fcntl(ring.host.fd(), F_ADD_SEALS, F_SEAL_WRITE), 0);
}

TEST(GuestRing, RefusesAnotherMemory) {
  const auto host = HostRing::Create(kSizes, 0);
  ASSERT_TRUE(host);
  EXPECT_EQ(GuestRing::Attach(host->fd(), {.inputs = {1u << 20}, .outputs = {}}, 0).error().code,
            Code::kInvalidArgument);

  const FileDescriptor open(::memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(open.get(), static_cast<off_t>(host->layout().ring_bytes)), 0);
  EXPECT_NE(GuestRing::Attach(open.get(), kSizes, 0).error().message.find("not sealed"),
            std::string::npos);
  ASSERT_EQ(::fcntl(open.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), 0);
  EXPECT_NE(GuestRing::Attach(open.get(), kSizes, 0).error().message.find("header"),
            std::string::npos);
  EXPECT_EQ(GuestRing::Attach(-1, kSizes, 0).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace kedge::ring
