// SPDX-License-Identifier: Apache-2.0
#include "server/auth/sessions.h"

#include <algorithm>

#include "base/crypto/crypto.h"
#include "server/auth/known_keys.h"

namespace kedge::server {
namespace {

constexpr size_t kTokenCharacters = 64;  // 256 bits in hexadecimal
constexpr int kFreeFailuresOfUser = 5;
constexpr int kFreeFailuresOfAddress = 20;
constexpr EpochMs kSeenStepMs = 60 * 1000;

Error NoSession() {
  return Unauthenticated("ExpiredTokenException: there is no such session (any more)");
}

Result<Identity> IdentityOf(const store::User& user) {
  const auto role = ParseRole(user.role);
  if (!role) return DataLoss("user '" + user.name + "' has unknown role '" + user.role + "'");
  Identity identity{.role = *role, .user = user.name};
  KEDGE_TRY(identity.fleets, ReadFleets(user.fleets));
  return identity;
}

}  // namespace

std::optional<std::string> SessionToken(const http::Request& request) {
  const std::string cookies = request.headers.Get("Cookie");
  const std::string prefix = std::string(kSessionCookie) + "=";
  for (size_t start = 0; start < cookies.size();) {
    const size_t end = std::min(cookies.find(';', start), cookies.size());
    std::string_view cookie = std::string_view(cookies).substr(start, end - start);
    start = end + 1;
    while (cookie.starts_with(' ')) cookie.remove_prefix(1);
    if (!cookie.starts_with(prefix)) continue;
    const std::string token(cookie.substr(prefix.size()));
    if (token.size() == kTokenCharacters) return token;
  }
  return std::nullopt;
}

std::string CsrfToken(const std::string& session_token) {
  return HexEncode(crypto::HmacSha256(AsBytes(session_token), AsBytes("kedge csrf")));
}

std::string HashOfToken(const std::string& session_token) {
  return crypto::Sha256Hex(AsBytes(session_token));
}

Sessions::Sessions(store::Store& store, const Clock& clock, Passwords& passwords)
    : store_(store),
      clock_(clock),
      passwords_(passwords),
      known_users_(kFreeFailuresOfUser, clock),
      unknown_users_(kFreeFailuresOfUser, clock),
      addresses_(kFreeFailuresOfAddress, clock) {}

Result<store::User> Sessions::CheckPassword(const std::string& user, const std::string& password,
                                            const std::string& address) {
  std::optional<store::User> row;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(row, store::FindUser(transaction, user));
    return {};
  }));
  // Names that nobody has must not push out those that somebody has.
  Backoff& users = row ? known_users_ : unknown_users_;
  const auto wait = std::max(users.Wait(user), addresses_.Wait(address));
  if (wait.count() > 0) {
    return ResourceExhausted("too many failed logins; try again in " +
                             std::to_string(wait.count()) + " s");
  }
  const bool usable = row && row->enabled;
  KEDGE_TRY(const bool matches,
            passwords_.Matches(usable ? row->password : std::string(), password));
  if (!matches) {
    users.NoteFailure(user);
    addresses_.NoteFailure(address);
    return Unauthenticated("AccessDeniedException: user name or password is wrong");
  }
  users.NoteSuccess(user);
  addresses_.NoteSuccess(address);
  return std::move(*row);
}

Status Sessions::Begin(store::Transaction& transaction, const store::User& user,
                       const std::string& token, const std::string& address) const {
  const EpochMs now = clock_.NowMs();
  store::User changed = user;
  changed.login = now;
  KEDGE_TRY_STATUS(store::DeleteOldSessions(transaction, now - kLifetimeMs));
  KEDGE_TRY_STATUS(store::KeepNewestSessions(transaction, user.name, kOfUserMax - 1));
  KEDGE_TRY([[maybe_unused]] const bool found, store::UpdateUser(transaction, changed));
  return store::InsertSession(transaction, {.token_sha256 = HashOfToken(token),
                                            .user = user.name,
                                            .address = address,
                                            .created = now,
                                            .seen = now});
}

Result<Identity> Sessions::Authenticate(const http::Request& request, bool needs_csrf) const {
  const auto token = SessionToken(request);
  if (!token) return NoSession();
  const std::string hash = HashOfToken(*token);
  std::optional<store::Session> session;
  std::optional<store::User> user;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(session, store::FindSession(transaction, hash));
    if (!session) return {};
    KEDGE_TRY(user, store::FindUser(transaction, session->user));
    return {};
  }));
  const EpochMs now = clock_.NowMs();
  if (!session || !user || !user->enabled || now >= session->created + kLifetimeMs ||
      now >= session->seen + kIdleMs) {
    return NoSession();
  }
  if (needs_csrf && !crypto::EqualConstantTime(AsBytes(request.headers.Get(kCsrfHeader)),
                                               AsBytes(CsrfToken(*token)))) {
    return Unauthenticated("AccessDeniedException: header X-Kedge-Csrf is not the session's");
  }
  if (now >= session->seen + kSeenStepMs) {
    store_.WriteLater(
        [hash, now](store::Transaction& transaction) {
          return store::TouchSession(transaction, hash, now);
        },
        [](const Status&) {});
  }
  return IdentityOf(*user);
}

}  // namespace kedge::server
