// SPDX-License-Identifier: Apache-2.0
#include "runtime/testing/c_model.h"

#include <cstdlib>
#include <fcntl.h>

#include "base/subprocess.h"

namespace kedge::runtime::testing {

namespace {

constexpr const char* kPrologue = R"(
#include "kedge_model.h"
static inline long syscall6(long n, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#else
#error "test models are for x86-64"
#endif
}
)";

constexpr const char* kEpilogue = R"(
static const kedge_io kInputs[] = {{"x", KEDGE_F32, 1, {ELEMENTS}, 4ull * ELEMENTS}};
static const kedge_io kOutputs[] = {{"y", KEDGE_F32, 1, {ELEMENTS}, 4ull * ELEMENTS}};
static const char* const kOps[] = {"test"};
__attribute__((visibility("default"))) const kedge_model_info* kedge_model_query(void) {
  static kedge_model_info info;
  info = (kedge_model_info){.abi = KEDGE_MODEL_ABI, .arena_bytes = ARENA_BYTES, .arena_align = 64,
    .weights_bytes = WEIGHTS_BYTES, .input_count = 1, .output_count = 1, .inputs = kInputs,
    .outputs = kOutputs, .target = TARGET, .cpu_features = CPU_FEATURES, .compiler = "test",
    .model_hash = "", .weights_hash = "", .task_count_max = 1000, .op_count = 1, .op_names = kOps};
  INFO_OVERRIDE
  return &info;
}
)";

void Replace(std::string& text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

}  // namespace

std::string Source(const CModel& model) {
  std::string text =
      kPrologue + model.before_run +
      "\n__attribute__((visibility(\"default\"))) int kedge_model_run(const kedge_host* "
      "host, const void* weights,\n    const void* const* in, void* const* out, void* "
      "arena, char* message, size_t message_bytes) {\n"
      "  const float* x = in[0];\n  float* y = out[0];\n"
      "  (void)host; (void)weights; (void)arena; (void)message; (void)message_bytes; "
      "(void)x; (void)y;\n  " +
      model.run_body + "\n}\n" + kEpilogue;
  Replace(text, "INFO_OVERRIDE", model.info_override);
  Replace(text, "ELEMENTS", std::to_string(model.elements));
  Replace(text, "ARENA_BYTES", model.arena_bytes);
  Replace(text, "WEIGHTS_BYTES", model.weights_bytes);
  Replace(text, "CPU_FEATURES", "\"" + model.cpu_features + "\"");
  Replace(text, "TARGET", "\"" + model.target + "\"");
  return text;
}

Status Build(const CModel& model, const Path& directory, Bytes weights) {
  PosixFileSystem disk;
  const Path source = directory / "model.c";
  KEDGE_TRY_STATUS(disk.WriteAtomically(source, AsBytes(Source(model)), 0644));
  if (!weights.empty())
    KEDGE_TRY_STATUS(disk.WriteAtomically(directory / "weights.bin", weights, 0644));
  const char* root = std::getenv("KEDGE_SOURCE_DIR");
  SubprocessOptions clang{.arguments = {"clang-19", "-O1", "-std=c17", "-shared", "-fPIC",
                                        "-nostdlib", "-ffreestanding", "-fvisibility=hidden",
                                        "-fuse-ld=lld", "-I",
                                        (Path(root != nullptr ? root : ".") / "api").string()}};
  clang.arguments.insert(clang.arguments.end(), model.clang_arguments.begin(),
                         model.clang_arguments.end());
  clang.arguments.insert(clang.arguments.end(),
                         {source.string(), "-o", (directory / "model.so").string()});
  KEDGE_TRY(const SubprocessResult result, RunSubprocess(clang));
  if (result.exit_code != 0) return Internal("clang on a test model: " + result.errors);
  return {};
}

Result<FileDescriptor> BuildObject(const CModel& model) {
  KEDGE_TRY(const TemporaryDirectory directory, TemporaryDirectory::Make());
  KEDGE_TRY_STATUS(Build(model, directory.path()));
  return OpenFile(directory.path() / "model.so", O_RDONLY);
}

}  // namespace kedge::runtime::testing
