// SPDX-License-Identifier: MIT
#include "weir/http/structured_fields.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// The working group's vectors are in tests/integration/json/; here are the rules they leave out, and what is said.

namespace {

namespace sf = weir::http::sf;

std::string why(std::string_view text) {
    const auto r = sf::parse_item(text);
    return r ? "read" : r.error().message;
}
sf::bare_item value(std::string_view text) { return sf::parse_item(text).value().value; }
std::string again(std::string_view text) {
    const auto r = sf::parse_list(text);
    return r ? sf::serialize(*r).value() : "malformed";
}

}  // namespace

TEST_CASE("integers and decimals are distinguished and exact") {
    CHECK(value("1") == sf::bare_item{std::int64_t{1}});
    CHECK(value("1.0") == sf::bare_item{sf::decimal{1000}});
    CHECK(value("-0.5") == sf::bare_item{sf::decimal{-500}});
    CHECK(value("-0.001") == sf::bare_item{sf::decimal{-1}});
    CHECK(value("999999999999.999") == sf::bare_item{sf::decimal{999'999'999'999'999}});
    CHECK(value("-999999999999999") == sf::bare_item{std::int64_t{-999'999'999'999'999}});
    CHECK(value("000000000000001") == sf::bare_item{std::int64_t{1}});
    CHECK_FALSE(sf::parse_item("0000000000000001"));
    CHECK_FALSE(sf::parse_item("+1"));
    CHECK_FALSE(sf::parse_item(".5"));
    CHECK_FALSE(sf::parse_item("1e3"));
}

TEST_CASE("display strings are percent-encoded UTF-8") {
    CHECK(value("%\"f%c3%bc %22x%22 100%25\"") == sf::bare_item{sf::display_string{"f\u00fc \"x\" 100%"}});
    CHECK(value("%\"\"") == sf::bare_item{sf::display_string{}});
    CHECK(value("%\"\\\"") == sf::bare_item{sf::display_string{"\\"}});
    for (const std::string_view text :
         {"%", "%x", "%\"", "%\"a", "%\"%\"", "%\"%c\"", "%\"%C3%BC\"", "%\"%zz\"", "%\"%c3\"", "%\"%c3%28\"",
          "%\"%ed%a0%80\"", "%\"%c0%80\"", "%\"%f4%90%80%80\"", "%\"\t\"", "%\"\u00fc\"", "%\"a\"b", "\"a\"%"}) {
        CAPTURE(text);
        CHECK_FALSE(sf::parse_item(text));
    }
    CHECK(sf::serialize(sf::item{sf::display_string{"f\u00fc \"100%\" \n\\"}, {}}).value() ==
          "%\"f%c3%bc %22100%25%22 %0a\\\"");
}

TEST_CASE("byte sequences need whole base64 but not its padding") {
    const auto bytes = [](std::string_view text) {
        const auto r = sf::parse_item(text);
        return r ? std::get<sf::byte_sequence>(r->value).bytes : "malformed";
    };
    CHECK(bytes(":aGVsbG8=:") == "hello");
    CHECK(bytes(":aGVsbG8:") == "hello");
    CHECK(bytes(":aGVsbA==:") == "hell");
    CHECK(bytes(":aGVsbA:") == "hell");
    CHECK(bytes("::").empty());
    for (const std::string_view text :
         {":a:", ":aGVsbA=:", ":aGVsbG8==:", ":aGVs=:", ":=:", ":==:", ":aGVs====:", ":aGVsbG9=a:", ":aGVsbG9-:"}) {
        CAPTURE(text);
        CHECK(bytes(text) == "malformed");
    }
    std::string all;
    for (int i = 0; i < 256; ++i) {
        all += static_cast<char>(i);
        CHECK(bytes(sf::serialize(sf::item{sf::byte_sequence{all}, {}}).value()) == all);
    }
}

TEST_CASE("white space is accepted where the grammar has it and nowhere else") {
    CHECK(again("  1 \t,\t 2  ") == "1, 2");
    CHECK(again("1\t") == "1");
    CHECK(again("\t1") == "malformed");
    CHECK(again("1;  a;b") == "1;a;b");
    CHECK(again("1 ;a") == "malformed");
    CHECK(again("1;\ta") == "malformed");
    CHECK(again("1;a =1") == "malformed");
    CHECK(again("(  1   2  )") == "(1 2)");
    CHECK(again("(1\t2)") == "malformed");
    CHECK(again("(1,2)") == "malformed");
    CHECK(again("((1))") == "malformed");
    CHECK_FALSE(sf::parse_item("1\t"));
}

