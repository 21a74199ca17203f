// SPDX-License-Identifier: Apache-2.0
#include "trust/roots_update.h"

#include <gtest/gtest.h>

#include "trust/bundle.h"

namespace kedge::trust {
namespace {

constexpr EpochMs kNow = 1'790'000'000'000;

// Three keys of one installation's life.
class RootsUpdates : public testing::Test {
 protected:
  std::string Sign(int64_t version, std::vector<int> keys, int signer) {
    RootsUpdate update{.version = version};
    for (const int key : keys) update.certificates.push_back(pairs_[key].certificate_pem);
    auto text = SignRootsUpdate(update, *Signer(signer));
    EXPECT_TRUE(text);
    return *text;
  }
  std::unique_ptr<trust::Signer> Signer(int key) {
    return *LoadSigner(pairs_[key].key_pem, pairs_[key].certificate_pem);
  }
  TrustedRoots First() {
    TrustedRoots roots;
    EXPECT_TRUE(roots.Add(pairs_[0].certificate_pem));
    return roots;
  }
  bool Trusts(const TrustedRoots& roots, int key) {
    const auto bundle = SignStatement(WriteStatement("m", {}), *Signer(key));
    return VerifyBundle(*bundle, roots).has_value();
  }

  const KeyPair pairs_[3] = {*GenerateKeyPair("one", kNow), *GenerateKeyPair("two", kNow),
                             *GenerateKeyPair("three", kNow)};
};

TEST_F(RootsUpdates, ARotationEndsWithTheNewKeyAlone) {
  const std::vector<std::string> documents = {Sign(1, {0, 1}, 0), Sign(2, {1}, 1),
                                              Sign(3, {1, 2}, 1), Sign(4, {2}, 2)};
  const struct {
    size_t documents;
    bool want[3];
  } cases[] = {{0, {true, false, false}},
               {1, {true, true, false}},
               {2, {false, true, false}},
               {3, {false, true, true}},
               {4, {false, false, true}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.documents);
    const auto chain = FollowRootsUpdates(First(), std::span(documents).first(c.documents));
    ASSERT_TRUE(chain) << chain.error().message;
    EXPECT_EQ(chain->version, static_cast<int64_t>(c.documents));
    for (int key = 0; key < 3; ++key) EXPECT_EQ(Trusts(chain->roots, key), c.want[key]) << key;
  }
}

TEST_F(RootsUpdates, WhatIsKnownAlreadyIsSkipped) {
  const std::vector<std::string> documents = {Sign(1, {0, 1}, 0), Sign(1, {2}, 2), Sign(2, {1}, 1)};
  const auto chain = FollowRootsUpdates(First(), documents);
  ASSERT_TRUE(chain) << chain.error().message;
  EXPECT_EQ(chain->version, 2);
  EXPECT_FALSE(Trusts(chain->roots, 2));
}

TEST_F(RootsUpdates, WhatNoTrustedKeySignedChangesNothing) {
  const std::string both = Sign(1, {0, 1}, 0);
  const struct {
    const char* name;
    std::vector<std::string> documents;
    int64_t want_version;
    bool want[3];
  } cases[] = {
      {"a stranger's", {Sign(1, {1}, 1)}, 0, {true, false, false}},
      {"a stranger's between", {Sign(1, {2}, 2), both, Sign(2, {2}, 2)}, 1, {true, true, false}},
      {"a retired key's", {both, Sign(2, {1}, 0), Sign(3, {0}, 0)}, 2, {false, true, false}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto chain = FollowRootsUpdates(First(), c.documents);
    ASSERT_TRUE(chain) << chain.error().message;
    EXPECT_EQ(chain->version, c.want_version);
    for (int key = 0; key < 3; ++key) EXPECT_EQ(Trusts(chain->roots, key), c.want[key]) << key;
  }
}

TEST_F(RootsUpdates, ADeviceThatCameLaterNeedNotKnowTheFirstKey) {
  TrustedRoots second;
  ASSERT_TRUE(second.Add(pairs_[1].certificate_pem));
  const std::vector<std::string> documents = {Sign(1, {0, 1}, 0), Sign(2, {1}, 1),
                                              Sign(3, {1, 2}, 1)};
  const auto chain = FollowRootsUpdates(std::move(second), documents);
  ASSERT_TRUE(chain);
  EXPECT_EQ(chain->version, 3);
  EXPECT_FALSE(Trusts(chain->roots, 0));
  EXPECT_TRUE(Trusts(chain->roots, 2));
}

TEST_F(RootsUpdates, MalformedDocumentsAreErrors) {
  const std::string good = Sign(1, {0, 1}, 0);
  const struct {
    const char* name;
    std::vector<std::string> documents;
    Code want;
  } cases[] = {
      {"version 0 and below", {Sign(0, {1}, 0)}, Code::kInvalidArgument},
      {"no certificates", {Sign(1, {}, 0)}, Code::kInvalidArgument},
      {"white space", {" " + good}, Code::kInvalidArgument},
      {"not JSON", {"roots"}, Code::kInvalidArgument},
      {"too long", {std::string(kRootsUpdateBytesMax + 1, ' ')}, Code::kResourceExhausted},
      {"too many", std::vector<std::string>(kRootsUpdatesMax + 1, good), Code::kResourceExhausted},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto chain = FollowRootsUpdates(First(), c.documents);
    ASSERT_FALSE(chain);
    EXPECT_EQ(chain.error().code, c.want) << chain.error().message;
  }
}

TEST_F(RootsUpdates, ADocumentWithAFlippedBitNeverCounts) {
  const std::string good = Sign(1, {0, 1}, 0);
  for (size_t byte = 0; byte < good.size(); ++byte) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << (byte % 8)));
    const auto chain = FollowRootsUpdates(First(), std::vector{bad});
    EXPECT_TRUE(!chain || chain->version == 0) << "byte " << byte;
  }
}

}  // namespace
}  // namespace kedge::trust
