// The text form's reader: one token of lookahead, one function a rule.
// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>
#include <limits>

#include "compiler/graph/text.h"

namespace kedge::compiler {
namespace {

enum class TokenKind { kEnd, kWord, kString, kMark };  // a mark is one character: ( ) { } [ ] ...

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
};

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '/' || c == ':' || c == '-' || c == '+';
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}
  int line() const { return line_; }

  Result<Token> Next() {
    SkipSpace();
    if (rest_.empty()) return Token{};
    if (rest_[0] == '"') return String();
    size_t length = 0;
    while (length < rest_.size() && IsWordCharacter(rest_[length])) ++length;
    // "name: type" and " : type": a colon at a word's end, or alone, is a mark.
    if (length > 1 && rest_[length - 1] == ':') --length;
    if (length == 0 || (length == 1 && rest_[0] == ':')) return Take(TokenKind::kMark, 1);
    return Take(TokenKind::kWord, length);
  }

 private:
  Token Take(TokenKind kind, size_t length) {
    Token token{kind, std::string(rest_.substr(0, length))};
    rest_.remove_prefix(length);
    return token;
  }
  void SkipSpace() {
    while (!rest_.empty()) {
      if (rest_[0] == '#') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else if (rest_[0] == ' ' || rest_[0] == '\n' || rest_[0] == '\t' || rest_[0] == '\r') {
        if (rest_[0] == '\n') ++line_;
        rest_.remove_prefix(1);
      } else {
        return;
      }
    }
  }
  Result<Token> String() {
    Token token{TokenKind::kString, ""};
    size_t i = 1;
    for (; i < rest_.size() && rest_[i] != '"'; ++i) {
      if (rest_[i] != '\\') {
        token.text += rest_[i];
        continue;
      }
      if (++i >= rest_.size()) break;
      if (rest_[i] != 'x') {
        token.text += rest_[i];
        continue;
      }
      KEDGE_TRY(const ByteBuffer byte, HexDecode(rest_.substr(i + 1, 2)));
      if (byte.size() != 1) return InvalidArgument("\\x needs two digits");
      token.text += static_cast<char>(byte[0]);
      i += 2;
    }
    if (i >= rest_.size()) return InvalidArgument("a string has no closing quote");
    rest_.remove_prefix(i + 1);
    return token;
  }

  std::string_view rest_;
  int line_ = 1;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  Result<Graph> Parse() {
    Status status = ParseAll();
    if (!status) {
      return Wrap(std::move(status).error(), "line " + std::to_string(lexer_.line()));
    }
    return std::move(graph_);
  }

 private:
  Status Advance() {
    KEDGE_TRY(token_, lexer_.Next());
    return {};
  }
  bool IsMark(char mark) const { return token_.kind == TokenKind::kMark && token_.text[0] == mark; }
  bool IsWord(std::string_view word) const {
    return token_.kind == TokenKind::kWord && token_.text == word;
  }
  Error Unexpected(std::string_view wanted) const {
    return InvalidArgument("expected " + std::string(wanted) + ", got " +
                           (token_.kind == TokenKind::kEnd ? "the end" : "'" + token_.text + "'"));
  }
  Status Expect(char mark) {
    if (!IsMark(mark)) return Unexpected(std::string("'") + mark + "'");
    return Advance();
  }
  Status ExpectWord(std::string_view word) {
    if (!IsWord(word)) return Unexpected("'" + std::string(word) + "'");
    return Advance();
  }
  Result<std::string> TakeName() {
    if (token_.kind != TokenKind::kWord && token_.kind != TokenKind::kString)
      return Unexpected("a name");
    std::string name = std::move(token_.text);
    KEDGE_TRY_STATUS(Advance());
    return name;
  }
  // "%name" -> the name.
  Result<std::string> TakeReference() {
    KEDGE_TRY_STATUS(Expect('%'));
    return TakeName();
  }

  Result<ValueId> Define(const std::string& name) {
    if (ids_.contains(name)) return InvalidArgument("value '" + name + "' is defined twice");
    const ValueId id = graph_.AddUntyped(name);
    ids_[name] = id;
    return id;
  }
  // A reference to a defined value, or "_".
  Result<ValueId> TakeUse() {
    if (IsWord("_")) {
      KEDGE_TRY_STATUS(Advance());
      return kNoValue;
    }
    KEDGE_TRY(const std::string name, TakeReference());
    const auto found = ids_.find(name);
    if (found == ids_.end()) return InvalidArgument("value '" + name + "' is not defined");
    return found->second;
  }

  // "f32[1x3]" into dtype, shape, shape_known of a value.
  Status TakeType(Value& value) {
    if (token_.kind != TokenKind::kWord) return Unexpected("a type");
    KEDGE_TRY(value.dtype, ParseDType(token_.text));
    KEDGE_TRY_STATUS(Advance());
    KEDGE_TRY_STATUS(Expect('['));
    value.shape_known = !IsMark('?');
    if (value.shape_known) {
      if (token_.kind != TokenKind::kWord) return Unexpected("a shape");
      KEDGE_TRY(value.shape, ParseShape(token_.text));
    }
    KEDGE_TRY_STATUS(Advance());
    return Expect(']');
  }

  Result<double> TakeDouble() {
    if (token_.kind != TokenKind::kWord) return Unexpected("a number");
    const std::string& text = token_.text;
    double value = 0;
    if (text == "nan" || text == "-nan") {
      value = std::copysign(std::numeric_limits<double>::quiet_NaN(), text[0] == '-' ? -1.0 : 1.0);
    } else {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size()) return Unexpected("a number");
    }
    KEDGE_TRY_STATUS(Advance());
    return value;
  }
  template <class Integer>
  Result<Integer> TakeInteger() {
    if (token_.kind != TokenKind::kWord) return Unexpected("an integer");
    Integer value = 0;
    const std::string& text = token_.text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      return Unexpected("an integer in range");
    KEDGE_TRY_STATUS(Advance());
    return value;
  }

  template <class Integer>
  Status TakeIntegerElement(Tensor& tensor, size_t i) {
    KEDGE_TRY(const Integer value, TakeInteger<Integer>());
    StoreLittle(tensor.mutable_bytes().data() + i * sizeof(Integer), value);
    return {};
  }
  Status TakeElement(Tensor& tensor, size_t i) {
    switch (tensor.dtype()) {
      case DType::kI8:
        return TakeIntegerElement<int8_t>(tensor, i);
      case DType::kI16:
        return TakeIntegerElement<int16_t>(tensor, i);
      case DType::kI32:
        return TakeIntegerElement<int32_t>(tensor, i);
      case DType::kI64:
        return TakeIntegerElement<int64_t>(tensor, i);
      case DType::kU8:
      case DType::kBool:
        return TakeIntegerElement<uint8_t>(tensor, i);
      case DType::kU16:
        return TakeIntegerElement<uint16_t>(tensor, i);
      case DType::kU32:
        return TakeIntegerElement<uint32_t>(tensor, i);
      case DType::kU64:
        return TakeIntegerElement<uint64_t>(tensor, i);
      default:
        break;
    }
    KEDGE_TRY(const double value, TakeDouble());
    const auto narrow = static_cast<float>(value);
    if (tensor.dtype() == DType::kF64) tensor.As<double>()[i] = value;
    if (tensor.dtype() == DType::kF32) tensor.As<float>()[i] = narrow;
    if (tensor.dtype() == DType::kF16) tensor.As<uint16_t>()[i] = FloatToHalf(narrow);
    if (tensor.dtype() == DType::kBf16) tensor.As<uint16_t>()[i] = FloatToBFloat(narrow);
    return {};
  }
  // "f32[2] {1, 2}".
  Result<std::shared_ptr<const Tensor>> TakeTensor() {
    Value type;
    KEDGE_TRY_STATUS(TakeType(type));
    constexpr int64_t kTextElementsMax = 1 << 24;
    if (!type.shape_known || type.shape.elements() > kTextElementsMax)
      return InvalidArgument("a constant needs a shape of at most 16777216 elements");
    KEDGE_TRY_STATUS(Expect('{'));
    auto tensor = std::make_shared<Tensor>(type.dtype, type.shape);
    const auto elements = static_cast<size_t>(type.shape.elements());
    for (size_t i = 0; i < elements; ++i) {
      if (i > 0) KEDGE_TRY_STATUS(Expect(','));
      KEDGE_TRY_STATUS(TakeElement(*tensor, i));
    }
    KEDGE_TRY_STATUS(Expect('}'));
    return std::shared_ptr<const Tensor>(std::move(tensor));
  }

  // An int, or a float if the word has one of . e n (inf, nan).
  Result<Attribute> TakeNumber() {
    if (token_.kind == TokenKind::kWord && token_.text.find_first_of(".en") != std::string::npos) {
      KEDGE_TRY(const double value, TakeDouble());
      return Attribute(static_cast<float>(value));
    }
    KEDGE_TRY(const int64_t value, TakeInteger<int64_t>());
    return Attribute(value);
  }
  Result<Attribute> TakeScalar() {
    if (token_.kind != TokenKind::kString) return TakeNumber();
    KEDGE_TRY(std::string text, TakeName());
    return Attribute(std::move(text));
  }
  template <class T>
  Result<Attribute> TakeRest(Attribute first) {
    std::vector<T> list{std::get<T>(std::move(first))};
    while (IsMark(',')) {
      KEDGE_TRY_STATUS(Advance());
      KEDGE_TRY(Attribute next, TakeScalar());
      if (!std::holds_alternative<T>(next)) return InvalidArgument("a list mixes kinds");
      list.push_back(std::get<T>(std::move(next)));
    }
    KEDGE_TRY_STATUS(Expect(']'));
    return Attribute(std::move(list));
  }
  Result<Attribute> TakeEmptyList() {
    const std::string kind = token_.text;
    KEDGE_TRY_STATUS(Advance());
    KEDGE_TRY_STATUS(Expect('['));
    KEDGE_TRY_STATUS(Expect(']'));
    if (kind == "ints") return Attribute(std::vector<int64_t>());
    if (kind == "floats") return Attribute(std::vector<float>());
    return Attribute(std::vector<std::string>());
  }
  Result<Attribute> TakeAttribute() {
    if (IsMark('[')) {
      KEDGE_TRY_STATUS(Advance());
      KEDGE_TRY(Attribute first, TakeScalar());
      if (std::holds_alternative<int64_t>(first)) return TakeRest<int64_t>(std::move(first));
      if (std::holds_alternative<float>(first)) return TakeRest<float>(std::move(first));
      return TakeRest<std::string>(std::move(first));
    }
    if (IsWord("ints") || IsWord("floats") || IsWord("strings")) return TakeEmptyList();
    if (token_.kind == TokenKind::kWord && ParseDType(token_.text).has_value()) {
      KEDGE_TRY(std::shared_ptr<const Tensor> tensor, TakeTensor());
      return Attribute(std::move(tensor));
    }
    return TakeScalar();
  }
  Status TakeAttributes(Attributes& attributes) {
    KEDGE_TRY_STATUS(Advance());
    while (!IsMark('}')) {
      KEDGE_TRY(std::string name, TakeName());
      KEDGE_TRY_STATUS(Expect('='));
      KEDGE_TRY(Attribute attribute, TakeAttribute());
      if (!attributes.emplace(name, std::move(attribute)).second)
        return InvalidArgument("attribute '" + name + "' is given twice");
      if (!IsMark(',')) break;
      KEDGE_TRY_STATUS(Advance());
    }
    return Expect('}');
  }

  // Everything after "%a, _ = ".
  Status TakeNode(const std::vector<std::string>& names) {
    Node node;
    KEDGE_TRY(node.op, TakeName());
    KEDGE_TRY_STATUS(Expect('('));
    while (!IsMark(')')) {
      KEDGE_TRY(const ValueId id, TakeUse());
      node.inputs.push_back(id);
      if (!IsMark(',')) break;
      KEDGE_TRY_STATUS(Advance());
    }
    KEDGE_TRY_STATUS(Expect(')'));
    if (IsMark('{')) KEDGE_TRY_STATUS(TakeAttributes(node.attributes));
    if (IsMark('@')) {
      KEDGE_TRY_STATUS(Advance());
      KEDGE_TRY(node.name, TakeName());
    }
    KEDGE_TRY_STATUS(Expect(':'));
    for (size_t i = 0; i < names.size(); ++i) {
      if (i > 0) KEDGE_TRY_STATUS(Expect(','));
      if (names[i].empty()) {
        KEDGE_TRY_STATUS(ExpectWord("_"));
        node.outputs.push_back(kNoValue);
        continue;
      }
      KEDGE_TRY(const ValueId id, Define(names[i]));
      KEDGE_TRY_STATUS(TakeType(graph_.at(id)));
      node.outputs.push_back(id);
    }
    graph_.nodes.push_back(std::move(node));
    return {};
  }

  Status TakeStatement() {
    std::vector<std::string> names;  // empty for "_"
    for (;;) {
      if (IsWord("_")) {
        KEDGE_TRY_STATUS(Advance());
        names.emplace_back();
      } else {
        KEDGE_TRY(std::string name, TakeReference());
        names.push_back(std::move(name));
      }
      if (!IsMark(',')) break;
      KEDGE_TRY_STATUS(Advance());
    }
    KEDGE_TRY_STATUS(Expect('='));
    if (!IsWord("const")) return TakeNode(names);
    KEDGE_TRY_STATUS(Advance());
    if (names.size() != 1 || names[0].empty())
      return InvalidArgument("a constant has exactly one name");
    KEDGE_TRY(std::shared_ptr<const Tensor> tensor, TakeTensor());
    KEDGE_TRY(const ValueId id, Define(names[0]));
    Value& value = graph_.at(id);
    value.dtype = tensor->dtype();
    value.shape = tensor->shape();
    value.shape_known = true;
    value.constant = std::move(tensor);
    return {};
  }

  Status ParseAll() {
    KEDGE_TRY_STATUS(Advance());
    KEDGE_TRY_STATUS(ExpectWord("graph"));
    KEDGE_TRY_STATUS(Expect('('));
    while (!IsMark(')')) {
      KEDGE_TRY(const std::string name, TakeReference());
      KEDGE_TRY_STATUS(Expect(':'));
      KEDGE_TRY(const ValueId id, Define(name));
      KEDGE_TRY_STATUS(TakeType(graph_.at(id)));
      graph_.inputs.push_back(id);
      if (!IsMark(',')) break;
      KEDGE_TRY_STATUS(Advance());
    }
    KEDGE_TRY_STATUS(Expect(')'));
    KEDGE_TRY_STATUS(Expect('{'));
    while (!IsWord("return")) KEDGE_TRY_STATUS(TakeStatement());
    KEDGE_TRY_STATUS(Advance());
    while (!IsMark('}')) {
      KEDGE_TRY(const ValueId id, TakeUse());
      if (id == kNoValue) return InvalidArgument("an output is absent");
      graph_.outputs.push_back(id);
      if (!IsMark(',')) break;
      KEDGE_TRY_STATUS(Advance());
    }
    KEDGE_TRY_STATUS(Expect('}'));
    if (token_.kind != TokenKind::kEnd) return Unexpected("the end");
    return {};
  }

  Lexer lexer_;
  Token token_;
  Graph graph_;
  std::unordered_map<std::string, ValueId> ids_;
};

}  // namespace

Result<Graph> ParseGraph(std::string_view text) { return Parser(text).Parse(); }

}  // namespace kedge::compiler
