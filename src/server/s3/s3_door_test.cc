// SPDX-License-Identifier: Apache-2.0
#include "server/s3/s3_door.h"

#include <gtest/gtest.h>

#include "base/crypto/crypto.h"
#include "base/testing/fake_clock.h"
#include "base/xml.h"

namespace kedge::server {
namespace {

constexpr char kKeyId[] = "AKADMIN";
constexpr char kDeviceKeyId[] = "AKDEVICE";
constexpr char kSecret[] = "secret";

class S3DoorTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = blob::OpenFileBlobStore(disk_, folder_.path(), clock_);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(store).value();
    door_ = std::make_unique<S3Door>(S3Options{
        .store = *store_,
        .clock = clock_,
        .lookup = [](const std::string& id) -> std::optional<std::string> {
          if (id == kKeyId || id == kDeviceKeyId) return kSecret;
          return std::nullopt;
        },
        // A device may read below "models/" and write below "captures/".
        .allowed =
            [](const std::string& id, S3Action action, const std::string&, const std::string& key) {
              if (id == kKeyId) return true;
              return (action == S3Action::kReadObject && key.starts_with("models/")) ||
                     (action == S3Action::kWriteObject && key.starts_with("captures/"));
            },
        .region = "eu-1"});
  }

  http::Response Send(const std::string& method, const std::string& target, std::string body = "",
                      const std::vector<http::Header>& headers = {},
                      const std::string& key_id = kKeyId) {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://host:1" + target;
    request.body = std::move(body);
    request.headers.list = headers;
    EXPECT_TRUE(http::SignRequest({key_id, kSecret, ""}, {"eu-1", "s3"}, clock_.NowMs(), request));
    return door_->Handle(Received(request));
  }
  static http::Request Received(const http::ClientRequest& sent) {
    http::Request request;
    request.method = sent.method;
    request.target = http::SplitUrl(sent.url)->target;
    request.headers = sent.headers;
    if (request.headers.Find("Host") == nullptr) request.headers.Set("Host", "host:1");
    request.body = sent.body;
    request.body_bytes = sent.body.size();
    request.body_sha256 = crypto::Sha256Hex(AsBytes(sent.body));
    return request;
  }
  static std::string BodyOf(const http::Response& response) {
    if (response.file == nullptr) return response.body;
    const auto all = ReadAll(response.file->get(), 1u << 30);
    return std::string(AsText(*all).substr(response.file_offset, response.file_bytes));
  }
  static std::string CodeOf(const http::Response& response) {
    const auto root = ParseXml(response.body);
    return root && root->name == "Error" ? root->Find("Code")->text : "";
  }
  void MakeBucket() { ASSERT_EQ(Send("PUT", "/bucket").status, 200); }
  std::string KeysOf(const std::string& target) {
    const auto root = ParseXml(Send("GET", target).body);
    if (!root) return "not XML";
    std::string keys;
    for (const XmlElement& element : root->children) {
      if (element.name == "Contents") keys += element.Find("Key")->text + " ";
      if (element.name == "CommonPrefixes") keys += element.Find("Prefix")->text + "* ";
    }
    return keys;
  }

  // In memory where there is such a folder: syncs cost nothing there.
  static Path Parent() {
    return std::filesystem::is_directory("/dev/shm") ? Path("/dev/shm") : Path();
  }

  TemporaryDirectory folder_ = TemporaryDirectory::Make(Parent()).value();
  PosixFileSystem disk_;
  FakeClock clock_;
  std::unique_ptr<blob::BlobStore> store_;
  std::unique_ptr<S3Door> door_;
};

TEST_F(S3DoorTest, BucketsComeAndGo) {
  EXPECT_EQ(CodeOf(Send("HEAD", "/bucket")), "NoSuchBucket");
  MakeBucket();
  EXPECT_EQ(CodeOf(Send("PUT", "/bucket")), "BucketAlreadyOwnedByYou");
  EXPECT_EQ(Send("HEAD", "/bucket").headers.Get("x-amz-bucket-region"), "eu-1");
  EXPECT_NE(Send("GET", "/").body.find("<Name>bucket</Name>"), std::string::npos);
  EXPECT_EQ(ParseXml(Send("GET", "/bucket?location").body)->text, "eu-1");
  ASSERT_EQ(Send("PUT", "/bucket/k", "x").status, 200);
  EXPECT_EQ(CodeOf(Send("DELETE", "/bucket")), "BucketNotEmpty");
  ASSERT_EQ(Send("DELETE", "/bucket/k").status, 204);
  EXPECT_EQ(Send("DELETE", "/bucket").status, 204);
  EXPECT_EQ(CodeOf(Send("GET", "/bucket")), "NoSuchBucket");
}

