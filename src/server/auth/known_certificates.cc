// SPDX-License-Identifier: Apache-2.0
#include "server/auth/known_certificates.h"

#include "base/log.h"
#include "store/tables/certificates.h"
#include "store/tables/events.h"
#include "trust/authority.h"

namespace kedge::server {
namespace {

constexpr std::chrono::hours kTellStep{1};  // one certificate's sharing is told once in this time

Status AddSharedEvent(store::Transaction& transaction, EpochMs now,
                      const KnownCertificate& certificate, const std::string& addresses) {
  return store::AddEvent(
      transaction, now,
      {.kind = store::EventKind::kCertificateShared,
       .severity = store::Severity::kError,
       .resource = trust::DeviceUri({.fleet = certificate.fleet, .device = certificate.device}),
       .fleet = certificate.fleet,
       .device = certificate.device,
       .message = "certificate " + certificate.serial + " is in use at " + addresses});
}

}  // namespace

// Whoever comes first after the interval asks; others go on with what is known.
Status KnownCertificates::PollRevocations() {
  const Time now = clock_.Steady();
  int64_t known = 0;
  {
    const std::lock_guard lock(mutex_);
    if (epoch_ >= 0 && now < polled_ + kRevocationPoll) return {};
    polled_ = now;
    known = epoch_;
  }
  int64_t epoch = 0;
  std::vector<std::string> revoked;
  const Status read = store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(epoch, store::CertificateEpoch(transaction));
    if (known < 0 || epoch == known) return {};
    KEDGE_TRY(revoked, store::RevokedSince(transaction, known));
    return {};
  });
  const std::lock_guard lock(mutex_);
  if (!read) {
    if (epoch_ >= 0 && now < succeeded_ + kTrustedFor) return {};
    return Wrap(read.error(), "asking for revoked certificates");
  }
  succeeded_ = now;
  if (epoch < epoch_) entries_.clear();  // a restored database
  for (const std::string& serial : revoked) entries_.erase(serial);
  epoch_ = epoch;
  return {};
}

Result<std::shared_ptr<const KnownCertificate>> KnownCertificates::Find(const std::string& serial) {
  KEDGE_TRY_STATUS(PollRevocations());
  int64_t epoch = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(serial);
    if (found != entries_.end()) return found->second.certificate;
    epoch = epoch_;
  }
  std::optional<store::DeviceCertificate> row;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(row, store::FindDeviceCertificate(transaction, serial));
    return {};
  }));
  if (!row) return std::shared_ptr<const KnownCertificate>();
  auto certificate = std::make_shared<const KnownCertificate>(
      KnownCertificate{.serial = serial,
                       .fleet = row->fleet,
                       .device = row->device,
                       .fingerprint = row->fingerprint,
                       .expires = row->expires,
                       .revoked = row->revoked.has_value()});
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kEntriesMax) entries_.clear();
  // A revocation that came in between would not be told again.
  if (epoch == epoch_) entries_[serial].certificate = certificate;
  return certificate;
}

// A, B, A: the first address came back after the second one was used. A device that moves from one
// network to another is at A, then at B.
bool KnownCertificates::IsShared(Entry& entry, const std::string& address, Time now) const {
  const bool moved = !entry.address.empty() && entry.address != address;
  const bool came_back =
      moved && address == entry.former_address && now < entry.former_used + kSharedWindow;
  if (moved) {
    entry.former_address = entry.address;
    entry.former_used = entry.used;
  }
  entry.address = address;
  entry.used = now;
  if (!came_back || (entry.told != Time{} && now < entry.told + kTellStep)) return false;
  entry.told = now;
  return true;
}

void KnownCertificates::NoteUse(const KnownCertificate& certificate, const std::string& address) {
  const Time now = clock_.Steady();
  bool shared = false;
  std::string former;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(certificate.serial);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    former = entry.address;
    shared = IsShared(entry, address, now);
    if (!shared && entry.written != Time{} && now < entry.written + kSeenStep) return;
    entry.written = now;
  }
  const EpochMs wall = clock_.NowMs();
  const auto work = [certificate, address, former, shared,
                     wall](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::NoteCertificateSeen(transaction, certificate.serial, wall, address));
    if (!shared) return {};
    return AddSharedEvent(transaction, wall, certificate, former + " and " + address);
  };
  store_.WriteLater(work, [serial = certificate.serial](const Status& status) {
    if (!status) {
      LogWarning("a certificate's use was not written",
                 {{"serial", serial}, {"error", status.error().message}});
    }
  });
}

size_t KnownCertificates::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace kedge::server
