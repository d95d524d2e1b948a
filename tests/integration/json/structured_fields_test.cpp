// SPDX-License-Identifier: MIT
//
// The HTTP working group's vectors for structured fields (tests/vectors/structured-fields, github.com/httpwg/
// structured-field-tests): every record, its value and its canonical spelling.

#include "weir/http/structured_fields.hpp"

#include "support/catch.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace sf = weir::http::sf;

// nlohmann's own value would read 1.0 as a double; its SAX interface hands the text over. This is the little of JSON
// that the vectors hold.
struct node {
    enum class kind { text, number, flag, array, object } is = kind::array;
    std::string text{};
    bool flag = false;
    std::vector<node> items{};
    std::vector<std::pair<std::string, node>> members{};

    const node* find(std::string_view key) const {
        for (const auto& [name, value] : members)
            if (name == key)
                return &value;
        return nullptr;
    }
    const node& at(std::string_view key) const {
        if (const node* n = find(key))
            return *n;
        throw std::runtime_error("a record without " + std::string{key});
    }
    bool says(std::string_view key) const {
        const node* n = find(key);
        return n != nullptr && n->flag;
    }
};

class builder : public nlohmann::json_sax<nlohmann::json> {
public:
    node root{};

    bool null() override { throw std::runtime_error("null in the vectors"); }
    bool boolean(bool v) override { return put({.is = node::kind::flag, .flag = v}); }
    bool number_integer(number_integer_t v) override {
        return put({.is = node::kind::number, .text = std::to_string(v)});
    }
    bool number_unsigned(number_unsigned_t v) override {
        return put({.is = node::kind::number, .text = std::to_string(v)});
    }
    bool number_float(number_float_t, const string_t& text) override {
        return put({.is = node::kind::number, .text = text});
    }
    bool string(string_t& v) override { return put({.is = node::kind::text, .text = v}); }
    bool binary(binary_t&) override { return false; }
    bool start_object(std::size_t) override { return open({.is = node::kind::object}); }
    bool key(string_t& v) override {
        key_ = v;
        return true;
    }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open({.is = node::kind::array}); }
    bool end_array() override { return close(); }
    bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception& e) override {
        throw std::runtime_error("byte " + std::to_string(at) + ": " + e.what());
    }

private:
    node* add(node n) {
        if (path_.empty()) {
            root = std::move(n);
            return &root;
        }
        node& parent = *path_.back();
        if (parent.is == node::kind::object)
            return &parent.members.emplace_back(std::move(key_), std::move(n)).second;
        return &parent.items.emplace_back(std::move(n));
    }
    bool put(node n) { return add(std::move(n)) != nullptr; }
    bool open(node n) {
        path_.push_back(add(std::move(n)));
        return true;
    }
    bool close() {
        path_.pop_back();
        return true;
    }

    std::vector<node*> path_;  // a parent's children move only when it gets another, and then none of them is open
    std::string key_;
};

std::string base32(std::string_view text) {
    std::string out;
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : text) {
        if (c == '=')
            break;
        const auto digit = std::string_view{"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"}.find(c);
        if (digit == std::string_view::npos)
            throw std::runtime_error("not base32: " + std::string{text});
        bits = bits << 5U | static_cast<std::uint32_t>(digit);
        held += 5;
        if (held >= 8) {
            held -= 8;
            out += static_cast<char>(bits >> held & 0xffU);
        }
    }
    return out;
}

sf::bare_item number_of(const std::string& text) {
    const auto point = text.find('.');
    if (point == std::string::npos)
        return std::int64_t{std::stoll(text)};
    std::string fraction = text.substr(point + 1);
    fraction.resize(3, '0');
    return sf::decimal{std::stoll(text.substr(0, point) + fraction)};
}

sf::bare_item bare_of(const node& n) {
    switch (n.is) {
    case node::kind::text:
        return n.text;
    case node::kind::number:
        return number_of(n.text);
    case node::kind::flag:
        return n.flag;
    case node::kind::array:
        break;
    case node::kind::object:
        const std::string& type = n.at("__type").text;
        const node& value = n.at("value");
        if (type == "token")
            return sf::token{value.text};
        if (type == "binary")
            return sf::byte_sequence{base32(value.text)};
        if (type == "date")
            return sf::date{std::chrono::seconds{std::stoll(value.text)}};
        if (type == "displaystring")
            return sf::display_string{value.text};
        throw std::runtime_error("unknown type " + type);
    }
    throw std::runtime_error("an array where a value was expected");
}

