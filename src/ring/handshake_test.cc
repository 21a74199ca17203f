// SPDX-License-Identifier: Apache-2.0
#include "ring/handshake.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace kedge::ring {
namespace {

using Clock = std::chrono::steady_clock;

Hello Specimen() {
  return {.inputs = {{"x", DType::kF32, Shape({1, 3}), 12}, {"", DType::kI64, Shape(), 8}},
          .outputs = {{std::string(1024, 'n'), DType::kBool, Shape({0, 5}), 0}},
          .target = "x86-64-v3",
          .weights_hash = "ab12"};
}

struct Sockets {
  FileDescriptor a, b;
};

Sockets MakeSockets() {
  int ends[2];
  KEDGE_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

TEST(Handshake, HelloReadsBack) {
  const auto hello = DecodeHello(EncodeHello(Specimen()));
  ASSERT_TRUE(hello) << hello.error().message;
  EXPECT_EQ(hello->target, "x86-64-v3");
  EXPECT_EQ(hello->weights_hash, "ab12");
  ASSERT_EQ(hello->inputs.size(), 2u);
  EXPECT_EQ(hello->inputs[0].name, "x");
  EXPECT_EQ(hello->inputs[0].shape, Shape({1, 3}));
  EXPECT_EQ(hello->inputs[0].bytes, 12u);
  EXPECT_EQ(hello->inputs[1].bytes, 8u);
  EXPECT_EQ(hello->outputs[0].bytes, 0u);
}

TEST(Handshake, ReadyReadsBack) {
  const SandboxLevel level{
      .seccomp = true, .landlock = false, .rlimits = true, .no_new_privileges = true};
  const auto ready = DecodeReady(EncodeReady(level));
  ASSERT_TRUE(ready);
  EXPECT_TRUE(ready->seccomp && ready->rlimits && ready->no_new_privileges);
  EXPECT_FALSE(ready->landlock);
  EXPECT_EQ(ready->Text(), "no-landlock");
  EXPECT_EQ(SandboxLevel{}.Text(), "no-seccomp no-landlock no-rlimits no-privilege-lock");
}

TEST(Handshake, TheGuestsErrorComesBackAsItsOwn) {
  const Error error = FailedPrecondition("the CPU lacks warp_drive");
  EXPECT_EQ(DecodeHello(EncodeHello(error)).error(), error);
  EXPECT_EQ(DecodeReady(EncodeReady(error)).error(), error);
}

TEST(Handshake, RefusesEveryTruncation) {
  const ByteBuffer frame = EncodeHello(Specimen());
  for (size_t bytes = 0; bytes < frame.size(); ++bytes) {
    const auto hello = DecodeHello(Bytes(frame).first(bytes));
    ASSERT_FALSE(hello) << bytes;
    ASSERT_EQ(hello.error().code, Code::kDataLoss) << bytes;
  }
  ByteBuffer longer = frame;
  longer.push_back(0);
  EXPECT_FALSE(DecodeHello(longer));
}

// Counts, lengths, types and sizes that lie: an answer in every case, and bytes as the shape says.
TEST(Handshake, SurvivesEveryByteBeingWrong) {
  const ByteBuffer frame = EncodeHello(Specimen());
  for (size_t at = 0; at < frame.size(); ++at) {
    for (const uint8_t value : std::initializer_list<uint8_t>{0x00, 0x01, 0x7f, 0x80, 0xff}) {
      ByteBuffer broken = frame;
      broken[at] = value;
      const auto hello = DecodeHello(broken);
      if (!hello) continue;
      for (const IoInfo& tensor : hello->inputs)
        ASSERT_EQ(tensor.bytes,
                  static_cast<uint64_t>(tensor.shape.elements()) * DTypeSize(tensor.dtype));
    }
  }
}

TEST(Handshake, FramesAndDescriptorsCrossASocket) {
  const Sockets sockets = MakeSockets();
  const ByteBuffer frame = EncodeHello(Specimen());
  ASSERT_TRUE(SendFrame(sockets.a.get(), frame));
  const auto received = ReceiveFrame(sockets.b.get(), Clock::now() + std::chrono::seconds(10));
  ASSERT_TRUE(received);
  EXPECT_EQ(*received, frame);

  const FileDescriptor memory(::memfd_create("memory", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(memory.get(), 123), 0);
  ASSERT_TRUE(SendDescriptor(sockets.b.get(), memory.get()));
  const auto descriptor = ReceiveDescriptor(sockets.a.get());
  ASSERT_TRUE(descriptor);
  EXPECT_EQ(::lseek(descriptor->get(), 0, SEEK_END), 123);
}

TEST(Handshake, ReceivingEnds) {
  const Sockets sockets = MakeSockets();
  EXPECT_EQ(ReceiveFrame(sockets.b.get(), Clock::now()).error().code, Code::kDeadlineExceeded);
  // A frame that announces more than it may.
  ASSERT_TRUE(WriteAll(sockets.a.get(), AsBytes("\xff\xff\xff\x7f")));
  EXPECT_EQ(ReceiveFrame(sockets.b.get(), Clock::now() + std::chrono::seconds(10)).error().code,
            Code::kDataLoss);
  ASSERT_TRUE(WriteAll(sockets.a.get(), AsBytes(std::string_view("\x08\0\0\0half", 8))));
  ::shutdown(sockets.a.get(), SHUT_WR);
  EXPECT_EQ(ReceiveFrame(sockets.b.get(), Clock::now() + std::chrono::seconds(10)).error().code,
            Code::kUnavailable);
  EXPECT_EQ(ReceiveDescriptor(sockets.b.get()).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace kedge::ring
