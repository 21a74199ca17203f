// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/model_source.h"

#include <algorithm>
#include <set>

#include "compiler/codegen/source.h"

namespace kedge::compiler {
namespace {

// A NUL-terminated string as a list of byte values.
std::string BytesLiteral(std::string_view text) {
  std::string out = "{";
  for (char c : text) out += Text(static_cast<int64_t>(static_cast<unsigned char>(c)), ", ");
  return out + "0}";
}

class Writer {
 public:
  Writer(const Graph& graph, const Target& target, const Plan& plan,
         const std::vector<std::string>& kernels, const ModelIdentity& identity)
      : graph_(graph), target_(target), plan_(plan), kernels_(kernels), identity_(identity) {}

  std::string Write() && {
    source_.Line("#include \"generic/memory.h\"");
    source_.Line("#include \"kedge_model.h\"");
    DeclareKernels();
    source_.Open("namespace");
    WriteStrings();
    WriteTensors("kInputs", graph_.inputs);
    WriteTensors("kOutputs", graph_.outputs);
    WriteInformation();
    WriteFrame();
    for (size_t i = 0; i < plan_.steps.size(); ++i) WriteStep(i);
    source_.Close("}  // namespace");
    WriteQuery();
    WriteRun();
    return std::move(source_).Take();
  }

 private:
  void DeclareKernels() {
    std::set<std::string> declared;
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      if (!declared.insert(kernels_[i]).second) continue;
      const Step& step = plan_.steps[i];
      std::string line = Text("extern \"C\" __attribute__((visibility(\"hidden\"))) ",
                              step.can_fail ? "int " : "void ", kernels_[i], "(");
      for (size_t p = 0; p < step.writes.size(); ++p) line += "char*, ";
      for (size_t p = 0; p < step.reads.size(); ++p) line += "const char*, ";
      source_.Line(line + "uint32_t);");
    }
  }

  void WriteString(std::string_view name, std::string_view text) {
    source_.Line(Text("const unsigned char ", name, "[] = ", BytesLiteral(text), ";"));
  }
  void WriteStrings() {
    WriteString("kTarget", target_.name);
    WriteString("kFeatures", target_.cpu_features);
    WriteString("kCompiler", identity_.compiler);
    WriteString("kModelHash", identity_.model_hash);
    WriteString("kWeightsHash", identity_.weights_hash);
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      WriteString(Text("kOp", i), plan_.steps[i].path);
    }
    source_.Line("#define KEDGE_TEXT(bytes) reinterpret_cast<const char*>(bytes)");
    std::string names;
    for (size_t i = 0; i < plan_.steps.size(); ++i) names += Text("KEDGE_TEXT(kOp", i, "), ");
    source_.Line(Text("const char* const kOps[] = {", names, "nullptr};"));
  }

  void WriteTensors(const std::string& name, const std::vector<ValueId>& values) {
    std::string rows;
    for (size_t i = 0; i < values.size(); ++i) {
      const Value& value = graph_.at(values[i]);
      WriteString(Text(name, "Name", i), value.name);
      const uint64_t bytes = StorageBytes(value.dtype, value.shape, {});
      rows += Text("{KEDGE_TEXT(", name, "Name", i, "), ", static_cast<int64_t>(value.dtype), ", ",
                   value.shape.rank(), ", ", ListLiteral(value.shape.dims), ", ", bytes, "}, ");
    }
    source_.Line(Text("const kedge_io ", name, "[] = {", rows, "{}};"));
  }

  void WriteInformation() {
    uint32_t tasks_max = 0;
    for (const Step& step : plan_.steps) {
      if (step.tasks > 1) tasks_max = std::max(tasks_max, step.tasks);
    }
    source_.Line(Text("const kedge_model_info kInformation = {KEDGE_MODEL_ABI, 0, ",
                      plan_.arena_bytes, ", 64, ", plan_.weights_bytes, ", ", graph_.inputs.size(),
                      ", ", graph_.outputs.size(),
                      ", kInputs, kOutputs, KEDGE_TEXT(kTarget), KEDGE_TEXT(kFeatures), "
                      "KEDGE_TEXT(kCompiler), KEDGE_TEXT(kModelHash), KEDGE_TEXT(kWeightsHash), ",
                      tasks_max, ", ", plan_.steps.size(), ", kOps};"));
  }

  // Where everything of one run is.
  void WriteFrame() {
    source_.Open("struct Frame");
    source_.Line("const char* weights;");
    source_.Line("const void* const* in;");
    source_.Line("void* const* out;");
    source_.Line("char* arena;");
    source_.Close("};");
  }

