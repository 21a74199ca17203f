// SPDX-License-Identifier: Apache-2.0
#include "ring/handshake.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace kedge::ring {

namespace {

class Writer {
 public:
  template <class T>
  void Number(T value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    StoreLittle(bytes_.data() + at, value);
  }
  void Text(std::string_view text) {
    Number(static_cast<uint32_t>(text.size()));
    bytes_.insert(bytes_.end(), text.begin(), text.end());
  }
  ByteBuffer Take() && { return std::move(bytes_); }

 private:
  ByteBuffer bytes_;
};

// Reads past the end give zeros and are remembered.
class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes) {}
  template <class T>
  T Number() {
    if (bytes_.size() < sizeof(T)) {
      broken_ = true;
      return T{};
    }
    const T value = LoadLittle<T>(bytes_.data());
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }
  std::string Text(uint32_t bytes_max) {
    const auto length = Number<uint32_t>();
    if (broken_ || length > bytes_max || length > bytes_.size()) {
      broken_ = true;
      return {};
    }
    std::string text(AsText(bytes_.first(length)));
    bytes_ = bytes_.subspan(length);
    return text;
  }
  bool broken() const { return broken_; }
  bool AtEnd() const { return !broken_ && bytes_.empty(); }

 private:
  Bytes bytes_;
  bool broken_ = false;
};

Error Malformed(const char* what) {
  return DataLoss(std::string("the worker's ") + what + " message is malformed");
}

void WriteError(const Error& error, Writer& writer) {
  writer.Number(static_cast<uint32_t>(error.code));
  writer.Text(std::string_view(error.message).substr(0, kNameBytesMax));
}

// The guest's error, or nothing if the frame begins with kOk.
Status ReadStatus(Reader& reader, const char* what) {
  const auto code = reader.Number<uint32_t>();
  if (reader.broken() || code > static_cast<uint32_t>(Code::kUnauthenticated))
    return Malformed(what);
  if (code == 0) return {};
  std::string message = reader.Text(kNameBytesMax);
  if (!reader.AtEnd()) return Malformed(what);
  return Error{static_cast<Code>(code), std::move(message)};
}

void WriteTensors(const std::vector<IoInfo>& tensors, Writer& writer) {
  writer.Number(static_cast<uint32_t>(tensors.size()));
  for (const IoInfo& tensor : tensors) {
    writer.Text(tensor.name);
    writer.Number(static_cast<uint32_t>(tensor.dtype));
    writer.Number(static_cast<uint32_t>(tensor.shape.rank()));
    for (const int64_t size : tensor.shape.dims) writer.Number(size);
  }
}

Result<IoInfo> ReadTensor(Reader& reader) {
  IoInfo tensor{};
  tensor.name = reader.Text(kNameBytesMax);
  const auto dtype = reader.Number<uint32_t>();
  const auto rank = reader.Number<uint32_t>();
  if (reader.broken() || rank > kRankMax || dtype < static_cast<uint32_t>(DType::kF32) ||
      dtype > static_cast<uint32_t>(DType::kBool))
    return Malformed("hello");
  tensor.dtype = static_cast<DType>(dtype);
  for (uint32_t i = 0; i < rank; ++i) tensor.shape.dims.push_back(reader.Number<int64_t>());
  if (reader.broken() || !CheckShape(tensor.shape)) return Malformed("hello");
  tensor.bytes = static_cast<uint64_t>(tensor.shape.elements()) * DTypeSize(tensor.dtype);
  return tensor;
}

