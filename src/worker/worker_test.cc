// kedge-worker as a whole, driven through ring::WorkerProcess: what it answers, how it ends, and
// that nothing a model does reaches further than its own process.
// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "ring/worker_process.h"
#include "runtime/testing/c_model.h"

namespace kedge::worker {
namespace {

using ring::WorkerOptions;
using ring::WorkerProcess;
using runtime::testing::CModel;
using std::chrono::milliseconds;

Path WorkerProgram() {
  const char* directory = std::getenv("KEDGE_BIN_DIR");
  return Path(directory != nullptr ? directory : "build/dev/bin") / "kedge-worker";
}

Result<std::unique_ptr<WorkerProcess>> StartModel(const CModel& model, WorkerOptions options = {}) {
  KEDGE_TRY(const FileDescriptor object, runtime::testing::BuildObject(model));
  options.program = WorkerProgram();
  options.model_so_fd = object.get();
  return WorkerProcess::Start(options);
}

// Runs a model of 4 elements on 1 2 3 4.
Result<std::vector<float>> RunOnce(WorkerProcess& worker) {
  const float x[] = {1, 2, 3, 4};
  std::vector<float> y(4);
  const Bytes inputs[] = {Bytes(reinterpret_cast<const uint8_t*>(x), sizeof x)};
  const std::span<uint8_t> outputs[] = {{reinterpret_cast<uint8_t*>(y.data()), 16}};
  KEDGE_TRY_STATUS(worker.Run(inputs, outputs));
  return y;
}

const std::vector<float> kWant = {3, 5, 7, 9};

#define SKIP_WITHOUT_SANDBOX() \
  if (!ring::kSandboxPossible) GTEST_SKIP() << "skipped: sanitizer runtimes cannot be sandboxed"

TEST(Worker, RunsAModelInAFullSandbox) {
  auto worker = StartModel({});
  ASSERT_TRUE(worker) << worker.error().message;
  EXPECT_EQ((*worker)->inputs()[0].name, "x");
  EXPECT_EQ((*worker)->outputs()[0].shape, Shape({4}));
  EXPECT_EQ((*worker)->target(), "x86-64-v2");
  if (ring::kSandboxPossible) {
    EXPECT_TRUE((*worker)->sandbox().seccomp);
    EXPECT_TRUE((*worker)->sandbox().rlimits);
    EXPECT_TRUE((*worker)->sandbox().no_new_privileges);
  }
  for (int i = 0; i < 3; ++i) {
    const auto y = RunOnce(**worker);
    ASSERT_TRUE(y) << y.error().message;
    EXPECT_EQ(*y, kWant);
  }
  EXPECT_TRUE((*worker)->alive());
}

// What the kernel itself says of the process, not what the worker says.
TEST(Worker, IsSeenInItsSandboxFromOutside) {
  SKIP_WITHOUT_SANDBOX();
  auto worker = StartModel({}, {.threads = 2});
  ASSERT_TRUE(worker) << worker.error().message;
  const std::string directory = "/proc/" + std::to_string((*worker)->pid()) + "/task";
  size_t threads = 0;
  for (const auto& task : std::filesystem::directory_iterator(directory)) {
    ++threads;
    std::ifstream file(task.path() / "status");
    const std::string status((std::istreambuf_iterator<char>(file)), {});
    EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos) << status;
    EXPECT_NE(status.find("Seccomp:\t2"), std::string::npos) << status;
    EXPECT_NE(status.find("Seccomp_filters:\t2"), std::string::npos) << status;
  }
  EXPECT_EQ(threads, 2u);
}

TEST(Worker, RunsWithThreads) {
  const CModel parallel{
      .run_body =
          "struct Args args = {x, y}; host->parallel(host->context, task, &args, ELEMENTS);"
          "return 0;",
      .before_run =
          "struct Args { const float* x; float* y; };"
          "static void task(void* p, uint32_t i) { struct Args* a = p; a->y[i] = 2 * a->x[i] + "
          "1; }"};
  auto worker = StartModel(parallel, {.threads = 3});
  ASSERT_TRUE(worker) << worker.error().message;
  for (int i = 0; i < 200; ++i) {
    const auto y = RunOnce(**worker);
    ASSERT_TRUE(y) << y.error().message;
    ASSERT_EQ(*y, kWant);
  }
}

TEST(Worker, PassesTheModelsErrorOn) {
  auto worker =
      StartModel({.run_body = "message[0] = 'n'; message[1] = 'o'; message[2] = 0; return 11;"});
  ASSERT_TRUE(worker) << worker.error().message;
  const auto y = RunOnce(**worker);
  ASSERT_FALSE(y);
  EXPECT_EQ(y.error(), (Error{Code::kOutOfRange, "no"}));
  EXPECT_TRUE((*worker)->alive());
}

TEST(Worker, RefusesTensorsOfAnotherSize) {
  auto worker = StartModel({});
  ASSERT_TRUE(worker) << worker.error().message;
  uint8_t bytes[17] = {};
  const Bytes good_input[] = {Bytes(bytes, 16)};
  const Bytes bad_input[] = {Bytes(bytes, 17)};
  const std::span<uint8_t> good_output[] = {{bytes, 16}};
  const std::span<uint8_t> bad_output[] = {{bytes, 15}};
  EXPECT_EQ((*worker)->Run(bad_input, good_output).error().code, Code::kInvalidArgument);
  EXPECT_EQ((*worker)->Run(good_input, bad_output).error().code, Code::kInvalidArgument);
  EXPECT_EQ((*worker)->Run({}, good_output).error().code, Code::kInvalidArgument);
  EXPECT_EQ((*worker)->Run(good_input, {}).error().code, Code::kInvalidArgument);
  EXPECT_TRUE((*worker)->Run(good_input, good_output));
}

TEST(Worker, TimesRuns) {
  auto worker = StartModel({});
  ASSERT_TRUE(worker) << worker.error().message;
  const float x[] = {1, 2, 3, 4};
  const Bytes inputs[] = {Bytes(reinterpret_cast<const uint8_t*>(x), sizeof x)};
  const auto times = (*worker)->Bench(inputs, 10, 600);
  ASSERT_TRUE(times) << times.error().message;
  ASSERT_EQ(times->size(), 600u);
  for (const auto& run : *times) EXPECT_GT(run.wall_ns, 0u);
}

TEST(Worker, ReportsWhyAModelCannotBeLoaded) {
  struct Case {
    const char* name;
    CModel model;
    Code code;
    const char* message;
  };
  const Case cases[] = {
      {"version", {.info_override = "info.abi = 9;"}, Code::kInvalidArgument, "version is 9"},
      {"features", {.cpu_features = "warp_drive"}, Code::kFailedPrecondition, "warp_drive"},
      {"weights", {.weights_bytes = "5"}, Code::kDataLoss, "weights are 0 bytes"},
      {"too large for the memory limit",
       {.arena_bytes = "(1ull << 39)"},
       Code::kResourceExhausted,
       "arena"},
      {"too large for a ring", {.elements = int64_t{1} << 30}, Code::kResourceExhausted, "larger"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    if (!ring::kSandboxPossible && c.code == Code::kResourceExhausted) continue;
    const auto worker = StartModel(c.model);
    ASSERT_FALSE(worker);
    EXPECT_EQ(worker.error().code, c.code);
    EXPECT_NE(worker.error().message.find(c.message), std::string::npos) << worker.error().message;
  }
}

TEST(Worker, SaysThatItsProgramIsMissing) {
  const auto object = runtime::testing::BuildObject({});
  const auto worker =
      WorkerProcess::Start({.program = "/no/such/worker", .model_so_fd = object->get()});
  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().code, Code::kNotFound);
}

// A model that tries something. `end` stands in the message of the error.
struct Hostile {
  const char* name;
  const char* body;
  Code code = Code::kUnavailable;
  const char* end = "killed by signal 31 (SIGSYS)";
  const char* before_run = "";
};

// Numbers of system calls are those of x86-64.
const Hostile kHostile[] = {
    {"open", "syscall6(2, (long)\"/etc/passwd\", 0, 0, 0, 0, 0); return 0;"},
    {"openat", "syscall6(257, -100, (long)\"/etc/passwd\", 0, 0, 0, 0); return 0;"},
    {"socket", "syscall6(41, 2, 1, 0, 0, 0, 0); return 0;"},
    {"connect", "syscall6(42, 3, (long)x, 16, 0, 0, 0); return 0;"},
    {"read the control socket", "syscall6(0, 3, (long)y, 16, 0, 0, 0); return 0;"},
    {"send by the control socket", "syscall6(44, 3, (long)y, 16, 0, 0, 0); return 0;"},
    {"write to a descriptor", "syscall6(1, 6, (long)y, 16, 0, 0, 0); return 0;"},
    {"fork", "syscall6(57, 0, 0, 0, 0, 0, 0); return 0;"},
    {"clone", "syscall6(56, 17, 0, 0, 0, 0, 0); return 0;"},
    {"clone a thread", "syscall6(56, 0x10900, 0, 0, 0, 0, 0); return 0;"},
    {"clone3", "long args[11] = {0}; syscall6(435, (long)args, 88, 0, 0, 0, 0); return 0;"},
    {"execve", "syscall6(59, (long)\"/bin/true\", 0, 0, 0, 0, 0); return 0;"},
    {"ptrace", "syscall6(101, 0, 0, 0, 0, 0, 0); return 0;"},
    {"kill the parent", "syscall6(62, syscall6(110, 0, 0, 0, 0, 0, 0), 9, 0, 0, 0, 0); return 0;"},
    {"kill everybody", "syscall6(62, -1, 9, 0, 0, 0, 0); return 0;"},
    {"map executable memory", "syscall6(9, 0, 4096, 7, 0x22, -1, 0); return 0;"},
    {"make memory executable", "syscall6(10, (long)arena & -4096, 4096, 7, 0, 0, 0); return 0;"},
    {"write another process's memory", "syscall6(311, 1, 0, 0, 0, 0, 0); return 0;"},
    {"load a filter of its own", "syscall6(317, 1, 0, 0, 0, 0, 0); return 0;"},
    {"raise its limits", "syscall6(302, 0, 7, (long)x, 0, 0, 0); return 0;"},
    {"io_uring", "syscall6(425, 1, (long)y, 0, 0, 0, 0); return 0;"},
    {"an x32 call", "syscall6(0x40000000 + 39, 0, 0, 0, 0, 0, 0); return 0;"},
    {"a 32-bit call", "__asm__ volatile(\"int $0x80\" :: \"a\"(20)); return 0;"},
    {"end the process", "syscall6(231, 0, 0, 0, 0, 0, 0); return 0;", Code::kUnavailable,
     "exited with status 0"},
    {"end the thread", "syscall6(60, 7, 0, 0, 0, 0, 0); return 0;", Code::kUnavailable,
     "exited with status 7"},
    {"jump to nowhere", "((void (*)(void))8)(); return 0;", Code::kUnavailable, "(SIGSEGV)"},
    {"write to its code", "*(volatile char*)(long)&kedge_model_run = 1; return 0;",
     Code::kUnavailable, "(SIGSEGV)"},
    {"write to its constants", "*(volatile char*)(long)&kedge_constant = 1; return 0;",
     Code::kUnavailable, "(SIGSEGV)", "const volatile int kedge_constant = 7;"},
    {"trap", "__builtin_trap(); return 0;", Code::kUnavailable, "(SIGILL)"},
    {"overflow the stack", "return deep(x[0] > 0 ? 1 << 30 : 0);", Code::kUnavailable, "(SIGSEGV)",
     "static int deep(int n) { volatile char c[4096]; c[0] = (char)n; c[4095] = 1;"
     " return n == 0 ? c[0] : deep(n - 1) + c[4095]; }"},
    {"fill the memory",
     "for (;;) { char* p = (char*)syscall6(9, 0, 1 << 26, 3, 0x4022, -1, 0);"
     " if ((long)p < 0 && (long)p > -4096) __builtin_trap(); } return 0;",
     Code::kUnavailable, "(SIGILL)"},
    {"loop for ever", "for (volatile int i = 0;; ++i) {} return 0;", Code::kDeadlineExceeded,
     "did not answer within 200 ms"},
    {"sleep for ever", "int word = 0; syscall6(202, (long)&word, 0, 0, 0, 0, 0); return 0;",
     Code::kDeadlineExceeded, "did not answer within 200 ms"},
    // The state word of its slot, which begins one page below that of the first input.
    {"say that it has ended", "*(volatile unsigned*)(((long)x & -4096) - 4096) = 4; for (;;) {}",
     Code::kUnavailable, "broke the ring's protocol"},
    {"make its slot free", "*(volatile unsigned*)(((long)x & -4096) - 4096) = 0; for (;;) {}",
     Code::kUnavailable, "broke the ring's protocol"},
};

TEST(HostileModel, EndsInItsOwnWorkerOnly) {
  SKIP_WITHOUT_SANDBOX();
  auto bystander = StartModel({});
  ASSERT_TRUE(bystander) << bystander.error().message;
  std::atomic<bool> stop{false};
  std::atomic<int> answers{0}, errors{0};
  std::thread client([&] {
    while (!stop.load()) {
      const auto y = RunOnce(**bystander);
      (y && *y == kWant ? answers : errors).fetch_add(1);
    }
  });
  for (const Hostile& hostile : kHostile) {
    SCOPED_TRACE(hostile.name);
    auto worker = StartModel({.run_body = hostile.body, .before_run = hostile.before_run},
                             {.run_timeout = milliseconds(200)});
    EXPECT_TRUE(worker) << worker.error().message;
    if (!worker) continue;
    const auto y = RunOnce(**worker);
    EXPECT_FALSE(y);
    if (y) continue;
    EXPECT_EQ(y.error().code, hostile.code);
    EXPECT_NE(y.error().message.find(hostile.end), std::string::npos) << y.error().message;
    EXPECT_FALSE((*worker)->alive());
    EXPECT_EQ(RunOnce(**worker).error().code, Code::kUnavailable);
  }
  stop.store(true);
  client.join();
  EXPECT_EQ(errors.load(), 0);
  EXPECT_GT(answers.load(), 0);
  EXPECT_TRUE((*bystander)->alive());
}

// The loader runs a resolver for each such symbol: the only code of a model that runs before the
// check of its description, as constructors are refused before. Filter 1 and Landlock are up by
// then.
TEST(HostileModel, IsHeldWhileItIsLoaded) {
  SKIP_WITHOUT_SANDBOX();
  struct Case {
    const char* name;
    const char* code;
    const char* end;
  };
  const Case cases[] = {
      {"nothing", "", nullptr},
      {"connect", "syscall6(41, 2, 1, 0, 0, 0, 0);", "(SIGSYS)"},
      {"fork", "syscall6(56, 17, 0, 0, 0, 0, 0);", "(SIGSYS)"},
      {"exec", "syscall6(59, (long)\"/bin/true\", 0, 0, 0, 0, 0);", "(SIGSYS)"},
      {"create a file", "syscall6(257, -100, (long)\"/tmp/kedge-hostile\", 0x41, 0600, 0, 0);",
       "(SIGSYS)"},
      {"read a file",
       "if (syscall6(257, -100, (long)\"/etc/passwd\", 0, 0, 0, 0) == -13)"
       " __builtin_trap();",
       "(SIGILL)"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto worker = StartModel(
        {.run_body = "y[0] = called(); return 0;",
         .before_run = std::string("static float real(void) { return 1; }\n"
                                   "static void* resolve(void) { ") +
                       c.code +
                       " return real; }\n"
                       "static float called(void) __attribute__((ifunc(\"resolve\")));"});
    if (c.end == nullptr) {
      EXPECT_TRUE(worker) << worker.error().message;
      continue;
    }
    ASSERT_FALSE(worker);
    EXPECT_EQ(worker.error().code, Code::kUnavailable);
    EXPECT_NE(worker.error().message.find(c.end), std::string::npos) << worker.error().message;
  }
}

TEST(Worker, ConstructorsAreRefusedBeforeTheyRun) {
  const auto worker =
      StartModel({.before_run = "volatile int ran; __attribute__((constructor)) static "
                                "void f(void) { ran = 1; __builtin_trap(); }"});
  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().code, Code::kInvalidArgument);
  EXPECT_NE(worker.error().message.find("constructors"), std::string::npos);
}

TEST(Worker, HangingWhileItLoadsIsEndedByTheDeadline) {
  const auto worker = StartModel({.info_override = "for (volatile int i = 0;; ++i) {}"},
                                 {.load_timeout = milliseconds(300)});
  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().code, Code::kDeadlineExceeded);
}

