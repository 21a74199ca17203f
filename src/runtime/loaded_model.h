// What model.cc and session.cc share: a Model with its entry point and its weights.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/descriptor.h"
#include "kedge_model.h"
#include "runtime/session.h"

namespace kedge::runtime {

class LoadedModel final : public Model {
 public:
  using RunFunction = decltype(&kedge_model_run);

  LoadedModel() = default;
  ~LoadedModel() override;
  const ModelInfo& info() const override { return info_; }
  RunFunction run() const { return run_; }
  // Null if the model has none.
  const void* weights() const { return weights_.bytes().data(); }

 private:
  friend class Model;
  Status Open(int model_so_fd);
  Status OpenWeights(int weights_fd);

  // Kept open while the object is loaded: the loader knows objects by the name they were opened by,
  // which holds this number, and would return the old object for a new file of the same number.
  FileDescriptor object_fd_;
  void* object_ = nullptr;  // of dlopen
  RunFunction run_ = nullptr;
  MappedFile weights_;
  ModelInfo info_;
};

}  // namespace kedge::runtime
