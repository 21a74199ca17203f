// The messages of a worker that is starting: code of the model may have written them.
// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"
#include "ring/handshake.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const kedge::Bytes frame(data, size);
  if (const auto hello = kedge::ring::DecodeHello(frame)) {
    // What was understood must be what was written.
    const kedge::ByteBuffer again = kedge::ring::EncodeHello(*hello);
    KEDGE_CHECK(again.size() == size && std::equal(again.begin(), again.end(), data));
  }
  (void)kedge::ring::DecodeReady(frame).has_value();
  return 0;
}