TEST_F(S3DoorTest, ObjectIsPutReadAndDeleted) {
  MakeBucket();
  const auto put = Send("PUT", "/bucket/a%20b/c%2Fd", "hello", {{"Content-Type", "text/x"}});
  ASSERT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(put.headers.Get("ETag"), "\"5d41402abc4b2a76b9719d911017c592\"");
  EXPECT_EQ(blob::GetObject(*store_, {"bucket", "a b/c/d"}, 100).value(),
            ToBuffer(AsBytes("hello")));
  const auto get = Send("GET", "/bucket/a%20b/c/d");
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(BodyOf(get), "hello");
  EXPECT_EQ(get.headers.Get("Content-Type"), "text/x");
  EXPECT_EQ(get.headers.Get("Last-Modified"), http::FormatHttpDate(clock_.NowMs()));
  EXPECT_EQ(get.headers.Get("x-amz-request-id").size(), 16u);
  const auto head = Send("HEAD", "/bucket/a%20b/c/d");
  EXPECT_EQ(head.headers.Get("Content-Length"), "5");
  EXPECT_EQ(head.file, nullptr);
  EXPECT_EQ(Send("DELETE", "/bucket/a%20b/c/d").status, 204);
  EXPECT_EQ(Send("DELETE", "/bucket/a%20b/c/d").status, 204);
  EXPECT_EQ(CodeOf(Send("GET", "/bucket/a%20b/c/d")), "NoSuchKey");
}

