// SPDX-License-Identifier: Apache-2.0
#include "server/keys/keyring.h"

#include <algorithm>
#include <sys/stat.h>

#include "base/descriptor.h"

namespace kedge::server {
namespace {

constexpr std::string_view kForm = "kedge1.";
constexpr size_t kIdCharacters = 16;
constexpr uint64_t kFileBytesMax = 64 << 10;

crypto::AeadKey Subkey(const crypto::AeadKey& master, std::string_view use,
                       std::string_view purpose) {
  return crypto::HmacSha256(master, AsBytes(std::string(use) + std::string(purpose)));
}

std::string_view Trimmed(std::string_view line) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
  return line;
}

Result<crypto::AeadKey> ParseKey(std::string_view line) {
  crypto::AeadKey key;
  const auto bytes = HexDecode(line);
  if (!bytes || bytes->size() != key.size()) {
    // The line itself stays out of the message: it may be a key with a slip in it.
    return InvalidArgument("a line of the master key file is not 64 hexadecimal digits");
  }
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

Status CheckMode(const Path& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0) {
    return ErrnoError(errno, "reading the mode of '" + file.string() + "'");
  }
  if ((found.st_mode & S_IRWXO) != 0) {
    return PermissionDenied("the master key file '" + file.string() +
                            "' is open to everybody, mode 0600 or 0640 is needed");
  }
  return {};
}

std::string NewKeyFile() {
  return "# Opens every secret in Kedge's database. Copy it to each node; keep it apart from "
         "backups.\n" +
         HexEncode(crypto::RandomBytes(sizeof(crypto::AeadKey))) + "\n";
}

}  // namespace

Result<Keyring> Keyring::Parse(std::string_view text) {
  Keyring keyring;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    KEDGE_TRY(const crypto::AeadKey key, ParseKey(line));
    std::string id = HexEncode(Subkey(key, "key id", "")).substr(0, kIdCharacters);
    keyring.keys_.push_back({.key = key, .id = std::move(id)});
  }
  if (keyring.keys_.empty()) return InvalidArgument("the master key file holds no key");
  if (keyring.keys_.size() > kMasterKeysMax) {
    return InvalidArgument("the master key file holds " + std::to_string(keyring.keys_.size()) +
                           " keys, at most " + std::to_string(kMasterKeysMax) + " are allowed");
  }
  return keyring;
}

Result<Keyring> Keyring::Load(FileSystem& disk, const Path& file, bool make_if_absent) {
  if (make_if_absent && !disk.Exists(file)) {
    KEDGE_TRY_STATUS(disk.WriteAtomically(file, AsBytes(NewKeyFile()), 0600));
  }
  auto text = disk.Read(file, kFileBytesMax);
  if (!text) return Wrap(std::move(text).error(), "reading the master key");
  KEDGE_TRY_STATUS(CheckMode(file));
  auto keyring = Parse(AsText(*text));
  if (!keyring) return Wrap(std::move(keyring).error(), "'" + file.string() + "'");
  return keyring;
}

Result<std::string> Keyring::Seal(std::string_view purpose, std::string_view plaintext) const {
  const MasterKey& master = keys_.front();
  const ByteBuffer message =
      crypto::AeadSeal(Subkey(master.key, "seal ", purpose), AsBytes(plaintext), AsBytes(purpose));
  return std::string(kForm) + master.id + "." + Base64UrlEncode(message);
}

Result<std::string> Keyring::Open(std::string_view purpose, std::string_view sealed) const {
  if (!sealed.starts_with(kForm) || sealed.size() < kForm.size() + kIdCharacters + 1 ||
      sealed[kForm.size() + kIdCharacters] != '.') {
    return DataLoss("a secret of purpose '" + std::string(purpose) + "' is not a sealed text");
  }
  const std::string_view id = sealed.substr(kForm.size(), kIdCharacters);
  for (const MasterKey& master : keys_) {
    if (master.id != id) continue;
    const auto message = Base64UrlDecode(sealed.substr(kForm.size() + kIdCharacters + 1));
    if (!message) return DataLoss("a secret of purpose '" + std::string(purpose) + "' is damaged");
    const auto opened =
        crypto::AeadOpen(Subkey(master.key, "seal ", purpose), *message, AsBytes(purpose));
    if (!opened) return Wrap(opened.error(), "opening '" + std::string(purpose) + "'");
    return std::string(AsText(*opened));
  }
  return FailedPrecondition("a secret of purpose '" + std::string(purpose) +
                            "' is sealed with another master key");
}

crypto::AeadKey Keyring::Derive(std::string_view purpose) const {
  return Subkey(keys_.front().key, "derive ", purpose);
}

}  // namespace kedge::server
