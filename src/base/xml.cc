// SPDX-License-Identifier: Apache-2.0
#include "base/xml.h"

#include <algorithm>
#include <charconv>

namespace kedge {

namespace {

constexpr int kDepthMax = 16;
constexpr int kElementsMax = 20'000;

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':';
}

// Recursive descent; the depth is bounded.
class XmlParser {
 public:
  explicit XmlParser(std::string_view text) : text_(text) {}

  Result<XmlElement> Document() {
    SkipBlanks();
    if (Rest().starts_with("<?xml")) {
      const size_t end = text_.find("?>", at_);
      if (end == std::string_view::npos) return Bad("the declaration does not end");
      at_ = end + 2;
    }
    SkipBlanks();
    KEDGE_TRY(XmlElement root, Element(0));
    SkipBlanks();
    if (at_ != text_.size()) return Bad("something follows the root element");
    return root;
  }

 private:
  std::string_view Rest() const { return text_.substr(at_); }
  Error Bad(std::string_view why) const {
    return InvalidArgument("xml at byte " + std::to_string(at_) + ": " + std::string(why));
  }
  void SkipBlanks() {
    while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
  }
  bool Take(std::string_view literal) {
    if (!Rest().starts_with(literal)) return false;
    at_ += literal.size();
    return true;
  }

  Result<std::string> Name() {
    const size_t start = at_;
    while (at_ < text_.size() && IsNameCharacter(text_[at_])) ++at_;
    const std::string_view name = text_.substr(start, at_ - start);
    const std::string_view local = name.substr(name.rfind(':') + 1);
    if (local.empty()) return Bad("a name is expected");
    return std::string(local);
  }

  // Attributes have no meaning here.
  Status SkipAttributes() {
    for (;;) {
      SkipBlanks();
      if (at_ >= text_.size()) return Bad("a tag does not end");
      if (text_[at_] == '>' || text_[at_] == '/') return {};
      KEDGE_TRY_STATUS(SkipAttribute());
    }
  }
  Status SkipAttribute() {
    KEDGE_TRY(const std::string name, Name());
    SkipBlanks();
    if (!Take("=")) return Bad("attribute '" + name + "' has no value");
    SkipBlanks();
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\''))
      return Bad("attribute '" + name + "' has no quoted value");
    const size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) return Bad("attribute '" + name + "' does not end");
    at_ = end + 1;
    return {};
  }

  Result<XmlElement> Element(int depth) {
    if (depth >= kDepthMax) return Bad("elements are nested too deeply");
    if (++elements_ > kElementsMax) return Bad("there are too many elements");
    if (!Take("<")) return Bad("an element is expected");
    XmlElement element;
    KEDGE_TRY(element.name, Name());
    KEDGE_TRY_STATUS(SkipAttributes());
    if (Take("/>")) return element;
    if (!Take(">")) return Bad("a tag does not end");
    for (;;) {
      KEDGE_TRY_STATUS(Text(element.text));
      if (Rest().starts_with("</")) break;
      KEDGE_TRY(XmlElement child, Element(depth + 1));
      element.children.push_back(std::move(child));
    }
    at_ += 2;
    KEDGE_TRY(const std::string closed, Name());
    SkipBlanks();
    if (closed != element.name || !Take(">"))
      return Bad("element '" + element.name + "' is not closed");
    return element;
  }

  // Up to the next '<'.
  Status Text(std::string& into) {
    while (at_ < text_.size() && text_[at_] != '<') {
      if (text_[at_] == '&') {
        KEDGE_TRY_STATUS(Reference(into));
      } else {
        into += text_[at_++];
      }
    }
    if (at_ >= text_.size()) return Bad("an element does not end");
    return {};
  }

  Status Reference(std::string& into) {
    static constexpr std::pair<std::string_view, char> kNamed[] = {
        {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (const auto& [name, character] : kNamed) {
      if (Take(name)) {
        into += character;
        return {};
      }
    }
    const size_t end = text_.find(';', at_);
    if (!Take("&#") || end == std::string_view::npos) return Bad("an entity is unknown");
    const int base = Take("x") ? 16 : 10;
    uint32_t code = 0;
    const auto [after, error] = std::from_chars(text_.data() + at_, text_.data() + end, code, base);
    const bool is_character = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    if (error != std::errc() || after != text_.data() + end || !is_character)
      return Bad("a character reference is malformed");
    AppendUtf8(code, into);
    at_ = end + 1;
    return {};
  }

  std::string_view text_;
  size_t at_ = 0;
  int elements_ = 0;
};

}  // namespace

std::string EscapeXml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        if (static_cast<uint8_t>(c) < 0x20) {
          out += "&#" + std::to_string(static_cast<int>(c)) + ";";
        } else {
          out += c;
        }
    }
  }
  return out;
}

XmlWriter::XmlWriter(std::string_view root, std::string_view xmlns)
    : out_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {
  open_.emplace_back(root);
  out_.append("<").append(root).append(" xmlns=\"").append(xmlns).append("\">");
}

void XmlWriter::Open(std::string_view tag) {
  open_.emplace_back(tag);
  out_.append("<").append(tag).append(">");
}

void XmlWriter::Close() {
  out_.append("</").append(open_.back()).append(">");
  open_.pop_back();
}

void XmlWriter::Leaf(std::string_view tag, std::string_view text) {
  out_.append("<").append(tag).append(">").append(EscapeXml(text));
  out_.append("</").append(tag).append(">");
}

std::string XmlWriter::Finish() {
  while (!open_.empty()) Close();
  return std::move(out_);
}

const XmlElement* XmlElement::Find(std::string_view child) const {
  const auto found = std::find_if(children.begin(), children.end(),
                                  [&](const XmlElement& element) { return element.name == child; });
  return found == children.end() ? nullptr : &*found;
}

Result<XmlElement> ParseXml(std::string_view text) { return XmlParser(text).Document(); }

}  // namespace kedge