TEST_F(S3DoorTest, RangesAndConditions) {
  MakeBucket();
  Send("PUT", "/bucket/k", "0123456789");
  Send("PUT", "/bucket/empty", "");
  const std::string etag = Send("HEAD", "/bucket/k").headers.Get("ETag");
  struct Case {
    const char* name;
    http::Header header;
    int status;
    const char* body;
    const char* range;
  };
  const Case cases[] = {
      {"first", {"Range", "bytes=0-0"}, 206, "0", "bytes 0-0/10"},
      {"middle", {"Range", "bytes=3-5"}, 206, "345", "bytes 3-5/10"},
      {"open end", {"Range", "bytes=7-"}, 206, "789", "bytes 7-9/10"},
      {"past the end", {"Range", "bytes=8-99"}, 206, "89", "bytes 8-9/10"},
      {"suffix", {"Range", "bytes=-4"}, 206, "6789", "bytes 6-9/10"},
      {"long suffix", {"Range", "bytes=-99"}, 206, "0123456789", "bytes 0-9/10"},
      {"several", {"Range", "bytes=0-1,3-4"}, 200, "0123456789", ""},
      {"backwards", {"Range", "bytes=5-3"}, 200, "0123456789", ""},
      {"other unit", {"Range", "lines=1-2"}, 200, "0123456789", ""},
      {"if match", {"If-Match", etag}, 200, "0123456789", ""},
      {"if none match", {"If-None-Match", "\"other\""}, 200, "0123456789", ""},
      {"not modified", {"If-None-Match", etag}, 304, "", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto response = Send("GET", "/bucket/k", "", {c.header});
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(BodyOf(response), c.body);
    EXPECT_EQ(response.headers.Get("Content-Range"), c.range);
  }
  EXPECT_EQ(CodeOf(Send("GET", "/bucket/k", "", {{"Range", "bytes=10-"}})), "InvalidRange");
  EXPECT_EQ(CodeOf(Send("GET", "/bucket/k", "", {{"Range", "bytes=-0"}})), "InvalidRange");
  EXPECT_EQ(CodeOf(Send("GET", "/bucket/empty", "", {{"Range", "bytes=0-"}})), "InvalidRange");
  EXPECT_EQ(CodeOf(Send("GET", "/bucket/k", "", {{"If-Match", "\"x\""}})), "PreconditionFailed");
}

TEST_F(S3DoorTest, DigestsOfTheClientAreCompared) {
  MakeBucket();
  struct Case {
    const char* header;
    const char* good;  // of "123456789"
    const char* bad;
  };
  const Case cases[] = {
      {"Content-MD5", "JfnnlDI7RTiF9RgfG2JNCw==", "AAnnlDI7RTiF9RgfG2JNCw=="},
      {"x-amz-checksum-crc32", "y/Q5Jg==", "AAAAAA=="},
      {"x-amz-checksum-crc32c", "4waSgw==", "AAAAAA=="},
      {"x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE=", "x"},
      {"x-amz-checksum-sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.header);
    const auto good = Send("PUT", "/bucket/good", "123456789", {{c.header, c.good}});
    EXPECT_EQ(good.status, 200) << good.body;
    EXPECT_EQ(CodeOf(Send("PUT", "/bucket/bad", "123456789", {{c.header, c.bad}})), "BadDigest");
  }
  EXPECT_EQ(CodeOf(Send("GET", "/bucket/bad")), "NoSuchKey");
}

TEST_F(S3DoorTest, WhatIsNotKeptIsRefused) {
  MakeBucket();
  const http::Header cases[] = {
      {"x-amz-server-side-encryption", "AES256"},
      {"x-amz-storage-class", "GLACIER"},
      {"x-amz-acl", "public-read"},
      {"If-Match", "*"},
      {"If-None-Match", "\"etag\""},
      {"x-amz-tagging", "a=b"},
  };
  for (const http::Header& header : cases) {
    SCOPED_TRACE(header.first);
    EXPECT_EQ(CodeOf(Send("PUT", "/bucket/k", "x", {header})), "NotImplemented");
  }
  for (const char* target : {"/bucket/k?acl", "/bucket/k?versionId=3", "/bucket/k?retention"}) {
    SCOPED_TRACE(target);
    EXPECT_EQ(CodeOf(Send("PUT", target, "x")), "NotImplemented");
    EXPECT_EQ(CodeOf(Send("GET", target)), "NotImplemented");
  }
  for (const char* target : {"/bucket/k?tagging", "/bucket/k?partNumber=1", "/bucket/k?location"})
    EXPECT_EQ(CodeOf(Send("PUT", target, "x")), "MethodNotAllowed") << target;
  EXPECT_EQ(CodeOf(Send("DELETE", "/bucket/k?tagging")), "MethodNotAllowed");
  EXPECT_EQ(CodeOf(Send("GET", "/bucket/k")), "NoSuchKey");
}

TEST_F(S3DoorTest, ListingsAreGroupedAndPaged) {
  MakeBucket();
  for (const char* key : {"a", "b/1", "b/2", "b/c/3", "d", "e%20f", "g/"})
    ASSERT_EQ(Send("PUT", std::string("/bucket/") + key, "x").status, 200);
  struct Case {
    const char* query;
    const char* want;
  };
  const Case cases[] = {
      {"list-type=2", "a b/1 b/2 b/c/3 d e f g/ "},
      {"list-type=2&delimiter=%2F", "a d e f b/* g/* "},
      {"list-type=2&delimiter=%2F&prefix=b%2F", "b/1 b/2 b/c/* "},
      {"list-type=2&prefix=b%2F&max-keys=2", "b/1 b/2 "},
      {"list-type=2&start-after=d", "e f g/ "},
      {"list-type=2&start-after=d&encoding-type=url", "e%20f g/ "},
      {"list-type=2&max-keys=0", ""},
      {"list-type=2&delimiter=%2F&max-keys=2", "a b/* "},
      {"", "a b/1 b/2 b/c/3 d e f g/ "},
      {"marker=b%2F2", "b/c/3 d e f g/ "},
      {"marker=b%2F&delimiter=%2F", "d e f g/* "},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.query);
    EXPECT_EQ(KeysOf(std::string("/bucket?") + c.query), c.want);
  }
  EXPECT_EQ(CodeOf(Send("GET", "/bucket?list-type=2&max-keys=x")), "InvalidArgument");
  EXPECT_EQ(CodeOf(Send("GET", "/bucket?list-type=2&continuation-token=zz")), "InvalidArgument");
  EXPECT_EQ(CodeOf(Send("GET", "/bucket?list-type=3")), "InvalidArgument");
}

TEST_F(S3DoorTest, PagesJoinToTheWholeListing) {
  MakeBucket();
  for (int i = 0; i < 23; ++i)
    ASSERT_EQ(Send("PUT", "/bucket/" + std::to_string(i % 7) + "/" + std::to_string(i), "").status,
              200);
  for (const char* options : {"", "&delimiter=%2F"}) {
    const std::string whole = KeysOf(std::string("/bucket?list-type=2") + options);
    for (const int page_keys : {1, 2, 5}) {
      std::string joined;
      std::string token;
      for (int pages = 0; pages < 100; ++pages) {
        const std::string target = "/bucket?list-type=2&max-keys=" + std::to_string(page_keys) +
                                   options + (token.empty() ? "" : "&continuation-token=" + token);
        joined += KeysOf(target);
        const auto root = ParseXml(Send("GET", target).body);
        if (root->Find("IsTruncated")->text == "false") break;
        token = root->Find("NextContinuationToken")->text;
      }
      EXPECT_EQ(joined, whole) << page_keys << options;
    }
  }
}

TEST_F(S3DoorTest, ManyObjectsAreDeletedAtOnce) {
  MakeBucket();
  Send("PUT", "/bucket/a%26b", "x");
  Send("PUT", "/bucket/c", "x");
  const auto response =
      Send("POST", "/bucket?delete",
           "<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>none</Key></Object></Delete>");
  EXPECT_EQ(response.status, 200);
  EXPECT_NE(response.body.find("<Deleted><Key>a&amp;b</Key></Deleted>"), std::string::npos);
  EXPECT_EQ(KeysOf("/bucket"), "c ");
  const auto quiet = Send("POST", "/bucket?delete",
                          "<Delete><Quiet>true</Quiet><Object><Key>c</Key></Object></Delete>");
  EXPECT_EQ(quiet.body.find("Deleted>"), std::string::npos);
  for (const char* body : {"", "<Delete/>", "<Delete><Object/></Delete>", "<Other/>", "<Delete>"})
    EXPECT_EQ(CodeOf(Send("POST", "/bucket?delete", body)), "MalformedXML") << body;
}

TEST_F(S3DoorTest, ObjectIsCopied) {
  MakeBucket();
  Send("PUT", "/bucket/from%20x", "content", {{"Content-Type", "text/x"}});
  const auto copy = Send("PUT", "/bucket/to", "", {{"x-amz-copy-source", "/bucket/from%20x"}});
  EXPECT_EQ(copy.status, 200) << copy.body;
  const auto get = Send("GET", "/bucket/to");
  EXPECT_EQ(BodyOf(get), "content");
  EXPECT_EQ(get.headers.Get("Content-Type"), "text/x");
  struct Case {
    const char* source;
    const char* code;
  };
  for (const Case& c : {Case{"bucket/none", "NoSuchKey"}, Case{"nowhere/k", "NoSuchBucket"},
                        Case{"bucket", "InvalidArgument"}, Case{"B_/k", "InvalidArgument"},
                        Case{"bucket/k?versionId=1", "NotImplemented"},
                        Case{"kedge-uploads-in-progress/k", "AccessDenied"}})
    EXPECT_EQ(CodeOf(Send("PUT", "/bucket/x", "", {{"x-amz-copy-source", c.source}})), c.code)
        << c.source;
}

// ---- Multipart uploads ----

class MultipartTest : public S3DoorTest {
 protected:
  void SetUp() override {
    S3DoorTest::SetUp();
    MakeBucket();
    id_ = ParseXml(Send("POST", "/bucket/big?uploads", "", {{"Content-Type", "text/x"}}).body)
              ->Find("UploadId")
              ->text;
  }
  std::string Target(const std::string& more = "") { return "/bucket/big?uploadId=" + id_ + more; }
  std::string PutPart(int number, const std::string& body) {
    const auto response = Send("PUT", Target("&partNumber=" + std::to_string(number)), body);
    EXPECT_EQ(response.status, 200) << response.body;
    return response.headers.Get("ETag");
  }
  static std::string Part(int number, const std::string& etag) {
    return "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" + EscapeXml(etag) +
           "</ETag></Part>";
  }
  http::Response Complete(const std::string& parts) {
    return Send("POST", Target(),
                "<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>");
  }
  std::string id_;
};

TEST_F(MultipartTest, PartsBecomeOneObject) {
  const std::string first(5u << 20, 'a');
  const std::string e2 = PutPart(2, "tail");
  const std::string e1 = PutPart(1, first);
  EXPECT_NE(Send("GET", Target()).body.find("<PartNumber>2</PartNumber>"), std::string::npos);
  EXPECT_NE(Send("GET", "/bucket?uploads").body.find(id_), std::string::npos);
  EXPECT_EQ(CodeOf(Send("GET", "/bucket/big")), "NoSuchKey");
  const auto done = Complete(Part(1, e1) + Part(2, e2));
  ASSERT_EQ(done.status, 200) << done.body;
  const auto get = Send("GET", "/bucket/big");
  EXPECT_EQ(BodyOf(get), first + "tail");
  EXPECT_EQ(get.headers.Get("Content-Type"), "text/x");
  EXPECT_TRUE(get.headers.Get("ETag").ends_with("-2\"")) << get.headers.Get("ETag");
  // The answer was lost: the same again, for a day. All else is gone.
  const auto again = Complete(Part(1, e1) + Part(2, e2));
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, done.body);
  EXPECT_EQ(CodeOf(Send("PUT", Target("&partNumber=1"), "x")), "NoSuchUpload");
  EXPECT_EQ(store_->List(std::string(kUploadsBucket), {})->objects.size(), 1u);
  clock_.Advance(std::chrono::hours(25));
  Send("POST", "/bucket/other?uploads");
  EXPECT_EQ(CodeOf(Complete(Part(1, e1) + Part(2, e2))), "NoSuchUpload");
}

