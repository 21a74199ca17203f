// SPDX-License-Identifier: Apache-2.0
#include "http/aws_chunked.h"

#include <algorithm>
#include <charconv>

namespace kedge::http {

namespace {

constexpr size_t kBufferBytes = 64u << 10;
constexpr size_t kLineBytesMax = 4096;
constexpr size_t kTrailersMax = 16;
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature";
constexpr std::string_view kChunkSignature = ";chunk-signature=";

Error Malformed(std::string_view why) {
  return InvalidArgument("aws-chunked body: " + std::string(why));
}

// Lines and runs of bytes out of a body.
class ChunkReader {
 public:
  explicit ChunkReader(BodyReader body) : body_(std::move(body)) {}

  // Up to CRLF, which is consumed and not returned.
  Result<std::string> ReadLine() {
    std::string line;
    for (;;) {
      KEDGE_TRY_STATUS(Fill());
      if (rest_.empty()) return Malformed("it ends within a line");
      const auto c = static_cast<char>(rest_.front());
      rest_ = rest_.subspan(1);
      if (c == '\n') {
        if (line.empty() || line.back() != '\r') return Malformed("a line does not end in CRLF");
        line.pop_back();
        return line;
      }
      line += c;
      if (line.size() > kLineBytesMax) return Malformed("a line is too long");
    }
  }
  // At most `bytes_max` bytes that are there already; valid until the next call.
  Result<Bytes> ReadPiece(uint64_t bytes_max) {
    KEDGE_TRY_STATUS(Fill());
    if (rest_.empty()) return Malformed("it ends within a chunk");
    const size_t n = std::min<uint64_t>(bytes_max, rest_.size());
    const Bytes piece = rest_.first(n);
    rest_ = rest_.subspan(n);
    return piece;
  }
  Result<bool> AtEnd() {
    KEDGE_TRY_STATUS(Fill());
    return rest_.empty();
  }

 private:
  Status Fill() {
    if (!rest_.empty()) return {};
    KEDGE_TRY(const size_t n, body_.Read(buffer_));
    rest_ = Bytes(buffer_).first(n);
    return {};
  }
  BodyReader body_;
  ByteBuffer buffer_ = ByteBuffer(kBufferBytes);
  Bytes rest_;
};

// The chain of signatures.
class SignatureChain {
 public:
  explicit SignatureChain(const StreamingSignature& signature)
      : signature_(signature), previous_(signature.seed) {}

  Status CheckChunk(std::string_view claimed, Bytes digest_of_content) {
    return Check(claimed, "-PAYLOAD", crypto::Sha256Hex({}) + "\n" + HexEncode(digest_of_content));
  }
  Status CheckTrailer(std::string_view claimed, std::string_view canonical_trailers) {
    return Check(claimed, "-TRAILER", crypto::Sha256Hex(AsBytes(canonical_trailers)));
  }

 private:
  Status Check(std::string_view claimed, std::string_view kind, const std::string& hashes) {
    const std::string text = std::string(kSigV4Algorithm) + std::string(kind) + "\n" +
                             signature_.amz_date + "\n" + signature_.scope.Text() + "\n" +
                             previous_ + "\n" + hashes;
    const std::string expected = Signature(signature_.signing_key, text);
    if (!crypto::EqualConstantTime(AsBytes(expected), AsBytes(claimed)))
      return Unauthenticated(
          "InvalidSignatureException: the signature of a chunk does not match its content");
    previous_ = expected;
    return {};
  }
  const StreamingSignature& signature_;
  std::string previous_;
};

struct ChunkHead {
  uint64_t bytes = 0;
  std::string signature;
};

Result<ChunkHead> ParseChunkHead(const std::string& line, bool is_signed) {
  ChunkHead head;
  const char* end = line.data() + line.size();
  const auto [after, error] = std::from_chars(line.data(), end, head.bytes, 16);
  if (error != std::errc() || after == line.data()) return Malformed("a chunk has no size");
  const std::string_view rest(after, static_cast<size_t>(end - after));
  if (is_signed) {
    if (!rest.starts_with(kChunkSignature)) return Malformed("a chunk has no signature");
    head.signature = rest.substr(kChunkSignature.size());
  } else if (!rest.empty()) {
    return Malformed("a chunk has an unknown extension");
  }
  return head;
}

// The lines after the last chunk, up to the empty one.
Result<Headers> ReadTrailers(ChunkReader& reader, const StreamingSignature& signature,
                             SignatureChain& chain) {
  Headers trailers;
  std::string canonical;
  std::string claimed;
  for (;;) {
    KEDGE_TRY(const std::string line, reader.ReadLine());
    if (line.empty()) break;
    const size_t colon = line.find(':');
    if (colon == std::string::npos || trailers.list.size() >= kTrailersMax)
      return Malformed("a trailing header is malformed or one too many");
    std::string name = LowerCase(line.substr(0, colon));
    std::string value = CanonicalHeaderValue(line.substr(colon + 1));
    if (!claimed.empty()) return Malformed("a trailing header follows the signature");
    if (name == kTrailerSignature) {
      claimed = std::move(value);
    } else {
      canonical.append(name).append(":").append(value).append("\n");
      trailers.list.emplace_back(std::move(name), std::move(value));
    }
  }
  if (!signature.trailer_follows && !(trailers.list.empty() && claimed.empty()))
    return Malformed("it has trailing headers that were not announced");
  if (signature.trailer_follows && signature.chunks_signed)
    KEDGE_TRY_STATUS(chain.CheckTrailer(claimed, canonical));
  return trailers;
}

Result<uint64_t> DeclaredLength(const Request& request) {
  const std::string text = request.headers.Get("x-amz-decoded-content-length");
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (text.empty() || error != std::errc() || end != text.data() + text.size())
    return Malformed("x-amz-decoded-content-length is not a number");
  return bytes;
}

}  // namespace

Result<Headers> DecodeAwsChunked(const Request& request, const StreamingSignature& signature,
                                 const BodySink& sink) {
  KEDGE_TRY(const uint64_t declared_bytes, DeclaredLength(request));
  KEDGE_TRY(BodyReader body, BodyReader::Open(request));
  ChunkReader reader(std::move(body));
  SignatureChain chain(signature);
  uint64_t decoded_bytes = 0;
  for (;;) {
    KEDGE_TRY(const std::string line, reader.ReadLine());
    KEDGE_TRY(const ChunkHead head, ParseChunkHead(line, signature.chunks_signed));
    if (head.bytes > declared_bytes - decoded_bytes)
      return Malformed("it is longer than x-amz-decoded-content-length");
    crypto::Hasher digest;
    for (uint64_t left = head.bytes; left > 0;) {
      KEDGE_TRY(const Bytes piece, reader.ReadPiece(left));
      digest.Update(piece);
      KEDGE_TRY_STATUS(sink(piece));
      left -= piece.size();
    }
    decoded_bytes += head.bytes;
    if (signature.chunks_signed)
      KEDGE_TRY_STATUS(chain.CheckChunk(head.signature, digest.Finish()));
    if (head.bytes == 0) break;
    KEDGE_TRY(const std::string end_of_chunk, reader.ReadLine());
    if (!end_of_chunk.empty()) return Malformed("a chunk does not end where its size says");
  }
  KEDGE_TRY(Headers trailers, ReadTrailers(reader, signature, chain));
  KEDGE_TRY(const bool at_end, reader.AtEnd());
  if (!at_end) return Malformed("bytes follow its end");
  if (decoded_bytes != declared_bytes)
    return Malformed("it is shorter than x-amz-decoded-content-length");
  return trailers;
}

}  // namespace kedge::http
