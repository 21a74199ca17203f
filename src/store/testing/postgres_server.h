// A real PostgreSQL for the tests of one program, through tests/servers/postgres.py; it ends with
// the program.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/descriptor.h"
#include "base/result.h"

namespace kedge::store {

// One thread.
class PostgresServer {
 public:
  // The program's one server, started at the first call. kUnimplemented: PostgreSQL is not
  // installed, the test skips.
  static Result<PostgresServer*> Shared();
  // A server of one's own. kUnimplemented as above.
  static Result<std::unique_ptr<PostgresServer>> Start();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // The URL of a new, empty database.
  Result<std::string> NewDatabase();
  // kill -9 of all its processes, and the start after it (which recovers what was committed).
  Status Kill();
  Status StartAgain();

 private:
  PostgresServer() = default;
  Result<std::string> ReadLine();
  // Sends a word, gives the member `url` of the answer (empty if it has none).
  Result<std::string> Tell(const std::string& word);

  FileDescriptor to_;
  FileDescriptor from_;
  std::string read_;  // beyond the last line
  int pid_ = -1;
};

}  // namespace kedge::store
