// SPDX-License-Identifier: Apache-2.0
#include "base/subprocess.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace kedge {

namespace {

// All that the child needs between fork and exec, made before: there it may call async-signal-safe
// functions only.
struct ChildPlan {
  std::vector<char*> arguments;
  std::vector<std::string> environment_texts;
  std::vector<char*> environment;
  std::string program;
  std::string working_directory;
  std::vector<std::pair<int, int>> descriptors;
  int error_pipe = -1;
};

Result<std::string> FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* search = std::getenv("PATH");
  std::string_view rest = search == nullptr ? "/usr/bin:/bin" : search;
  while (!rest.empty()) {
    const size_t colon = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, colon)) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return NotFound("program '" + name + "' is not in PATH");
}

Result<ChildPlan> MakePlan(const SubprocessOptions& options) {
  KEDGE_CHECK(!options.arguments.empty());
  ChildPlan plan;
  KEDGE_TRY(plan.program, FindProgram(options.arguments[0]));
  for (const std::string& argument : options.arguments)
    plan.arguments.push_back(const_cast<char*>(argument.c_str()));
  plan.arguments.push_back(nullptr);
  if (!options.clear_environment) {
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view text(*entry);
      const std::string_view name = text.substr(0, text.find('='));
      const bool replaced = std::any_of(options.environment.begin(), options.environment.end(),
                                        [&](const auto& added) { return added.first == name; });
      if (!replaced) plan.environment_texts.emplace_back(text);
    }
  }
  for (const auto& [name, value] : options.environment)
    plan.environment_texts.push_back(name + "=" + value);
  for (std::string& text : plan.environment_texts) plan.environment.push_back(text.data());
  plan.environment.push_back(nullptr);
  plan.working_directory = options.working_directory.string();
  plan.descriptors = options.descriptors;
  return plan;
}

[[noreturn]] void ReportAndExit(int pipe) {
  const int error_number = errno;
  [[maybe_unused]] const ssize_t n = ::write(pipe, &error_number, sizeof error_number);
  ::_exit(127);
}

// Runs in the child. Moves the descriptors above all targets first, so that no target overwrites a
// source.
[[noreturn]] void RunChild(ChildPlan& plan, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  int floor = 3;
  for (const auto& [from, to] : plan.descriptors) floor = std::max(floor, to + 1);
  for (auto& [from, to] : plan.descriptors) {
    from = ::fcntl(from, F_DUPFD, floor);
    if (from < 0) ReportAndExit(plan.error_pipe);
  }
  const int error_pipe = ::fcntl(plan.error_pipe, F_DUPFD_CLOEXEC, floor);
  for (const auto& [from, to] : plan.descriptors) {
    if (::dup2(from, to) < 0) ReportAndExit(error_pipe);
  }
  for (int fd = 3; fd < floor; ++fd) {
    const bool wanted = std::any_of(plan.descriptors.begin(), plan.descriptors.end(),
                                    [fd](const auto& pair) { return pair.second == fd; });
    if (!wanted) ::close(fd);
  }
  // Everything above the floor but the error pipe, which closes itself at exec.
  ::syscall(SYS_close_range, floor, error_pipe - 1, 0);
  ::syscall(SYS_close_range, error_pipe + 1, ~0u, 0);
  if (!plan.working_directory.empty() && ::chdir(plan.working_directory.c_str()) != 0)
    ReportAndExit(error_pipe);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(plan.program.c_str(), plan.arguments.data(), plan.environment.data());
  ReportAndExit(error_pipe);
}

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

Result<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, "pipe");
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

void AppendLimited(std::string& to, const char* data, size_t n, size_t bytes_max) {
  to.append(data, std::min(n, bytes_max - std::min(bytes_max, to.size())));
}

}  // namespace

Result<pid_t> StartSubprocess(const SubprocessOptions& options) {
  KEDGE_TRY(ChildPlan plan, MakePlan(options));
  KEDGE_TRY(Pipe error_pipe, MakePipe());
  plan.error_pipe = error_pipe.write.get();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return ErrnoError(errno, "fork");
  if (child == 0) RunChild(plan, parent);
  ::setpgid(child, child);
  error_pipe.write.Reset();
  int error_number = 0;
  ssize_t n = 0;
  do {
    n = ::read(error_pipe.read.get(), &error_number, sizeof error_number);
  } while (n < 0 && errno == EINTR);
  if (n == sizeof error_number) {
    ::waitpid(child, nullptr, 0);
    return ErrnoError(error_number, "starting '" + plan.program + "'");
  }
  return child;
}

Result<SubprocessResult> RunSubprocess(const SubprocessOptions& options) {
  SubprocessOptions start = options;
  Pipe output;
  Pipe errors;
  if (!options.inherit_output) {
    KEDGE_TRY(output, MakePipe());
    KEDGE_TRY(errors, MakePipe());
    start.descriptors.emplace_back(output.write.get(), STDOUT_FILENO);
    start.descriptors.emplace_back(errors.write.get(), STDERR_FILENO);
  }
  KEDGE_TRY(const FileDescriptor nothing, OpenFile("/dev/null", O_RDONLY));
  start.descriptors.emplace_back(nothing.get(), STDIN_FILENO);
  KEDGE_TRY(const pid_t child, StartSubprocess(start));
  output.write.Reset();
  errors.write.Reset();

  SubprocessResult result;
  const auto started = std::chrono::steady_clock::now();
  const FileDescriptor exit_fd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  std::vector<char> buffer(64 * 1024);
  bool exited = false;
  while (!exited || output.read.valid() || errors.read.valid()) {
    pollfd waits[3] = {{output.read.get(), POLLIN, 0},
                       {errors.read.get(), POLLIN, 0},
                       {exited ? -1 : exit_fd.get(), POLLIN, 0}};
    // Short waits only where something must be looked at in between.
    const int wait_ms =
        options.cancelled != nullptr || options.timeout.count() > 0 || !exit_fd.valid() ? 50 : -1;
    ::poll(waits, 3, exited ? 200 : wait_ms);
    for (int i = 0; i < 2; ++i) {
      FileDescriptor& from = i == 0 ? output.read : errors.read;
      if (!from.valid() || waits[i].revents == 0) continue;
      const ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
      if (n > 0) {
        AppendLimited(i == 0 ? result.output : result.errors, buffer.data(), static_cast<size_t>(n),
                      options.output_bytes_max);
        if (options.on_output) options.on_output({buffer.data(), static_cast<size_t>(n)});
      }
      if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) from.Reset();
    }
    if (exited && waits[0].revents == 0 && waits[1].revents == 0)
      break;  // a grandchild holds the pipes open
    int wait_status = 0;
    if (!exited && ::waitpid(child, &wait_status, WNOHANG) == child) {
      exited = true;
      ::kill(-child, SIGKILL);  // what it may have left behind
      result.signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
      result.exit_code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + result.signal;
    }
    const bool late =
        options.timeout.count() > 0 && std::chrono::steady_clock::now() - started > options.timeout;
    const bool cancelled = options.cancelled != nullptr && options.cancelled->load();
    if (!exited && (late || cancelled)) {
      result.timed_out = late;
      result.was_cancelled = cancelled;
      ::kill(-child, SIGKILL);
    }
  }
  return result;
}

Path ExecutableDirectory() {
  std::error_code error;
  const Path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? Path(".") : self.parent_path();
}

}  // namespace kedge