TEST_CASE("if a key occurs twice, the last value is at the position of the first") {
    CHECK(again("x;a=1;b=2;a=3;b=4;a") == "x;a;b=4");
    CHECK(again("(1);z=1;y=2;z=3") == "(1);z=3;y=2");
    const auto d = sf::parse_dictionary("b=1, a=(1 2);p, b=3;q, c, a").value();
    CHECK(sf::serialize(d).value() == "b=3;q, a, c");
}

TEST_CASE("the lines of a field are joined before they are read") {
    const weir::http::headers fields{{"List", "1"},  {"Other", "x"},  {"list", "(a"},
                                     {"LIST", "b)"}, {"Item", "\"a"}, {"Item", "b\""}};
    CHECK_FALSE(sf::parse_list(fields, "List"));  // a comma in an inner list
    CHECK(sf::parse_item(fields, "Item").value().value == sf::bare_item{"a, b"});
    CHECK(sf::parse_dictionary({{"D", "a=1"}, {"D", "a=2"}}, "D").value().size() == 1);
    CHECK(sf::parse_list(fields, "Absent").value().empty());
    CHECK(sf::parse_dictionary(fields, "Absent").value().empty());
    CHECK_FALSE(sf::parse_item(fields, "Absent"));
}

TEST_CASE("the fault of a malformed field says where, what was found and which rule it breaks") {
    CHECK(sf::parse_item("1.").error().code == weir::errc::bad_field);
    CHECK(why("") == "structured field \"\": byte 1 (its end): a value must stand here");
    CHECK(why("1.") == "structured field \"1.\": byte 3 (its end): a digit must follow the point");
    CHECK(why("1.2345") ==
          "structured field \"1.2345\": byte 6 (\"5\"): a decimal has at most 3 digits after its point");
    CHECK(why("1234567890123.0") ==
          "structured field \"1234567890123.0\": byte 14 (\".\"): a decimal has at most 12 digits before its point");
    CHECK(why("1234567890123456") ==
          "structured field \"1234567890123456\": byte 16 (\"6\"): an integer has at most 15 digits");
    CHECK(why("-x") == "structured field \"-x\": byte 2 (\"x\"): a digit must follow the sign");
    CHECK(why("\"a\\b\"") ==
          "structured field \"\\\"a\\\\b\\\"\": byte 4 (\"b\"): a backslash in a string stands before a "
          "quote or a backslash");
    CHECK(why("\"\x01\"") ==
          "structured field \"\\\"\\x01\\\"\": byte 2 (\"\\x01\"): a string holds printable ASCII only");
    CHECK(why("\"a") == "structured field \"\\\"a\": byte 3 (its end): a string ends with a quote");
    CHECK(why("?2") == "structured field \"?2\": byte 2 (\"2\"): a boolean is ?0 or ?1");
    CHECK(why("@1.5") == "structured field \"@1.5\": byte 5 (its end): a date has whole seconds");
    CHECK(why("@") == "structured field \"@\": byte 2 (its end): a date is \"@\" and whole seconds");
    CHECK(why("1 2") == "structured field \"1 2\": byte 3 (\"2\"): nothing may follow the item");
    CHECK(why("1;A") == "structured field \"1;A\": byte 3 (\"A\"): a key begins with a lower-case letter or \"*\"");
    CHECK(why(":aGk-:") ==
          "structured field \":aGk-:\": byte 5 (\"-\"): a byte sequence holds base64: A-Z a-z 0-9 + / =");
    CHECK(sf::parse_list("1, ").error().message ==
          "structured field \"1, \": byte 4 (its end): a member must follow the comma");
    CHECK(sf::parse_list("1 2").error().message ==
          "structured field \"1 2\": byte 3 (\"2\"): a comma must stand between two members");
    CHECK(sf::parse_list("(1").error().message ==
          "structured field \"(1\": byte 3 (its end): a space or \")\" must follow a value in an inner list");
}

