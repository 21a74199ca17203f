// SPDX-License-Identifier: Apache-2.0
#include "store/tables/certificates.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelectToken =
    "SELECT id, token_sha256, fleet, device_pattern, uses, uses_left, created_by, created_ms, "
    "expires_ms FROM claim_tokens";
constexpr std::string_view kSelectCertificate =
    "SELECT serial, fleet, device, fingerprint, issued_ms, expires_ms, revoked_ms, revoked_why, "
    "seen_ms, seen_address FROM device_certificates";

ClaimToken ReadToken(const Row& row) {
  return {.id = row.Text(0),
          .token_sha256 = row.Text(1),
          .fleet = row.Text(2),
          .device_pattern = row.Text(3),
          .uses = row.Integer(4),
          .uses_left = row.Integer(5),
          .created_by = row.Text(6),
          .created = row.Integer(7),
          .expires = row.Integer(8)};
}

DeviceCertificate ReadCertificate(const Row& row) {
  return {.serial = row.Text(0),
          .fleet = row.Text(1),
          .device = row.Text(2),
          .fingerprint = row.Text(3),
          .issued = row.Integer(4),
          .expires = row.Integer(5),
          .revoked = row.IntegerOrNull(6),
          .revoked_why = row.TextOrNull(7),
          .seen = row.IntegerOrNull(8),
          .seen_address = row.TextOrNull(9)};
}

}  // namespace

Status InsertClaimToken(Transaction& transaction, const ClaimToken& token) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO claim_tokens (id, token_sha256, fleet, device_pattern, uses, "
                "uses_left, created_by, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, "
                "$7, $8, $9)",
                {token.id, token.token_sha256, token.fleet, token.device_pattern, token.uses,
                 token.uses_left, token.created_by, token.created, token.expires}));
  return {};
}

Result<std::optional<ClaimToken>> FindClaimToken(Transaction& transaction,
                                                 const std::string& token_sha256) {
  KEDGE_TRY(
      const Rows rows,
      transaction.Query(std::string(kSelectToken) + " WHERE token_sha256 = $1", {token_sha256}));
  if (rows.empty()) return std::optional<ClaimToken>();
  return std::optional<ClaimToken>(ReadToken(rows[0]));
}

Result<bool> UseClaimToken(Transaction& transaction, const std::string& id, EpochMs now) {
  KEDGE_TRY(const int64_t rows,
            transaction.Execute("UPDATE claim_tokens SET uses_left = uses_left - 1 WHERE id = $1 "
                                "AND uses_left > 0 AND expires_ms > $2",
                                {id, now}));
  return rows > 0;
}

Result<bool> DeleteClaimToken(Transaction& transaction, const std::string& fleet,
                              const std::string& id) {
  KEDGE_TRY(
      const int64_t rows,
      transaction.Execute("DELETE FROM claim_tokens WHERE fleet = $1 AND id = $2", {fleet, id}));
  return rows > 0;
}

Result<PageOf<ClaimToken>> ListClaimTokens(Transaction& transaction, const std::string& fleet,
                                           const Page& page) {
  ListStatement statement(kSelectToken);
  statement.Where("fleet =", std::optional<std::string>(fleet));
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "fleet", "id", page));
  return MakePage<ClaimToken>(
      rows, page, ReadToken, [](const ClaimToken& token) { return Cursor{token.fleet, token.id}; });
}

Status InsertDeviceCertificate(Transaction& transaction, const DeviceCertificate& certificate) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO device_certificates (serial, fleet, device, fingerprint, issued_ms, "
                "expires_ms) VALUES ($1, $2, $3, $4, $5, $6)",
                {certificate.serial, certificate.fleet, certificate.device, certificate.fingerprint,
                 certificate.issued, certificate.expires}));
  return {};
}

Result<std::optional<DeviceCertificate>> FindDeviceCertificate(Transaction& transaction,
                                                               const std::string& serial) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelectCertificate) + " WHERE serial = $1", {serial}));
  if (rows.empty()) return std::optional<DeviceCertificate>();
  return std::optional<DeviceCertificate>(ReadCertificate(rows[0]));
}

Result<PageOf<DeviceCertificate>> ListDeviceCertificates(Transaction& transaction,
                                                         const std::string& fleet,
                                                         const std::optional<std::string>& device,
                                                         const Page& page) {
  ListStatement statement(kSelectCertificate);
  statement.Where("fleet =", std::optional<std::string>(fleet));
  statement.Where("device =", device);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "device", "serial", page));
  return MakePage<DeviceCertificate>(rows, page, ReadCertificate,
                                     [](const DeviceCertificate& certificate) {
                                       return Cursor{certificate.device, certificate.serial};
                                     });
}

Result<int64_t> RevokeDeviceCertificates(Transaction& transaction, const Revocation& revocation) {
  KEDGE_TRY([[maybe_unused]] const int64_t raised,
            transaction.Execute("UPDATE certificate_epoch SET number = number + 1 WHERE id = $1",
                                {int64_t{1}}));
  KEDGE_TRY(const int64_t epoch, CertificateEpoch(transaction));
  std::string sql =
      "UPDATE device_certificates SET revoked_ms = $1, revoked_epoch = $2, revoked_why = $3 "
      "WHERE fleet = $4 AND device = $5 AND revoked_ms IS NULL";
  std::vector<Value> values = {revocation.now, epoch, revocation.why, revocation.fleet,
                               revocation.device};
  if (revocation.serial) {
    sql += " AND serial = $6";
    values.emplace_back(*revocation.serial);
  }
  return transaction.Execute(sql, std::span<const Value>(values));
}

Result<int64_t> CertificateEpoch(Transaction& transaction) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT number FROM certificate_epoch WHERE id = $1", {int64_t{1}}));
  if (rows.empty()) return DataLoss("the row of certificate_epoch is missing");
  return rows[0].Integer(0);
}

Result<std::vector<std::string>> RevokedSince(Transaction& transaction, int64_t epoch) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT serial FROM device_certificates WHERE revoked_epoch > $1",
                              {epoch}));
  std::vector<std::string> serials;
  for (const Row& row : rows) serials.push_back(row.Text(0));
  return serials;
}

Status NoteCertificateSeen(Transaction& transaction, const std::string& serial, EpochMs now,
                           const std::string& address) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("UPDATE device_certificates SET seen_ms = $1, seen_address = $2 "
                                "WHERE serial = $3",
                                {now, address, serial}));
  return {};
}

}  // namespace kedge::store
