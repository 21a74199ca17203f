// SPDX-License-Identifier: Apache-2.0
#include "cli/conform_case.h"

#include <algorithm>
#include <sstream>

#include "base/subprocess.h"
#include "cli/executor.h"
#include "cli/inputs.h"
#include "cli/model_source.h"
#include "cli/onnx_tensor.h"

namespace kedge::cli {

namespace {

constexpr uint64_t kModelBytesMax = uint64_t{2} << 30;
constexpr uint64_t kTensorFileBytesMax = uint64_t{1} << 30;
// How kedge-compile begins the sentence about a model that it cannot compile but that may be valid.
constexpr std::string_view kRefusedMark = "refused: ";

bool IsCase(const Path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / "model.onnx", ignored) &&
         std::filesystem::is_directory(folder / "test_data_set_0", ignored);
}

// input_0.pb, input_1.pb, ... as far as they go.
Result<std::vector<OnnxTensor>> ReadTensors(const Path& folder, const std::string& kind) {
  PosixFileSystem disk;
  std::vector<OnnxTensor> tensors;
  for (size_t i = 0;; ++i) {
    const Path file = folder / (kind + "_" + std::to_string(i) + ".pb");
    if (!disk.Exists(file)) return tensors;
    KEDGE_TRY(const ByteBuffer bytes, disk.Read(file, kTensorFileBytesMax));
    auto tensor = ReadOnnxTensor(bytes);
    if (!tensor) return Wrap(std::move(tensor).error(), file.filename().string());
    tensors.push_back(*std::move(tensor));
  }
}

std::string FirstLine(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

// The last line that is not empty: where programs say what went wrong.
std::string LastLine(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const size_t at = text.rfind('\n');
  return std::string(at == std::string_view::npos ? text : text.substr(at + 1));
}

std::string HowItEnded(const SubprocessResult& result, const char* program) {
  if (result.timed_out) return std::string(program) + " did not end in time";
  if (result.signal != 0)
    return std::string(program) + " was killed by signal " + std::to_string(result.signal);
  const std::string line = LastLine(result.errors);
  return line.empty()
             ? std::string(program) + " ended with code " + std::to_string(result.exit_code)
             : line;
}

// Shapes of inputs that the model leaves open, from the first data set.
Result<std::vector<std::string>> ShapeArguments(const Path& folder) {
  PosixFileSystem disk;
  KEDGE_TRY(const ByteBuffer model, disk.Read(folder / "model.onnx", kModelBytesMax));
  KEDGE_TRY(const std::vector<OnnxInput> inputs, ReadOnnxInputs(model));
  std::vector<std::string> arguments;
  if (std::all_of(inputs.begin(), inputs.end(), [](const auto& i) { return i.static_shape; }))
    return arguments;
  const auto tensors = ReadTensors(folder / "test_data_set_0", "input");
  // Data that cannot be read (a sequence) belongs to a model that the compiler refuses by itself.
  if (!tensors || tensors->size() != inputs.size()) return arguments;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].static_shape) continue;
    arguments.emplace_back("--input");
    arguments.push_back(inputs[i].name + "=" + ToString((*tensors)[i].tensor.shape()));
  }
  return arguments;
}

// Empty if compiled; kUnimplemented if refused.
Status Compile(const Path& folder, const Path& output, const ConformOptions& options) {
  SubprocessOptions compile{
      .arguments = {SiblingProgram("kedge-compile").string(), (folder / "model.onnx").string(),
                    "--target", options.target, "-o", output.string()},
      .timeout = std::chrono::seconds(options.timeout_s)};
  KEDGE_TRY(const std::vector<std::string> shapes, ShapeArguments(folder));
  compile.arguments.insert(compile.arguments.end(), shapes.begin(), shapes.end());
  KEDGE_TRY(const SubprocessResult result, RunSubprocess(compile));
  if (result.exit_code == 0) return {};
  const std::string reason = HowItEnded(result, "kedge-compile");
  const size_t mark = reason.find(kRefusedMark);
  if (mark != std::string::npos && result.signal == 0)
    return Unimplemented(reason.substr(mark + kRefusedMark.size()));
  return Internal(reason);
}

Result<std::vector<Tensor>> RunHere(const Path& compiled, const std::vector<OnnxTensor>& inputs,
                                    const ConformOptions& options) {
  KEDGE_TRY(const ModelSource source, OpenModelSource(compiled, ""));
  KEDGE_TRY(const auto executor,
            MakeExecutor(source, {.threads = static_cast<uint32_t>(options.threads)}));
  const std::vector<ring::IoInfo>& wanted = executor->inputs();
  if (inputs.size() != wanted.size()) {
    return InvalidArgument("the model has " + std::to_string(wanted.size()) + " inputs, the case " +
                           std::to_string(inputs.size()));
  }
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& tensor = inputs[i].tensor;
    if (tensor.dtype() != wanted[i].dtype || tensor.shape() != wanted[i].shape) {
      return InvalidArgument("input " + std::to_string(i) + " of the model is " +
                             Describe(wanted[i].dtype, wanted[i].shape) + ", the case's is " +
                             Describe(tensor.dtype(), tensor.shape()));
    }
    tensors.push_back(tensor);
  }
  return executor->Run(tensors);
}

