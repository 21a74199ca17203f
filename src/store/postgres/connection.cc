// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include "base/log.h"
#include "store/postgres/sqlstate.h"
#include "store/postgres/values.h"

namespace kedge::store::postgres {
namespace {

using std::chrono::milliseconds;

constexpr size_t kStatementsMax = 256;  // prepared texts kept; above, all are dropped
// Measured with upserts of 200 bytes, 1,000 a transaction: 9,400 to 13,100 rows a second by
// pipeline, 8,300 to 14,400 by arrays and unnest(), which needs a text of its own for each
// statement and takes no row twice. So the pipeline, which takes every statement.
constexpr size_t kPipelinedRowsMax = 1024;             // of ExecuteMany in one round trip
constexpr milliseconds kAnswerPatience{90'000};        // then the connection counts as lost
constexpr milliseconds kScriptPatience{4 * 3600'000};  // a migration may rebuild a large table

// An operator's synchronous_commit is kept (it may name standbys) unless it is off.
//
// A writer that waited 30 s for its turn gives up.
constexpr const char* kSession =
    "SET lock_timeout = '30s';"
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off';"
    "SET statement_timeout = 0; SET default_transaction_isolation = 'read committed';"
    "SET standard_conforming_strings = on; SET client_min_messages = warning";

constexpr const char* kBeginWrite = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
constexpr const char* kTakeTurn = "SELECT pg_advisory_xact_lock(323284649797)";
static_assert(kTurn == 323284649797);
constexpr const char* kBeginRead = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

constexpr const char* kNothingFollows = "a statement of this work failed before";

// The first line: libpq adds hints and newlines.
std::string FirstLine(const char* text) {
  const std::string_view all = text == nullptr ? "" : text;
  return std::string(all.substr(0, all.find('\n')));
}

void DropNotice(void*, const char*) {}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const std::string& url,
                                                     std::chrono::seconds stillness_max) {
  // What stands in the URL comes last and wins.
  const char* const names[] = {
      "client_encoding",      "connect_timeout",  "keepalives_idle", "tcp_user_timeout",
      "target_session_attrs", "application_name", "dbname",          nullptr};
  const char* const values[] = {"UTF8",       "5",     "10",        "30000",
                                "read-write", "kedge", url.c_str(), nullptr};
  std::unique_ptr<Connection> connection(new Connection(PQconnectdbParams(names, values, 1)));
  PGconn* const raw = connection->connection_;
  if (raw == nullptr) return Unavailable("out of memory");
  if (PQstatus(raw) != CONNECTION_OK) {
    const std::string why = FirstLine(PQerrorMessage(raw));
    // libpq gives no code for what happens before the session begins.
    if (why.find("FATAL:  database ") != std::string::npos) return FailedPrecondition(why);
    if (why.find("authentication failed") != std::string::npos) return PermissionDenied(why);
    if (why.find("invalid ") == 0 || why.find("missing ") == 0) return InvalidArgument(why);
    return Unavailable("the database does not answer: " + why);
  }
  PQsetNoticeProcessor(raw, DropNotice, nullptr);
  KEDGE_TRY_STATUS(connection->Configure(stillness_max));
  return connection;
}

Connection::~Connection() { PQfinish(connection_); }

Status Connection::Configure(std::chrono::seconds stillness_max) {
  if (PQenterPipelineMode(connection_) != 1) return Lost("pipeline mode");
  return ExecuteScript(kSession + std::string("; SET idle_in_transaction_session_timeout = '") +
                       std::to_string(stillness_max.count()) + "s'");
}

Result<Rows> Connection::Query(std::string_view sql, std::span<const Value> parameters) {
  KEDGE_TRY(Outcome outcome, Run(sql, parameters));
  return std::move(outcome.rows);
}

Result<int64_t> Connection::Execute(std::string_view sql, std::span<const Value> parameters) {
  KEDGE_TRY(const Outcome outcome, Run(sql, parameters));
  return outcome.changed;
}

Result<int64_t> Connection::ExecuteMany(std::string_view sql,
                                        std::span<const std::vector<Value>> rows) {
  int64_t changed = 0;
  std::vector<std::span<const Value>> chunk;
  for (size_t i = 0; i < rows.size(); ++i) {
    chunk.emplace_back(rows[i]);
    if (chunk.size() < kPipelinedRowsMax && i + 1 < rows.size()) continue;
    KEDGE_TRY(const Outcome outcome, RoundTrip(sql, chunk));
    changed += outcome.changed;
    chunk.clear();
  }
  return changed;
}

Result<Connection::Outcome> Connection::Run(std::string_view sql,
                                            std::span<const Value> parameters) {
  return RoundTrip(sql, {&parameters, 1});
}

void Connection::BeginWrite() {
  before_ = {kBeginWrite, kTakeTurn};
  transaction_ = Sent::kWaiting;
}

void Connection::BeginRead() {
  before_ = {kBeginRead};
  transaction_ = Sent::kWaiting;
}

Status Connection::Commit() {
  Status status;
  if (transaction_failed()) {
    status = Unavailable("the transaction failed");
  } else if (transaction_ == Sent::kYes) {
    before_.push_back("COMMIT");
    const auto outcome = SendBefore();
    if (!outcome) {
      status = outcome.error();
    } else if (outcome->tag != "COMMIT") {
      // PostgreSQL answers a COMMIT of a failed transaction with success and "ROLLBACK".
      status = Unavailable("the database undid the transaction");
    }
  }
  if (!status) {
    Rollback();
    return status;
  }
  before_.clear();
  transaction_ = mark_ = Sent::kNo;
  statement_failed_ = false;
  return {};
}

void Connection::Rollback() {
  before_.clear();
  if (transaction_ == Sent::kYes && !lost()) {
    before_.push_back("ROLLBACK");
    if (const auto undone = SendBefore(); !undone) Lose(undone.error().message);
  }
  transaction_ = mark_ = Sent::kNo;
  transaction_failed_ = statement_failed_ = false;
}

void Connection::SetMark() {
  before_.push_back("SAVEPOINT mark");
  mark_ = Sent::kWaiting;
}

void Connection::KeepSinceMark() {
  if (mark_ == Sent::kWaiting) {
    before_.pop_back();
  } else if (mark_ == Sent::kYes) {
    before_.push_back("RELEASE SAVEPOINT mark");
  }
  mark_ = Sent::kNo;
}

void Connection::UndoSinceMark() {
  if (mark_ == Sent::kYes) before_.push_back("ROLLBACK TO SAVEPOINT mark");
  KeepSinceMark();
  statement_failed_ = false;
}

bool Connection::StillThere() {
  if (lost()) return false;
  pollfd wanted = {.fd = PQsocket(connection_), .events = POLLIN, .revents = 0};
  if (poll(&wanted, 1, 0) == 0) return true;  // an idle connection has nothing to say
  if (PQconsumeInput(connection_) != 1 || PQstatus(connection_) != CONNECTION_OK) Lose("closed");
  // What came may be the server's last words: then the end of the stream follows at once.
  if (!lost() && poll(&wanted, 1, 0) != 0 && PQconsumeInput(connection_) != 1) Lose("closed");
  return !lost();
}

Result<Connection::Outcome> Connection::RoundTrip(std::string_view sql,
                                                  std::span<const std::span<const Value>> rows) {
  if (lost()) return *lost_;
  if (transaction_failed_) return Unavailable("the transaction failed");
  if (statement_failed_) return FailedPrecondition(kNothingFollows);
  for (const auto& row : rows) KEDGE_TRY_STATUS(CheckParameters(row));
  if (statements_.size() >= kStatementsMax) {
    before_.push_back("DEALLOCATE ALL");
    statements_.clear();
  }
  const bool prepare = !statements_.contains(std::string(sql));
  if (auto sent = SendAll(sql, rows, prepare); !sent) return sent.error();
  return ReceiveAll(sql, rows.size(), prepare);
}

// Everything that goes out in one round trip.
Status Connection::SendAll(std::string_view sql, std::span<const std::span<const Value>> rows,
                           bool prepare) {
  for (const char* text : before_) {
    if (PQsendQueryParams(connection_, text, 0, nullptr, nullptr, nullptr, nullptr, 0) != 1) {
      return Lost("sending");
    }
  }
  if (!rows.empty()) {
    const std::string text(sql);
    const std::string name =
        prepare ? "s" + std::to_string(++statements_made_) : statements_.at(text);
    if (prepare && PQsendPrepare(connection_, name.c_str(), text.c_str(), 0, nullptr) != 1) {
      return Lost("sending");
    }
    for (const auto& row : rows) {
      const Parameters parameters(row);
      if (PQsendQueryPrepared(connection_, name.c_str(), parameters.count(), parameters.texts(),
                              nullptr, nullptr, 0) != 1) {
        return Lost("sending");
      }
    }
  }
  if (PQpipelineSync(connection_) != 1) return Lost("sending");
  return {};
}

// The answers to SendAll(), in its order. After an error the server skips what follows it.
Result<Connection::Outcome> Connection::ReceiveAll(std::string_view sql, size_t rows,
                                                   bool prepare) {
  std::optional<Error> error;
  Outcome all;
  const size_t before = before_.size();
  for (size_t i = 0; i < before && !lost(); ++i) {
    auto outcome = Receive(before_[i]);
    if (outcome) {
      all.tag = outcome->tag;
    } else if (!error) {
      error = outcome.error();
      transaction_failed_ = transaction_ != Sent::kNo;
    }
  }
  before_.clear();
  if (transaction_ == Sent::kWaiting) transaction_ = Sent::kYes;
  if (mark_ == Sent::kWaiting) mark_ = Sent::kYes;
  const size_t expected = rows + (prepare && rows > 0 ? 1 : 0);
  for (size_t i = 0; i < expected && !lost(); ++i) {
    auto outcome = Receive(sql);
    if (!outcome) {
      if (!error) error = outcome.error();
      continue;
    }
    if (prepare && i == 0) {
      statements_.emplace(std::string(sql), "s" + std::to_string(statements_made_));
      continue;
    }
    all.changed += outcome->changed;
    all.rows = std::move(outcome->rows);
  }
  if (!lost()) {
    if (auto synced = ReceiveSync(); !synced && !error) error = synced.error();
  }
  if (!error) return all;
  statement_failed_ = transaction_ != Sent::kNo;
  return *error;
}

Result<Connection::Outcome> Connection::SendBefore() {
  KEDGE_TRY_STATUS(SendAll({}, {}, false));
  return ReceiveAll({}, 0, false);
}

// The answer to one statement.
Result<Connection::Outcome> Connection::Receive(std::string_view sql) {
  const PgResult result = Next(kAnswerPatience);
  if (result == nullptr) return Lost("an answer is missing");
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
    Outcome outcome;
    if (status == PGRES_TUPLES_OK) outcome.rows = ReadRows(result.get());
    outcome.changed = std::strtoll(PQcmdTuples(result.get()), nullptr, 10);
    outcome.tag = PQcmdStatus(result.get());
    if (Next(kAnswerPatience) != nullptr || lost()) return Lost("an answer does not end");
    return outcome;
  }
  const char* code = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  const char* severity = PQresultErrorField(result.get(), PG_DIAG_SEVERITY_NONLOCALIZED);
  Error error = code == nullptr
                    ? Unavailable(FirstLine(PQresultErrorMessage(result.get())))
                    : ErrorOf(code, PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY), sql);
  const bool fatal = severity != nullptr && std::string_view(severity) != "ERROR";
  if (fatal || PQstatus(connection_) != CONNECTION_OK) {
    return Lost(error.message);
  }
  if (Next(kAnswerPatience) != nullptr || lost()) return Lost("an answer does not end");
  return error;
}

Status Connection::ReceiveSync() {
  const PgResult result = Next(kAnswerPatience);
  if (result == nullptr || PQresultStatus(result.get()) != PGRES_PIPELINE_SYNC) {
    return Lost("the answers are not in step");
  }
  return {};
}

// libpq's next result, null at the end of a statement's. Sets lost() if none comes in time.
Connection::PgResult Connection::Next(milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  PgResult none(nullptr, PQclear);
  if (lost()) return none;
  while (PQisBusy(connection_) == 1) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wanted = {.fd = PQsocket(connection_), .events = POLLIN, .revents = 0};
    const int ready = left.count() <= 0 ? 0 : poll(&wanted, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      Lose("no answer in time");
      return none;
    }
    if (PQconsumeInput(connection_) != 1) break;  // PQgetResult says why
  }
  return {PQgetResult(connection_), PQclear};
}

