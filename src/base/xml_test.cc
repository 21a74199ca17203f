// SPDX-License-Identifier: Apache-2.0
#include "base/xml.h"

#include <gtest/gtest.h>

namespace kedge {
namespace {

TEST(Xml, WhatIsWrittenReadsBack) {
  const std::string text = "a<b>&\"c'\xe1\x88\xb4\x01\n";
  XmlWriter xml("Root", "urn:test");
  xml.Open("List");
  xml.Leaf("Item", text);
  xml.Leaf("Number", uint64_t{7});
  xml.Close();
  xml.Leaf("Empty", "");
  const auto root = ParseXml(xml.Finish());
  ASSERT_TRUE(root) << root.error().message;
  EXPECT_EQ(root->name, "Root");
  ASSERT_NE(root->Find("List"), nullptr);
  EXPECT_EQ(root->Find("List")->Find("Item")->text, text);
  EXPECT_EQ(root->Find("List")->Find("Number")->text, "7");
  EXPECT_EQ(root->Find("Empty")->text, "");
  EXPECT_EQ(root->Find("Other"), nullptr);
}

TEST(Xml, AcceptsWhatClientsSend) {
  for (const char* text : {
           "<a/>",
           " <a  x='1' y = \"2>\" ></a> ",
           "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:a "
           "xmlns:s=\"u\"><s:b>&#65;&#x42;</s:b></s:a>",
       }) {
    SCOPED_TRACE(text);
    const auto root = ParseXml(text);
    ASSERT_TRUE(root) << root.error().message;
    EXPECT_EQ(root->name, "a");
  }
  EXPECT_EQ(ParseXml("<a>&#65;&#x42;&amp;&#x1f600;</a>")->text, "AB&\xf0\x9f\x98\x80");
}

TEST(Xml, RefusesEverythingElse) {
  std::string deep;
  for (int i = 0; i < 20; ++i) deep += "<a>";
  std::string wide = "<a>";
  for (int i = 0; i < 20'000; ++i) wide += "<b/>";
  wide += "</a>";
  const std::string cases[] = {
      "",
      "text",
      "<a>",
      "</a>",
      "<a></b>",
      "<a><b></a></b>",
      "<a/><b/>",
      "<a x></a>",
      "<a x=1/>",
      "<a x=\"></a>",
      "<a",
      "<>",
      "<a>&unknown;</a>",
      "<a>&</a>",
      "<a>&#0;</a>",
      "<a>&#xd800;</a>",
      "<a>&#x110000;</a>",
      "<a>&#99999999999;</a>",
      "<a>&#;</a>",
      "<!DOCTYPE a><a/>",
      "<a><![CDATA[x]]></a>",
      "<a><!-- x --></a>",
      "<?xml <a/>",
      "<a:/>",
      deep,
      wide,
  };
  for (const std::string& text : cases) {
    SCOPED_TRACE(text.substr(0, 60));
    const auto root = ParseXml(text);
    ASSERT_FALSE(root);
    EXPECT_EQ(root.error().code, Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace kedge
