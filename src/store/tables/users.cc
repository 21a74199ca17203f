// SPDX-License-Identifier: Apache-2.0
#include "store/tables/users.h"

#include "store/tables/access_keys.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT name, role, fleets, password, enabled, created_ms, modified_ms, login_ms FROM users";

User ReadUser(const Row& row) {
  return {.name = row.Text(0),
          .role = row.Text(1),
          .fleets = row.Text(2),
          .password = row.Text(3),
          .enabled = row.Integer(4) != 0,
          .created = row.Integer(5),
          .modified = row.Integer(6),
          .login = row.IntegerOrNull(7)};
}

Status Run(Transaction& transaction, std::string_view sql, std::initializer_list<Value> values) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows, transaction.Execute(sql, values));
  return {};
}

}  // namespace

Status InsertUser(Transaction& transaction, const User& user) {
  return Run(transaction,
             "INSERT INTO users (name, role, fleets, password, enabled, created_ms, modified_ms, "
             "login_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
             {user.name, user.role, user.fleets, user.password, int64_t{user.enabled}, user.created,
              user.modified, Optional(user.login)});
}

Result<std::optional<User>> FindUser(Transaction& transaction, const std::string& name) {
  KEDGE_TRY(const Rows rows, transaction.Query(std::string(kSelect) + " WHERE name = $1", {name}));
  if (rows.empty()) return std::optional<User>();
  return std::optional<User>(ReadUser(rows[0]));
}

Result<bool> UpdateUser(Transaction& transaction, const User& user) {
  KEDGE_TRY(
      const int64_t rows,
      transaction.Execute("UPDATE users SET role = $1, fleets = $2, password = $3, enabled = $4, "
                          "modified_ms = $5, login_ms = $6 WHERE name = $7",
                          {user.role, user.fleets, user.password, int64_t{user.enabled},
                           user.modified, Optional(user.login), user.name}));
  if (rows > 0) KEDGE_TRY_STATUS(RaiseRightsEpoch(transaction));
  return rows > 0;
}

Result<bool> DeleteUser(Transaction& transaction, const std::string& name) {
  KEDGE_TRY(const int64_t rows, transaction.Execute("DELETE FROM users WHERE name = $1", {name}));
  if (rows > 0) KEDGE_TRY_STATUS(RaiseRightsEpoch(transaction));  // its keys went with it
  return rows > 0;
}

Result<PageOf<User>> ListUsers(Transaction& transaction, const Page& page) {
  ListStatement statement(kSelect);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "name", "name", page));
  return MakePage<User>(rows, page, ReadUser,
                        [](const User& user) { return Cursor{user.name, user.name}; });
}

Status InsertSession(Transaction& transaction, const Session& session) {
  return Run(transaction,
             "INSERT INTO sessions (token_sha256, user_name, address, created_ms, seen_ms) "
             "VALUES ($1, $2, $3, $4, $5)",
             {session.token_sha256, session.user, session.address, session.created, session.seen});
}

Result<std::optional<Session>> FindSession(Transaction& transaction,
                                           const std::string& token_sha256) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT token_sha256, user_name, address, created_ms, seen_ms FROM "
                              "sessions WHERE token_sha256 = $1",
                              {token_sha256}));
  if (rows.empty()) return std::optional<Session>();
  const Row& row = rows[0];
  return std::optional<Session>(Session{.token_sha256 = row.Text(0),
                                        .user = row.Text(1),
                                        .address = row.Text(2),
                                        .created = row.Integer(3),
                                        .seen = row.Integer(4)});
}

Status TouchSession(Transaction& transaction, const std::string& token_sha256, EpochMs seen) {
  return Run(transaction, "UPDATE sessions SET seen_ms = $1 WHERE token_sha256 = $2",
             {seen, token_sha256});
}

Status DeleteSession(Transaction& transaction, const std::string& token_sha256) {
  return Run(transaction, "DELETE FROM sessions WHERE token_sha256 = $1", {token_sha256});
}

Status DeleteSessionsOfUser(Transaction& transaction, const std::string& user) {
  return Run(transaction, "DELETE FROM sessions WHERE user_name = $1", {user});
}

Status DeleteOldSessions(Transaction& transaction, EpochMs created_before) {
  return Run(transaction, "DELETE FROM sessions WHERE created_ms < $1", {created_before});
}

Status KeepNewestSessions(Transaction& transaction, const std::string& user, int64_t keep) {
  return Run(transaction,
             "DELETE FROM sessions WHERE user_name = $1 AND token_sha256 NOT IN (SELECT "
             "token_sha256 FROM sessions WHERE user_name = $2 ORDER BY created_ms DESC, "
             "token_sha256 LIMIT $3)",
             {user, user, keep});
}

}  // namespace kedge::store
