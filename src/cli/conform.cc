// `kedge conform`: runs ONNX's backend cases through the compiler and the compiled object.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/flags.h"
#include "base/subprocess.h"
#include "cli/command.h"
#include "cli/conform_case.h"
#include "cli/executor.h"
#include "cli/model_source.h"

namespace kedge::cli {

namespace {

constexpr int64_t kJobsMax = 64;

struct Totals {
  int64_t passed = 0, failed = 0, refused = 0;
};

// Prints results in the order of the cases, each as soon as all before it are there. Thread-safe.
class Printer {
 public:
  Printer(size_t cases, bool as_json) : results_(cases), as_json_(as_json) {}

  void Add(size_t i, CaseResult result) {
    const std::lock_guard lock(mutex_);
    results_[i] = std::move(result);
    for (; next_ < results_.size() && results_[next_].has_value(); ++next_) Print(*results_[next_]);
    std::fflush(stdout);
  }
  const Totals& totals() const { return totals_; }

 private:
  void Print(const CaseResult& result) {
    totals_.passed += result.verdict == Verdict::kPass;
    totals_.failed += result.verdict == Verdict::kFail;
    totals_.refused += result.verdict == Verdict::kRefused;
    if (as_json_) {
      std::printf("%s\n", json::Write(json::Object({{"verdict", VerdictName(result.verdict)},
                                                    {"case", result.name},
                                                    {"reason", result.reason}}))
                              .c_str());
      return;
    }
    std::printf("%s %s%s%s\n", VerdictName(result.verdict), result.name.c_str(),
                result.reason.empty() ? "" : " ", result.reason.c_str());
  }

  std::mutex mutex_;
  std::vector<std::optional<CaseResult>> results_;
  size_t next_ = 0;
  Totals totals_;
  bool as_json_;
};

void RunAll(const std::vector<Path>& cases, const ConformOptions& options, int64_t jobs,
            Printer& printer) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next.fetch_add(1); i < cases.size(); i = next.fetch_add(1))
      printer.Add(i, RunCase(cases[i], options));
  };
  std::vector<std::thread> threads;
  for (int64_t i = 1; i < std::min<int64_t>(jobs, static_cast<int64_t>(cases.size())); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
}

// The cross-built kedge-model-run: named by the user or the environment, or in the build folder
// beside ours (build/dev/bin/kedge -> build/aarch64/bin/kedge-model-run).
Result<std::vector<std::string>> RunnerFor(const std::string& target, const std::string& named) {
  const std::vector<std::string> runnable = RunnableTargets();
  if (target == "native" || std::find(runnable.begin(), runnable.end(), target) != runnable.end())
    return std::vector<std::string>{};
  if (target != "aarch64") return FailedPrecondition("this machine cannot run " + target);
  const char* configured = std::getenv("KEDGE_AARCH64_RUNNER");
  Path program = named;
  if (program.empty() && configured != nullptr) program = configured;
  if (program.empty())
    program =
        ExecutableDirectory().parent_path().parent_path() / "aarch64" / "bin" / "kedge-model-run";
  std::error_code ignored;
  if (!std::filesystem::exists(program, ignored)) {
    return NotFound(
        "no program to run " + target + " models: '" + program.string() +
        "' is not there; build it with `cmake --preset aarch64 && cmake --build --preset "
        "aarch64`, or name it with --runner");
  }
  return std::vector<std::string>{"qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", program.string()};
}

}  // namespace

int Conform(int argc, const char* const* argv) {
  std::vector<std::string> paths;
  ConformOptions options{.target = "native"};
  std::string runner;
  int64_t jobs = 2;
  bool as_json = false;
  Flags flags(argv[0], "Compiles and runs ONNX backend cases and compares their outputs.");
  flags.Positionals("CASEDIR", &paths, "case folders, or folders of them").Required();
  flags.Option("--target", &options.target, "target to compile for; aarch64 runs under qemu-user")
      .OneOf({"native", "x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64"});
  flags.Option("--runner", &runner, "kedge-model-run built for the target");
  flags.Option("--rtol", &options.tolerance.relative, "relative tolerance of floats");
  flags.Option("--atol", &options.tolerance.absolute, "absolute tolerance of floats");
  flags.Option("--threads", &options.threads, "threads of each model").Range(1, 64);
  flags.Option("--timeout", &options.timeout_s, "seconds for a compilation, and for a run")
      .Range(1, 86'400);
  flags.Option("--jobs", &jobs, "cases at a time").Range(1, kJobsMax);
  flags.Flag("--json", &as_json, "print one JSON line for each case and one for the totals");
  flags.Footer("Integers must be equal, floats within |got - want| <= atol + rtol * |want|.");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;

  if (std::error_code error; !std::filesystem::exists(SiblingProgram("kedge-compile"), error))
    return Fail(argv[0], NotFound("kedge-compile is not beside this program"));
  const auto cases = FindCases(paths);
  if (!cases) return Fail(argv[0], cases.error());
  auto found = RunnerFor(options.target, runner);
  if (!found) return Fail(argv[0], found.error());
  options.runner = *std::move(found);
  Printer printer(cases->size(), as_json);
  RunAll(*cases, options, jobs, printer);
  const Totals& totals = printer.totals();
  if (as_json) {
    std::printf("%s\n", json::Write(json::Object({{"passed", totals.passed},
                                                  {"failed", totals.failed},
                                                  {"refused", totals.refused}}))
                            .c_str());
  } else {
    std::printf("%" PRId64 " passed, %" PRId64 " failed, %" PRId64 " refused\n", totals.passed,
                totals.failed, totals.refused);
  }
  return totals.failed == 0 ? kExitSuccess : kExitFailure;
}

}  // namespace kedge::cli
