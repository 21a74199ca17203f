// SPDX-License-Identifier: Apache-2.0
#include "store/tables/models.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelectModel =
    "SELECT name, description, metadata, created_ms, modified_ms FROM models";
constexpr std::string_view kSelectVersion =
    "SELECT v.model, v.version, v.description, v.metadata, v.approval, v.source_uri, "
    "v.source_sha256, v.created_ms, v.modified_ms FROM model_versions v";

Model ReadModel(const Row& row) {
  return {.name = row.Text(0),
          .description = row.TextOrNull(1),
          .metadata = row.Text(2),
          .created = row.Integer(3),
          .modified = row.Integer(4)};
}

ModelVersion ReadVersion(const Row& row) {
  return {.model = row.Text(0),
          .version = row.Text(1),
          .description = row.TextOrNull(2),
          .metadata = row.Text(3),
          .approval = row.Text(4),
          .source_uri = row.Text(5),
          .source_sha256 = row.Text(6),
          .created = row.Integer(7),
          .modified = row.Integer(8)};
}

ModelLink::Kind ParseKind(std::string_view text) {
  for (const auto kind : {ModelLink::Kind::kPackagingJob, ModelLink::Kind::kDeploymentPlan}) {
    if (Name(kind) == text) return kind;
  }
  return ModelLink::Kind::kCompilationJob;
}

}  // namespace

std::string_view Name(ModelLink::Kind kind) {
  switch (kind) {
    case ModelLink::Kind::kCompilationJob:
      return "COMPILATION_JOB";
    case ModelLink::Kind::kPackagingJob:
      return "PACKAGING_JOB";
    case ModelLink::Kind::kDeploymentPlan:
      break;
  }
  return "DEPLOYMENT_PLAN";
}

Status InsertModel(Transaction& transaction, const Model& model) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO models (name, description, metadata, created_ms, modified_ms) VALUES "
                "($1, $2, $3, $4, $5)",
                {model.name, Optional(model.description), model.metadata, model.created,
                 model.modified}));
  return {};
}

Status UpdateModel(Transaction& transaction, const Model& model) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "UPDATE models SET description = $1, metadata = $2, modified_ms = $3 "
                "WHERE name = $4",
                {Optional(model.description), model.metadata, model.modified, model.name}));
  return {};
}

Result<std::optional<Model>> FindModel(Transaction& transaction, const std::string& name) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelectModel) + " WHERE name = $1", {name}));
  if (rows.empty()) return std::optional<Model>();
  return std::optional<Model>(ReadModel(rows[0]));
}

Result<PageOf<Model>> ListModels(Transaction& transaction, const ModelFilter& filter,
                                 const Page& page) {
  ListStatement statement(kSelectModel);
  statement.WhereContains("name", filter.name_contains);
  statement.Where(filter.window);
  const char* column = filter.order == ModelOrder::kName       ? "name"
                       : filter.order == ModelOrder::kModified ? "modified_ms"
                                                               : "created_ms";
  KEDGE_TRY(const Rows rows, statement.Run(transaction, column, "name", page));
  return MakePage<Model>(rows, page, ReadModel, [&](const Model& model) {
    if (filter.order == ModelOrder::kName) return Cursor{model.name, model.name};
    return Cursor{filter.order == ModelOrder::kModified ? model.modified : model.created,
                  model.name};
  });
}

Result<int64_t> CountModels(Transaction& transaction) {
  KEDGE_TRY(const Rows rows, transaction.Query("SELECT COUNT(*) FROM models"));
  return rows.at(0).Integer(0);
}

Result<bool> DeleteModel(Transaction& transaction, const std::string& name) {
  KEDGE_TRY(const int64_t rows, transaction.Execute("DELETE FROM models WHERE name = $1", {name}));
  return rows > 0;
}

Status InsertModelVersion(Transaction& transaction, const ModelVersion& version) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO model_versions (model, version, description, metadata, approval, "
                "source_uri, source_sha256, created_ms, modified_ms) VALUES ($1, $2, $3, $4, $5, "
                "$6, $7, $8, $9)",
                {version.model, version.version, Optional(version.description), version.metadata,
                 version.approval, version.source_uri, version.source_sha256, version.created,
                 version.modified}));
  return {};
}

