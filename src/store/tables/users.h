// Users and their console sessions, as rows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

struct User {
  std::string name;
  std::string role;           // server/auth/role.h
  std::string fleets = "[]";  // JSON: the fleets that the user is restricted to
  std::string password;       // argon2id in its encoded form; empty: cannot log in
  bool enabled = true;
  EpochMs created = 0;
  EpochMs modified = 0;
  std::optional<EpochMs> login;  // the last one
};

// kAlreadyExists.
Status InsertUser(Transaction& transaction, const User& user);
Result<std::optional<User>> FindUser(Transaction& transaction, const std::string& name);
// Everything but name and creation. False if there is none.
Result<bool> UpdateUser(Transaction& transaction, const User& user);
// Access keys and sessions go with the user. False if there is none.
Result<bool> DeleteUser(Transaction& transaction, const std::string& name);
// By name.
Result<PageOf<User>> ListUsers(Transaction& transaction, const Page& page);

struct Session {
  std::string token_sha256;  // hexadecimal; the token itself is nowhere
  std::string user;
  std::string address;  // that logged in
  EpochMs created = 0;
  EpochMs seen = 0;
};

// kFailedPrecondition if there is no such user.
Status InsertSession(Transaction& transaction, const Session& session);
Result<std::optional<Session>> FindSession(Transaction& transaction,
                                           const std::string& token_sha256);
Status TouchSession(Transaction& transaction, const std::string& token_sha256, EpochMs seen);
Status DeleteSession(Transaction& transaction, const std::string& token_sha256);
Status DeleteSessionsOfUser(Transaction& transaction, const std::string& user);
// Those made before a time, and all but the newest `keep` of a user.
Status DeleteOldSessions(Transaction& transaction, EpochMs created_before);
Status KeepNewestSessions(Transaction& transaction, const std::string& user, int64_t keep);

}  // namespace kedge::store
