// `kedge bench`: times a compiled model.
//
// The figures mean what those of ../shared/peers mean, so that both can be compared in one
// interleaved run: `p50_us` and `min_us` are CPU time of the process that runs the model for one
// thread, wall time for more; the times are taken around a single run, inside that process, so they
// hold nothing of the way to it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "base/flags.h"
#include "cli/command.h"
#include "cli/executor.h"
#include "cli/inputs.h"
#include "cli/model_source.h"
#include "runtime/session.h"

namespace kedge::cli {

namespace {

struct BenchArguments {
  std::string model;
  std::string root;
  std::vector<std::string> inputs;
  int64_t runs = 100;
  int64_t warmup = 10;
  int64_t threads = 1;
  int64_t seed = 0;
  bool in_process = false;
  bool ops = false;
  bool as_json = false;
};

struct Summary {
  double p50_us = 0;
  double min_us = 0;
};

Summary Summarise(std::vector<uint64_t> nanoseconds) {
  std::sort(nanoseconds.begin(), nanoseconds.end());
  return {.p50_us = static_cast<double>(nanoseconds[nanoseconds.size() / 2]) / 1e3,
          .min_us = static_cast<double>(nanoseconds.front()) / 1e3};
}

json::Value ToJson(const BenchArguments& arguments, const Executor& executor,
                   const std::vector<RunTimes>& times) {
  std::vector<uint64_t> cpu_ns, wall_ns;
  for (const RunTimes& run : times) {
    cpu_ns.push_back(run.cpu_ns);
    wall_ns.push_back(run.wall_ns);
  }
  const Summary cpu = Summarise(cpu_ns);
  const Summary wall = Summarise(wall_ns);
  const bool by_cpu = arguments.threads == 1;
  return json::Object({{"p50_us", by_cpu ? cpu.p50_us : wall.p50_us},
                       {"min_us", by_cpu ? cpu.min_us : wall.min_us},
                       {"clock", by_cpu ? "cpu" : "wall"},
                       {"cpu_p50_us", cpu.p50_us},
                       {"cpu_min_us", cpu.min_us},
                       {"wall_p50_us", wall.p50_us},
                       {"wall_min_us", wall.min_us},
                       {"load_ms", executor.load_ms()},
                       {"rss_mb", executor.resident_mb_max()},
                       {"engine", "kedge"},
                       {"version", KEDGE_VERSION},
                       {"model", arguments.model},
                       {"target", executor.target()},
                       {"where", arguments.in_process ? "in-process" : "worker"},
                       {"threads", arguments.threads},
                       {"runs", arguments.runs}});
}

void Print(const json::Value& figures) {
  const auto number = [&](const char* name) { return figures.Find(name)->NumberOr(0); };
  std::printf("%s, %s, %" PRId64 " thread(s), %" PRId64 " runs\n",
              figures.StringOr("target", "").c_str(), figures.StringOr("where", "").c_str(),
              figures.IntOr("threads", 0), figures.IntOr("runs", 0));
  std::printf("  cpu   median %10.1f us   least %10.1f us\n", number("cpu_p50_us"),
              number("cpu_min_us"));
  std::printf("  wall  median %10.1f us   least %10.1f us\n", number("wall_p50_us"),
              number("wall_min_us"));
  std::printf("  load  %.1f ms of CPU time, resident %.1f MB at most\n", number("load_ms"),
              number("rss_mb"));
}

Status BenchRuns(const char* program, const BenchArguments& arguments) {
  KEDGE_TRY(const ModelSource source, OpenModelSource(arguments.model, arguments.root));
  KEDGE_TRY(const auto executor,
            MakeExecutor(source, {.in_process = arguments.in_process,
                                  .threads = static_cast<uint32_t>(arguments.threads)}));
  KEDGE_TRY(const ChosenInputs inputs, ChooseInputs(executor->inputs(), arguments.inputs,
                                                    static_cast<uint64_t>(arguments.seed)));
  if (!inputs.random_inputs.empty() && !arguments.as_json) {
    std::fprintf(stderr, "%s: inputs that are not given are random from seed %" PRId64 "\n",
                 program, arguments.seed);
  }
  KEDGE_TRY(const std::vector<RunTimes> times,
            executor->Bench(inputs.tensors, static_cast<uint32_t>(arguments.warmup),
                            static_cast<uint32_t>(arguments.runs)));
  const json::Value figures = ToJson(arguments, *executor, times);
  if (arguments.as_json) {
    std::printf("%s\n", json::Write(figures).c_str());
  } else {
    Print(figures);
  }
  return {};
}

void PrintOps(const std::vector<std::string>& names, const std::vector<uint64_t>& nanoseconds,
              int64_t runs, bool as_json) {
  double total = 0;
  for (const uint64_t ns : nanoseconds) total += static_cast<double>(ns);
  json::Array rows;
  for (size_t i = 0; i < names.size(); ++i) {
    const double us = static_cast<double>(nanoseconds[i]) / 1e3 / static_cast<double>(runs);
    const double share = total > 0 ? static_cast<double>(nanoseconds[i]) / total : 0;
    if (as_json) {
      rows.push_back(json::Object({{"op", names[i]}, {"mean_us", us}, {"share", share}}));
    } else {
      std::printf("%5zu %10.2f us %5.1f %%  %s\n", i, us, 100 * share, names[i].c_str());
    }
  }
  if (as_json) std::printf("%s\n", json::Write(json::Object({{"ops", rows}})).c_str());
}

// Mean wall time per op; with its clock calls a little slower than a plain run.
Status BenchOps(const BenchArguments& arguments) {
  KEDGE_TRY(const ModelSource source, OpenModelSource(arguments.model, arguments.root));
  KEDGE_TRY(const auto model,
            runtime::Model::Load(source.model_so.get(),
                                 source.weights.valid() ? source.weights.get() : -1));
  KEDGE_TRY(const auto session,
            runtime::Session::Create(model, {.threads = static_cast<uint32_t>(arguments.threads)}));
  const runtime::ModelInfo& info = model->info();
  std::vector<ring::IoInfo> described;
  std::vector<Tensor> outputs;
  for (const auto& input : info.inputs)
    described.push_back({input.name, input.dtype, input.shape, input.bytes});
  for (const auto& output : info.outputs) outputs.emplace_back(output.dtype, output.shape);
  KEDGE_TRY(const ChosenInputs inputs,
            ChooseInputs(described, arguments.inputs, static_cast<uint64_t>(arguments.seed)));
  std::vector<const void*> in;
  std::vector<void*> out;
  for (const Tensor& input : inputs.tensors) in.push_back(input.bytes().data());
  for (Tensor& output : outputs) out.push_back(output.mutable_bytes().data());
  for (int64_t i = 0; i < arguments.warmup; ++i) KEDGE_TRY_STATUS(session->Run(in, out));
  std::vector<uint64_t> nanoseconds(info.op_names.size());
  for (int64_t i = 0; i < arguments.runs; ++i)
    KEDGE_TRY_STATUS(session->RunTraced(in, out, nanoseconds));
  PrintOps(info.op_names, nanoseconds, arguments.runs, arguments.as_json);
  return {};
}

}  // namespace

int Bench(int argc, const char* const* argv) {
  BenchArguments arguments;
  Flags flags(argv[0], "Times a compiled model in a sandboxed process of its own.");
  flags.Positional("MODEL", &arguments.model, "compiled folder or package").Required();
  flags.Option("--runs", &arguments.runs, "timed runs").Range(1, 1'000'000);
  flags.Option("--warmup", &arguments.warmup, "runs before them").Range(0, 100'000);
  flags.Option("--threads", &arguments.threads, "threads of the model").Range(1, 64);
  flags.Option("--input", &arguments.inputs,
               "NAME=FILE.npy or NAME=random:SEED; NAME is a name or a number");
  flags.Option("--seed", &arguments.seed, "of inputs that are not given").Range(0, INT64_MAX);
  flags.Option("--root", &arguments.root, "trusted certificate, for a package");
  flags.Flag("--json", &arguments.as_json, "print one JSON line");
  flags.Flag("--in-process", &arguments.in_process,
             "run in this process, without a sandbox: for models that are trusted");
  flags.Flag("--ops", &arguments.ops, "time each op instead; needs --in-process");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  if (arguments.ops && !arguments.in_process) {
    std::fprintf(stderr, "%s: --ops needs --in-process\n", argv[0]);
    return kExitUsage;
  }
  const Status status = arguments.ops ? BenchOps(arguments) : BenchRuns(argv[0], arguments);
  return status ? kExitSuccess : Fail(argv[0], status.error());
}

}  // namespace kedge::cli