// kedge-model-run prints "output 0 f32 1x1000" for each output_0.bin that it writes.
Result<std::vector<Tensor>> ReadRawOutputs(const std::string& printed, const Path& folder) {
  PosixFileSystem disk;
  std::vector<Tensor> outputs;
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string output, number, dtype_name, shape_text;
    words >> output >> number >> dtype_name >> shape_text;
    KEDGE_TRY(const DType dtype, ParseDType(dtype_name));
    KEDGE_TRY(Shape shape, ParseShape(shape_text));
    KEDGE_TRY(const ByteBuffer bytes,
              disk.Read(folder / ("output_" + number + ".bin"), kTensorFileBytesMax));
    KEDGE_TRY(Tensor tensor, Tensor::FromBytes(dtype, std::move(shape), bytes));
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

Result<std::vector<Tensor>> RunByRunner(const Path& compiled, const std::vector<OnnxTensor>& inputs,
                                        const ConformOptions& options) {
  KEDGE_TRY(const TemporaryDirectory folder, TemporaryDirectory::Make());
  PosixFileSystem disk;
  SubprocessOptions run{.arguments = options.runner,
                        .timeout = std::chrono::seconds(options.timeout_s)};
  for (const std::string& word :
       {compiled.string(), std::string("--threads"), std::to_string(options.threads),
        std::string("--output-dir"), folder.path().string()})
    run.arguments.push_back(word);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Path file = folder.path() / ("input_" + std::to_string(i) + ".bin");
    KEDGE_TRY_STATUS(disk.WriteAtomically(file, inputs[i].tensor.bytes(), 0644));
    run.arguments.push_back(file.string());
  }
  KEDGE_TRY(const SubprocessResult result, RunSubprocess(run));
  if (result.exit_code != 0) return Internal(HowItEnded(result, "kedge-model-run"));
  return ReadRawOutputs(result.output, folder.path());
}

Status RunDataSet(const Path& data_set, const Path& compiled, const ConformOptions& options) {
  KEDGE_TRY(const std::vector<OnnxTensor> inputs, ReadTensors(data_set, "input"));
  KEDGE_TRY(const std::vector<OnnxTensor> wanted, ReadTensors(data_set, "output"));
  if (wanted.empty()) return InvalidArgument("no output_0.pb");
  KEDGE_TRY(const std::vector<Tensor> outputs, options.runner.empty()
                                                   ? RunHere(compiled, inputs, options)
                                                   : RunByRunner(compiled, inputs, options));
  if (outputs.size() != wanted.size()) {
    return DataLoss("the model gave " + std::to_string(outputs.size()) + " outputs, the case has " +
                    std::to_string(wanted.size()));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (Status status = Compare(outputs[i], wanted[i].tensor, options.tolerance); !status)
      return Wrap(status.error(), "output " + std::to_string(i) + " '" + wanted[i].name + "'");
  }
  return {};
}

// Success: passed. kUnimplemented: refused by the compiler.
Status CheckCase(const Path& folder, const ConformOptions& options, bool& compiled_it) {
  KEDGE_TRY(const TemporaryDirectory compiled, TemporaryDirectory::Make());
  const Path output = compiled.path() / "model";
  KEDGE_TRY_STATUS(Compile(folder, output, options));
  compiled_it = true;
  size_t data_sets = 0;
  for (;; ++data_sets) {
    const std::string name = "test_data_set_" + std::to_string(data_sets);
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder / name, ignored)) break;
    if (Status status = RunDataSet(folder / name, output, options); !status)
      return data_sets == 0 ? status : Wrap(status.error(), name);
  }
  return data_sets > 0 ? Status() : InvalidArgument("no test_data_set_0");
}

}  // namespace

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "PASS";
    case Verdict::kRefused:
      return "REFUSED";
    case Verdict::kFail:
      break;
  }
  return "FAIL";
}

Result<std::vector<Path>> FindCases(const std::vector<std::string>& paths) {
  std::vector<Path> cases;
  for (const std::string& path : paths) {
    const size_t before = cases.size();
    if (IsCase(path)) {
      cases.emplace_back(path);
      continue;
    }
    std::error_code error;
    using std::filesystem::recursive_directory_iterator;
    for (recursive_directory_iterator at(path, error), end; !error && at != end;
         at.increment(error)) {
      if (at->is_directory(error) && IsCase(at->path())) cases.push_back(at->path());
      if (cases.size() > kCasesMax) return ResourceExhausted("more cases than the limit");
    }
    if (error) return ErrnoError(error.value(), "looking for cases in '" + path + "'");
    if (cases.size() == before)
      return NotFound("'" + path + "' has no case (a folder with model.onnx and test_data_set_0)");
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

CaseResult RunCase(const Path& folder, const ConformOptions& options) {
  Path named = folder;
  if (!named.has_filename()) named = named.parent_path();
  CaseResult result{.name = named.filename().string()};
  bool compiled = false;
  const Status status = CheckCase(folder, options, compiled);
  if (status) {
    result.verdict = Verdict::kPass;
    return result;
  }
  const bool refused = !compiled && status.error().code == Code::kUnimplemented;
  result.verdict = refused ? Verdict::kRefused : Verdict::kFail;
  result.reason = FirstLine(status.error().message);
  return result;
}

}  // namespace kedge::cli
