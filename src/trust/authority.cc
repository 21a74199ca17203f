// SPDX-License-Identifier: Apache-2.0
#include "trust/authority.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/crypto/crypto.h"
#include "trust/x509.h"

namespace kedge::trust {
namespace {

using namespace openssl;  // NOLINT(google-build-using-namespace): inside trust/ only

constexpr int64_t kYearMs = int64_t{365} * 86'400'000;
constexpr std::string_view kUriPrefix = "urn:kedge:device:";
constexpr std::string_view kRequestLabel = "CERTIFICATE REQUEST";

// The beginning of a P-256 SubjectPublicKeyInfo with an uncompressed point; 64 bytes follow. Of all
// keys there are, this is the only encoding that OpenSSL gets to see from a stranger.
constexpr std::array<uint8_t, 27> kP256Header = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
constexpr size_t kP256Bytes = kP256Header.size() + 64;

// One DER element off the front of `rest`: its tag and content. Lengths below 64 KiB, minimal.
struct Element {
  uint8_t tag = 0;
  Bytes content;
};
std::optional<Element> TakeElement(Bytes& rest) {
  if (rest.size() < 2) return std::nullopt;
  const uint8_t tag = rest[0];
  size_t length = rest[1];
  size_t header = 2;
  if (length >= 0x80) {
    const size_t digits = length & 0x7f;
    if (digits < 1 || digits > 2 || rest.size() < 2 + digits) return std::nullopt;
    length = digits == 1 ? rest[2] : static_cast<size_t>(rest[2]) << 8 | rest[3];
    if (length < (digits == 1 ? 0x80U : 0x100U)) return std::nullopt;
    header += digits;
  }
  if (rest.size() < header + length) return std::nullopt;
  const Element element{.tag = tag, .content = rest.subspan(header, length)};
  rest = rest.subspan(header + length);
  return element;
}

// CertificationRequest ::= SEQUENCE { SEQUENCE { INTEGER 0, Name, SubjectPublicKeyInfo, ... } ... }
bool HasRequestOutline(Bytes der) {
  constexpr uint8_t kSequence = 0x30;
  constexpr uint8_t kInteger = 0x02;
  const auto outer = TakeElement(der);
  if (!outer || outer->tag != kSequence || !der.empty()) return false;
  Bytes rest = outer->content;
  const auto inner = TakeElement(rest);
  if (!inner || inner->tag != kSequence) return false;
  rest = inner->content;
  const auto version = TakeElement(rest);
  if (!version || version->tag != kInteger || version->content.size() != 1 ||
      version->content[0] != 0)
    return false;
  const auto name = TakeElement(rest);
  return name && name->tag == kSequence && rest.size() >= kP256Bytes &&
         std::equal(kP256Header.begin(), kP256Header.end(), rest.begin());
}

std::string CommonName(X509_NAME* name) {
  char text[256] = {};
  const int length = X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof text);
  return length > 0 ? std::string(text, static_cast<size_t>(length)) : std::string();
}

std::vector<std::string> UrisOf(X509_REQ* request) {
  STACK_OF(X509_EXTENSION)* extensions = X509_REQ_get_extensions(request);
  const kedge::openssl::GeneralNames names(static_cast<GENERAL_NAMES*>(
      X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr)));
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  return kedge::openssl::UrisOf(names.get());
}

Result<ByteBuffer> PublicKeyDer(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int bytes = i2d_PUBKEY(key, &der);
  if (bytes <= 0) return OpensslError(Code::kInternal, "encoding the public key");
  ByteBuffer out(der, der + bytes);
  OPENSSL_free(der);
  return out;
}

Result<std::string> SignRequest(const DeviceName& name, EVP_PKEY* key) {
  const Request request(X509_REQ_new());
  if (!request || X509_REQ_set_pubkey(request.get(), key) != 1)
    return OpensslError(Code::kInternal, "making a certificate request");
  KEDGE_TRY_STATUS(SetCommonName(X509_REQ_get_subject_name(request.get()), name.device));
  const std::string uri = "URI:" + DeviceUri(name);
  const bool named = !name.fleet.empty();  // else whoever issues the certificate knows the fleet
  STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
  X509_EXTENSION* extension =
      named ? X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, uri.c_str()) : nullptr;
  const bool added =
      !named || (extension != nullptr && sk_X509_EXTENSION_push(extensions, extension) > 0 &&
                 X509_REQ_add_extensions(request.get(), extensions) == 1);
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  const Bio text(BIO_new(BIO_s_mem()));
  if (!added || !text || X509_REQ_sign(request.get(), key, EVP_sha256()) == 0 ||
      PEM_write_bio_X509_REQ(text.get(), request.get()) != 1)
    return OpensslError(Code::kInternal, "signing a certificate request");
  const char* begin = nullptr;
  const long bytes = BIO_get_mem_data(text.get(), &begin);
  return std::string(begin, static_cast<size_t>(bytes));
}

