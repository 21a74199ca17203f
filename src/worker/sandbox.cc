// SPDX-License-Identifier: Apache-2.0
#include "worker/sandbox.h"

#include <cerrno>
#include <cstring>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "worker/filters.h"

namespace kedge::worker {

namespace {

Error CannotSet(const char* what) {
  return FailedPrecondition(std::string("the sandbox cannot be set up: ") + what + ": " +
                            std::strerror(errno));
}

Status Limit(__rlimit_resource resource, uint64_t value, const char* name) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return CannotSet(name);
  // What we were given may be less already.
  limit.rlim_cur = limit.rlim_max = std::min<rlim_t>(limit.rlim_max, value);
  if (::setrlimit(resource, &limit) != 0) return CannotSet(name);
  return {};
}

Status SetLimits(uint64_t memory_bytes) {
  KEDGE_TRY_STATUS(Limit(RLIMIT_AS, memory_bytes, "memory limit"));
  KEDGE_TRY_STATUS(Limit(RLIMIT_STACK, kStackBytes, "stack limit"));
  KEDGE_TRY_STATUS(Limit(RLIMIT_CORE, 0, "core limit"));
  KEDGE_TRY_STATUS(Limit(RLIMIT_FSIZE, 0, "file size limit"));
  KEDGE_TRY_STATUS(Limit(RLIMIT_NOFILE, kDescriptorsMax, "descriptor limit"));
  KEDGE_TRY_STATUS(Limit(RLIMIT_MEMLOCK, 0, "locked memory limit"));
  return Limit(RLIMIT_MSGQUEUE, 0, "message queue limit");
}

// The newest form of the kernel's structure; Debian 12's header has the first member only. A kernel
// accepts a longer structure than it knows as long as the rest is zero.
struct LandlockRuleset {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;  // version 4
  uint64_t scoped;              // version 6
};

// All file rights that a Landlock version knows.
uint64_t FileRights(long version) {
  if (version >= 5) return (uint64_t{1} << 16) - 1;  // + device ioctl
  if (version >= 3) return (uint64_t{1} << 15) - 1;  // + truncate
  if (version >= 2) return (uint64_t{1} << 14) - 1;  // + refer
  return (uint64_t{1} << 13) - 1;
}

// Denies all files but `model_fd`, and where the kernel knows how, TCP and signals to others. Sets
// `supported` to false if the kernel has no Landlock.
Status SetLandlock(int model_fd, bool& supported) {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  supported = version >= 1 || (errno != ENOSYS && errno != EOPNOTSUPP);
  if (!supported) return {};
  if (version < 1) return CannotSet("Landlock");
  const LandlockRuleset rules{.handled_access_fs = FileRights(version),
                              .handled_access_net = version >= 4 ? uint64_t{3} : 0,
                              .scoped = version >= 6 ? uint64_t{3} : 0};
  const FileDescriptor ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0)));
  if (!ruleset.valid()) return CannotSet("Landlock");
  const landlock_path_beneath_attr model{.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
                                         .parent_fd = model_fd};
  // EBADFD: a memfd, which lies in no file system and which Landlock leaves alone.
  if (::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &model, 0) != 0 &&
      errno != EBADFD)
    return CannotSet("Landlock");
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return CannotSet("Landlock");
  return {};
}

}  // namespace

Status Sandbox::Judge(Status status, bool& reached) const {
  reached = status.has_value();
  return reached || best_effort_ ? Status() : status;
}

Status Sandbox::LimitResources(uint64_t memory_bytes) {
  if (!ring::kSandboxPossible) {
    return best_effort_ ? Status() : FailedPrecondition("a build with sanitizers has no sandbox");
  }
  return Judge(SetLimits(memory_bytes), level_.rlimits);
}

Status Sandbox::Lock(int model_fd) {
  if (!ring::kSandboxPossible) return {};
  const bool locked = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  KEDGE_TRY_STATUS(Judge(locked ? Status() : CannotSet("no_new_privs"), level_.no_new_privileges));
  bool supported = true;
  KEDGE_TRY_STATUS(Judge(SetLandlock(model_fd, supported), level_.landlock));
  level_.landlock &= supported;
  return Judge(SetLoadingFilter(), filter_1_);
}

Status Sandbox::Shut() {
  if (!ring::kSandboxPossible) return {};
  bool no_processes = false;
  KEDGE_TRY_STATUS(Judge(Limit(RLIMIT_NPROC, 0, "process limit"), no_processes));
  level_.rlimits &= no_processes;
  KEDGE_TRY_STATUS(Judge(SetRunningFilter(), level_.seccomp));
  level_.seccomp &= filter_1_;
  return {};
}

}  // namespace kedge::worker
