// SPDX-License-Identifier: Apache-2.0
#include "server/installation.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/crypto/crypto.h"
#include "server/auth/access_key.h"
#include "server/auth/known_keys.h"
#include "server/keys/installed_key.h"

namespace kedge::server {
namespace {

constexpr std::string_view kIdLine = "AWS_ACCESS_KEY_ID=";
constexpr std::string_view kSecretLine = "AWS_SECRET_ACCESS_KEY=";
constexpr uint64_t kSmallFileBytesMax = 64 << 10;
constexpr size_t kFolderIdBytes = 8;

Result<std::string> ReadText(FileSystem& disk, const Path& path) {
  KEDGE_TRY(const ByteBuffer bytes, disk.Read(path, kSmallFileBytesMax));
  return std::string(AsText(bytes));
}

std::string LineAfter(const std::string& text, std::string_view prefix) {
  const size_t start = text.find(prefix);
  if (start == std::string::npos) return "";
  const size_t begin = start + prefix.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

// The key of an installation that kept it in a file, or a new one.
Result<InstalledKey> FirstSigningKey(FileSystem& disk, const Folders& folders, const Clock& clock) {
  InstalledKey key;
  if (disk.Exists(folders.former_package_key())) {
    KEDGE_TRY(key.key_pem, ReadText(disk, folders.former_package_key()));
    KEDGE_TRY(key.certificate_pem, ReadText(disk, folders.package_certificate()));
    auto signer = trust::LoadSigner(key.key_pem, key.certificate_pem);
    if (!signer) {
      return Wrap(signer.error(), "importing '" + folders.former_package_key().string() + "'");
    }
    return key;
  }
  KEDGE_TRY(const trust::KeyPair pair,
            trust::GenerateKeyPair("Kedge package signing", clock.NowMs()));
  return InstalledKey{.key_pem = pair.key_pem, .certificate_pem = pair.certificate_pem};
}

}  // namespace

Result<FileDescriptor> PrepareFolders(FileSystem& disk, const Folders& folders) {
  KEDGE_TRY_STATUS(disk.MakeDirectories(folders.root, 0700));
  KEDGE_TRY(FileDescriptor lock, OpenFile(folders.root / "lock", O_RDWR | O_CREAT, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Unavailable("another server runs on '" + folders.root.string() + "'");
  }
  KEDGE_TRY_STATUS(disk.RemoveAll(folders.scratch()));
  for (const Path& folder : {folders.scratch(), folders.keys()}) {
    KEDGE_TRY_STATUS(disk.MakeDirectories(folder, 0700));
  }
  for (const Path& folder : {folders.objects(), folders.compile_cache()}) {
    KEDGE_TRY_STATUS(disk.MakeDirectories(folder, 0700));
  }
  return lock;
}

Result<std::string> LoadFolderId(FileSystem& disk, const Folders& folders) {
  const Path file = folders.root / "folder.id";
  if (!disk.Exists(file)) {
    const std::string id = HexEncode(crypto::RandomBytes(kFolderIdBytes));
    KEDGE_TRY_STATUS(disk.WriteAtomically(file, AsBytes(id), 0600));
  }
  return ReadText(disk, file);
}

Result<Keyring> LoadKeyring(FileSystem& disk, const Folders& folders,
                            const std::string& master_key) {
  if (!master_key.empty()) return Keyring::Load(disk, master_key, /*make_if_absent=*/false);
  return Keyring::Load(disk, folders.keys() / "master.key", /*make_if_absent=*/true);
}

Result<SigningKey> LoadSigningKey(FileSystem& disk, const Folders& folders, const Clock& clock,
                                  const Keyring& keyring, store::Store& store) {
  auto installed = LoadInstalledKey(store, keyring, kPackageSigningPurpose);
  if (!installed && installed.error().code == Code::kNotFound) {
    KEDGE_TRY(const InstalledKey first, FirstSigningKey(disk, folders, clock));
    KEDGE_TRY_STATUS(InstallFirstKey(store, keyring, kPackageSigningPurpose, first, clock.NowMs()));
    installed = LoadInstalledKey(store, keyring, kPackageSigningPurpose);
  }
  if (!installed) return Wrap(std::move(installed).error(), "loading the package signing key");
  KEDGE_TRY_STATUS(disk.WriteAtomically(folders.package_certificate(),
                                        AsBytes(installed->certificate_pem), 0644));
  KEDGE_TRY_STATUS(disk.Remove(folders.former_package_key()));
  SigningKey key{.certificate_pem = installed->certificate_pem};
  KEDGE_TRY(key.signer, trust::LoadSigner(installed->key_pem, key.certificate_pem));
  return key;
}

namespace {

// The key in administrator.env, which is made if it is absent.
Result<store::AccessKey> AdministratorKey(FileSystem& disk, const Folders& folders, EpochMs now) {
  if (!disk.Exists(folders.administrator())) {
    const store::AccessKey made = NewAccessKey(now);
    const std::string text =
        std::string(kIdLine) + made.id + "\n" + std::string(kSecretLine) + made.secret + "\n";
    KEDGE_TRY_STATUS(disk.WriteAtomically(folders.administrator(), AsBytes(text), 0600));
  }
  KEDGE_TRY(const std::string text, ReadText(disk, folders.administrator()));
  store::AccessKey key{.id = LineAfter(text, kIdLine),
                       .secret = LineAfter(text, kSecretLine),
                       .role = std::string(store::kRoleAdmin),
                       .created = now};
  if (key.id.empty() || key.secret.empty()) {
    return DataLoss("'" + folders.administrator().string() + "' does not hold an access key");
  }
  return key;
}

}  // namespace

Result<std::string> EnsureAdministrator(FileSystem& disk, const Folders& folders,
                                        const Clock& clock, const Keyring& keyring,
                                        store::Store& store) {
  KEDGE_TRY_STATUS(SealPlainSecrets(store, keyring));
  bool has_one = false;
  const auto look = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto admins,
              store::ListAccessKeys(transaction, {.role = std::string(store::kRoleAdmin)},
                                    {.rows_max = 1}));
    has_one = !admins.items.empty();
    return {};
  };
  KEDGE_TRY_STATUS(store.Read(look));
  if (has_one) return std::string();
  // The file first, then the row: killed in between, the next start takes the key from the file.
  KEDGE_TRY(store::AccessKey key, AdministratorKey(disk, folders, clock.NowMs()));
  KEDGE_TRY_STATUS(SealSecret(keyring, key));
  const auto insert = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(look(transaction));
    return has_one ? Status() : store::InsertAccessKey(transaction, key);
  };
  KEDGE_TRY_STATUS(store.Write(insert));
  // Another node was faster: its key counts.
  if (has_one) return std::string();
  return ReadText(disk, folders.administrator());
}

}  // namespace kedge::server