Status UpdateModelVersion(Transaction& transaction, const ModelVersion& version) {
  KEDGE_TRY(
      [[maybe_unused]] const int64_t rows,
      transaction.Execute(
          "UPDATE model_versions SET description = $1, metadata = $2, approval = $3, "
          "source_uri = $4, source_sha256 = $5, modified_ms = $6 WHERE model = $7 AND "
          "version = $8",
          {Optional(version.description), version.metadata, version.approval, version.source_uri,
           version.source_sha256, version.modified, version.model, version.version}));
  return {};
}

Result<std::optional<ModelVersion>> FindModelVersion(Transaction& transaction,
                                                     const std::string& model,
                                                     const std::string& version) {
  KEDGE_TRY(const Rows rows, transaction.Query(std::string(kSelectVersion) +
                                                   " WHERE v.model = $1 AND v.version = $2",
                                               {model, version}));
  if (rows.empty()) return std::optional<ModelVersion>();
  return std::optional<ModelVersion>(ReadVersion(rows[0]));
}

Result<PageOf<ModelVersion>> ListModelVersions(Transaction& transaction,
                                               const ModelVersionFilter& filter, const Page& page) {
  ListStatement statement(kSelectVersion);
  statement.Where("v.model =", filter.model);
  statement.Where("v.approval =", filter.approval);
  statement.Where(filter.window);
  KEDGE_TRY(const Rows rows,
            statement.Run(transaction, "v.created_ms", "v.model || '/' || v.version", page));
  return MakePage<ModelVersion>(rows, page, ReadVersion, [](const ModelVersion& version) {
    return Cursor{version.created, version.model + "/" + version.version};
  });
}

Result<int64_t> CountModelVersions(Transaction& transaction, const std::string& model) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT COUNT(*) FROM model_versions WHERE model = $1", {model}));
  return rows.at(0).Integer(0);
}

Result<bool> DeleteModelVersion(Transaction& transaction, const std::string& model,
                                const std::string& version) {
  KEDGE_TRY(const int64_t rows,
            transaction.Execute("DELETE FROM model_versions WHERE model = $1 AND version = $2",
                                {model, version}));
  return rows > 0;
}

Status PutModelLink(Transaction& transaction, const ModelLink& link) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO model_links (model, version, kind, name, target, created_ms) VALUES "
                "($1, $2, $3, $4, $5, $6) ON CONFLICT (model, version, kind, name) DO NOTHING",
                {link.model, link.version, std::string(Name(link.kind)), link.name, link.target,
                 link.created}));
  return {};
}

Result<std::vector<ModelLink>> ModelLinks(Transaction& transaction, const std::string& model,
                                          const std::string& version, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT model, version, kind, name, target, created_ms FROM "
                              "model_links WHERE model = $1 AND version = $2 ORDER BY created_ms, "
                              "kind, name LIMIT $3",
                              {model, version, rows_max}));
  std::vector<ModelLink> links;
  for (const Row& row : rows) {
    links.push_back({.model = row.Text(0),
                     .version = row.Text(1),
                     .kind = ParseKind(row.Text(2)),
                     .name = row.Text(3),
                     .target = row.Text(4),
                     .created = row.Integer(5)});
  }
  return links;
}

Result<std::vector<ModelVersion>> VersionsLinkedTo(Transaction& transaction, ModelLink::Kind kind,
                                                   const std::string& name) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelectVersion) +
                                  " JOIN model_links l ON l.model = v.model AND l.version = "
                                  "v.version WHERE l.kind = $1 AND l.name = $2 ORDER BY v.model, "
                                  "v.version",
                              {std::string(Name(kind)), name}));
  std::vector<ModelVersion> versions;
  for (const Row& row : rows) versions.push_back(ReadVersion(row));
  return versions;
}

Status DeleteModelLinks(Transaction& transaction, ModelLink::Kind kind, const std::string& name) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("DELETE FROM model_links WHERE kind = $1 AND name = $2",
                                {std::string(Name(kind)), name}));
  return {};
}

}  // namespace kedge::store
