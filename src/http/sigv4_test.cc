// SPDX-License-Identifier: Apache-2.0
#include "http/sigv4.h"

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <set>

#include "base/json/json.h"

namespace kedge::http {
namespace {

constexpr char kKeyId[] = "AKIDEXAMPLE";
constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr EpochMs kNow = 1'440'938'160'000;  // 2015-08-30T12:36:00Z
constexpr std::string_view kServices[] = {"service", "s3", "sagemaker"};

std::optional<std::string> LookUp(const std::string& id) {
  return id == kKeyId ? std::optional<std::string>(kSecret) : std::nullopt;
}

// One folder of ../shared/vectors/sigv4.
struct Vector {
  std::string name;
  Path folder;
  std::string token;
  bool normalize = true;
  bool sign_body = false;
  bool omit_session_token = false;
  int64_t expires_seconds = 0;
  EpochMs now = 0;

  std::string Text(const std::string& file) const {
    PosixFileSystem disk;
    Result<ByteBuffer> bytes = disk.Read(folder / file, 1u << 20);
    EXPECT_TRUE(bytes) << folder / file;
    return bytes ? std::string(AsText(*bytes)) : std::string();
  }
};

Path VectorsFolder() {
  const char* source = std::getenv("KEDGE_SOURCE_DIR");
  return Path(source != nullptr ? source : ".") / "../shared/vectors/sigv4";
}

std::vector<Vector> LoadVectors() {
  std::vector<Vector> vectors;
  PosixFileSystem disk;
  const Result<std::vector<std::string>> names = disk.List(VectorsFolder());
  if (!names) return vectors;
  for (const std::string& name : *names) {
    Vector vector{.name = name, .folder = VectorsFolder() / name};
    const Result<json::Value> context = json::Parse(vector.Text("context.json"));
    EXPECT_TRUE(context) << name;
    vector.normalize = context->BoolOr("normalize", true);
    vector.sign_body = context->BoolOr("sign_body", false);
    vector.omit_session_token = context->BoolOr("omit_session_token", false);
    vector.expires_seconds = context->IntOr("expiration_in_seconds", 0);
    vector.token = context->Find("credentials")->StringOr("token", "");
    std::string time = context->StringOr("timestamp", "");
    std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
    vector.now = ParseBasicIso8601(time).value_or(0);
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

// The text form of the vectors: lines end in LF, folded header lines are allowed.
Request ParseRequestText(const std::string& text) {
  Request request;
  const size_t end_of_line = text.find('\n');
  const std::string line = text.substr(0, end_of_line);
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  size_t at = end_of_line + 1;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string header = text.substr(at, end - at);
    at = end + 1;
    if (header.empty()) break;
    if (header[0] == ' ' && !request.headers.list.empty()) {
      request.headers.list.back().second += "\n" + header;
      continue;
    }
    const size_t colon = header.find(':');
    request.headers.list.emplace_back(header.substr(0, colon), header.substr(colon + 1));
  }
  request.body = at < text.size() ? text.substr(at) : "";
  request.body_sha256 = crypto::Sha256Hex(AsBytes(request.body));
  return request;
}

ClientRequest ToClientRequest(const Request& request) {
  ClientRequest client;
  client.method = request.method;
  client.url = "http://" + request.headers.Get("Host") + request.target;
  client.headers = request.headers;
  client.body = request.body;
  return client;
}

Result<VerifiedIdentity> Verify(const Vector& vector, const Request& request, EpochMs now) {
  VerifyOptions options;
  options.normalize_path = vector.normalize;
  options.token_is_valid = [&](const std::string&, const std::string& token) {
    return !vector.token.empty() && token == vector.token;
  };
  return VerifyRequest(request, LookUp, kServices, now, options);
}

class SigV4Vectors : public testing::Test {
 protected:
  void SetUp() override {
    vectors_ = LoadVectors();
    if (vectors_.empty()) GTEST_SKIP() << "skipped: ../shared not present";
    ASSERT_EQ(vectors_.size(), 38u);
  }
  std::vector<Vector> vectors_;
};

SigningOptions OptionsOf(const Vector& vector) {
  SigningOptions options;
  options.normalize_path = vector.normalize;
  options.send_body_sha256 = vector.sign_body;
  options.sign_session_token = !vector.omit_session_token;
  options.expires_seconds = vector.expires_seconds;
  return options;
}

TEST_F(SigV4Vectors, SignerReproducesTheHeaderForm) {
  for (const Vector& vector : vectors_) {
    SCOPED_TRACE(vector.name);
    ClientRequest request = ToClientRequest(ParseRequestText(vector.Text("request.txt")));
    const auto steps = SignRequestInSteps({kKeyId, kSecret, vector.token}, {"us-east-1", "service"},
                                          vector.now, OptionsOf(vector), request);
    ASSERT_TRUE(steps) << steps.error().message;
    EXPECT_EQ(steps->canonical_request, vector.Text("header-canonical-request.txt"));
    EXPECT_EQ(steps->string_to_sign, vector.Text("header-string-to-sign.txt"));
    EXPECT_EQ(steps->signature, vector.Text("header-signature.txt"));
    const Request expected = ParseRequestText(vector.Text("header-signed-request.txt"));
    EXPECT_EQ(request.headers.Get("Authorization"), expected.headers.Get("Authorization"));
  }
}

TEST_F(SigV4Vectors, SignerReproducesTheQueryForm) {
  for (const Vector& vector : vectors_) {
    SCOPED_TRACE(vector.name);
    ClientRequest request = ToClientRequest(ParseRequestText(vector.Text("request.txt")));
    const auto steps = PresignInSteps({kKeyId, kSecret, vector.token}, {"us-east-1", "service"},
                                      vector.now, OptionsOf(vector), request);
    ASSERT_TRUE(steps) << steps.error().message;
    EXPECT_EQ(steps->canonical_request, vector.Text("query-canonical-request.txt"));
    EXPECT_EQ(steps->string_to_sign, vector.Text("query-string-to-sign.txt"));
    EXPECT_EQ(steps->signature, vector.Text("query-signature.txt"));
    const Request expected = ParseRequestText(vector.Text("query-signed-request.txt"));
    EXPECT_EQ(request.url, "http://example.amazonaws.com" + expected.target);
  }
}

TEST_F(SigV4Vectors, VerifierAcceptsBothForms) {
  for (const Vector& vector : vectors_) {
    for (const char* file : {"header-signed-request.txt", "query-signed-request.txt"}) {
      SCOPED_TRACE(vector.name + " " + file);
      const Request request = ParseRequestText(vector.Text(file));
      const auto identity = Verify(vector, request, vector.now);
      ASSERT_TRUE(identity) << identity.error().message;
      EXPECT_EQ(identity->access_key_id, kKeyId);
      EXPECT_EQ(identity->region, "us-east-1");
      EXPECT_EQ(identity->service, "service");
      EXPECT_EQ(ClaimedService(request), "service");
    }
  }
}

// One changed request, and the time at which it arrives.
struct Mutant {
  std::string name;
  Request request;
  EpochMs now = kNow;
};

class Mutants {
 public:
  Mutants(Request request, EpochMs now) : original_(std::move(request)), now_(now) {}
  void Add(std::string name, const std::function<void(Request&)>& change) {
    Request request = original_;
    change(request);
    request.body_sha256 = crypto::Sha256Hex(AsBytes(request.body));
    list_.push_back({std::move(name), std::move(request), now_});
  }
  void AddAt(std::string name, EpochMs now) { list_.push_back({std::move(name), original_, now}); }
  std::vector<Mutant> Take() { return std::move(list_); }

 private:
  Request original_;
  EpochMs now_;
  std::vector<Mutant> list_;
};

void ReplaceIn(std::string& text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

void AddCommonMutants(Mutants& mutants) {
  mutants.Add("method", [](Request& r) { r.method = r.method == "GET" ? "PUT" : "GET"; });
  mutants.Add("method in lower case", [](Request& r) { r.method = LowerCase(r.method); });
  mutants.Add("longer path", [](Request& r) { r.target.insert(r.path().size(), "x"); });
  mutants.Add("another segment", [](Request& r) { r.target.insert(0, "/admin"); });
  mutants.Add("path with an encoded byte",
              [](Request& r) { r.target.insert(r.path().size(), "%2e"); });
  mutants.Add("added parameter", [](Request& r) {
    r.target += (r.target.find('?') == std::string::npos ? "?" : "&") + std::string("added=1");
  });
  mutants.Add("added empty parameter", [](Request& r) {
    r.target += (r.target.find('?') == std::string::npos ? "?" : "&") + std::string("x");
  });
  mutants.Add("body", [](Request& r) { r.body += "x"; });
  mutants.Add("host", [](Request& r) { r.headers.Set("Host", "evil.example.com"); });
  mutants.Add("second host",
              [](Request& r) { r.headers.list.emplace_back("Host", "evil.example.com"); });
  mutants.Add("no host", [](Request& r) {
    std::erase_if(r.headers.list, [](const Header& h) { return h.first == "Host"; });
  });
  mutants.Add("unsigned target header",
              [](Request& r) { r.headers.Set("X-Amz-Target", "SageMaker.DeleteDeviceFleet"); });
  mutants.Add("unsigned copy source",
              [](Request& r) { r.headers.Set("x-amz-copy-source", "/other/key"); });
  mutants.Add("declared digest",
              [](Request& r) { r.headers.Set("X-Amz-Content-Sha256", std::string(64, '0')); });
  mutants.Add("unsigned payload", [](Request& r) {
    r.headers.Set("X-Amz-Content-Sha256", std::string(kUnsignedPayload));
    r.body += "x";
  });
  mutants.Add("foreign token",
              [](Request& r) { r.headers.Set("X-Amz-Security-Token", "another"); });
}

// Every place of the text that names the signature's parts, in the header or in the query.
void AddClaimMutants(Mutants& mutants, const std::string& slash,
                     const std::function<std::string&(Request&)>& text) {
  const auto replace = [&](const std::string& name, const std::string& from,
                           const std::string& to) {
    mutants.Add(name, [&text, from, to](Request& r) { ReplaceIn(text(r), from, to); });
  };
  replace("date of the scope", "20150830" + slash, "20150831" + slash);
  replace("region", "us-east-1", "eu-west-1");
  replace("service", slash + "service" + slash, slash + "s3" + slash);
  replace("unknown service", slash + "service" + slash, slash + "iam" + slash);
  replace("terminator", "aws4_request", "aws4_requesT");
  replace("unknown key", "AKIDEXAMPLE", "AKIDEXAMPLF");
  replace("key in lower case", "AKIDEXAMPLE", "akidexample");
  replace("algorithm", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512");
  replace("lower algorithm", "AWS4-HMAC-SHA256", "aws4-hmac-sha256");
  replace("host not signed", "host", "hose");
  for (const size_t bit : {0u, 1u, 77u, 128u, 255u}) {
    mutants.Add("signature bit " + std::to_string(bit), [&text, bit](Request& r) {
      std::string& where = text(r);
      const size_t at = where.find("Signature=") + 10;
      const std::string hex = where.substr(at, 64);
      ByteBuffer bytes = HexDecode(hex).value();
      bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1u << (bit % 8)));
      where.replace(at, 64, HexEncode(bytes));
    });
  }
  mutants.Add("signature cut short", [&text](Request& r) {
    std::string& where = text(r);
    where.erase(where.find("Signature=") + 10 + 63, 1);
  });
  mutants.Add("signature in upper case", [&text](Request& r) {
    std::string& where = text(r);
    const size_t at = where.find("Signature=") + 10;
    std::transform(where.begin() + at, where.begin() + at + 64, where.begin() + at,
                   [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c; });
  });
  mutants.Add("no signature",
              [&text](Request& r) { ReplaceIn(text(r), "Signature=", "Signatur="); });
}

std::vector<Mutant> HeaderMutants(const Request& request, EpochMs now) {
  Mutants mutants(request, now);
  const std::function<std::string&(Request&)> text = [](Request& r) -> std::string& {
    for (Header& header : r.headers.list) {
      if (header.first == "Authorization") return header.second;
    }
    return r.target;
  };
  AddCommonMutants(mutants);
  AddClaimMutants(mutants, "/", text);
  for (size_t i = 0; i < request.headers.list.size(); ++i) {
    const Header& header = request.headers.list[i];
    if (header.first == "Authorization" || header.first == "X-Amz-Security-Token") continue;
    mutants.Add("value of " + header.first,
                [i](Request& r) { r.headers.list[i].second.insert(0, "x"); });
    mutants.Add("without " + header.first,
                [i](Request& r) { r.headers.list.erase(r.headers.list.begin() + i); });
  }
  mutants.Add("x-amz-date", [](Request& r) { r.headers.Set("X-Amz-Date", "20150830T123601Z"); });
  mutants.Add("x-amz-date malformed",
              [](Request& r) { r.headers.Set("X-Amz-Date", "2015-08-30T12:36:00Z"); });
  mutants.Add("second x-amz-date",
              [](Request& r) { r.headers.list.emplace_back("x-amz-date", "20150830T123600Z"); });
  mutants.Add("second authorization", [](Request& r) {
    r.headers.list.emplace_back("authorization", r.headers.Get("Authorization"));
  });
  mutants.Add("no authorization", [](Request& r) {
    std::erase_if(r.headers.list, [](const Header& h) { return h.first == "Authorization"; });
  });
  mutants.Add("date not signed",
              [&](Request& r) { ReplaceIn(text(r), "x-amz-date", "x-amz-datf"); });
  mutants.Add("repeated part",
              [&](Request& r) { text(r) += ", Signature=" + std::string(64, '0'); });
  mutants.AddAt("16 minutes late", now + 16 * 60'000);
  mutants.AddAt("16 minutes early", now - 16 * 60'000);
  return mutants.Take();
}

std::vector<Mutant> QueryMutants(const Request& request, EpochMs now) {
  Mutants mutants(request, now);
  const std::function<std::string&(Request&)> text = [](Request& r) -> std::string& {
    return r.target;
  };
  AddCommonMutants(mutants);
  AddClaimMutants(mutants, "%2F", text);
  const auto replace = [&](const std::string& name, const std::string& from,
                           const std::string& to) {
    mutants.Add(name, [from, to](Request& r) { ReplaceIn(r.target, from, to); });
  };
  replace("x-amz-date", "20150830T123600Z", "20150830T123601Z");
  replace("longer life", "X-Amz-Expires=3600", "X-Amz-Expires=3601");
  replace("no life", "X-Amz-Expires=3600", "X-Amz-Expires=0");
  replace("endless life", "X-Amz-Expires=3600", "X-Amz-Expires=99999999");
  replace("life is no number", "X-Amz-Expires=3600", "X-Amz-Expires=3600s");
  replace("no life at all", "X-Amz-Expires=3600&", "");
  replace("no date", "X-Amz-Date", "X-Amz-Dat");
  replace("repeated credential", "X-Amz-Credential=", "X-Amz-Credential=a&X-Amz-Credential=");
  mutants.Add("signed twice",
              [](Request& r) { r.headers.Set("Authorization", "AWS4-HMAC-SHA256 x"); });
  mutants.AddAt("expired", now + 3601'000);
  mutants.AddAt("not yet valid", now - 16 * 60'000);
  return mutants.Take();
}

TEST_F(SigV4Vectors, VerifierRefusesEveryMutant) {
  size_t refused = 0;
  for (const Vector& vector : vectors_) {
    for (const bool in_header : {true, false}) {
      const std::string file = in_header ? "header-signed-request.txt" : "query-signed-request.txt";
      const Request request = ParseRequestText(vector.Text(file));
      const std::vector<Mutant> mutants =
          in_header ? HeaderMutants(request, vector.now) : QueryMutants(request, vector.now);
      ASSERT_GE(mutants.size(), 20u);
      for (const Mutant& mutant : mutants) {
        SCOPED_TRACE(vector.name + " " + file + ": " + mutant.name);
        const auto identity = Verify(vector, mutant.request, mutant.now);
        ASSERT_FALSE(identity);
        EXPECT_EQ(identity.error().code, Code::kUnauthenticated);
        ++refused;
      }
    }
  }
  EXPECT_GE(refused, 38u * 2 * 20);
  RecordProperty("refused", static_cast<int>(refused));
}

// ---- What the vectors do not cover. ----

Request Received(const ClientRequest& sent) {
  Request request;
  const Url url = SplitUrl(sent.url).value();
  request.method = sent.method;
  request.target = url.target;
  request.headers = sent.headers;
  if (request.headers.Find("Host") == nullptr) request.headers.Set("Host", url.authority);
  request.body = sent.body;
  request.body_sha256 = crypto::Sha256Hex(AsBytes(sent.body));
  return request;
}

ClientRequest Signed(const std::string& service, const std::string& url,
                     std::string body_hash = "") {
  ClientRequest request;
  request.method = "PUT";
  request.url = url;
  request.body = "content";
  const Status status =
      SignRequest({kKeyId, kSecret, ""}, {"eu-1", service}, kNow, request, std::move(body_hash));
  EXPECT_TRUE(status);
  return request;
}

TEST(SigV4, S3PathsAreNeitherNormalisedNorEncodedTwice) {
  for (const char* path : {"/b/a//b", "/b/a/../b", "/b/a%20b%2Fc", "/b/k%25", "/b/%E1%88%B4", "/b/",
                           "/b/a+b", "/b/(1)!*'"}) {
    SCOPED_TRACE(path);
    const Request request = Received(Signed("s3", std::string("http://h:1") + path));
    EXPECT_TRUE(VerifyRequest(request, LookUp, kServices, kNow));
  }
  EXPECT_EQ(CanonicalPath("/b/a//../%2F%20(", PathRule::kS3), "/b/a//../%2F%20%28");
}

TEST(SigV4, UnsignedPayloadIsForS3Only) {
  struct Case {
    const char* service;
    bool accepted;
  };
  for (const Case& c : {Case{"s3", true}, Case{"sagemaker", false}}) {
    SCOPED_TRACE(c.service);
    ClientRequest sent;
    sent.method = "PUT";
    sent.url = "http://h:1/b/k";
    sent.body = "content";
    SigningOptions options;
    options.body_sha256 = std::string(kUnsignedPayload);
    options.send_body_sha256 = true;
    ASSERT_TRUE(
        SignRequestInSteps({kKeyId, kSecret, ""}, {"eu-1", c.service}, kNow, options, sent));
    EXPECT_EQ(VerifyRequest(Received(sent), LookUp, kServices, kNow).has_value(), c.accepted);
  }
}

TEST(SigV4, PresignedS3UrlWorksForAnyBodyButOnlyItsMethodAndKey) {
  const auto url =
      PresignUrl({kKeyId, kSecret, ""}, {"eu-1", "s3"}, kNow, "PUT", "http://h:1/b/k?x=1", 60);
  ASSERT_TRUE(url);
  ClientRequest sent;
  sent.method = "PUT";
  sent.url = *url;
  sent.body = "anything";
  const auto identity = VerifyRequest(Received(sent), LookUp, kServices, kNow + 59'000);
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_TRUE(identity->presigned);
  EXPECT_EQ(
      VerifyRequest(Received(sent), LookUp, kServices, kNow + 61'000).error().message.substr(0, 15),
      "RequestExpired:");
  sent.method = "GET";
  EXPECT_FALSE(VerifyRequest(Received(sent), LookUp, kServices, kNow));
}

TEST(SigV4, EachRefusalBeginsWithItsCode) {
  struct Case {
    const char* name;
    const char* code;
    std::function<void(Request&)> change;
  };
  const Case cases[] = {
      {"unsigned", "MissingAuthenticationToken: ",
       [](Request& r) {
         std::erase_if(r.headers.list, [](const Header& h) { return h.first == "Authorization"; });
       }},
      {"malformed",
       "IncompleteSignature: ", [](Request& r) { r.headers.Set("Authorization", "Basic eDp5"); }},
      {"unknown key", "UnrecognizedClientException: ",
       [](Request& r) {
         std::string value = r.headers.Get("Authorization");
         ReplaceIn(value, kKeyId, "NOBODY");
         r.headers.Set("Authorization", value);
       }},
      {"token",
       "InvalidClientTokenId: ", [](Request& r) { r.headers.Set("X-Amz-Security-Token", "t"); }},
      {"body", "InvalidSignatureException: ",
       [](Request& r) {
         r.body = "other";
         r.body_sha256 = crypto::Sha256Hex(AsBytes(r.body));
       }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Request request = Received(Signed("sagemaker", "http://h:1/"));
    ASSERT_TRUE(VerifyRequest(request, LookUp, kServices, kNow));
    c.change(request);
    const auto identity = VerifyRequest(request, LookUp, kServices, kNow);
    ASSERT_FALSE(identity);
    EXPECT_EQ(identity.error().message.rfind(c.code, 0), 0u) << identity.error().message;
  }
}

constexpr EpochMs kFifteenMinutes = 15 * 60'000;

std::string CodeOf(const Result<VerifiedIdentity>& identity) {
  if (identity) return "";
  return identity.error().message.substr(0, identity.error().message.find(':'));
}

TEST(SigV4, ASignatureCountsFifteenMinutesEitherWayAndNotAMomentLonger) {
  const Request request = Received(Signed("sagemaker", "http://h:1/"));
  const struct {
    const char* name;
    EpochMs skew;
    const char* code;
  } cases[] = {
      {"now", 0, ""},
      {"late", kFifteenMinutes, ""},
      {"early", -kFifteenMinutes, ""},
      {"too late", kFifteenMinutes + 1, "RequestExpired"},
      {"too early", -kFifteenMinutes - 1, "RequestExpired"},
      {"a day late", 24 * 4 * kFifteenMinutes, "RequestExpired"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(CodeOf(VerifyRequest(request, LookUp, kServices, kNow + c.skew)), c.code);
  }
}

TEST(SigV4, APresignedUrlCountsUntilItsEndWhateverTheSkewIs) {
  for (const char* service : {"s3", "sagemaker"}) {
    SCOPED_TRACE(service);
    ClientRequest sent;
    sent.method = "GET";
    sent.url =
        PresignUrl({kKeyId, kSecret, ""}, {"eu-1", service}, kNow, "GET", "http://h:1/b/k", 3600)
            .value();
    const auto at = [&](EpochMs now) {
      return CodeOf(VerifyRequest(Received(sent), LookUp, kServices, now));
    };
    EXPECT_EQ(at(kNow), "");
    EXPECT_EQ(at(kNow + 3'600'000), "");
    EXPECT_EQ(at(kNow + 3'600'001), "RequestExpired");
    EXPECT_EQ(at(kNow - kFifteenMinutes), "");
    EXPECT_EQ(at(kNow - kFifteenMinutes - 1), "RequestExpired");
  }
}

// Within its time the very same request may come again, as with AWS; nothing of it may differ.
TEST(SigV4, AReplayIsTheSameRequestOrNothing) {
  const Request request = Received(Signed("sagemaker", "http://h:1/?a=1"));
  EXPECT_EQ(CodeOf(VerifyRequest(request, LookUp, kServices, kNow)), "");
  EXPECT_EQ(CodeOf(VerifyRequest(request, LookUp, kServices, kNow + kFifteenMinutes)), "");
  Request later = request;
  later.headers.Set("X-Amz-Date", FormatBasicIso8601(kNow + kFifteenMinutes));
  EXPECT_EQ(CodeOf(VerifyRequest(later, LookUp, kServices, kNow + kFifteenMinutes)),
            "InvalidSignatureException");
}

TEST(SigV4, EveryHeaderThatMeansSomethingMustBeSigned) {
  const struct {
    const char* name;
    std::function<void(Request&)> change;
  } cases[] = {
      {"target", [](Request& r) { r.headers.Set("X-Amz-Target", "SageMaker.DeleteDeviceFleet"); }},
      {"copy source", [](Request& r) { r.headers.Set("x-amz-copy-source", "/b/k"); }},
      {"acl", [](Request& r) { r.headers.Set("X-AMZ-ACL", "public-read"); }},
      {"unknown", [](Request& r) { r.headers.Set("x-amz-anything", "1"); }},
      {"host",
       [](Request& r) {
         std::string value = r.headers.Get("Authorization");
         ReplaceIn(value, "SignedHeaders=host;", "SignedHeaders=");
         r.headers.Set("Authorization", value);
       }},
      {"date",
       [](Request& r) {
         std::string value = r.headers.Get("Authorization");
         ReplaceIn(value, ";x-amz-date", "");
         r.headers.Set("Authorization", value);
       }},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Request request = Received(Signed("sagemaker", "http://h:1/"));
    c.change(request);
    EXPECT_EQ(CodeOf(VerifyRequest(request, LookUp, kServices, kNow)), "IncompleteSignature");
  }
}

TEST(SigV4, ASessionTokenMustBelongToItsKey) {
  const auto verify = [](const ClientRequest& sent, const std::string& expected) {
    VerifyOptions options;
    options.token_is_valid = [&](const std::string& id, const std::string& token) {
      return id == kKeyId && token == expected;
    };
    return CodeOf(VerifyRequest(Received(sent), LookUp, kServices, kNow, options));
  };
  ClientRequest in_header;
  in_header.method = "POST";
  in_header.url = "http://h:1/";
  ASSERT_TRUE(SignRequest({kKeyId, kSecret, "token"}, {"eu-1", "sagemaker"}, kNow, in_header));
  ClientRequest in_query;
  in_query.method = "GET";
  in_query.url =
      PresignUrl({kKeyId, kSecret, "token"}, {"eu-1", "s3"}, kNow, "GET", "http://h:1/b/k", 60)
          .value();
  for (const ClientRequest& sent : {in_header, in_query}) {
    SCOPED_TRACE(sent.url);
    EXPECT_EQ(verify(sent, "token"), "");
    EXPECT_EQ(verify(sent, "another"), "InvalidClientTokenId");
    EXPECT_EQ(CodeOf(VerifyRequest(Received(sent), LookUp, kServices, kNow)),
              "InvalidClientTokenId");
  }
}

TEST(SigV4, SpooledBodyWithoutDigestIsRefused) {
  Request request = Received(Signed("sagemaker", "http://h:1/"));
  request.body_file = "/nowhere";
  request.body_sha256.clear();
  EXPECT_FALSE(VerifyRequest(request, LookUp, kServices, kNow));
}

TEST(SigV4, StreamingFormsAreReportedNotAccepted) {
  struct Case {
    const char* hash;
    bool chunks_signed;
    bool trailer_follows;
  };
  for (const Case& c : {Case{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", true, false},
                        Case{"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", true, true},
                        Case{"STREAMING-UNSIGNED-PAYLOAD-TRAILER", false, true}}) {
    SCOPED_TRACE(c.hash);
    const Request request = Received(Signed("s3", "http://h:1/b/k", c.hash));
    const auto identity = VerifyRequest(request, LookUp, kServices, kNow);
    ASSERT_TRUE(identity) << identity.error().message;
    ASSERT_TRUE(identity->streaming.has_value());
    EXPECT_EQ(identity->streaming->chunks_signed, c.chunks_signed);
    EXPECT_EQ(identity->streaming->trailer_follows, c.trailer_follows);
  }
  EXPECT_FALSE(VerifyRequest(Received(Signed("s3", "http://h:1/b/k", "STREAMING-OTHER")), LookUp,
                             kServices, kNow));
}

TEST(SigV4, HeadAloneIsVerifiedByTheDeclaredDigest) {
  ClientRequest sent;
  sent.method = "PUT";
  sent.url = "http://h:1/b/k";
  sent.body = "the body";
  ASSERT_TRUE(SignRequest({kKeyId, kSecret, ""}, {"r", "s3"}, kNow, sent));
  Request head = Received(sent);
  head.body.clear();
  head.body_sha256 = crypto::Sha256Hex({});
  VerifyOptions options;
  options.head_only = true;
  EXPECT_TRUE(VerifyRequest(head, LookUp, kServices, kNow, options));
  EXPECT_FALSE(VerifyRequest(head, LookUp, kServices, kNow));  // the body is not that
  Request other = head;
  other.headers.Set("X-Amz-Content-Sha256", crypto::Sha256Hex(AsBytes("another")));
  EXPECT_FALSE(VerifyRequest(other, LookUp, kServices, kNow, options));

  ASSERT_TRUE(
      SignRequest({kKeyId, kSecret, ""}, {"r", "sagemaker"}, kNow, sent = {.url = "http://h:1/"}));
  const auto undeclared = VerifyRequest(Received(sent), LookUp, kServices, kNow, options);
  ASSERT_FALSE(undeclared);
  EXPECT_NE(undeclared.error().message.find("IncompleteSignature"), std::string::npos);
}

TEST(SigV4, CacheForgetsTheKeyOfAChangedSecretAndIsBounded) {
  SigningKeyCache cache;
  const CredentialScope scope{"20150830", "eu-1", "s3"};
  const auto first = cache.Get("K", "one", scope);
  EXPECT_EQ(cache.Get("K", "one", scope), first);
  EXPECT_NE(cache.Get("K", "two", scope), first);
  for (size_t i = 0; i < SigningKeyCache::kEntriesMax + 10; ++i)
    cache.Get("K", "one", {"20150830", "r" + std::to_string(i), "s3"});
  EXPECT_LE(cache.size(), SigningKeyCache::kEntriesMax);
}

TEST(SigV4, SignerRefusesWhatItCannotSign) {
  ClientRequest request;
  request.url = "ftp://h/";
  EXPECT_EQ(SignRequest({kKeyId, kSecret, ""}, {"r", "s3"}, kNow, request).error().code,
            Code::kInvalidArgument);
  request.url = "http://h/";
  EXPECT_EQ(SignRequest({"", "", ""}, {"r", "s3"}, kNow, request).error().code,
            Code::kInvalidArgument);
  request.body_fd = 0;
  EXPECT_EQ(SignRequest({kKeyId, kSecret, ""}, {"r", "s3"}, kNow, request).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(
      PresignUrl({kKeyId, kSecret, ""}, {"r", "s3"}, kNow, "GET", "http://h/", 0).error().code,
      Code::kInvalidArgument);
}

}  // namespace
}  // namespace kedge::http
