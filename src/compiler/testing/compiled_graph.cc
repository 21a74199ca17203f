// SPDX-License-Identifier: Apache-2.0
#include "compiler/testing/compiled_graph.h"

#include <cstdlib>
#include <dlfcn.h>
#include <map>

#include "compiler/codegen/object_cache.h"
#include "kedge_model.h"

namespace kedge::compiler {
namespace {

constexpr size_t kCanaryBytes = 256;
constexpr uint8_t kCanary = 0xa5;
constexpr size_t kMessageBytes = 200;

// Memory at 64 bytes with a canary behind it.
class Guarded {
 public:
  explicit Guarded(size_t bytes) : bytes_(bytes) {
    const size_t all = (bytes + kCanaryBytes + 63) / 64 * 64;
    memory_.reset(static_cast<uint8_t*>(std::aligned_alloc(64, all)));
    std::memset(memory_.get(), kCanary, all);
    Fill();
  }
  void Fill() { std::memset(memory_.get(), 0xff, bytes_); }
  uint8_t* get() const { return memory_.get(); }
  Bytes bytes() const { return {memory_.get(), bytes_}; }
  bool Intact() const {
    for (size_t i = 0; i < kCanaryBytes; ++i) {
      if (memory_.get()[bytes_ + i] != kCanary) return false;
    }
    return true;
  }

 private:
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  size_t bytes_;
  std::unique_ptr<uint8_t, Free> memory_;
};

class LoadedObject {
 public:
  explicit LoadedObject(const Path& path) : handle_(::dlopen(path.c_str(), RTLD_NOW)) {}
  ~LoadedObject() {
    if (handle_ != nullptr) ::dlclose(handle_);
  }
  LoadedObject(const LoadedObject&) = delete;
  LoadedObject& operator=(const LoadedObject&) = delete;
  bool loaded() const { return handle_ != nullptr; }
  template <class F>
  F* Find(const char* name) const {
    return reinterpret_cast<F*>(::dlsym(handle_, name));
  }

 private:
  void* handle_;
};

void RunBackwards(void*, kedge_task task, void* argument, uint32_t n) {
  for (uint32_t i = n; i-- > 0;) task(argument, i);
}

class GuardedRun {
 public:
  GuardedRun(const Graph& graph, std::span<const Tensor> inputs, const kedge_model_info& info)
      : graph_(graph), tensors_(inputs), arena_(info.arena_bytes) {
    for (const Tensor& tensor : inputs) {
      inputs_.emplace_back(tensor.bytes().size());
      in_.push_back(inputs_.back().get());
    }
    for (ValueId id : graph.outputs) {
      const Value& value = graph.at(id);
      outputs_.emplace_back(StorageBytes(value.dtype, value.shape, {}));
      out_.push_back(outputs_.back().get());
    }
  }

  Status Run(decltype(kedge_model_run)& run, const kedge_host* host, Bytes weights) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      std::memcpy(inputs_[i].get(), tensors_[i].bytes().data(), tensors_[i].bytes().size());
    }
    for (Guarded& output : outputs_) output.Fill();
    arena_.Fill();
    char message[kMessageBytes] = "";
    const int code =
        run(host, weights.data(), in_.data(), out_.data(), arena_.get(), message, sizeof message);
    if (code != KEDGE_RUN_OK) return OutOfRange(message);
    return CheckGuards();
  }

  Result<std::vector<Tensor>> Results() const {
    std::vector<Tensor> results;
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const Value& value = graph_.at(graph_.outputs[i]);
      KEDGE_TRY(Tensor tensor, Tensor::FromBytes(value.dtype, value.shape, outputs_[i].bytes()));
      results.push_back(std::move(tensor));
    }
    return results;
  }

 private:
  Status CheckGuards() const {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Bytes now = inputs_[i].bytes(), before = tensors_[i].bytes();
      if (!inputs_[i].Intact() || !std::equal(now.begin(), now.end(), before.begin())) {
        return Internal("the run wrote to input " + std::to_string(i));
      }
    }
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (!outputs_[i].Intact()) {
        return Internal("the run wrote behind output " + std::to_string(i));
      }
    }
    return arena_.Intact() ? Status() : Internal("the run wrote behind the arena");
  }

  const Graph& graph_;
  std::span<const Tensor> tensors_;
  std::vector<Guarded> inputs_, outputs_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
  Guarded arena_;
};

Status CompareBits(const std::vector<Tensor>& a, const std::vector<Tensor>& b, const char* what) {
  for (size_t i = 0; i < a.size(); ++i) {
    const Bytes first = a[i].bytes(), second = b[i].bytes();
    if (!std::equal(first.begin(), first.end(), second.begin())) {
      return Internal("output " + std::to_string(i) + " differs " + what);
    }
  }
  return {};
}

}  // namespace

void AppendGraph(const Graph& part, Graph& whole) {
  std::vector<ValueId> ids;
  for (const Value& value : part.values) {
    const ValueId id = whole.AddValue(value.name, value.dtype, value.shape);
    whole.at(id).shape_known = value.shape_known;
    whole.at(id).constant = value.constant;
    ids.push_back(id);
  }
  auto moved = [&](std::vector<ValueId> values) {
    for (ValueId& id : values) {
      if (id != kNoValue) id = ids[static_cast<size_t>(id)];
    }
    return values;
  };
  for (Node node : part.nodes) {
    node.inputs = moved(std::move(node.inputs));
    node.outputs = moved(std::move(node.outputs));
    whole.nodes.push_back(std::move(node));
  }
  for (ValueId id : moved(part.inputs)) whole.inputs.push_back(id);
  for (ValueId id : moved(part.outputs)) whole.outputs.push_back(id);
}

Result<std::vector<Tensor>> RunCompiled(const Graph& graph, std::span<const Tensor> inputs,
                                        const CompiledRunOptions& options) {
  KEDGE_TRY(const Target target, FindTarget(options.target));
  KEDGE_TRY(const TemporaryDirectory folder, TemporaryDirectory::Make());
  GenerateOptions generate;
  generate.output = folder.path() / "model";
  generate.plan = options.plan;
  generate.toolchain.cache_dir = DefaultCacheDirectory();
  Phases phases;
  KEDGE_TRY(const json::Value report, Generate(graph, target, generate, phases));

  const LoadedObject object(generate.output / "model.so");
  if (!object.loaded()) return Internal("the object cannot be loaded");
  auto* query = object.Find<decltype(kedge_model_query)>("kedge_model_query");
  auto* run = object.Find<decltype(kedge_model_run)>("kedge_model_run");
  MappedFile weights;
  if (query()->weights_bytes > 0) {
    KEDGE_TRY(weights, MappedFile::Open(generate.output / "weights.bin"));
  }
  GuardedRun guarded(graph, inputs, *query());
  KEDGE_TRY_STATUS(guarded.Run(*run, nullptr, weights.bytes()));
  KEDGE_TRY(std::vector<Tensor> first, guarded.Results());
  KEDGE_TRY_STATUS(guarded.Run(*run, nullptr, weights.bytes()));
  KEDGE_TRY(const std::vector<Tensor> second, guarded.Results());
  KEDGE_TRY_STATUS(CompareBits(first, second, "from run to run"));
  const kedge_host host{nullptr, RunBackwards, nullptr, 4, 0};
  KEDGE_TRY_STATUS(guarded.Run(*run, &host, weights.bytes()));
  KEDGE_TRY(const std::vector<Tensor> third, guarded.Results());
  KEDGE_TRY_STATUS(CompareBits(first, third, "with tasks"));
  return first;
}

}  // namespace kedge::compiler
