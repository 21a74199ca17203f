// SPDX-License-Identifier: Apache-2.0
#include "agent/link/device_identity.h"

#include "base/json/json.h"
#include "base/log.h"

namespace kedge::agent {
namespace {

constexpr uint64_t kPemBytesMax = 64 << 10;
constexpr int kIdentityMode = 0600;
constexpr int kCertificateMode = 0644;
constexpr std::string_view kKeyBegin = "-----BEGIN PRIVATE KEY-----";
constexpr std::string_view kKeyEnd = "-----END PRIVATE KEY-----\n";
constexpr std::string_view kCertificateBegin = "-----BEGIN CERTIFICATE-----";

// The private key's block of a PEM text; "" if there is none.
std::string KeyOf(const std::string& pem) {
  const size_t begin = pem.find(kKeyBegin);
  const size_t end = pem.find(kKeyEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) return "";
  return pem.substr(begin, end + kKeyEnd.size() - begin);
}

// The certificates' blocks, which stand one behind the other.
std::string CertificatesOf(const std::string& pem) {
  const size_t begin = pem.find(kCertificateBegin);
  if (begin == std::string::npos) return "";
  return pem.substr(begin, std::max(pem.find(kKeyBegin, begin), begin) - begin);
}

Result<std::string> ReadText(FileSystem& disk, const Path& file) {
  KEDGE_TRY(const ByteBuffer bytes, disk.Read(file, kPemBytesMax));
  return std::string(AsText(bytes));
}

// Asks for a new certificate over a connection that shows the present one.
Result<std::string> AskForCertificate(const http::ClientTls& tls, const std::string& url,
                                      const std::string& request_pem) {
  http::ClientRequest request{.method = "POST", .url = url};
  request.headers.Set("Content-Type", "application/json");
  request.body = json::Write(json::Object{{"CertificateSigningRequest", request_pem}});
  request.response_bytes_max = kPemBytesMax;
  KEDGE_TRY(const http::Response response, http::MakeCurlTransport(tls)->Send(request));
  const auto answer = json::Parse(response.body, {.bytes_max = kPemBytesMax, .depth_max = 8});
  if (!answer) return Wrap(answer.error(), "the server's answer");
  if (response.status != 200) {
    return FailedPrecondition("the server answers HTTP " + std::to_string(response.status) + " " +
                              answer->StringOr("__type", "") + ": " +
                              answer->StringOr("message", ""));
  }
  return answer->StringOr("Certificate", "");
}

}  // namespace

Result<std::unique_ptr<DeviceIdentity>> DeviceIdentity::Load(FileSystem& disk, const Clock& clock,
                                                             const DeviceIdentityOptions& options) {
  std::unique_ptr<DeviceIdentity> identity(new DeviceIdentity(disk, clock, options));
  KEDGE_TRY_STATUS(identity->Read());
  return identity;
}

Status DeviceIdentity::Read() {
  Current read;
  KEDGE_TRY(std::string text, ReadText(disk_, options_.certificate_file));
  read.tls.certificate_pem = CertificatesOf(text);
  if (options_.key_file == options_.certificate_file) {
    read.tls.key_pem = KeyOf(text);
  } else {
    KEDGE_TRY(read.tls.key_pem, ReadText(disk_, options_.key_file));
  }
  read.tls.ca_file = options_.ca_file;
  const auto times = trust::ReadCertificateTimes(read.tls.certificate_pem);
  if (!times) return Wrap(times.error(), options_.certificate_file.string());
  const std::lock_guard lock(mutex_);
  read.generation = current_.generation + 1;
  current_ = std::move(read);
  due_ = times->not_before + (times->not_after - times->not_before) / 3 * 2;
  return {};
}

Status DeviceIdentity::Renew() {
  const http::ClientTls tls = current().tls;
  std::string key_pem = tls.key_pem;
  std::string request_pem;
  const bool one_file = options_.key_file == options_.certificate_file;
  if (one_file) {
    KEDGE_TRY(trust::KeyAndRequest made, trust::MakeDeviceRequest(options_.name));
    key_pem = std::move(made.key_pem);
    request_pem = std::move(made.request_pem);
  } else {
    KEDGE_TRY(request_pem, trust::MakeDeviceRequest(options_.name, key_pem));
  }
  KEDGE_TRY(const std::string certificate,
            AskForCertificate(tls, options_.renewal_url, request_pem));
  if (!trust::KeyBelongsToCertificate(key_pem, certificate)) {
    return DataLoss("the new certificate is not for this device's key");
  }
  const std::string text = one_file ? key_pem + certificate : certificate;
  KEDGE_TRY_STATUS(disk_.WriteAtomically(options_.certificate_file, AsBytes(text),
                                         one_file ? kIdentityMode : kCertificateMode));
  return Read();
}

// Logs what it does. The caller holds renewing_.
bool DeviceIdentity::TryRenew() {
  if (clock_.Steady() < not_before_ || options_.renewal_url.empty()) return false;
  not_before_ = clock_.Steady() + kRetryWait;
  if (const Status status = Renew(); !status) {
    LogWarning("the device's certificate could not be renewed",
               {{"error", status.error().message}});
    return false;
  }
  LogInfo("the device's certificate was renewed", {{"file", options_.certificate_file.string()}});
  return true;
}

void DeviceIdentity::RenewIfDue() {
  {
    const std::lock_guard lock(mutex_);
    if (clock_.NowMs() < due_) return;
  }
  // Whoever comes second goes on with the certificate that there is.
  const std::unique_lock lock(renewing_, std::try_to_lock);
  if (lock.owns_lock()) TryRenew();
}

bool DeviceIdentity::RenewNow() {
  const uint64_t before = current().generation;
  const std::lock_guard lock(renewing_);
  return current().generation != before || TryRenew();
}

DeviceIdentity::Current DeviceIdentity::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

namespace {

class DeviceTransport final : public http::Transport {
 public:
  explicit DeviceTransport(DeviceIdentity& identity) : identity_(identity) {}

  Result<http::Response> Send(const http::ClientRequest& request) override {
    identity_.RenewIfDue();
    auto response = Inner()->Send(request);
    const bool ended =
        response && response->headers.Get("x-amzn-ErrorType") == "ExpiredTokenException";
    if (!ended || !identity_.RenewNow()) return response;
    return Inner()->Send(request);
  }

 private:
  std::shared_ptr<http::Transport> Inner() {
    DeviceIdentity::Current current = identity_.current();
    const std::lock_guard lock(mutex_);
    if (inner_ == nullptr || generation_ != current.generation) {
      generation_ = current.generation;
      inner_ = http::MakeCurlTransport(std::move(current.tls));
    }
    return inner_;
  }

  DeviceIdentity& identity_;
  std::mutex mutex_;
  uint64_t generation_ = 0;
  std::shared_ptr<http::Transport> inner_;  // shared: a call may go on while it is replaced
};

}  // namespace

std::unique_ptr<http::Transport> MakeDeviceTransport(DeviceIdentity& identity) {
  return std::make_unique<DeviceTransport>(identity);
}

}  // namespace kedge::agent
