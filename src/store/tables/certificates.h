// Claim tokens and the certificates of devices, as rows.
//
// Nodes remember certificates, so a revocation must reach them: each one takes the next number of
// the one row of certificate_epoch in its own transaction, and a node asks now and then for what
// was revoked beyond the number it knows. The row's lock makes the order of numbers the order of
// commits, so that nothing is missed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

struct ClaimToken {
  std::string id;            // not secret
  std::string token_sha256;  // hexadecimal, of the token
  std::string fleet;
  std::string device_pattern;  // a name, or a prefix with a final '*'; "*" is any
  int64_t uses = 1;
  int64_t uses_left = 1;
  std::string created_by;
  EpochMs created = 0;
  EpochMs expires = 0;
};

// kFailedPrecondition if there is no such fleet.
Status InsertClaimToken(Transaction& transaction, const ClaimToken& token);
Result<std::optional<ClaimToken>> FindClaimToken(Transaction& transaction,
                                                 const std::string& token_sha256);
// Takes one use. False if there is none left: of two callers at the last use, one gets false.
Result<bool> UseClaimToken(Transaction& transaction, const std::string& id, EpochMs now);
// False if there is none.
Result<bool> DeleteClaimToken(Transaction& transaction, const std::string& fleet,
                              const std::string& id);
// Of one fleet, by id.
Result<PageOf<ClaimToken>> ListClaimTokens(Transaction& transaction, const std::string& fleet,
                                           const Page& page);

struct DeviceCertificate {
  std::string serial;  // hexadecimal, lower case
  std::string fleet;
  std::string device;
  std::string fingerprint;  // SHA-256 of the DER, hexadecimal
  EpochMs issued = 0;
  EpochMs expires = 0;
  std::optional<EpochMs> revoked;
  std::optional<std::string> revoked_why;
  std::optional<EpochMs> seen;  // to the hour
  std::optional<std::string> seen_address;
};

Status InsertDeviceCertificate(Transaction& transaction, const DeviceCertificate& certificate);
Result<std::optional<DeviceCertificate>> FindDeviceCertificate(Transaction& transaction,
                                                               const std::string& serial);
// Of one fleet, and of one device if given; by serial.
Result<PageOf<DeviceCertificate>> ListDeviceCertificates(Transaction& transaction,
                                                         const std::string& fleet,
                                                         const std::optional<std::string>& device,
                                                         const Page& page);
struct Revocation {
  std::string fleet;
  std::string device;
  std::optional<std::string> serial;  // none: all of the device
  EpochMs now = 0;
  std::string why;
};
// How many were revoked that were not before.
Result<int64_t> RevokeDeviceCertificates(Transaction& transaction, const Revocation& revocation);
Result<int64_t> CertificateEpoch(Transaction& transaction);
// Serials that were revoked beyond `epoch`.
Result<std::vector<std::string>> RevokedSince(Transaction& transaction, int64_t epoch);
Status NoteCertificateSeen(Transaction& transaction, const std::string& serial, EpochMs now,
                           const std::string& address);

}  // namespace kedge::store
