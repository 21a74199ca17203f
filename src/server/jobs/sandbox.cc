// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/sandbox.h"

#include <csignal>

#include "base/subprocess.h"

namespace kedge::server {
namespace {

constexpr size_t kOutputBytesMax = 64 << 10;
constexpr size_t kReasonBytesMax = 800;  // FailureReason holds 1024
constexpr int kFilesMax = 1024;

using Arguments = std::vector<std::string>;

void Append(Arguments& arguments, std::initializer_list<std::string> more) {
  arguments.insert(arguments.end(), more);
}

// Limits for the program that follows and all it starts.
void AppendLimits(Arguments& arguments, const SandboxLimits& limits) {
  Append(arguments,
         {"/usr/bin/prlimit", "--core=0", "--cpu=" + std::to_string(2 * limits.seconds_max),
          "--fsize=" + std::to_string(limits.file_bytes_max),
          "--nofile=" + std::to_string(kFilesMax)});
#ifndef __SANITIZE_ADDRESS__  // its shadow memory needs more address space than any limit
  Append(arguments, {"--as=" + std::to_string(limits.memory_bytes_max)});
#endif
  Append(arguments, {"--"});
}

void AppendSandbox(Arguments& arguments, const CompileCommand& command) {
  Append(arguments, {"/usr/bin/bwrap", "--unshare-all", "--unshare-user", "--die-with-parent",
                     "--new-session", "--cap-drop", "ALL", "--clearenv", "--hostname", "compile"});
  Append(arguments, {"--ro-bind",
                     "/usr",
                     "/usr",
                     "--symlink",
                     "usr/bin",
                     "/bin",
                     "--symlink",
                     "usr/sbin",
                     "/sbin",
                     "--symlink",
                     "usr/lib",
                     "/lib",
                     "--symlink",
                     "usr/lib64",
                     "/lib64",
                     "--ro-bind-try",
                     "/etc/alternatives",
                     "/etc/alternatives",
                     "--ro-bind-try",
                     "/etc/ld.so.cache",
                     "/etc/ld.so.cache"});
  Append(arguments, {"--proc", "/proc", "--dev", "/dev", "--size",
                     std::to_string(command.limits.scratch_bytes_max), "--tmpfs", "/tmp"});
  Append(arguments,
         {"--ro-bind", command.programs.string(), "/kedge", "--ro-bind", command.model.string(),
          "/in/model.onnx", "--bind", command.output_folder.string(), "/out", "--bind",
          command.cache_folder.string(), "/cache"});
  Append(arguments,
         {"--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", "/tmp", "--setenv", "TMPDIR",
          "/tmp", "--setenv", "KEDGE_CACHE_DIR", "/cache", "--chdir", "/tmp", "--"});
}

// The last line of what the compiler said, without its own name before it.
std::string Reason(const std::string& errors) {
  const size_t end = errors.find_last_not_of('\n');
  if (end == std::string::npos) return "the compiler gave no reason";
  const size_t line = errors.rfind('\n', end);
  std::string reason = errors.substr(line == std::string::npos ? 0 : line + 1);
  while (!reason.empty() && reason.back() == '\n') reason.pop_back();
  constexpr std::string_view kName = "kedge-compile: ";
  if (reason.starts_with(kName)) reason.erase(0, kName.size());
  return reason.substr(0, kReasonBytesMax);
}

Status Explain(const SubprocessResult& result, const CompileCommand& command) {
  if (result.was_cancelled) return Cancelled("the job was stopped");
  if (result.timed_out) {
    return DeadlineExceeded("the job ran longer than MaxRuntimeInSeconds, " +
                            std::to_string(command.limits.seconds_max) + " s");
  }
  if (result.exit_code == 0) return {};
  if (result.errors.starts_with("bwrap: ") || result.errors.starts_with("prlimit: ")) {
    return FailedPrecondition("the compile sandbox cannot be made on this machine (" +
                              Reason(result.errors) +
                              "); --unsandboxed-jobs would run compile jobs without it");
  }
  if (result.exit_code > 128) {
    return ResourceExhausted("the compiler was ended by signal " +
                             std::to_string(result.exit_code - 128) + ": " + Reason(result.errors));
  }
  return InvalidArgument(Reason(result.errors));
}

}  // namespace

Status RunCompiler(const CompileCommand& command) {
  SubprocessOptions options;
  AppendLimits(options.arguments, command.limits);
  const bool inside = command.sandboxed;
  if (inside) AppendSandbox(options.arguments, command);
  Append(options.arguments,
         {inside ? "/kedge/kedge-compile" : (command.programs / "kedge-compile").string(),
          inside ? "/in/model.onnx" : command.model.string(), "--target", command.target, "-o",
          (inside ? Path("/out") : command.output_folder) / kCompiledFolder, "--progress"});
  // One word, so that a name that begins with a dash cannot be taken for an option.
  for (const std::string& input : command.inputs) {
    options.arguments.push_back("--input=" + input);
  }
  if (!inside) {
    options.environment = {{"KEDGE_CACHE_DIR", command.cache_folder.string()},
                           {"TMPDIR", command.temporary_folder.string()}};
  }
  options.timeout = std::chrono::seconds(command.limits.seconds_max);
  options.output_bytes_max = kOutputBytesMax;
  options.cancelled = command.cancelled;
  if (command.log != nullptr) {
    options.on_output = [&](std::string_view text) { command.log->Append(text); };
  }
  KEDGE_TRY(const SubprocessResult result, RunSubprocess(options));
  return Explain(result, command);
}

}  // namespace kedge::server