TEST(Worker, KilledInTheMiddleOfARunIsNoticedByAllWhoWait) {
  auto worker = StartModel({.run_body = "for (volatile int i = 0;; ++i) {} return 0;"});
  ASSERT_TRUE(worker) << worker.error().message;
  std::vector<std::thread> clients;
  std::atomic<int> unavailable{0};
  for (int i = 0; i < 8; ++i) {  // more than there are slots
    clients.emplace_back([&] {
      const auto y = RunOnce(**worker);
      if (!y && y.error().code == Code::kUnavailable &&
          y.error().message.find("SIGKILL") != std::string::npos)
        unavailable.fetch_add(1);
    });
  }
  ASSERT_EQ(::kill((*worker)->pid(), SIGKILL), 0);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(unavailable.load(), 8);
  EXPECT_FALSE((*worker)->alive());
  EXPECT_EQ((*worker)->exit_text(), "killed by signal 9 (SIGKILL)");
}

TEST(Worker, ServesManyThreadsAtOnce) {
  auto worker = StartModel({});
  ASSERT_TRUE(worker) << worker.error().message;
  std::vector<std::thread> clients;
  std::atomic<int> right{0};
  for (int client = 0; client < 8; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < 100; ++i) {
        const auto f = static_cast<float>(client * 1000 + i);
        const float x[] = {f, f, f, f};
        float y[4] = {};
        const Bytes inputs[] = {Bytes(reinterpret_cast<const uint8_t*>(x), sizeof x)};
        const std::span<uint8_t> outputs[] = {{reinterpret_cast<uint8_t*>(y), sizeof y}};
        if ((*worker)->Run(inputs, outputs) && y[0] == 2 * f + 1 && y[3] == y[0])
          right.fetch_add(1);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right.load(), 800);
}

