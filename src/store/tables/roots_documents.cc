// SPDX-License-Identifier: Apache-2.0
#include "store/tables/roots_documents.h"

namespace kedge::store {

Status InsertRootsDocument(Transaction& transaction, const RootsDocument& document) {
  const auto inserted = transaction.Execute(
      "INSERT INTO roots_documents (version, document, created_ms) VALUES ($1, $2, $3)",
      {document.version, document.document, document.created});
  return inserted ? Status() : inserted.error();
}

Result<std::vector<RootsDocument>> ListRootsDocuments(Transaction& transaction) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(
                "SELECT version, document, created_ms FROM roots_documents ORDER BY version"));
  std::vector<RootsDocument> documents;
  for (const Row& row : rows) {
    documents.push_back(
        {.version = row.Integer(0), .document = row.Text(1), .created = row.Integer(2)});
  }
  return documents;
}

}  // namespace kedge::store