sf::parameters parameters_of(const node& n) {
    sf::parameters out;
    for (const node& p : n.items)
        out.entries.emplace_back(p.items.at(0).text, bare_of(p.items.at(1)));
    return out;
}

sf::item item_of(const node& n) { return {bare_of(n.items.at(0)), parameters_of(n.items.at(1))}; }

sf::member member_of(const node& n) {
    if (n.items.at(0).is != node::kind::array)
        return item_of(n);
    sf::inner_list out;
    for (const node& i : n.items.at(0).items)
        out.items.push_back(item_of(i));
    out.params = parameters_of(n.items.at(1));
    return out;
}

sf::list list_of(const node& n) {
    sf::list out;
    for (const node& m : n.items)
        out.push_back(member_of(m));
    return out;
}

sf::dictionary dictionary_of(const node& n) {
    sf::dictionary out;
    for (const node& m : n.items)
        out.entries.emplace_back(m.items.at(0).text, member_of(m.items.at(1)));
    return out;
}

struct tally {
    int records = 0;
    int must_fail = 0;
    int can_fail = 0;
    int did_fail = 0;  // of those that can
    int canonical = 0;
    int read = 0;
};

template <class Parse, class Expect>
void hold(const node& record, Parse parse, Expect expect, tally& t) {
    weir::http::headers fields;
    std::string joined;
    for (const node& line : record.at("raw").items) {
        fields.add("Example", line.text);
        joined += (joined.empty() ? "" : ", ") + line.text;
    }
    const auto got = parse(fields, "Example");
    if (record.says("must_fail")) {
        ++t.must_fail;
        CHECK_FALSE(got);
        if (!got)
            CHECK(got.error().message.starts_with("structured field \""));
        return;
    }
    if (record.says("can_fail"))
        ++t.can_fail;
    if (!got) {
        CHECK(record.says("can_fail"));
        ++t.did_fail;
        return;
    }
    ++t.read;
    CHECK(*got == expect(record.at("expected")));

    // Without `canonical` the field is in its canonical spelling already; `[]` is the field left out.
    const node* spelled = record.find("canonical");
    std::string canonical = joined;
    if (spelled != nullptr)
        canonical = spelled->items.empty() ? "" : spelled->items.at(0).text;
    t.canonical += spelled != nullptr ? 1 : 0;
    const auto text = sf::serialize(*got);
    REQUIRE(text);
    CHECK(*text == canonical);
}

}  // namespace

TEST_CASE("every record of the working group's vectors is right") {
    constexpr std::array files{
        std::pair{"binary", 15},     std::pair{"boolean", 12},    std::pair{"date", 17},
        std::pair{"dictionary", 26}, std::pair{"examples", 21},   std::pair{"item", 5},
        std::pair{"list", 11},       std::pair{"listlist", 12},   std::pair{"number", 37},
        std::pair{"param-dict", 14}, std::pair{"param-list", 20}, std::pair{"param-listlist", 3},
        std::pair{"string", 14},     std::pair{"token", 6},
    };
    tally t;
    for (const auto& [name, count] : files) {
        const std::string path = std::string{WEIR_SOURCE_DIR} + "/tests/vectors/structured-fields/" + name + ".json";
        std::ifstream in{path};
        REQUIRE(in);
        builder built;
        nlohmann::json::sax_parse(in, &built);
        CHECK(built.root.items.size() == static_cast<std::size_t>(count));
        for (const node& record : built.root.items) {
            ++t.records;
            const std::string& type = record.at("header_type").text;
            INFO(name << ": " << record.at("name").text);
            using text = std::string_view;
            if (type == "item")
                hold(record, [](const auto& h, text n) { return sf::parse_item(h, n); }, item_of, t);
            else if (type == "list")
                hold(record, [](const auto& h, text n) { return sf::parse_list(h, n); }, list_of, t);
            else if (type == "dictionary")
                hold(record, [](const auto& h, text n) { return sf::parse_dictionary(h, n); }, dictionary_of, t);
            else
                FAIL("unknown header_type " << type);
        }
    }
    std::cout << "structured-field vectors: " << t.records << " records, " << t.must_fail << " must fail, " << t.read
              << " read, " << t.canonical << " with another canonical spelling; of " << t.can_fail << " that can fail "
              << t.did_fail << " do" << std::endl;
    CHECK(t.records == 213);
    CHECK(t.must_fail == 88);
    CHECK(t.can_fail == 5);
    CHECK(t.read == 125 - t.did_fail);
    // The RFC wishes what can fail to be read: padding left out, stray bits, far dates, a string over two lines.
    CHECK(t.did_fail == 0);
    CHECK(t.canonical == 50);
}
