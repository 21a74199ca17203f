// SPDX-License-Identifier: Apache-2.0
#include "server/nodes/node.h"

#include <gtest/gtest.h>

#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

http::Request Get(const std::string& path, const std::string& method = "GET") {
  http::Request request;
  request.method = method;
  request.target = path;
  return request;
}

class NodeTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  std::vector<store::Node> Rows() {
    std::vector<store::Node> rows;
    EXPECT_TRUE(server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(rows, store::ListNodes(transaction));
      return {};
    }));
    return rows;
  }

  std::unique_ptr<TestServer> server_;
};

TEST_F(NodeTest, IsListedAndReadyUntilItDrainsAndGoes) {
  {
    Node node(server_->store(), server_->blobs(), server_->clock(),
              {.id = "n1", .address = "127.0.0.1:8080", .version = "1"});
    ASSERT_EQ(Rows().size(), 1u);
    EXPECT_EQ(Rows()[0].address, "127.0.0.1:8080");
    EXPECT_EQ(node.Answer(Get("/healthz"))->status, 200);
    EXPECT_EQ(node.Answer(Get("/readyz"))->body, "ready\n");
    node.Drain();
    EXPECT_EQ(node.Answer(Get("/healthz"))->status, 200);
    EXPECT_EQ(node.Answer(Get("/readyz"))->status, 503);
    EXPECT_EQ(node.Answer(Get("/readyz"))->body, "the node is draining\n");
    EXPECT_FALSE(node.Answer(Get("/readyz", "POST")));
    EXPECT_FALSE(node.Answer(Get("/readyz/x")));
  }
  EXPECT_TRUE(Rows().empty());
}

TEST_F(NodeTest, IsNotReadyWithoutItsObjects) {
  const Path objects = Folders(server_->folder()).objects();
  std::filesystem::remove_all(objects);
  ASSERT_TRUE(server_->disk().WriteAtomically(objects, AsBytes("no folder"), 0600));
  Node node(server_->store(), server_->blobs(), server_->clock(), {.id = "n1"});
  const auto answer = node.Answer(Get("/readyz"));
  EXPECT_EQ(answer->status, 503);
  EXPECT_TRUE(answer->body.starts_with("the object store does not answer")) << answer->body;
}

TEST_F(NodeTest, IsNotReadyWhenNothingWasHeardForLong) {
  Node node(server_->store(), server_->blobs(), server_->clock(), {.id = "n1"},
            std::chrono::hours(1));
  server_->clock().Advance(std::chrono::hours(5));
  EXPECT_EQ(node.Answer(Get("/readyz"))->body,
            "the database or the object store does not answer\n");
}

TEST(NodeId, IsNewEveryTime) { EXPECT_NE(NewNodeId(), NewNodeId()); }

}  // namespace
}  // namespace kedge::server
