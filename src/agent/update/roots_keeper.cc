// SPDX-License-Identifier: Apache-2.0
#include "agent/update/roots_keeper.h"

#include "base/json/json.h"
#include "base/log.h"

namespace kedge::agent {
namespace {

constexpr uint64_t kChainBytesMax = 64u << 20;

Result<trust::RootsChain> Follow(const Path& configured, const std::vector<std::string>& chain) {
  KEDGE_TRY(trust::TrustedRoots roots,
            trust::TrustedRoots::Load(configured.string(), /*require_read_only=*/true));
  return trust::FollowRootsUpdates(std::move(roots), chain);
}

std::string WriteChain(const std::vector<std::string>& chain) {
  json::Array array;
  for (const std::string& document : chain) array.emplace_back(document);
  return json::Write(std::move(array));
}

}  // namespace

Status RootsKeeper::Open() {
  const std::lock_guard lock(mutex_);
  KEDGE_TRY(trust::RootsChain begun, Follow(configured_, {}));
  roots_.Replace(std::move(begun.roots));
  if (file_.empty() || !disk_.Exists(file_)) return {};
  auto chain = ReadChain();
  auto followed = chain ? Follow(configured_, *chain) : Result<trust::RootsChain>(chain.error());
  if (!followed) {
    LogError("the chain of trusted keys is damaged, the configured ones count",
             {{"why", followed.error().message}});
    return disk_.Rename(file_, file_.string() + ".damaged");
  }
  chain_ = std::move(*chain);
  version_ = followed->version;
  roots_.Replace(std::move(followed->roots));
  return {};
}

int64_t RootsKeeper::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

Status RootsKeeper::Offer(const std::vector<std::string>& documents) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> chain = chain_;
  chain.insert(chain.end(), documents.begin(), documents.end());
  KEDGE_TRY(trust::RootsChain followed, Follow(configured_, chain));
  if (followed.version <= version_) return {};
  if (!file_.empty()) {
    KEDGE_TRY_STATUS(disk_.WriteAtomically(file_, AsBytes(WriteChain(followed.counted)), 0600));
  }
  LogInfo("the keys that this device trusts have changed",
          {{"version", std::to_string(followed.version)},
           {"keys", std::to_string(followed.roots.size())}});
  chain_ = std::move(followed.counted);
  version_ = followed.version;
  roots_.Replace(std::move(followed.roots));
  return {};
}

Result<std::vector<std::string>> RootsKeeper::ReadChain() {
  KEDGE_TRY(const ByteBuffer bytes, disk_.Read(file_, kChainBytesMax));
  KEDGE_TRY(const json::Value value, json::Parse(AsText(bytes)));
  if (value.AsArray() == nullptr) return DataLoss("no list of documents");
  std::vector<std::string> chain;
  for (const json::Value& document : *value.AsArray()) {
    if (document.AsString() == nullptr) return DataLoss("a document is no text");
    chain.push_back(*document.AsString());
  }
  return chain;
}

}  // namespace kedge::agent
