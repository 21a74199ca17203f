// SPDX-License-Identifier: Apache-2.0
#include "worker/filters.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sched.h>
#include <seccomp.h>
#include <span>
#include <string>
#include <sys/mman.h>

#include "ring/worker_descriptors.h"

namespace kedge::worker {

namespace {

constexpr int kLoadingCalls[] = {
    // memory
    SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    SCMP_SYS(brk),
    // descriptors that are there
    SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(close), SCMP_SYS(fcntl),
    SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek), SCMP_SYS(recvmsg),
    // threads; clone and openat are below
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),
    // the next walls
    SCMP_SYS(prlimit64), SCMP_SYS(getrlimit), SCMP_SYS(setrlimit), SCMP_SYS(prctl),
    SCMP_SYS(seccomp),
    // the end
    SCMP_SYS(exit), SCMP_SYS(exit_group)};

constexpr int kRunningCalls[] = {
    SCMP_SYS(futex),       SCMP_SYS(munmap),        SCMP_SYS(madvise),
    SCMP_SYS(brk),         SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_yield), SCMP_SYS(exit),          SCMP_SYS(exit_group)};

// A filter in the making. The first failure is kept, later calls do nothing.
class Filter {
 public:
  explicit Filter(bool all_threads) : context_(::seccomp_init(SCMP_ACT_KILL_PROCESS)) {
    if (context_ == nullptr) {
      result_ = -ENOMEM;
      return;
    }
    Keep(::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    Keep(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_NNP, 0));  // was set before
    Keep(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, all_threads ? 1 : 0));
  }
  void Allow(std::span<const int> calls) {
    for (const int call : calls) Add(SCMP_ACT_ALLOW, call, {});
  }
  void Add(uint32_t action, int call, std::initializer_list<scmp_arg_cmp> conditions) {
    if (result_ == 0)
      Keep(::seccomp_rule_add_array(context_.get(), action, call,
                                    static_cast<unsigned>(conditions.size()), conditions.begin()));
  }
  Status Load(const char* name) {
    if (result_ == 0) Keep(::seccomp_load(context_.get()));
    if (result_ == 0) return {};
    return FailedPrecondition(std::string("the sandbox cannot be set up: ") + name + ": " +
                              std::strerror(-result_));
  }

 private:
  void Keep(int result) {
    if (result_ == 0) result_ = result;
  }
  struct Release {
    void operator()(void* context) const { ::seccomp_release(context); }
  };
  std::unique_ptr<void, Release> context_;
  int result_ = 0;
};

constexpr scmp_datum_t kWritingFlags = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
constexpr scmp_datum_t kThreadFlags = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;

}  // namespace

Status SetLoadingFilter() {
  Filter filter(/*all_threads=*/false);
  filter.Allow(kLoadingCalls);
  filter.Add(SCMP_ACT_ALLOW, SCMP_SYS(openat), {SCMP_A2(SCMP_CMP_MASKED_EQ, kWritingFlags, 0)});
  filter.Add(SCMP_ACT_ALLOW, SCMP_SYS(clone),
             {SCMP_A0(SCMP_CMP_MASKED_EQ, kThreadFlags, kThreadFlags)});
  // Its flags lie in memory where no filter can look; the C library then takes clone.
  filter.Add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), {});
  return filter.Load("the filter for loading");
}

Status SetRunningFilter() {
  Filter filter(/*all_threads=*/true);
  filter.Allow(kRunningCalls);
  filter.Add(SCMP_ACT_ALLOW, SCMP_SYS(mmap), {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
  for (const int fd : {2, ring::kControlDescriptor})
    filter.Add(SCMP_ACT_ALLOW, SCMP_SYS(write),
               {SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(fd))});
  return filter.Load("the filter for running");
}

}  // namespace kedge::worker
