// What the agent reads from its disk at the start: its state and its configuration.
// SPDX-License-Identifier: Apache-2.0
#include "agent/config.h"
#include "agent/update/device_state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  std::vector<std::string> warnings;
  if (const auto config = kedge::agent::ParseConfig(text, &warnings)) {
    KEDGE_CHECK(config->capture_batch_size >= 1);
    KEDGE_CHECK(config->capture_batch_size <= config->capture_buffer_size);
    KEDGE_CHECK(config->PollSeconds() >= 1);
  }
  const auto state = kedge::agent::ParseDeviceState(text);
  if (!state) return 0;
  // Digests become file names and handles folder names.
  for (const std::string& digest : state->ReferencedPackages())
    KEDGE_CHECK(digest.size() == 64 && digest.find('/') == std::string::npos);
  for (const auto& model : state->models) KEDGE_CHECK(kedge::protocol::IsEntityName(model.handle));
  const std::string written = kedge::agent::WriteDeviceState(*state);
  const auto again = kedge::agent::ParseDeviceState(written);
  KEDGE_CHECK(again.has_value());
  KEDGE_CHECK(kedge::agent::WriteDeviceState(*again) == written);
  return 0;
}
