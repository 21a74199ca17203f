// Which features of a model's tensors are watched, if nobody says otherwise.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "stats/baseline/builder.h"

namespace kedge::cli {

// A tensor of the model, and some of its values.
struct KnownTensor {
  stats::Side side = stats::Side::kInput;
  uint32_t index = 0;
  std::string name;
  std::vector<const Tensor*> samples;  // one or more, borrowed; the first gives type and shape
  std::vector<std::string> columns;    // names of its elements, if it was made from a table
};

struct Choice {
  std::vector<stats::TensorUse> tensors;
  std::vector<stats::WantedFeature> features;
};

// Roles follow from shapes: rank 4 with 1, 3 or 4 channels is an image; an output of 2 to 1000
// numbers is scores, of more or an input of more than 64 an embedding; rank 3 with 6 numbers last
// is detections, other rank 3 a series; everything else columns. `roles` ("NAME=ROLE") overrule it.
// Whether scores are logits and what is black and white follow from the samples. At most 64 columns
// and 8 classes (those with the largest mass) become features. kInvalidArgument for an unknown name
// or role, or one that does not fit.
Result<Choice> ChooseFeatures(const std::vector<KnownTensor>& tensors,
                              const std::vector<std::string>& roles);

}  // namespace kedge::cli
