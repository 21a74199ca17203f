// SPDX-License-Identifier: Apache-2.0
#include "ring/keeper.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace kedge::ring {

namespace {

constexpr size_t kThreadStackBytes = size_t{256} << 10;

std::string DescribeEnd(int wait_status) {
  if (WIFEXITED(wait_status))
    return "exited with status " + std::to_string(WEXITSTATUS(wait_status));
  const int signal = WTERMSIG(wait_status);
  const char* name = ::sigabbrev_np(signal);
  return "killed by signal " + std::to_string(signal) +
         (name != nullptr ? std::string(" (SIG") + name + ")" : "");
}

}  // namespace

Keeper::~Keeper() {
  Kill();
  if (thread_started_) ::pthread_join(thread_, nullptr);
}

Status Keeper::Start(SubprocessOptions options, std::function<void()> on_end) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, "pipe");
  words_read_ = FileDescriptor(ends[0]);
  words_write_ = FileDescriptor(ends[1]);
  ::fcntl(words_read_.get(), F_SETFL, O_NONBLOCK);
  options_ = std::move(options);
  options_.descriptors.emplace_back(words_write_.get(), STDERR_FILENO);
  on_end_ = std::move(on_end);

  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kThreadStackBytes);
  const int error_number = ::pthread_create(&thread_, &attributes, &ThreadMain, this);
  ::pthread_attr_destroy(&attributes);
  if (error_number != 0) return ErrnoError(error_number, "starting a worker's keeper");
  thread_started_ = true;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return launched_; });
  return launch_status_;
}

void* Keeper::ThreadMain(void* self) {
  static_cast<Keeper*>(self)->Serve();
  return nullptr;
}

bool Keeper::Launch() {
  auto pid = StartSubprocess(options_);
  words_write_.Reset();
  if (pid) {
    pid_fd_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
    if (!pid_fd_.valid()) {
      const int error_number = errno;
      ::kill(*pid, SIGKILL);
      ::waitpid(*pid, nullptr, 0);
      pid = ErrnoError(error_number, "pidfd_open");
    }
  }
  const std::lock_guard lock(mutex_);
  if (pid) pid_ = *pid;
  if (!pid) launch_status_ = pid.error();
  launched_ = true;
  ended_ = !pid;
  changed_.notify_all();
  return pid.has_value();
}

void Keeper::ReadWords() {
  char buffer[1024];
  for (;;) {
    const ssize_t n = ::read(words_read_.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      words_read_.Reset();
      return;
    }
    const std::lock_guard lock(mutex_);
    words_.append(buffer, static_cast<size_t>(n));
    if (words_.size() > kLastWordsBytesMax) words_.erase(0, words_.size() - kLastWordsBytesMax);
  }
}

void Keeper::Serve() {
  if (!Launch()) return;
  for (;;) {
    pollfd waits[2] = {{pid_fd_.get(), POLLIN, 0}, {words_read_.get(), POLLIN, 0}};
    ::poll(waits, 2, -1);
    if (waits[1].revents != 0) ReadWords();
    if (waits[0].revents == 0) continue;
    int wait_status = 0;
    while (::waitpid(pid_, &wait_status, 0) < 0 && errno == EINTR) {
    }
    if (words_read_.valid()) ReadWords();
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      exit_text_ = DescribeEnd(wait_status);
      changed_.notify_all();
    }
    on_end_();
    return;
  }
}

void Keeper::Kill() {
  // A process descriptor never means another process, even after the end.
  if (pid_fd_.valid()) ::syscall(SYS_pidfd_send_signal, pid_fd_.get(), SIGKILL, nullptr, 0);
}

bool Keeper::alive() {
  const std::lock_guard lock(mutex_);
  return launched_ && !ended_;
}

std::string Keeper::ExitText() {
  const std::lock_guard lock(mutex_);
  return exit_text_;
}

std::string Keeper::LastWords() {
  std::string words;
  {
    const std::lock_guard lock(mutex_);
    words = words_;
  }
  for (char& c : words) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  while (!words.empty() && words.back() == ' ') words.pop_back();
  return words;
}

bool Keeper::WaitForEnd(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [this] { return ended_; });
}

}  // namespace kedge::ring