Result<std::vector<IoInfo>> ReadTensors(Reader& reader) {
  const auto count = reader.Number<uint32_t>();
  if (reader.broken() || count > kTensorsMax) return Malformed("hello");
  std::vector<IoInfo> tensors;
  for (uint32_t i = 0; i < count; ++i) {
    KEDGE_TRY(IoInfo tensor, ReadTensor(reader));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

constexpr uint32_t kSeccomp = 1, kLandlock = 2, kRlimits = 4, kNoNewPrivileges = 8;

// Reads exactly `to`; see ReceiveFrame for the errors.
Status ReceiveBytes(int socket, std::span<uint8_t> to,
                    std::chrono::steady_clock::time_point until) {
  while (!to.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() < 0) return DeadlineExceeded("the worker was not ready in time");
    pollfd wait{.fd = socket, .events = POLLIN, .revents = 0};
    const int ready =
        ::poll(&wait, 1, static_cast<int>(std::min<int64_t>(left.count() + 1, 60'000)));
    if (ready < 0 && errno != EINTR) return ErrnoError(errno, "poll");
    if (ready <= 0) continue;
    const ssize_t n = ::recv(socket, to.data(), to.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return Unavailable("the worker closed its socket");
    to = to.subspan(static_cast<size_t>(n));
  }
  return {};
}

// Room for one descriptor, aligned as the kernel wants it.
union DescriptorRoom {
  char bytes[CMSG_SPACE(sizeof(int))];
  cmsghdr align;
};

}  // namespace

ByteBuffer EncodeHello(const Result<Hello>& hello) {
  Writer writer;
  if (!hello) {
    WriteError(hello.error(), writer);
    return std::move(writer).Take();
  }
  writer.Number(uint32_t{0});
  writer.Text(hello->target);
  writer.Text(hello->weights_hash);
  WriteTensors(hello->inputs, writer);
  WriteTensors(hello->outputs, writer);
  return std::move(writer).Take();
}

Result<Hello> DecodeHello(Bytes frame) {
  Reader reader(frame);
  KEDGE_TRY_STATUS(ReadStatus(reader, "hello"));
  Hello hello;
  hello.target = reader.Text(kNameBytesMax);
  hello.weights_hash = reader.Text(kNameBytesMax);
  KEDGE_TRY(hello.inputs, ReadTensors(reader));
  KEDGE_TRY(hello.outputs, ReadTensors(reader));
  if (!reader.AtEnd()) return Malformed("hello");
  return hello;
}

ByteBuffer EncodeReady(const Result<SandboxLevel>& sandbox) {
  Writer writer;
  if (!sandbox) {
    WriteError(sandbox.error(), writer);
    return std::move(writer).Take();
  }
  writer.Number(uint32_t{0});
  writer.Number((sandbox->seccomp ? kSeccomp : 0) | (sandbox->landlock ? kLandlock : 0) |
                (sandbox->rlimits ? kRlimits : 0) |
                (sandbox->no_new_privileges ? kNoNewPrivileges : 0));
  return std::move(writer).Take();
}

Result<SandboxLevel> DecodeReady(Bytes frame) {
  Reader reader(frame);
  KEDGE_TRY_STATUS(ReadStatus(reader, "ready"));
  const auto bits = reader.Number<uint32_t>();
  if (!reader.AtEnd()) return Malformed("ready");
  return SandboxLevel{.seccomp = (bits & kSeccomp) != 0,
                      .landlock = (bits & kLandlock) != 0,
                      .rlimits = (bits & kRlimits) != 0,
                      .no_new_privileges = (bits & kNoNewPrivileges) != 0};
}

Status SendFrame(int socket, Bytes frame) {
  ByteBuffer bytes(sizeof(uint32_t) + frame.size());
  StoreLittle(bytes.data(), static_cast<uint32_t>(frame.size()));
  std::copy(frame.begin(), frame.end(), bytes.begin() + sizeof(uint32_t));
  if (Status status = WriteAll(socket, bytes); !status)
    return Unavailable("control socket: " + status.error().message);
  return {};
}

Result<ByteBuffer> ReceiveFrame(int socket, std::chrono::steady_clock::time_point until) {
  uint8_t length_bytes[sizeof(uint32_t)];
  KEDGE_TRY_STATUS(ReceiveBytes(socket, length_bytes, until));
  const auto length = LoadLittle<uint32_t>(length_bytes);
  if (length > kFrameBytesMax)
    return DataLoss("the worker announced a message of " + std::to_string(length) + " bytes");
  ByteBuffer frame(length);
  KEDGE_TRY_STATUS(ReceiveBytes(socket, frame, until));
  return frame;
}

Status SendDescriptor(int socket, int fd) {
  char byte = 'r';
  iovec part{.iov_base = &byte, .iov_len = 1};
  DescriptorRoom room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof room.bytes;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) != 1)
    return Unavailable("the worker closed its socket");
  return {};
}

Result<FileDescriptor> ReceiveDescriptor(int socket) {
  char byte = 0;
  iovec part{.iov_base = &byte, .iov_len = 1};
  DescriptorRoom room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof room.bytes;
  ssize_t n = 0;
  do {
    n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  const cmsghdr* header = n == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int)))
    return Unavailable("the other side sent no ring");
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return FileDescriptor(fd);
}

}  // namespace kedge::ring