TEST_CASE("a value that no field can contain is not written") {
    const auto bad = [](sf::bare_item v) {
        const auto r = sf::serialize(sf::item{std::move(v), {}});
        return r ? "written as " + *r : r.error().message;
    };
    CHECK(bad(std::int64_t{1'000'000'000'000'000}) ==
          "structured field not written: an integer has at most 15 digits; this one is \"1000000000000000\"");
    CHECK(bad(sf::decimal{-1'000'000'000'000'000}) ==
          "structured field not written: a decimal has at most 12 digits before its point; in thousandths this one is "
          "\"-1000000000000000\"");
    CHECK(bad(INT64_MIN).starts_with("structured field not written"));
    CHECK(bad(sf::decimal{INT64_MIN}).starts_with("structured field not written"));
    CHECK(bad(sf::date{std::chrono::seconds{INT64_MAX}}).starts_with("structured field not written"));
    CHECK(bad("f\u00fc") ==
          "structured field not written: a string holds printable ASCII only; this one is \"f\\xc3\\xbc\"");
    CHECK(bad(sf::token{"a b"}).starts_with("structured field not written: a token is"));
    CHECK(bad(sf::token{""}).starts_with("structured field not written: a token is"));
    CHECK(bad(sf::token{"1a"}).starts_with("structured field not written: a token is"));
    CHECK(bad(sf::display_string{"\xff"}).starts_with("structured field not written: a display string is UTF-8"));
    CHECK_FALSE(sf::serialize(sf::item{true, {{{"Key", true}}}}));
    CHECK_FALSE(sf::serialize(sf::dictionary{{{"", sf::item{}}}}));
    CHECK(bad(sf::decimal{}) == "written as 0.0");
    CHECK(bad(sf::decimal{-50}) == "written as -0.05");
    CHECK(bad(sf::decimal{1'200}) == "written as 1.2");
    CHECK(sf::serialize(sf::list{}).value().empty());
}

TEST_CASE("the sizes the RFC asks for are read") {
    std::string list, dictionary, inner = "(", params = "1";
    for (int i = 0; i < 1024; ++i) {
        list += (i == 0 ? "" : ", ") + std::to_string(i);
        dictionary += (i == 0 ? "k" : ", k") + std::to_string(i) + std::string(58, 'x');
    }
    for (int i = 0; i < 256; ++i) {
        inner += (i == 0 ? "" : " ") + std::to_string(i);
        params += ";k" + std::to_string(i) + std::string(58, 'x') + "=1";
    }
    CHECK(sf::parse_list(list).value().size() == 1024);
    CHECK(sf::parse_dictionary(dictionary).value().size() == 1024);
    CHECK(std::get<sf::inner_list>(sf::parse_list(inner + ")").value().at(0)).items.size() == 256);
    CHECK(sf::parse_item(params).value().params.size() == 256);
    CHECK(std::get<sf::byte_sequence>(value(":" + std::string(21848, 'A') + ":")).bytes.size() == 16386);
    CHECK(std::get<std::string>(value("\"" + std::string(1024, 'a') + "\"")).size() == 1024);
    CHECK(std::get<sf::token>(value(std::string(512, 'a'))).text.size() == 512);
}

TEST_CASE("the work on a hostile field is bounded by its length") {
    // Each of these would take minutes if a key were looked for among all the others, or a tail scanned again.
    std::string keys = "1", same = "1", members, colons;
    for (int i = 0; keys.size() + 12 < sf::max_bytes; ++i) {
        keys += ";k" + std::to_string(i);
        same += ";a";
    }
    while (members.size() + 3 < sf::max_bytes)
        members += members.empty() ? "a" : ",a";
    while (colons.size() + 4 < sf::max_bytes)
        colons += colons.empty() ? "::" : ",::";
    CHECK(sf::parse_item(keys).value().params.size() > 15'000);
    CHECK(sf::parse_item(same).value().params.size() == 1);
    CHECK(sf::parse_dictionary(members).value().size() == 1);
    CHECK(sf::parse_list(members).value().size() > 60'000);
    CHECK(sf::parse_list(colons).value().size() > 40'000);
    CHECK_FALSE(sf::parse_list(std::string(sf::max_bytes, '(')));
    CHECK(sf::parse_item(std::string(sf::max_bytes, ' ') + "1").error().message ==
          "structured field \"" + std::string(60, ' ') +
              "...\": byte 131073 (\"1\"): a field has at most 131072 bytes");
}