TEST_F(MultipartTest, CompletingGoesOnAfterItWasCutOff) {
  const std::string e1 = PutPart(1, "text");
  // What a server that was killed between object and record leaves: the object, and the upload.
  ASSERT_TRUE(blob::PutObject(*store_, {"bucket", "big"}, AsBytes("text"), "text/x"));
  EXPECT_EQ(Complete(Part(1, e1)).status, 200);
  EXPECT_EQ(BodyOf(Send("GET", "/bucket/big")), "text");
}

TEST_F(MultipartTest, ChecksumOfTheWholeIsCompared) {
  const std::string e1 = PutPart(1, "123456789");
  const auto complete = [&](const char* crc) {
    return Send("POST", Target(),
                "<CompleteMultipartUpload>" + Part(1, e1) + "</CompleteMultipartUpload>",
                {{"x-amz-checksum-crc64nvme", crc}});
  };
  EXPECT_EQ(CodeOf(complete("rosUhgp5mIg0")), "BadDigest");
  EXPECT_EQ(complete("rosUhgp5mIg=").status, 200);
  const auto head = Send("HEAD", "/bucket/big", "", {{"x-amz-checksum-mode", "ENABLED"}});
  EXPECT_EQ(head.headers.Get("x-amz-checksum-crc64nvme"), "rosUhgp5mIg=");
}

