// `kedge run`: runs a compiled model once.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/flags.h"
#include "cli/command.h"
#include "cli/executor.h"
#include "cli/inputs.h"
#include "cli/model_source.h"
#include "tensor/npy.h"

namespace kedge::cli {

namespace {

struct RunArguments {
  std::string model;
  std::string root;
  std::vector<std::string> inputs;
  std::string output_directory;
  int64_t threads = 1;
  int64_t seed = 0;
  bool in_process = false;
};

Status WriteOutputs(const std::vector<ring::IoInfo>& outputs, const std::vector<Tensor>& tensors,
                    const Path& directory) {
  PosixFileSystem disk;
  KEDGE_TRY_STATUS(disk.MakeDirectories(directory, 0755));
  for (size_t i = 0; i < tensors.size(); ++i) {
    const std::string file = "output_" + std::to_string(i) + ".npy";
    KEDGE_TRY_STATUS(disk.WriteAtomically(directory / file, WriteNpy(tensors[i]), 0644));
    std::printf("%s %s %s\n", file.c_str(),
                Describe(tensors[i].dtype(), tensors[i].shape()).c_str(), outputs[i].name.c_str());
  }
  return {};
}

Status RunModel(const char* program, const RunArguments& arguments) {
  KEDGE_TRY(const ModelSource source, OpenModelSource(arguments.model, arguments.root));
  KEDGE_TRY(const auto executor,
            MakeExecutor(source, {.in_process = arguments.in_process,
                                  .threads = static_cast<uint32_t>(arguments.threads)}));
  KEDGE_TRY(const ChosenInputs inputs, ChooseInputs(executor->inputs(), arguments.inputs,
                                                    static_cast<uint64_t>(arguments.seed)));
  for (const std::string& name : inputs.random_inputs) {
    std::fprintf(stderr, "%s: input '%s' is not given: random from seed %lld\n", program,
                 name.c_str(), static_cast<long long>(arguments.seed));
  }
  KEDGE_TRY(const std::vector<Tensor> outputs, executor->Run(inputs.tensors));
  return WriteOutputs(executor->outputs(), outputs, arguments.output_directory);
}

}  // namespace

int Run(int argc, const char* const* argv) {
  RunArguments arguments;
  Flags flags(argv[0], "Runs a compiled model once, in a sandboxed process of its own.");
  flags.Positional("MODEL", &arguments.model, "compiled folder or package").Required();
  flags.Option("--input", &arguments.inputs,
               "NAME=FILE.npy or NAME=random:SEED; NAME is a name or a number");
  flags
      .Option("-o,--output-dir", &arguments.output_directory,
              "folder for output_0.npy, output_1.npy, ... in the model's order")
      .Required();
  flags.Option("--root", &arguments.root, "trusted certificate, for a package");
  flags.Option("--threads", &arguments.threads, "threads of the model").Range(1, 64);
  flags.Option("--seed", &arguments.seed, "of inputs that are not given").Range(0, INT64_MAX);
  flags.Flag("--in-process", &arguments.in_process,
             "run in this process, without a sandbox: for models that are trusted");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const Status status = RunModel(argv[0], arguments);
  return status ? kExitSuccess : Fail(argv[0], status.error());
}

}  // namespace kedge::cli
