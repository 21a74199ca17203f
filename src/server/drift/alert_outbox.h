// Sends alerts from their outbox: webhooks (POST, signed with HMAC-SHA256) and mails (SMTP).
//
// Each attempt is bounded in time; one that fails is tried again after 5 s, 10 s, 20 s ... up to an
// hour, and given up a day after the alert was made. The outbox holds at most
// store::kAlertsWaitingMax alerts of one target.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "http/client.h"
#include "http/mail.h"
#include "server/keys/keyring.h"
#include "server/nodes/leased_loop.h"
#include "store/tables/alerts.h"

namespace kedge::server {

// Name of the lease.
inline constexpr const char* kAlertLease = "alerts";

constexpr std::chrono::milliseconds kAlertTimeout{
    3'000};  // of one attempt, below a third of a lease
constexpr int64_t kAlertFirstWaitMs = 5'000;
constexpr int64_t kAlertWaitMsMax = 3'600'000;
constexpr int64_t kAlertGivenUpMs = 24 * 3'600'000;

// Milliseconds until the next attempt after the n-th, n >= 1, failed.
int64_t AlertWaitMs(int64_t attempts);

// kInvalidArgument: neither https nor mailto, nor http to a loopback address; or mailto without a
// mail server.
Status CheckAlertAddress(const std::string& address, bool has_mail);

// Thread-safe.
class AlertSender {
 public:
  // Borrows keyring and clock; `mail` may be null: no mail server is set.
  AlertSender(const Keyring& keyring, const Clock& clock, std::unique_ptr<http::Transport> web,
              std::unique_ptr<http::MailTransport> mail)
      : keyring_(keyring), clock_(clock), web_(std::move(web)), mail_(std::move(mail)) {}

  // Seals and opens a target's secret.
  Result<std::string> Seal(const std::string& target, const std::string& secret) const;

  // One attempt. Success: the receiver took it (any 2xx). kUnavailable names the status of another
  // answer; otherwise as the transports.
  Result<std::string> Send(const store::AlertTarget& target, const store::Alert& alert) const;
  bool has_mail() const { return mail_ != nullptr; }

 private:
  Result<std::string> Post(const store::AlertTarget& target, const store::Alert& alert) const;

  const Keyring& keyring_;
  const Clock& clock_;
  const std::unique_ptr<http::Transport> web_;
  const std::unique_ptr<http::MailTransport> mail_;
};

// One step of the outbox: one alert.
Result<LeasedStep> SendAlertStep(store::Store& store, const Clock& clock, const AlertSender& sender,
                                 const store::Lease& lease);

}  // namespace kedge::server