  std::string Pointer(const BufferRef& place, bool writes) const {
    const Buffer& buffer = plan_.buffers[static_cast<size_t>(place.buffer)];
    const uint64_t offset = place.offset;
    switch (buffer.kind) {
      case BufferKind::kInput:
        return Text("static_cast<const char*>(f.in[", buffer.index, "]) + ", offset);
      case BufferKind::kOutput:
        return Text("static_cast<char*>(f.out[", buffer.index, "]) + ", offset);
      case BufferKind::kArena:
        return Text("f.arena + ", buffer.offset + offset);
      case BufferKind::kWeights:
        break;
    }
    KEDGE_CHECK(!writes);
    return Text("f.weights + ", buffer.offset + offset);
  }

  void WriteStep(size_t i) {
    const Step& step = plan_.steps[i];
    KEDGE_CHECK(step.tasks >= 1 && (step.tasks == 1 || !step.can_fail));
    const bool fails = step.can_fail;
    source_.Open(
        Text(fails ? "inline int" : "inline void", " Step", i, "(void* frame, uint32_t task)"));
    source_.Line("[[maybe_unused]] const Frame& f = *static_cast<const Frame*>(frame);");
    std::string call = Text(fails ? "return " : "", kernels_[i], "(");
    for (const BufferRef& place : step.writes) call += Pointer(place, true) + ", ";
    for (const BufferRef& place : step.reads) call += Pointer(place, false) + ", ";
    source_.Line(call + "task);");
    source_.Close();
  }

  void WriteQuery() {
    source_.Line("extern \"C\" __attribute__((visibility(\"default\")))");
    source_.Line("const kedge_model_info* kedge_model_query(void) { return &kInformation; }");
  }

  void WriteFailure() {
    source_.Open("static int Fail(int code, const char* text, char* message, size_t bytes)");
    source_.Line("size_t i = 0;");
    source_.Line("for (; i + 1 < bytes && text[i] != 0; ++i) message[i] = text[i];");
    source_.Line("if (bytes > 0) message[i] = 0;");
    source_.Line("return code;");
    source_.Close();
  }

  void WriteRun() {
    WriteFailure();
    source_.Line("extern \"C\" __attribute__((visibility(\"default\")))");
    source_.Open(
        "int kedge_model_run(const kedge_host* host, const void* weights, const void* const* in, "
        "void* const* out, void* arena, [[maybe_unused]] char* message, "
        "[[maybe_unused]] size_t message_bytes)");
    source_.Line(
        "Frame frame{static_cast<const char*>(weights), in, out, static_cast<char*>(arena)};");
    source_.Line("const bool traced = host != nullptr && host->trace != nullptr;");
    source_.Line(
        "[[maybe_unused]] const bool shared = host != nullptr && host->parallel != nullptr && "
        "host->workers > 1;");
    for (size_t i = 0; i < plan_.steps.size(); ++i) WriteCall(i);
    source_.Line(Text("if (traced) host->trace(host->context, ", plan_.steps.size(), ");"));
    source_.Line("return KEDGE_RUN_OK;");
    source_.Close();
  }

  void WriteCall(size_t i) {
    const Step& step = plan_.steps[i];
    source_.Line(Text("if (traced) host->trace(host->context, ", i, ");"));
    if (step.can_fail) {
      source_.Open(Text("if (const int code = Step", i, "(&frame, 0); code != 0)"));
      source_.Line(
          "return Fail(code, code == KEDGE_RUN_OUT_OF_RANGE ? \"an index in an input tensor points "
          "outside its dimension\" : \"a shape in an input tensor is not the one the model was "
          "compiled for\", message, message_bytes);");
      source_.Close();
    } else if (step.tasks == 1) {
      source_.Line(Text("Step", i, "(&frame, 0);"));
    } else {
      source_.Line(Text("if (shared) host->parallel(host->context, Step", i, ", &frame, ",
                        step.tasks, ");"));
      source_.Line(
          Text("else for (uint32_t t = 0; t < ", step.tasks, "; ++t) Step", i, "(&frame, t);"));
    }
  }

  const Graph& graph_;
  const Target& target_;
  const Plan& plan_;
  const std::vector<std::string>& kernels_;
  const ModelIdentity& identity_;
  Source source_;
};

}  // namespace

std::string WriteModelSource(const Graph& graph, const Target& target, const Plan& plan,
                             const std::vector<std::string>& kernels,
                             const ModelIdentity& identity) {
  return Writer(graph, target, plan, kernels, identity).Write();
}

}  // namespace kedge::compiler