TEST(Worker, OutlivesTheThreadThatStartedIt) {
  std::unique_ptr<WorkerProcess> worker;
  std::thread([&] {
    auto started = StartModel({});
    if (started) worker = *std::move(started);
  }).join();
  ASSERT_TRUE(worker != nullptr);
  const auto y = RunOnce(*worker);
  ASSERT_TRUE(y) << y.error().message;
  EXPECT_EQ(*y, kWant);
}

TEST(Worker, EndsWithTheProcessThatStartedIt) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const pid_t starter = ::fork();
  if (starter == 0) {
    const auto worker = StartModel({});
    const pid_t pid = worker ? (*worker)->pid() : -1;
    const ssize_t written = ::write(pipe[1], &pid, sizeof pid);
    ::pause();
    ::_exit(written == sizeof pid ? 0 : 1);
  }
  pid_t pid = -1;
  ASSERT_EQ(::read(pipe[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ASSERT_GT(pid, 0);
  const FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  ASSERT_TRUE(process.valid());
  ASSERT_EQ(::kill(starter, SIGKILL), 0);
  ASSERT_EQ(::waitpid(starter, nullptr, 0), starter);
  pollfd wait{.fd = process.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&wait, 1, 5000), 1);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

// Denies this process and its children the system call that sets filters.
bool DenySeccomp() {
  sock_filter program[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_seccomp},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog filter{.len = std::size(program), .filter = program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// In a process of its own, because the denial stays.
TEST(Worker, AFilterThatCannotBeSetIsAnErrorUnlessTheSandboxIsNotRequired) {
  SKIP_WITHOUT_SANDBOX();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!DenySeccomp()) ::_exit(10);
    const auto refused = StartModel({});
    if (refused || refused.error().code != Code::kFailedPrecondition) ::_exit(11);
    if (refused.error().message.find("sandbox cannot be set up: the filter") == std::string::npos)
      ::_exit(12);
    const auto worker = StartModel({}, {.sandbox_required = false});
    if (!worker) ::_exit(13);
    if ((*worker)->sandbox().seccomp || (*worker)->sandbox().Text() == "full") ::_exit(14);
    ::_exit(RunOnce(**worker) ? 0 : 15);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Private memory: what a further worker costs. Text and libraries are shared with the others.
TEST(Worker, CostsLessThanTwoMegabytesWhenIdle) {
  SKIP_WITHOUT_SANDBOX();
  auto worker = StartModel({});
  ASSERT_TRUE(worker) << worker.error().message;
  ASSERT_TRUE(RunOnce(**worker));
  std::ifstream file("/proc/" + std::to_string((*worker)->pid()) + "/smaps_rollup");
  uint64_t private_kib = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Private_")) private_kib += std::strtoull(line.c_str() + 15, nullptr, 10);
  }
  EXPECT_GT(private_kib, 0u);
  EXPECT_LT(private_kib, 2048u);
  RecordProperty("private_kib", static_cast<int>(private_kib));
}

}  // namespace
}  // namespace kedge::worker
