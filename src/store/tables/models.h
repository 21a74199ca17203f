// The model registry: models, their versions, and what each version was made of and went to.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

struct Model {
  std::string name;
  std::optional<std::string> description;
  std::string metadata = "{}";  // JSON object of texts
  EpochMs created = 0;
  EpochMs modified = 0;
};

constexpr std::string_view kApprovalPending = "PENDING";
constexpr std::string_view kApprovalApproved = "APPROVED";
constexpr std::string_view kApprovalRejected = "REJECTED";

struct ModelVersion {
  std::string model;
  std::string version;
  std::optional<std::string> description;
  std::string metadata = "{}";
  std::string approval{kApprovalPending};
  std::string source_uri;     // of the model that was compiled, "" if unknown
  std::string source_sha256;  // hexadecimal, "" if unknown
  EpochMs created = 0;
  EpochMs modified = 0;
};

// One step of a version's way.
struct ModelLink {
  enum class Kind { kCompilationJob, kPackagingJob, kDeploymentPlan };
  std::string model;
  std::string version;
  Kind kind = Kind::kCompilationJob;
  std::string name;    // of the job or plan
  std::string target;  // compilation jobs: "LINUX_X86_64"; else ""
  EpochMs created = 0;
};
std::string_view Name(ModelLink::Kind kind);  // "COMPILATION_JOB", ...

enum class ModelOrder { kName, kCreated, kModified };
struct ModelFilter {
  std::optional<std::string> name_contains;
  TimeWindow window;
  ModelOrder order = ModelOrder::kCreated;
};
struct ModelVersionFilter {
  std::optional<std::string> model;
  std::optional<std::string> approval;
  TimeWindow window;
};

// kAlreadyExists.
Status InsertModel(Transaction& transaction, const Model& model);
Status UpdateModel(Transaction& transaction, const Model& model);
Result<std::optional<Model>> FindModel(Transaction& transaction, const std::string& name);
Result<PageOf<Model>> ListModels(Transaction& transaction, const ModelFilter& filter,
                                 const Page& page);
Result<int64_t> CountModels(Transaction& transaction);
// False if there is none. kFailedPrecondition while it has versions.
Result<bool> DeleteModel(Transaction& transaction, const std::string& name);

// kAlreadyExists; kFailedPrecondition if there is no such model.
Status InsertModelVersion(Transaction& transaction, const ModelVersion& version);
Status UpdateModelVersion(Transaction& transaction, const ModelVersion& version);
Result<std::optional<ModelVersion>> FindModelVersion(Transaction& transaction,
                                                     const std::string& model,
                                                     const std::string& version);
// Ordered by time of creation.
Result<PageOf<ModelVersion>> ListModelVersions(Transaction& transaction,
                                               const ModelVersionFilter& filter, const Page& page);
Result<int64_t> CountModelVersions(Transaction& transaction, const std::string& model);
// Its links go with it. False if there is none.
Result<bool> DeleteModelVersion(Transaction& transaction, const std::string& model,
                                const std::string& version);

// A link that is there already stays as it is.
Status PutModelLink(Transaction& transaction, const ModelLink& link);
// In order of time, at most `rows_max`.
Result<std::vector<ModelLink>> ModelLinks(Transaction& transaction, const std::string& model,
                                          const std::string& version, int64_t rows_max);
// The versions that a job or plan is linked to.
Result<std::vector<ModelVersion>> VersionsLinkedTo(Transaction& transaction, ModelLink::Kind kind,
                                                   const std::string& name);
// The job or plan is gone.
Status DeleteModelLinks(Transaction& transaction, ModelLink::Kind kind, const std::string& name);

}  // namespace kedge::store