TEST_F(MultipartTest, EachMistakeHasItsCode) {
  const std::string e1 = PutPart(1, "small");
  const std::string e2 = PutPart(2, "tail");
  EXPECT_EQ(CodeOf(Complete(Part(1, e1) + Part(2, e2))), "EntityTooSmall");
  EXPECT_EQ(CodeOf(Complete(Part(2, e2) + Part(1, e1))), "InvalidPartOrder");
  EXPECT_EQ(CodeOf(Complete(Part(1, e2))), "InvalidPart");
  EXPECT_EQ(CodeOf(Complete(Part(3, e1))), "InvalidPart");
  EXPECT_EQ(CodeOf(Complete("")), "MalformedXML");
  EXPECT_EQ(CodeOf(Complete(Part(0, e1))), "MalformedXML");
  EXPECT_EQ(CodeOf(Complete("<Part/>")), "MalformedXML");
  EXPECT_EQ(CodeOf(Send("PUT", Target("&partNumber=0"), "x")), "InvalidArgument");
  EXPECT_EQ(CodeOf(Send("PUT", Target("&partNumber=10001"), "x")), "InvalidArgument");
  EXPECT_EQ(CodeOf(Send("PUT", Target(), "x")), "InvalidArgument");
  EXPECT_EQ(CodeOf(Send("PUT", "/bucket/other?partNumber=1&uploadId=" + id_, "x")), "NoSuchUpload");
  EXPECT_EQ(CodeOf(Send("PUT", "/bucket/big?partNumber=1&uploadId=..%2F..", "x")), "NoSuchUpload");
  EXPECT_EQ(Complete(Part(1, e1)).status, 200);
}

TEST_F(MultipartTest, AbortedAndForgottenUploadsLeaveNothing) {
  PutPart(1, "x");
  EXPECT_EQ(Send("DELETE", Target()).status, 204);
  EXPECT_EQ(CodeOf(Send("DELETE", Target())), "NoSuchUpload");
  Send("POST", "/bucket/big?uploads");
  EXPECT_EQ(store_->List(std::string(kUploadsBucket), {})->objects.size(), 1u);
  clock_.Advance(std::chrono::hours(8 * 24));
  Send("POST", "/bucket/big?uploads");
  EXPECT_EQ(store_->List(std::string(kUploadsBucket), {})->objects.size(), 1u);
}

TEST_F(MultipartTest, PartIsCopiedFromAnotherObject) {
  Send("PUT", "/bucket/source", "0123456789");
  const auto copied =
      Send("PUT", Target("&partNumber=1"), "",
           {{"x-amz-copy-source", "bucket/source"}, {"x-amz-copy-source-range", "bytes=2-4"}});
  ASSERT_EQ(copied.status, 200) << copied.body;
  ASSERT_EQ(Complete(Part(1, ParseXml(copied.body)->Find("ETag")->text)).status, 200);
  EXPECT_EQ(BodyOf(Send("GET", "/bucket/big")), "234");
}

TEST_F(MultipartTest, TheUploadsBucketIsOutOfReach) {
  EXPECT_EQ(CodeOf(Send("GET", "/kedge-uploads-in-progress")), "AccessDenied");
  EXPECT_EQ(CodeOf(Send("DELETE", "/kedge-uploads-in-progress/" + id_ + "/upload")),
            "AccessDenied");
  EXPECT_EQ(Send("GET", "/").body.find("kedge-uploads"), std::string::npos);
}

// ---- Metadata, checksums, conditions ----