Result<Certificate> FirstCertificate(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return OpensslError(Code::kInvalidArgument, "reading a certificate");
  return certificate;
}

EpochMs TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<EpochMs>(timegm(&parts)) * 1000 : 0;
}

Result<IssuedCertificate> Describe(X509* certificate) {
  IssuedCertificate issued;
  KEDGE_TRY(issued.pem, WriteCertificate(certificate));
  unsigned char* der = nullptr;
  const int bytes = i2d_X509(certificate, &der);
  if (bytes <= 0) return OpensslError(Code::kInternal, "encoding the certificate");
  issued.fingerprint = crypto::Sha256Hex({der, static_cast<size_t>(bytes)});
  OPENSSL_free(der);
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  issued.serial =
      HexEncode({ASN1_STRING_get0_data(serial), static_cast<size_t>(ASN1_STRING_length(serial))});
  issued.serial.erase(0, std::min(issued.serial.find_first_not_of('0'), issued.serial.size()));
  issued.not_before = TimeOf(X509_get0_notBefore(certificate));
  issued.not_after = TimeOf(X509_get0_notAfter(certificate));
  return issued;
}

bool IsAddress(const std::string& host) {
  return host.find(':') != std::string::npos ||
         host.find_first_not_of("0123456789.") == std::string::npos;
}

class KeyAuthority final : public Authority {
 public:
  KeyAuthority(Key key, Certificate certificate)
      : key_(std::move(key)), certificate_(std::move(certificate)) {}

  Result<IssuedCertificate> IssueDevice(const CertificateRequest& request, const DeviceName& name,
                                        EpochMs now, int64_t life_ms) const override {
    const uint8_t* at = request.public_key.data();
    const Key public_key(d2i_PUBKEY(nullptr, &at, static_cast<long>(request.public_key.size())));
    if (!public_key) return OpensslError(Code::kInvalidArgument, "reading the device's key");
    const CertificateTemplate wanted{
        .common_name = name.device,
        .public_key = public_key.get(),
        .not_before = now - kBackdateMs,
        .not_after = now + life_ms,
        .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                       {NID_key_usage, "critical,digitalSignature"},
                       {NID_ext_key_usage, "clientAuth"},
                       {NID_subject_alt_name, "URI:" + DeviceUri(name)},
                       {NID_subject_key_identifier, "hash"},
                       {NID_authority_key_identifier, "keyid"}}};
    KEDGE_TRY(const Certificate certificate,
              MakeCertificate(wanted, key_.get(), certificate_.get()));
    return Describe(certificate.get());
  }

  Result<ServerCertificate> IssueServer(const std::vector<std::string>& hosts, EpochMs now,
                                        int64_t life_ms) const override {
    std::string names;
    for (const std::string& host : hosts) {
      names += (names.empty() ? "" : ",") + std::string(IsAddress(host) ? "IP:" : "DNS:") + host;
    }
    KEDGE_TRY(const Key key, NewKey());
    const CertificateTemplate wanted{.common_name = "Kedge device listener",
                                     .public_key = key.get(),
                                     .not_before = now - kBackdateMs,
                                     .not_after = now + life_ms,
                                     .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                                    {NID_key_usage, "critical,digitalSignature"},
                                                    {NID_ext_key_usage, "serverAuth"},
                                                    {NID_subject_alt_name, names},
                                                    {NID_subject_key_identifier, "hash"},
                                                    {NID_authority_key_identifier, "keyid"}}};
    KEDGE_TRY(const Certificate certificate,
              MakeCertificate(wanted, key_.get(), certificate_.get()));
    ServerCertificate made;
    KEDGE_TRY(made.key_pem, WritePrivateKey(key.get()));
    KEDGE_TRY(made.certificate_pem, WriteCertificate(certificate.get()));
    KEDGE_TRY(const std::string issuing, WriteCertificate(certificate_.get()));
    made.certificate_pem += issuing;
    return made;
  }

 private:
  const Key key_;
  const Certificate certificate_;
};

}  // namespace

std::string DeviceUri(const DeviceName& name) {
  return std::string(kUriPrefix) + name.fleet + "/" + name.device;
}

std::optional<DeviceName> ParseDeviceUri(std::string_view uri) {
  if (!uri.starts_with(kUriPrefix)) return std::nullopt;
  uri.remove_prefix(kUriPrefix.size());
  const size_t slash = uri.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == uri.size() ||
      uri.find('/', slash + 1) != std::string_view::npos)
    return std::nullopt;
  return DeviceName{.fleet = std::string(uri.substr(0, slash)),
                    .device = std::string(uri.substr(slash + 1))};
}

