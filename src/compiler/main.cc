// kedge-compile: the compiler as a program of its own, so that a crash, a leak or a hostile model
// never touches its caller. It needs no network, no home directory and no write access but to its
// output, its cache and the folder for temporary files.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include "base/flags.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/compile.h"
#include "compiler/summary.h"

namespace kedge::compiler {
namespace {

constexpr char kProgram[] = "kedge-compile";
constexpr int64_t kJobsDefault = 0;

struct CommandLine {
  CompileOptions options;
  bool time_passes = false;
  bool progress = false;
  bool summary = false;
};

// "NAME=SHAPE", or "SHAPE" for the next input in the model's order; a name may hold '=', a shape
// does not.
Status AddInputShape(const std::string& text, CompileOptions& options) {
  const size_t equals = text.rfind('=');
  if (equals == 0) return InvalidArgument("'" + text + "' is not NAME=SHAPE");
  if (equals == std::string::npos) {
    KEDGE_TRY(Shape shape, ParseShape(text));
    options.shapes_in_order.push_back(std::move(shape));
    return {};
  }
  auto shape = ParseShape(text.substr(equals + 1));
  if (!shape) return Wrap(shape.error(), "shape of input '" + text.substr(0, equals) + "'");
  options.input_shapes[text.substr(0, equals)] = *std::move(shape);
  return {};
}

// The exit code if the program ends here.
std::optional<int> ReadCommandLine(int argc, const char* const* argv, CommandLine& line) {
  std::string model, output, cache_dir;
  std::vector<std::string> inputs;
  int64_t jobs = kJobsDefault;
  CompileOptions& options = line.options;
  Flags flags(kProgram, "Compiles an ONNX model to machine code for one target.");
  flags.Positional("MODEL", &model, "model file (.onnx)").Required();
  flags
      .Option("--target", &options.target,
              "x86-64-v2, x86-64-v3, x86-64-v4, aarch64 or native (the default)")
      .OneOf([] {
        std::vector<std::string> names = TargetNames();
        names.push_back("native");
        return names;
      }());
  flags.Option("-o,--output", &output, "folder to write model.so, weights.bin, report.json into");
  flags.Flag("--summary", &line.summary,
             "compile nothing; print what the model is as one JSON line");
  flags.Option("--input", &inputs,
               "NAME=SHAPE, for example data=1x3x224x224, or only SHAPE for each input in the "
               "model's order");
  flags.Option("--print-after", &options.print_after,
               "print the graph after this pass (or import, or all) to standard output");
  flags.Flag("--time-passes", &line.time_passes, "print seconds of each phase to standard output");
  flags.Flag("--progress", &line.progress, "name each phase on standard error as it starts");
  flags.Flag("--keep-source", &options.keep_source, "also keep the generated C++ in DIR/source");
  flags.Flag("--generic", &options.plan.generic_only,
             "use the generic kernels only, to compare the fast ones with");
  flags.Option("--cache-dir", &cache_dir,
               "where compiled kernels are kept (default $KEDGE_CACHE_DIR or ~/.cache/kedge)");
  flags.Option("--jobs", &jobs, "compilers at a time; 0: one a processor").Range(0, kJobsMax);
  if (auto exit_code = flags.Parse(argc, argv)) return exit_code;
  if (output.empty() && !line.summary) {
    std::fprintf(stderr, "%s: --output is required (see %s --help)\n", kProgram, kProgram);
    return kExitUsage;
  }
  options.model = model;
  options.output = output;
  options.toolchain.jobs = static_cast<int>(jobs);
  options.toolchain.cache_dir = cache_dir.empty() ? DefaultCacheDirectory() : Path(cache_dir);
  for (const std::string& input : inputs) {
    if (auto added = AddInputShape(input, options); !added) {
      Fail(kProgram, added.error());
      return kExitUsage;
    }
  }
  return std::nullopt;
}

void PrintTimes(const json::Value& report) {
  const json::Value* seconds = report.Find("seconds");
  if (seconds == nullptr || seconds->AsObject() == nullptr) return;
  for (const auto& [name, value] : *seconds->AsObject()) {
    std::printf("%-28s %9.4f s\n", name.c_str(), value.NumberOr(0));
  }
}

int PrintSummary(const CompileOptions& options) {
  const auto summary = Summarise(options.model, options.input_shapes);
  if (!summary) return Fail(kProgram, summary.error());
  std::printf("%s\n", json::Write(*summary).c_str());
  return kExitSuccess;
}

int Main(int argc, const char* const* argv) {
  CommandLine line;
  if (auto exit_code = ReadCommandLine(argc, argv, line)) return *exit_code;
  if (line.summary) return PrintSummary(line.options);
  const bool progress = !line.progress && ::isatty(STDERR_FILENO) != 0;
  if (line.progress) {
    line.options.on_phase = [](std::string_view phase) {
      std::fprintf(stderr, "%s: phase: %.*s\n", kProgram, static_cast<int>(phase.size()),
                   phase.data());
    };
  }
  if (progress) {
    line.options.on_phase = [](std::string_view phase) {
      std::fprintf(stderr, "\r\033[K%.*s ...", static_cast<int>(phase.size()), phase.data());
    };
  }
  line.options.print = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
  };
  line.options.on_note = [&](std::string_view note) {
    std::fprintf(stderr, "%s%s: note: %.*s\n", progress ? "\r\033[K" : "", kProgram,
                 static_cast<int>(note.size()), note.data());
  };
  const auto report = Compile(line.options);
  if (progress) std::fputs("\r\033[K", stderr);
  if (!report && report.error().code == Code::kUnimplemented) {
    // A sound model that asks for what is not there; `kedge conform` looks for the word.
    return Fail(kProgram, Wrap(report.error(), "refused"));
  }
  if (!report) return Fail(kProgram, report.error());
  if (line.time_passes) PrintTimes(*report);
  return std::fflush(stdout) == 0 ? kExitSuccess : kExitFailure;
}

}  // namespace
}  // namespace kedge::compiler

int main(int argc, char** argv) { return kedge::compiler::Main(argc, argv); }