TEST_F(S3DoorTest, MetadataAndKeptHeadersComeBack) {
  MakeBucket();
  const std::vector<http::Header> headers = {{"x-amz-meta-Owner", "me"},
                                             {"Cache-Control", "no-cache"},
                                             {"Content-Disposition", "attachment"},
                                             {"Content-Encoding", "gzip"}};
  ASSERT_EQ(Send("PUT", "/bucket/k", "x", headers).status, 200);
  ASSERT_EQ(Send("PUT", "/bucket/copy", "", {{"x-amz-copy-source", "bucket/k"}}).status, 200);
  for (const char* key : {"/bucket/k", "/bucket/copy"}) {
    const auto head = Send("HEAD", key);
    for (const auto& [name, value] : headers) EXPECT_EQ(head.headers.Get(name), value) << name;
  }
  ASSERT_EQ(Send("PUT", "/bucket/copy", "",
                 {{"x-amz-copy-source", "bucket/k"},
                  {"x-amz-metadata-directive", "REPLACE"},
                  {"x-amz-meta-other", "y"}})
                .status,
            200);
  EXPECT_EQ(Send("HEAD", "/bucket/copy").headers.Get("x-amz-meta-other"), "y");
  EXPECT_EQ(Send("HEAD", "/bucket/copy").headers.Find("x-amz-meta-owner"), nullptr);
  EXPECT_EQ(CodeOf(Send("PUT", "/bucket/k", "x", {{"x-amz-meta-kedge-door-x", "me"}})),
            "InvalidArgument");
  EXPECT_EQ(CodeOf(Send("PUT", "/bucket/k", "x", {{"x-amz-meta-a", std::string(3000, 'b')}})),
            "InvalidArgument");
}

TEST_F(S3DoorTest, ChecksumsAreComparedKeptAndShown) {
  MakeBucket();
  const std::vector<http::Header> good = {
      {"x-amz-checksum-crc32", "y/Q5Jg=="},
      {"x-amz-checksum-crc32c", "4waSgw=="},
      {"x-amz-checksum-crc64nvme", "rosUhgp5mIg="},
      {"x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="},
      {"x-amz-checksum-sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="}};
  for (const http::Header& header : good) {
    SCOPED_TRACE(header.first);
    const auto put = Send("PUT", "/bucket/k", "123456789", {header});
    ASSERT_EQ(put.status, 200) << put.body;
    EXPECT_EQ(put.headers.Get(header.first), header.second);
    EXPECT_EQ(Send("GET", "/bucket/k").headers.Find(header.first), nullptr);
    const auto get = Send("GET", "/bucket/k", "", {{"x-amz-checksum-mode", "ENABLED"}});
    EXPECT_EQ(get.headers.Get(header.first), header.second);
    const auto part =
        Send("GET", "/bucket/k", "", {{"x-amz-checksum-mode", "ENABLED"}, {"Range", "bytes=0-1"}});
    EXPECT_EQ(part.headers.Find(header.first), nullptr);
    EXPECT_EQ(CodeOf(Send("PUT", "/bucket/k", "12345678", {header})), "BadDigest");
  }
}

TEST_F(S3DoorTest, ConditionsOfTimeAndAbsence) {
  MakeBucket();
  ASSERT_EQ(Send("PUT", "/bucket/k", "x", {{"If-None-Match", "*"}}).status, 200);
  EXPECT_EQ(Send("PUT", "/bucket/k", "y", {{"If-None-Match", "*"}}).status, 412);
  EXPECT_EQ(CodeOf(Send("PUT", "/bucket/k", "y", {{"If-None-Match", "\"a\""}})), "NotImplemented");
  EXPECT_EQ(BodyOf(Send("GET", "/bucket/k")), "x");
  const std::string first = Send("HEAD", "/bucket/k").headers.Get("ETag");
  ASSERT_EQ(Send("PUT", "/bucket/k", "z", {{"If-Match", first}}).status, 200);
  EXPECT_EQ(CodeOf(Send("PUT", "/bucket/k", "y", {{"If-Match", first}})), "PreconditionFailed");
  EXPECT_EQ(CodeOf(Send("PUT", "/bucket/none", "y", {{"If-Match", first}})), "PreconditionFailed");
  EXPECT_EQ(BodyOf(Send("GET", "/bucket/k")), "z");
  const std::string etag = Send("HEAD", "/bucket/k").headers.Get("ETag");
  const std::string now = http::FormatHttpDate(clock_.NowMs());
  const std::string before = http::FormatHttpDate(clock_.NowMs() - 1000);
  struct Case {
    std::vector<http::Header> headers;
    int status;
  };
  const Case cases[] = {
      {{{"If-Modified-Since", now}}, 304},
      {{{"If-Modified-Since", before}}, 200},
      {{{"If-Modified-Since", "yesterday"}}, 200},
      {{{"If-Unmodified-Since", now}}, 200},
      {{{"If-Unmodified-Since", before}}, 412},
      {{{"If-Match", etag}, {"If-Unmodified-Since", before}}, 200},
      {{{"If-None-Match", "\"other\""}, {"If-Modified-Since", now}}, 200},
      {{{"If-None-Match", etag}, {"If-Modified-Since", before}}, 304},
      {{{"Range", "bytes=0-0"}, {"If-Range", etag}}, 206},
      {{{"Range", "bytes=0-0"}, {"If-Range", "\"other\""}}, 200},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.headers.back().first + " " + c.headers.back().second);
    for (const char* method : {"GET", "HEAD"})
      EXPECT_EQ(Send(method, "/bucket/k", "", c.headers).status, c.status) << method;
  }
}

