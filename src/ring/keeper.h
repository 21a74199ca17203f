// The thread that owns a worker's process: starts it, keeps its last words, learns of its end at
// once, and reaps it.
//
// It is one thread from the process's start to its end because the kernel's "kill the child when
// its parent dies" (PR_SET_PDEATHSIG) means the starting thread: a worker started from a
// short-lived thread would die with that.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <pthread.h>
#include <string>
#include <sys/types.h>

#include "base/descriptor.h"
#include "base/result.h"
#include "base/subprocess.h"

namespace kedge::ring {

constexpr size_t kLastWordsBytesMax = 2048;

// Thread-safe.
class Keeper {
 public:
  Keeper() = default;
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper();  // kills and reaps

  // Once. Starts the program; its standard error becomes the last words. `on_end` is called on the
  // keeper's thread as soon as the process has ended. Errors as of StartSubprocess.
  Status Start(SubprocessOptions options, std::function<void()> on_end);

  pid_t pid() const { return pid_; }
  void Kill();
  bool alive();
  // "killed by signal 31 (SIGSYS)", "exited with status 3"; empty while it runs.
  std::string ExitText();
  // What it wrote to standard error, its end if it was much, on one line.
  std::string LastWords();
  // False if it still runs after `timeout`.
  bool WaitForEnd(std::chrono::milliseconds timeout);

 private:
  static void* ThreadMain(void* self);
  void Serve();
  bool Launch();
  void ReadWords();

  SubprocessOptions options_;
  std::function<void()> on_end_;
  FileDescriptor words_read_, words_write_;
  FileDescriptor pid_fd_;
  pid_t pid_ = -1;
  pthread_t thread_{};
  bool thread_started_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool launched_ = false;
  Status launch_status_;
  bool ended_ = false;
  std::string exit_text_;
  std::string words_;
};

}  // namespace kedge::ring
