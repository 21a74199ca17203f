// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/toolchain.h"

#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/crypto/crypto.h"
#include "base/subprocess.h"
#include "compiler/codegen/api_text.h"
#include "compiler/codegen/object_cache.h"
#include "kernels/kernel_text.h"

namespace kedge::compiler {
namespace {

constexpr std::chrono::milliseconds kCompileTimeout{120'000};

const std::vector<std::string> kFlags = {"-c",
                                         "-O3",
                                         "-std=c++20",
                                         "-ffp-contract=fast",
                                         "-fno-math-errno",
                                         "-ffreestanding",
                                         "-fno-exceptions",
                                         "-fno-rtti",
                                         "-fvisibility=hidden",
                                         "-fPIC",
                                         "-fno-strict-aliasing",  // in-place steps change types
                                         "-fwrapv",
                                         "-fno-threadsafe-statics",
                                         "-fno-asynchronous-unwind-tables",
                                         "-fno-stack-protector",
                                         "-fno-ident",
                                         "-nostdinc++",
                                         "-nostdlibinc",
                                         "-w"};

// The first line of a compiler's messages that says "error", without the path before it.
std::string FirstError(const std::string& text) {
  const size_t error = text.find("error: ");
  if (error == std::string::npos) return text.substr(0, std::min<size_t>(text.size(), 200));
  const size_t end = text.find('\n', error);
  return text.substr(error, std::min<size_t>(end - error, 300));
}

Result<std::string> Run(std::vector<std::string> arguments, const Path& directory) {
  const std::string program = arguments[0];
  SubprocessOptions options;
  options.arguments = std::move(arguments);
  options.working_directory = directory;
  options.timeout = kCompileTimeout;
  auto result = RunSubprocess(options);
  if (!result) {
    return FailedPrecondition("the toolchain program '" + program +
                              "' cannot be started: " + result.error().message);
  }
  if (result->timed_out) {
    return DeadlineExceeded(program + " did not end within " +
                            std::to_string(kCompileTimeout.count() / 1000) + " s");
  }
  if (result->exit_code != 0) {
    return Internal(program + " failed with exit code " + std::to_string(result->exit_code) + ": " +
                    FirstError(result->errors));
  }
  return std::move(result->output);
}

}  // namespace

Result<Toolchain> Toolchain::Make(const Target& target, const ToolchainOptions& options,
                                  Path work) {
  Toolchain toolchain(target, options, std::move(work));
  KEDGE_TRY_STATUS(toolchain.ReadVersion());
  KEDGE_TRY_STATUS(toolchain.WriteHeaders());
  return toolchain;
}

Status Toolchain::ReadVersion() {
  KEDGE_TRY(version_, Run({options_.compiler, "--version"}, work_));
  return {};
}

Status Toolchain::WriteHeaders() {
  crypto::Hasher digest;
  auto write = [&](const EmbeddedFile& file) -> Status {
    const Path path = work_ / "include" / Path(file.name);
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) return ErrnoError(error.value(), "making " + path.parent_path().string());
    KEDGE_TRY(const FileDescriptor fd, OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC));
    digest.Update(AsBytes(file.name));
    digest.Update(AsBytes(std::string_view("\0", 1)));
    digest.Update(AsBytes(file.text));
    return WriteAll(fd.get(), AsBytes(file.text));
  };
  for (const EmbeddedFile& file : kernels::kHeaderTexts) KEDGE_TRY_STATUS(write(file));
  for (const EmbeddedFile& file : kApiTexts) KEDGE_TRY_STATUS(write(file));
  header_digest_ = HexEncode(digest.Finish());
  return {};
}

std::string Toolchain::KernelName(const std::string& source) {
  return "k_" + crypto::Sha256Hex(AsBytes(source)).substr(0, 24);
}

std::string Toolchain::CacheKey(const Unit& unit) const {
  crypto::Hasher digest;
  auto add = [&digest](const std::string& text) {
    const uint64_t size = text.size();
    uint8_t bytes[8];
    StoreLittle(bytes, size);
    digest.Update(bytes);
    digest.Update(AsBytes(text));
  };
  add(version_);
  add(header_digest_);
  for (const std::string& flag : unit.flags) add(flag);
  add(unit.source);
  return HexEncode(digest.Finish());
}