// ---- Before the body ----

TEST_F(S3DoorTest, HeadIsCheckedBeforeTheBodyComes) {
  MakeBucket();
  const auto check = [&](const std::string& target, const std::string& key_id,
                         const std::string& secret) {
    http::ClientRequest sent;
    sent.method = "PUT";
    sent.url = "http://host:1" + target;
    sent.body = "the body";
    EXPECT_TRUE(http::SignRequest({key_id, secret, ""}, {"eu-1", "s3"}, clock_.NowMs(), sent));
    http::Request head = Received(sent);
    head.body.clear();
    head.body_bytes = 0;
    head.body_sha256.clear();
    const auto refusal = door_->CheckHead(head);
    return refusal ? CodeOf(*refusal) : "";
  };
  EXPECT_EQ(check("/bucket/k", kKeyId, kSecret), "");
  EXPECT_EQ(check("/bucket/k", kKeyId, "wrong"), "SignatureDoesNotMatch");
  EXPECT_EQ(check("/bucket/k", "AKNOBODY", kSecret), "InvalidAccessKeyId");
  EXPECT_EQ(check("/bucket/k", kDeviceKeyId, kSecret), "AccessDenied");
  EXPECT_EQ(check("/no-bucket/k", kKeyId, kSecret), "NoSuchBucket");
  http::Request unsigned_head;
  unsigned_head.method = "PUT";
  unsigned_head.target = "/bucket/k";
  EXPECT_EQ(CodeOf(*door_->CheckHead(unsigned_head)), "AccessDenied");
}

TEST_F(S3DoorTest, BucketMayStandInTheHostName) {
  MakeBucket();
  const S3Door door(
      {.store = *store_,
       .clock = clock_,
       .lookup = [](const std::string&) { return std::optional<std::string>(kSecret); },
       .allowed = [](auto&&...) { return true; },
       .host = "s3.example.org"});
  const auto send = [&](const std::string& method, const std::string& url) {
    http::ClientRequest sent;
    sent.method = method;
    sent.url = url;
    EXPECT_TRUE(http::SignRequest({kKeyId, kSecret, ""}, {"eu-1", "s3"}, clock_.NowMs(), sent));
    return door.Handle(Received(sent));
  };
  EXPECT_EQ(send("PUT", "http://bucket.s3.example.org:9000/a/b").status, 200);
  EXPECT_EQ(send("HEAD", "http://s3.example.org:9000/bucket/a/b").status, 200);
  EXPECT_EQ(send("GET", "http://Bucket.S3.Example.org:9000/?list-type=2").status, 200);
  EXPECT_EQ(CodeOf(send("GET", "http://other.s3.example.org/k")), "NoSuchBucket");
}

// ---- Who may do what ----

TEST_F(S3DoorTest, DeviceReadsAndWritesOnlyWhereItMay) {
  MakeBucket();
  for (const char* key : {"models/m", "secrets/s", "captures/other"})
    Send("PUT", std::string("/bucket/") + key, "x");
  struct Case {
    const char* method;
    const char* target;
    std::vector<http::Header> headers;
    int status;
  };
  const Case cases[] = {
      {"GET", "/bucket/models/m", {}, 200},
      {"HEAD", "/bucket/models/m", {}, 200},
      {"PUT", "/bucket/captures/c", {}, 200},
      {"GET", "/bucket/secrets/s", {}, 403},
      {"GET", "/bucket/models/none", {}, 404},
      {"PUT", "/bucket/models/m", {}, 403},
      {"DELETE", "/bucket/captures/c", {}, 403},
      {"GET", "/bucket", {}, 403},
      {"GET", "/bucket?list-type=2&prefix=models%2F", {}, 403},
      {"GET", "/", {}, 403},
      {"PUT", "/other-bucket", {}, 403},
      {"DELETE", "/bucket", {}, 403},
      {"PUT", "/bucket/captures/c", {{"x-amz-copy-source", "bucket/secrets/s"}}, 403},
      {"PUT", "/bucket/captures/c", {{"x-amz-copy-source", "bucket/models/m"}}, 200},
      {"POST", "/bucket/models/m?uploads", {}, 403},
      {"GET", "/bucket/captures/../secrets/s", {}, 403},
      {"GET", "/bucket/models%2Fm", {}, 200},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.method) + " " + c.target);
    EXPECT_EQ(Send(c.method, c.target, "", c.headers, kDeviceKeyId).status, c.status);
  }
  const auto response =
      Send("POST", "/bucket?delete", "<Delete><Object><Key>models/m</Key></Object></Delete>", {},
           kDeviceKeyId);
  EXPECT_NE(response.body.find("<Code>AccessDenied</Code>"), std::string::npos);
  EXPECT_EQ(Send("GET", "/bucket/models/m").status, 200);
}