Status Connection::ExecuteScript(const std::string& sql) {
  if (lost()) return *lost_;
  if (transaction_failed_) return Unavailable("the transaction failed");
  if (statement_failed_) return FailedPrecondition(kNothingFollows);
  if (!before_.empty()) {
    if (const auto sent = SendBefore(); !sent) return sent.error();
  }
  // Several statements in one text exist outside of pipeline mode only.
  if (PQexitPipelineMode(connection_) != 1 || PQsendQuery(connection_, sql.c_str()) != 1) {
    return Lost("sending");
  }
  std::optional<Error> error;
  while (const PgResult result = Next(kScriptPatience)) {
    const char* code = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    if (code != nullptr && !error) {
      error = ErrorOf(code, PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY), sql);
    }
    if (PQstatus(connection_) != CONNECTION_OK) {
      return Lost(error ? error->message : FirstLine(PQresultErrorMessage(result.get())));
    }
  }
  if (lost()) return *lost_;
  if (PQenterPipelineMode(connection_) != 1) return Lost("pipeline mode");
  if (!error) return {};
  statement_failed_ = transaction_ != Sent::kNo;
  return *error;
}

void Connection::Lose(std::string_view why) {
  if (lost()) return;
  const std::string said = FirstLine(PQerrorMessage(connection_));
  lost_ = Unavailable("the connection to the database is lost: " +
                      (said.empty() ? std::string(why) : said));
}

Error Connection::Lost(std::string_view why) {
  Lose(why);
  return *lost_;
}

}  // namespace kedge::store::postgres
