// SPDX-License-Identifier: Apache-2.0
#include "store/testing/postgres_server.h"

#include <cstdlib>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json/json.h"

namespace kedge::store {

Result<PostgresServer*> PostgresServer::Shared() {
  static const Result<std::unique_ptr<PostgresServer>> server = Start();
  if (!server) return server.error();
  return server->get();
}

Result<std::unique_ptr<PostgresServer>> PostgresServer::Start() {
  const char* const source = std::getenv("KEDGE_SOURCE_DIR");
  if (source == nullptr) return Unimplemented("KEDGE_SOURCE_DIR is not set");
  int to[2];
  int from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) return ErrnoError(errno, "pipe");
  FileDescriptor child_in(to[0]);
  FileDescriptor child_out(from[1]);
  std::unique_ptr<PostgresServer> server(new PostgresServer);
  server->to_ = FileDescriptor(to[1]);
  server->from_ = FileDescriptor(from[0]);
  std::string script = std::string(source) + "/tests/servers/postgres.py";
  std::string program = "/usr/bin/python3";
  std::string word = "serve";
  char* const arguments[] = {program.data(), script.data(), word.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, child_in.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, child_out.get(), STDOUT_FILENO);
  const int error =
      posix_spawn(&server->pid_, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoError(error, "starting " + program);
  // The pipe's other end is the child's alone now, so that its end is seen.
  child_out.Reset();
  if (const auto ready = server->ReadLine(); !ready) {
    int status = 0;
    waitpid(server->pid_, &status, 0);
    server->pid_ = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
      return Unimplemented("PostgreSQL is not installed");
    }
    return Unavailable("tests/servers/postgres.py did not start a server");
  }
  return server;
}

PostgresServer::~PostgresServer() {
  to_.Reset();  // the end of its standard input stops it
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

Result<std::string> PostgresServer::ReadLine() {
  for (;;) {
    if (const size_t end = read_.find('\n'); end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    char buffer[4096];
    const ssize_t count = read(from_.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Unavailable("tests/servers/postgres.py has ended");
    read_.append(buffer, static_cast<size_t>(count));
  }
}

Result<std::string> PostgresServer::Tell(const std::string& word) {
  KEDGE_TRY_STATUS(WriteAll(to_.get(), AsBytes(word + "\n")));
  KEDGE_TRY(const std::string line, ReadLine());
  KEDGE_TRY(const json::Value answer, json::Parse(line));
  if (answer.Find("error") != nullptr) return Internal(line);
  return answer.StringOr("url", "");
}

Result<std::string> PostgresServer::NewDatabase() { return Tell("database"); }

Status PostgresServer::Kill() {
  KEDGE_TRY([[maybe_unused]] const std::string none, Tell("kill"));
  return {};
}

Status PostgresServer::StartAgain() {
  KEDGE_TRY([[maybe_unused]] const std::string none, Tell("start"));
  return {};
}

}  // namespace kedge::store
