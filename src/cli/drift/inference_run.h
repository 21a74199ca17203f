// Data as inferences: rows of a table become tensors, and a model gives the outputs that the data
// lacks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/drift/data_set.h"
#include "cli/executor.h"

namespace kedge::cli {

// Runs the model on every row whose outputs are missing, in the worker. Rows of a table become its
// inputs first: one input of as many numbers as there are columns, or one number for each column of
// an input's name. A field that is missing becomes NaN. kInvalidArgument if the data does not fit
// the model; errors of the executor.
Status RunModel(Executor& model, DataSet& data);

}  // namespace kedge::cli
