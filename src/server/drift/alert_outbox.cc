// SPDX-License-Identifier: Apache-2.0
#include "server/drift/alert_outbox.h"

#include <algorithm>

#include "server/drift/alert.h"

namespace kedge::server {
namespace {

constexpr std::string_view kMailTo = "mailto:";
constexpr uint64_t kAnswerBytesMax = 64u << 10;
constexpr size_t kErrorBytesMax = 300;

std::string PurposeOf(const std::string& target) { return "alert target " + target; }

bool IsLoopback(const std::string& authority) {
  const std::string host = authority.substr(0, authority.rfind(':'));
  const bool is_number = host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || host == "[::1]" || (is_number && host.starts_with("127."));
}

std::string Cut(const std::string& text) { return text.substr(0, kErrorBytesMax); }

}  // namespace

int64_t AlertWaitMs(int64_t attempts) {
  constexpr int64_t kDoublingsMax = 20;
  return std::min(kAlertWaitMsMax,
                  kAlertFirstWaitMs << std::clamp<int64_t>(attempts - 1, 0, kDoublingsMax));
}

Status CheckAlertAddress(const std::string& address, bool has_mail) {
  if (address.starts_with(kMailTo)) {
    if (has_mail) return {};
    return InvalidArgument("Address " + address + " needs a mail server: set --smtp-url");
  }
  KEDGE_TRY(const http::Url url, http::SplitUrl(address));
  if (url.scheme == "https" || IsLoopback(url.authority)) return {};
  return InvalidArgument("Address " + address + " must be https");
}

Result<std::string> AlertSender::Seal(const std::string& target, const std::string& secret) const {
  return keyring_.Seal(PurposeOf(target), secret);
}

Result<std::string> AlertSender::Post(const store::AlertTarget& target,
                                      const store::Alert& alert) const {
  KEDGE_TRY(const std::string secret, keyring_.Open(PurposeOf(target.name), target.secret));
  http::ClientRequest request{.method = "POST",
                              .url = target.address,
                              .body = alert.body,
                              .timeout = kAlertTimeout,
                              .connect_timeout = kAlertTimeout,
                              .response_bytes_max = kAnswerBytesMax};
  request.headers.Set("Content-Type", "application/json");
  request.headers.Set("User-Agent", "kedge-server");
  request.headers.Set("X-Kedge-Event", alert.kind);
  request.headers.Set("X-Kedge-Delivery", alert.id);
  request.headers.Set("X-Kedge-Signature", AlertSignature(secret, clock_.NowMs(), alert.body));
  KEDGE_TRY(const http::Response response, web_->Send(request));
  const std::string status = "status " + std::to_string(response.status);
  if (response.status < 200 || response.status > 299) return Unavailable("answered " + status);
  return status;
}

Result<std::string> AlertSender::Send(const store::AlertTarget& target,
                                      const store::Alert& alert) const {
  if (!target.address.starts_with(kMailTo)) return Post(target, alert);
  if (mail_ == nullptr) return FailedPrecondition("no mail server is set (--smtp-url)");
  MailParts parts = AlertMail(alert.body);
  KEDGE_TRY_STATUS(mail_->Send({.to = target.address.substr(kMailTo.size()),
                                .subject = std::move(parts.subject),
                                .body = std::move(parts.body),
                                .id = alert.id,
                                .time = clock_.NowMs()}));
  return std::string("the mail server took it");
}

Result<LeasedStep> SendAlertStep(store::Store& store, const Clock& clock, const AlertSender& sender,
                                 const store::Lease& lease) {
  std::vector<store::Alert> alerts;
  std::optional<store::AlertTarget> target;
  KEDGE_TRY_STATUS(store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(alerts, store::AlertsToSend(transaction, clock.NowMs(), 1));
    if (alerts.empty()) return {};
    KEDGE_TRY(target, store::FindTarget(transaction, alerts[0].target));
    return {};
  }));
  if (alerts.empty()) return LeasedStep::kIdle;
  store::AlertAttempt attempt{.alert = alerts[0], .end = store::AlertEnd::kDropped};
  if (target) {
    const auto sent = sender.Send(*target, attempt.alert);
    attempt.time = clock.NowMs();
    if (sent) {
      attempt.end = store::AlertEnd::kDelivered;
    } else {
      attempt.error = Cut(sent.error().message);
      ++attempt.alert.attempts;
      attempt.alert.next = attempt.time + AlertWaitMs(attempt.alert.attempts);
      const bool too_old = attempt.alert.next - attempt.alert.created > kAlertGivenUpMs;
      if (!too_old) attempt.end = store::AlertEnd::kAgain;
    }
  }
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::Fence(transaction, lease));
    return store::EndAttempt(transaction, attempt);
  };
  KEDGE_TRY_STATUS(store.Write(work));
  return LeasedStep::kMore;
}

}  // namespace kedge::server
