// The inputs of a run from the command line: --input NAME=FILE.npy or NAME=random:SEED.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ring/worker_process.h"
#include "tensor/tensor.h"

namespace kedge::cli {

struct ChosenInputs {
  std::vector<Tensor> tensors;             // in the model's order
  std::vector<std::string> random_inputs;  // names of those that were not given and are random
};

// `texts`: the values of --input; NAME is an input's name or its number. An input that is not given
// is random from `seed` plus its number. Errors: kInvalidArgument for an unknown name (the known
// ones are listed), a name twice, a file of another type or shape than the model's (both are
// named).
Result<ChosenInputs> ChooseInputs(const std::vector<ring::IoInfo>& inputs,
                                  const std::vector<std::string>& texts, uint64_t seed);

// "f32 1x3x224x224": for messages and tables.
std::string Describe(DType dtype, const Shape& shape);

}  // namespace kedge::cli