TEST_F(S3DoorTest, SignatureErrorsHaveS3Codes) {
  struct Case {
    const char* name;
    const char* code;
    std::function<void(http::Request&)> change;
  };
  const Case cases[] = {
      {"unsigned", "AccessDenied",
       [](http::Request& r) {
         std::erase_if(r.headers.list, [](const auto& h) { return h.first == "Authorization"; });
       }},
      {"method", "SignatureDoesNotMatch", [](http::Request& r) { r.method = "DELETE"; }},
      {"body", "SignatureDoesNotMatch",
       [](http::Request& r) { r.body_sha256 = crypto::Sha256Hex(AsBytes("other")); }},
      {"malformed", "AuthorizationHeaderMalformed",
       [](http::Request& r) { r.headers.Set("Authorization", "AWS4-HMAC-SHA256 x"); }},
      {"token", "InvalidToken",
       [](http::Request& r) { r.headers.Set("X-Amz-Security-Token", "t"); }},
      {"key", "InvalidAccessKeyId",
       [](http::Request& r) {
         std::string value = r.headers.Get("Authorization");
         value.replace(value.find(kKeyId), 7, "NOBODY");
         r.headers.Set("Authorization", value);
       }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    http::ClientRequest request;
    request.url = "http://host:1/";
    ASSERT_TRUE(http::SignRequest({kKeyId, kSecret, ""}, {"eu-1", "s3"}, clock_.NowMs(), request));
    http::Request received = Received(request);
    c.change(received);
    EXPECT_EQ(CodeOf(door_->Handle(received)), c.code);
  }
  http::ClientRequest late;
  late.url = "http://host:1/";
  ASSERT_TRUE(http::SignRequest({kKeyId, kSecret, ""}, {"eu-1", "s3"}, clock_.NowMs(), late));
  EXPECT_TRUE(S3Door::IsMeantForS3(Received(late)));
  clock_.Advance(std::chrono::minutes(16));
  EXPECT_EQ(CodeOf(door_->Handle(Received(late))), "RequestTimeTooSkewed");
}

TEST_F(S3DoorTest, PresignedUrlsWorkUntilTheyExpire) {
  MakeBucket();
  const auto url = http::PresignUrl({kKeyId, kSecret, ""}, {"eu-1", "s3"}, clock_.NowMs(), "PUT",
                                    "http://host:1/bucket/k", 60);
  ASSERT_TRUE(url);
  http::ClientRequest request;
  request.method = "PUT";
  request.url = *url;
  request.body = "by url";
  EXPECT_TRUE(S3Door::IsMeantForS3(Received(request)));
  EXPECT_EQ(door_->Handle(Received(request)).status, 200);
  EXPECT_EQ(BodyOf(Send("GET", "/bucket/k")), "by url");
  clock_.Advance(std::chrono::minutes(2));
  EXPECT_EQ(CodeOf(door_->Handle(Received(request))), "AccessDenied");
}

TEST_F(S3DoorTest, NamesAreChecked) {
  MakeBucket();
  EXPECT_EQ(CodeOf(Send("PUT", "/Bad_Bucket")), "InvalidBucketName");
  EXPECT_EQ(CodeOf(Send("GET", "//k")), "InvalidBucketName");
  EXPECT_EQ(CodeOf(Send("PUT", "/bucket/" + std::string(1025, 'k'), "")), "KeyTooLongError");
  EXPECT_EQ(CodeOf(Send("PUT", "/bucket/a%00b", "")), "InvalidArgument");
  EXPECT_EQ(CodeOf(Send("PUT", "/bucket/%ff", "")), "InvalidArgument");
  EXPECT_EQ(CodeOf(Send("PATCH", "/bucket/k", "")), "MethodNotAllowed");
}

}  // namespace
}  // namespace kedge::server
