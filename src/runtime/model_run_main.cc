// `kedge-model-run`: runs a compiled model once on raw tensors. It has no third-party library, so
// that it can be cross built; `kedge conform` starts it under an emulator for targets that the
// machine cannot run.
//
//   kedge-model-run DIR --output-dir OUT [--threads N] INPUT.bin...
//
// INPUT.bin: the bytes of each input in the model's order. Writes OUT/output_0.bin, ... and prints
// "output 0 f32 1x1000" for each.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "runtime/session.h"

namespace kedge::runtime {

namespace {

constexpr int kExitSuccess = 0;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

struct Arguments {
  Path model;
  Path output_directory;
  uint32_t threads = 1;
  std::vector<Path> inputs;
};

Result<std::shared_ptr<const Model>> OpenModel(const Path& folder) {
  KEDGE_TRY(const FileDescriptor object, OpenFile(folder / "model.so", O_RDONLY));
  auto weights = OpenFile(folder / "weights.bin", O_RDONLY);
  if (!weights && weights.error().code != Code::kNotFound) return std::move(weights).error();
  return Model::Load(object.get(), weights ? weights->get() : -1);
}

Result<std::vector<ByteBuffer>> ReadInputs(const std::vector<Path>& files,
                                           const std::vector<TensorInfo>& inputs) {
  if (files.size() != inputs.size()) {
    return InvalidArgument("the model has " + std::to_string(inputs.size()) + " inputs, " +
                           std::to_string(files.size()) + " files are given");
  }
  std::vector<ByteBuffer> result;
  for (size_t i = 0; i < files.size(); ++i) {
    KEDGE_TRY(const FileDescriptor file, OpenFile(files[i], O_RDONLY));
    KEDGE_TRY(ByteBuffer bytes, ReadAll(file.get(), inputs[i].bytes));
    if (bytes.size() != inputs[i].bytes) {
      return InvalidArgument("input '" + inputs[i].name + "' needs " +
                             std::to_string(inputs[i].bytes) + " bytes, '" + files[i].string() +
                             "' has " + std::to_string(bytes.size()));
    }
    result.push_back(std::move(bytes));
  }
  return result;
}

Status WriteOutputs(const std::vector<ByteBuffer>& outputs,
                    const std::vector<TensorInfo>& described, const Path& folder) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Path path = folder / ("output_" + std::to_string(i) + ".bin");
    KEDGE_TRY(const FileDescriptor file, OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    KEDGE_TRY_STATUS(WriteAll(file.get(), outputs[i]));
    std::printf("output %zu %s %s\n", i, std::string(DTypeName(described[i].dtype)).c_str(),
                ToString(described[i].shape).c_str());
  }
  return {};
}

Status RunOnce(const Arguments& arguments) {
  KEDGE_TRY(const auto model, OpenModel(arguments.model));
  KEDGE_TRY(const auto session, Session::Create(model, {.threads = arguments.threads}));
  KEDGE_TRY(const auto inputs, ReadInputs(arguments.inputs, model->info().inputs));
  std::vector<ByteBuffer> outputs;
  std::vector<const void*> in;
  std::vector<void*> out;
  for (const TensorInfo& output : model->info().outputs) outputs.emplace_back(output.bytes);
  for (const ByteBuffer& input : inputs) in.push_back(input.data());
  for (ByteBuffer& output : outputs) out.push_back(output.data());
  KEDGE_TRY_STATUS(session->Run(in, out));
  return WriteOutputs(outputs, model->info().outputs, arguments.output_directory);
}

// False for a wrong command line.
bool Parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if ((word == "--threads" || word == "--output-dir") && i + 1 < argc) {
      const char* value = argv[++i];
      if (word == "--output-dir") arguments.output_directory = value;
      if (word == "--threads")
        arguments.threads = static_cast<uint32_t>(std::strtoul(value, nullptr, 10));
    } else if (word.starts_with("-")) {
      return false;
    } else if (arguments.model.empty()) {
      arguments.model = word;
    } else {
      arguments.inputs.emplace_back(word);
    }
  }
  return !arguments.model.empty() && !arguments.output_directory.empty();
}

int Main(int argc, char** argv) {
  constexpr const char* kUsage =
      "usage: kedge-model-run DIR --output-dir OUT [--threads N] INPUT.bin...\n";
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--help" || first == "--version") {
    std::printf("%s", first == "--help" ? kUsage : "kedge-model-run " KEDGE_VERSION "\n");
    return kExitSuccess;
  }
  Arguments arguments;
  if (!Parse(argc, argv, arguments)) {
    std::fprintf(stderr, "%s", kUsage);
    return kExitUsage;
  }
  const Status status = RunOnce(arguments);
  if (status) return kExitSuccess;
  std::fprintf(stderr, "kedge-model-run: %s\n", status.error().message.c_str());
  return kExitFailure;
}

}  // namespace

}  // namespace kedge::runtime

int main(int argc, char** argv) { return kedge::runtime::Main(argc, argv); }
