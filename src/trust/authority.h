// The installation's own certificate authority: what devices prove themselves with, and what they
// know the device listener by. docs/formats/device-certificate.md has the profile.
//
//   root (20 years, path length 1)  ->  issuing (10 years, path length 0)  ->  device | server
//
// The root's key signs issuing keys only; both are made together and kept sealed by the caller. A
// device is named by a URI, "urn:kedge:device:<fleet>/<device>", not by its common name.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace kedge::trust {

constexpr size_t kRequestBytesMax = 2048;  // of a certificate request, DER

struct DeviceName {
  std::string fleet;
  std::string device;
  friend bool operator==(const DeviceName&, const DeviceName&) = default;
};
std::string DeviceUri(const DeviceName& name);
// Nothing for another form. Fleets and devices have no '/' in their names.
std::optional<DeviceName> ParseDeviceUri(std::string_view uri);

// What a request (PKCS#10) asks for. Its key is P-256, and whoever made it has the private key.
struct CertificateRequest {
  std::string common_name;        // "" if it has none
  std::vector<std::string> uris;  // subject alternative names of kind URI
  ByteBuffer public_key;          // SubjectPublicKeyInfo, DER
};
// `pem` is one CERTIFICATE REQUEST block. The outline (sizes, version, the exact bytes of a P-256
// key's header) is compared before OpenSSL sees the text. kInvalidArgument for another key, a
// signature that is not the key's own, more than kRequestBytesMax, or anything malformed.
Result<CertificateRequest> ParseCertificateRequest(std::string_view pem);

// A new key and a request for a device, for the device's own side. Without a fleet the request has
// no URI.
struct KeyAndRequest {
  std::string key_pem;  // PKCS#8
  std::string request_pem;
};
Result<KeyAndRequest> MakeDeviceRequest(const DeviceName& name);
// The same for a key that is there already. kInvalidArgument unless it is an unencrypted P-256
// key.
Result<std::string> MakeDeviceRequest(const DeviceName& name, std::string_view key_pem);

struct AuthorityKeys {
  std::string root_key_pem;
  std::string root_certificate_pem;
  std::string issuing_key_pem;
  std::string issuing_certificate_pem;
};
Result<AuthorityKeys> GenerateAuthority(EpochMs now);

struct IssuedCertificate {
  std::string pem;
  std::string serial;       // hexadecimal, lower case, as http::PeerCertificate has it
  std::string fingerprint;  // SHA-256 of the DER, hexadecimal
  EpochMs not_before = 0;
  EpochMs not_after = 0;
};

// Thread-safe.
class Authority {
 public:
  virtual ~Authority() = default;
  static Result<std::unique_ptr<Authority>> Load(std::string_view issuing_key_pem,
                                                 std::string_view issuing_certificate_pem);
  // For client authentication, from kBackdateMs before `now` (a device's clock may be slow) for
  // `life_ms`, whole seconds. What the request asks for by name is the caller's to check.
  virtual Result<IssuedCertificate> IssueDevice(const CertificateRequest& request,
                                                const DeviceName& name, EpochMs now,
                                                int64_t life_ms) const = 0;
  // A new key and a certificate for server authentication by these host names and addresses.
  struct ServerCertificate {
    std::string key_pem;
    std::string certificate_pem;
  };
  virtual Result<ServerCertificate> IssueServer(const std::vector<std::string>& hosts, EpochMs now,
                                                int64_t life_ms) const = 0;
};
constexpr int64_t kBackdateMs = 5 * 60 * 1000;

// When a certificate (the first of a PEM text) begins and ends. kInvalidArgument if it is none.
struct CertificateTimes {
  EpochMs not_before = 0;
  EpochMs not_after = 0;
};
Result<CertificateTimes> ReadCertificateTimes(std::string_view pem);

// Whether a P-256 private key belongs to the first certificate of a PEM text.
bool KeyBelongsToCertificate(std::string_view key_pem, std::string_view certificate_pem);

}  // namespace kedge::trust