Result<CertificateRequest> ParseCertificateRequest(std::string_view pem) {
  if (pem.size() > 2 * kRequestBytesMax)
    return InvalidArgument("the certificate request is longer than " +
                           std::to_string(2 * kRequestBytesMax) + " characters");
  KEDGE_TRY(const ByteBuffer der, ParsePem(pem, kRequestLabel));
  if (der.size() > kRequestBytesMax || !HasRequestOutline(der))
    return InvalidArgument(
        "the certificate request is not one for a P-256 key with an uncompressed point");
  const uint8_t* at = der.data();
  const Request request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
  if (!request || at != der.data() + der.size())
    return OpensslError(Code::kInvalidArgument, "reading the certificate request");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr)
    return OpensslError(Code::kInvalidArgument, "reading the certificate request's key");
  KEDGE_TRY_STATUS(CheckP256(key));
  if (X509_REQ_get_signature_nid(request.get()) != NID_ecdsa_with_SHA256 ||
      X509_REQ_verify(request.get(), key) != 1)
    return OpensslError(Code::kInvalidArgument,
                        "the certificate request is not signed with its own key");
  CertificateRequest parsed{.common_name = CommonName(X509_REQ_get_subject_name(request.get())),
                            .uris = UrisOf(request.get())};
  KEDGE_TRY(parsed.public_key, PublicKeyDer(key));
  return parsed;
}

Result<KeyAndRequest> MakeDeviceRequest(const DeviceName& name) {
  KEDGE_TRY(const Key key, NewKey());
  KeyAndRequest made;
  KEDGE_TRY(made.key_pem, WritePrivateKey(key.get()));
  KEDGE_TRY(made.request_pem, SignRequest(name, key.get()));
  return made;
}

Result<std::string> MakeDeviceRequest(const DeviceName& name, std::string_view key_pem) {
  KEDGE_TRY(const Key key, ParsePrivateKey(key_pem));
  return SignRequest(name, key.get());
}

Result<AuthorityKeys> GenerateAuthority(EpochMs now) {
  KEDGE_TRY(const Key root_key, NewKey());
  KEDGE_TRY(const Key issuing_key, NewKey());
  // The name tells installations apart in a trust store.
  const std::string mark = HexEncode(crypto::RandomBytes(4));
  KEDGE_TRY(const Certificate root,
            MakeCertificate({.common_name = "Kedge root " + mark,
                             .public_key = root_key.get(),
                             .not_before = now - kBackdateMs,
                             .not_after = now + 20 * kYearMs,
                             .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:1"},
                                            {NID_key_usage, "critical,keyCertSign"},
                                            {NID_subject_key_identifier, "hash"}}},
                            root_key.get(), nullptr));
  KEDGE_TRY(const Certificate issuing,
            MakeCertificate({.common_name = "Kedge devices " + mark,
                             .public_key = issuing_key.get(),
                             .not_before = now - kBackdateMs,
                             .not_after = now + 10 * kYearMs,
                             .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                            {NID_key_usage, "critical,keyCertSign"},
                                            {NID_subject_key_identifier, "hash"},
                                            {NID_authority_key_identifier, "keyid"}}},
                            root_key.get(), root.get()));
  AuthorityKeys keys;
  KEDGE_TRY(keys.root_key_pem, WritePrivateKey(root_key.get()));
  KEDGE_TRY(keys.root_certificate_pem, WriteCertificate(root.get()));
  KEDGE_TRY(keys.issuing_key_pem, WritePrivateKey(issuing_key.get()));
  KEDGE_TRY(keys.issuing_certificate_pem, WriteCertificate(issuing.get()));
  return keys;
}

Result<std::unique_ptr<Authority>> Authority::Load(std::string_view issuing_key_pem,
                                                   std::string_view issuing_certificate_pem) {
  KEDGE_TRY(Key key, ParsePrivateKey(issuing_key_pem));
  KEDGE_TRY(Certificate certificate, FirstCertificate(issuing_certificate_pem));
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return OpensslError(Code::kInvalidArgument, "the issuing key is not the certificate's");
  return std::unique_ptr<Authority>(
      std::make_unique<KeyAuthority>(std::move(key), std::move(certificate)));
}

Result<CertificateTimes> ReadCertificateTimes(std::string_view pem) {
  KEDGE_TRY(const Certificate certificate, FirstCertificate(pem));
  return CertificateTimes{.not_before = TimeOf(X509_get0_notBefore(certificate.get())),
                          .not_after = TimeOf(X509_get0_notAfter(certificate.get()))};
}

bool KeyBelongsToCertificate(std::string_view key_pem, std::string_view certificate_pem) {
  const auto key = ParsePrivateKey(key_pem);
  const auto certificate = FirstCertificate(certificate_pem);
  return key && certificate && X509_check_private_key(certificate->get(), key->get()) == 1;
}

}  // namespace kedge::trust
