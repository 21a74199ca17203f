// What host and guest tell each other by the control socket while a worker starts, before the ring
// is there:
//
//   guest -> host   Hello: the model is loaded (its inputs and outputs), or why not
//   host -> guest   the ring's descriptor, with one byte
//   guest -> host   Ready: the sandbox is shut and the guest serves the ring, or why not
//
// Each message but the descriptor is a frame: four bytes of length, then the message,
// little-endian; texts and lists begin with a four-byte count. The model's own code may have run
// before the guest wrote a frame, so the host takes nothing in it for granted.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/result.h"
#include "ring/worker_process.h"

namespace kedge::ring {

constexpr size_t kFrameBytesMax = size_t{1} << 20;
constexpr uint32_t kTensorsMax = 256;
constexpr uint32_t kNameBytesMax = 1024;

struct Hello {
  std::vector<IoInfo> inputs, outputs;
  std::string target;
  std::string weights_hash;
};

// Either the value or the guest's error, as it stands in a frame.
ByteBuffer EncodeHello(const Result<Hello>& hello);
ByteBuffer EncodeReady(const Result<SandboxLevel>& sandbox);
// The outer error is kDataLoss for a malformed frame; an error that the guest reported is returned
// with its own code.
Result<Hello> DecodeHello(Bytes frame);
Result<SandboxLevel> DecodeReady(Bytes frame);

// Blocking; for the guest. kUnavailable if the other side is gone.
Status SendFrame(int socket, Bytes frame);
Result<FileDescriptor> ReceiveDescriptor(int socket);
// For the host. kDeadlineExceeded; kUnavailable if the other side is gone; kDataLoss for a frame
// longer than kFrameBytesMax.
Result<ByteBuffer> ReceiveFrame(int socket, std::chrono::steady_clock::time_point until);
Status SendDescriptor(int socket, int fd);

}  // namespace kedge::ring
