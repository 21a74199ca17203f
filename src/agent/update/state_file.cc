// SPDX-License-Identifier: Apache-2.0
#include "agent/update/state_file.h"

#include <algorithm>

#include "base/crypto/crypto.h"

namespace kedge::agent {

namespace {

constexpr std::string_view kMagic = "KEDGEST";
constexpr char kFormat = '1';
constexpr size_t kHeaderBytes = 64;
constexpr size_t kGenerationAt = 8, kLengthAt = 16, kDigestAt = 24, kCrcAt = 56;

}  // namespace

Result<std::optional<StateFile::Slot>> StateFile::ReadSlot(size_t slot) {
  const std::string name = SlotPath(slot).string();
  auto file = disk_.Read(SlotPath(slot), kHeaderBytes + kStateBytesMax);
  if (!file && file.error().code == Code::kNotFound) return std::optional<Slot>();
  if (!file) return DataLoss("state slot " + name + " cannot be read: " + file.error().message);
  if (file->size() < kHeaderBytes || AsText(*file).substr(0, kMagic.size()) != kMagic)
    return DataLoss("state slot " + name + " is damaged: no header");
  if (const char format = AsText(*file)[kMagic.size()]; format != kFormat)
    return Unimplemented("state slot " + name + " has format '" + std::string(1, format) +
                         "', this agent knows '" + std::string(1, kFormat) + "'");
  if (Crc32c({file->data(), kCrcAt}) != LoadLittle<uint32_t>(file->data() + kCrcAt))
    return DataLoss("state slot " + name + " is damaged: header checksum");
  Slot read;
  read.generation = LoadLittle<uint64_t>(file->data() + kGenerationAt);
  const auto length = LoadLittle<uint64_t>(file->data() + kLengthAt);
  if (length != file->size() - kHeaderBytes || read.generation == 0)
    return DataLoss("state slot " + name + " is damaged: length");
  const Bytes text{file->data() + kHeaderBytes, length};
  const crypto::Sha256Digest digest = crypto::Sha256(text);
  if (std::memcmp(digest.data(), file->data() + kDigestAt, digest.size()) != 0)
    return DataLoss("state slot " + name + " is damaged: digest");
  read.text = AsText(text);
  return std::optional<Slot>(std::move(read));
}

Result<std::optional<std::string>> StateFile::Load() {
  std::optional<Slot> newest;
  std::optional<Error> damage;
  for (size_t slot = 0; slot < generations_.size(); ++slot) {
    auto read = ReadSlot(slot);
    generations_[slot] = 0;
    if (!read && read.error().code == Code::kUnimplemented) return read.error();
    if (!read) {
      damage = read.error();
    } else if (read->has_value()) {
      generations_[slot] = (*read)->generation;
      if (!newest.has_value() || (*read)->generation > newest->generation)
        newest = std::move(*read);
    }
  }
  if (newest.has_value()) return std::optional<std::string>(std::move(newest->text));
  if (damage.has_value()) return *damage;
  return std::optional<std::string>();
}

Status StateFile::Store(const std::string& text) {
  if (text.size() > kStateBytesMax)
    return ResourceExhausted("the state has " + std::to_string(text.size()) + " bytes, at most " +
                             std::to_string(kStateBytesMax) + " fit");
  const size_t slot = generations_[0] <= generations_[1] ? 0 : 1;
  const uint64_t generation = std::max(generations_[0], generations_[1]) + 1;
  ByteBuffer file(kHeaderBytes + text.size(), 0);
  std::memcpy(file.data(), kMagic.data(), kMagic.size());
  file[kMagic.size()] = static_cast<uint8_t>(kFormat);
  StoreLittle(file.data() + kGenerationAt, generation);
  StoreLittle(file.data() + kLengthAt, uint64_t{text.size()});
  const crypto::Sha256Digest digest = crypto::Sha256(AsBytes(text));
  std::memcpy(file.data() + kDigestAt, digest.data(), digest.size());
  StoreLittle(file.data() + kCrcAt, Crc32c({file.data(), kCrcAt}));
  std::memcpy(file.data() + kHeaderBytes, text.data(), text.size());
  // Whether a store that failed reached the disk is not known. It does not matter: the next store
  // writes the same slot again.
  const Status status = disk_.WriteAtomically(SlotPath(slot), file, 0600);
  if (!status) return Wrap(status.error(), "storing the agent's state");
  generations_[slot] = generation;
  return {};
}

std::vector<std::string> StateFile::AllTexts() {
  std::vector<std::string> texts;
  for (size_t slot = 0; slot < generations_.size(); ++slot)
    if (auto read = ReadSlot(slot); read && read->has_value())
      texts.push_back(std::move((*read)->text));
  return texts;
}

}  // namespace kedge::agent
