// Temporary access keys from a credential provider, as AWS IoT and kedge-server's device listener
// give them: GET <url> over mTLS answers {"credentials": {"accessKeyId", "secretAccessKey",
// "sessionToken", "expiration"}}.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>

#include "base/clock.h"
#include "http/client.h"
#include "http/sigv4.h"

namespace kedge::agent {

// Thread-safe.
class TemporaryCredentials {
 public:
  static constexpr int64_t kMarginMs = 5 * 60 * 1000;  // asked for anew so long before their end

  // Borrows transport and clock. `thing_name` may be empty.
  TemporaryCredentials(http::Transport& transport, const Clock& clock, std::string url,
                       std::string thing_name)
      : transport_(transport),
        clock_(clock),
        url_(std::move(url)),
        thing_name_(std::move(thing_name)) {}

  // The keys that count now. kUnavailable (also for an answer that is not understood: the next one
  // may be), kPermissionDenied.
  Result<http::Credentials> Get();

 private:
  Result<http::Credentials> Ask();

  http::Transport& transport_;
  const Clock& clock_;
  const std::string url_;
  const std::string thing_name_;
  std::mutex mutex_;
  http::Credentials credentials_;
  EpochMs ask_at_ = 0;
};

// "2026-11-22T14:00:00Z" as milliseconds since the epoch. kInvalidArgument for another form.
Result<EpochMs> ParseUtcTime(const std::string& text);

}  // namespace kedge::agent