Result<BuildCounts> Toolchain::CompileKernels(const Plan& plan) {
  std::set<std::string> names;
  std::vector<Unit> units;
  for (const Step& step : plan.steps) {
    std::string name = KernelName(step.source);
    if (!names.insert(name).second) continue;
    units.push_back({name, step.source, {"-DKEDGE_KERNEL_NAME=" + name}});
  }
  // Long texts take longest: first, so that none is left alone at the end.
  std::stable_sort(units.begin(), units.end(),
                   [](const Unit& a, const Unit& b) { return a.source.size() > b.source.size(); });
  BuildCounts counts{.kernels = units.size()};
  KEDGE_TRY_STATUS(CompileAll(units, counts.compiled));
  return counts;
}

Status Toolchain::CompileModel(const std::string& source) {
  // -fno-builtin: a memcpy written as a loop must not become a call of itself.
  size_t compiled = 0;
  return CompileAll({{"model", source, {"-fno-builtin"}}}, compiled);
}

Status Toolchain::CompileAll(const std::vector<Unit>& units, size_t& compiled) {
  const auto processors = static_cast<int>(std::thread::hardware_concurrency());
  const int jobs = std::clamp(options_.jobs > 0 ? options_.jobs : processors, 1, kJobsMax);
  std::atomic<size_t> next{0}, fresh{0};
  std::mutex mutex;
  std::optional<Error> failure;
  auto work = [&] {
    for (size_t i = next++; i < units.size(); i = next++) {
      Result<bool> result = CompileOne(units[i]);
      if (result && *result) ++fresh;
      if (result) continue;
      const std::lock_guard lock(mutex);
      if (!failure) failure = result.error();
      next = units.size();
    }
  };
  std::vector<std::thread> threads;
  for (int t = 1; t < std::min<int>(jobs, static_cast<int>(units.size())); ++t) {
    threads.emplace_back(work);
  }
  work();
  for (std::thread& thread : threads) thread.join();
  if (failure) return *std::move(failure);
  compiled = fresh;
  for (const Unit& unit : units) objects_.push_back(work_ / (unit.name + ".o"));
  return {};
}

// True if the compiler ran, false if the cache had the object.
Result<bool> Toolchain::CompileOne(const Unit& given) const {
  Unit unit = given;
  unit.flags.insert(unit.flags.begin(), kFlags.begin(), kFlags.end());
  unit.flags.insert(unit.flags.end(), {"-target", target_.triple});
  unit.flags.insert(unit.flags.end(), target_.flags.begin(), target_.flags.end());
  const Path source = work_ / (unit.name + ".cc"), object = work_ / (unit.name + ".o");
  {
    KEDGE_TRY(const FileDescriptor fd, OpenFile(source, O_WRONLY | O_CREAT | O_TRUNC));
    KEDGE_TRY_STATUS(WriteAll(fd.get(), AsBytes(unit.source)));
  }
  const ObjectCache cache(options_.cache_dir, options_.cache_bytes_max);
  const std::string key = CacheKey(unit);
  if (cache.Fetch(key, object)) return false;
  std::vector<std::string> arguments = {options_.compiler};
  arguments.insert(arguments.end(), unit.flags.begin(), unit.flags.end());
  arguments.insert(arguments.end(), {"-Iinclude", unit.name + ".cc", "-o", unit.name + ".o"});
  if (auto ran = Run(std::move(arguments), work_); !ran) return std::move(ran).error();
  cache.Store(key, object);
  return true;
}

Status Toolchain::Link(const Path& output) {
  const bool arm = target_.architecture == Architecture::kAarch64;
  std::vector<std::string> arguments = {options_.linker,
                                        "-m",
                                        arm ? "aarch64linux" : "elf_x86_64",
                                        "-shared",
                                        "-nostdlib",
                                        "--no-undefined",
                                        "-z",
                                        "relro",
                                        "-z",
                                        "now",
                                        "-z",
                                        "noexecstack",
                                        "-z",
                                        "separate-code",
                                        "--hash-style=both",
                                        "--build-id=none",
                                        "--strip-all",
                                        "--gc-sections",
                                        "-soname",
                                        "model.so"};
  std::vector<std::string> names;
  names.reserve(objects_.size());
  for (const Path& object : objects_) names.push_back(object.filename().string());
  std::sort(names.begin(), names.end());  // so that equal plans give equal files
  arguments.insert(arguments.end(), names.begin(), names.end());
  arguments.insert(arguments.end(), {"-o", std::filesystem::absolute(output).string()});
  if (auto ran = Run(std::move(arguments), work_); !ran) return std::move(ran).error();
  ObjectCache(options_.cache_dir, options_.cache_bytes_max).Trim();
  return {};
}

}  // namespace kedge::compiler
