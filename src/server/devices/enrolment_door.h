// POST /enroll of the API listener: how a device that has nothing but a claim token gets a
// certificate. No signature; the token is the proof.
//
//   {"ClaimToken": "kct_...", "DeviceName": "camera-1", "CertificateSigningRequest": "-----BEGIN
//   ..."}
//
// answers 200 with the certificate and what the agent needs to know, or 403 AccessDeniedException
// for a token that does not count (unknown, used up, expired, of another device), which is an
// event; 400 ValidationException for a request that is malformed or names another device; 429 for
// an address that tries too often.
//
// A token for one device name lets that device enrol again, and revokes what it had. A token for a
// pattern ("camera-*") registers new devices only: who holds it cannot become a device that is
// there. SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/server.h"
#include "protocol/audit_log.h"
#include "server/api/context.h"
#include "server/devices/attempt_limit.h"
#include "server/devices/device_authority.h"

namespace kedge::server {

constexpr std::string_view kClaimTokenPrefix = "kct_";
// What the database keeps of a token.
std::string ClaimTokenDigest(std::string_view token);
// Whether a token's pattern (a name, or a prefix with a final '*') lets a device enrol.
bool MatchesDevicePattern(std::string_view pattern, std::string_view device);

// Thread-safe.
class EnrolmentDoor {
 public:
  static constexpr size_t kBodyBytesMax = 16 << 10;

  // Borrows context and authority. `endpoint`: URL of the device listener as devices reach it;
  // empty: there is none, and enrolment is refused. `attempts_a_minute`: of one address.
  EnrolmentDoor(const Context& context, const DeviceAuthority& authority, std::string endpoint,
                int64_t attempts_a_minute)
      : context_(context),
        authority_(authority),
        endpoint_(std::move(endpoint)),
        limit_(context.clock, attempts_a_minute) {}

  static bool Owns(const http::Request& request) {
    return request.method == "POST" && request.path() == "/enroll";
  }
  http::Response Handle(const http::Request& request);

 private:
  struct Application;
  Result<json::Value> Enrol(const http::Request& request, const std::string& request_id);
  Status Register(store::Transaction& transaction, const Application& application,
                  const DeviceAuthority::Issued& issued) const;
  // An event and an audit record of a token that does not count.
  void TellRefused(const Application& application, const Error& why) const;
  protocol::AuditRecord Record(const Application& application) const;
  json::Value Answer(const DeviceAuthority::Issued& issued) const;

  const Context& context_;
  const DeviceAuthority& authority_;
  const std::string endpoint_;
  AttemptLimit limit_;
};

}  // namespace kedge::server
