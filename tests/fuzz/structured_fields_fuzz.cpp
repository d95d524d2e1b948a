// SPDX-License-Identifier: MIT
//
// Any bytes as an Item, a List and a Dictionary: what is read is written, and reads back as itself in one more spelling
// that no longer changes; what is not is refused with a sentence in printable ASCII.

#include "weir/http/structured_fields.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

namespace sf = weir::http::sf;

void require(bool holds) {
    if (!holds)
        std::abort();
}

template <class Parse>
void check(std::string_view text, Parse parse) {
    const auto field = parse(text);
    if (!field) {
        require(!field.error().message.empty() && field.error().message.size() < 1000);
        for (const char c : field.error().message)
            require(c >= ' ' && c <= '~');
        return;
    }
    const auto written = sf::serialize(*field);
    require(written.has_value());
    const auto again = parse(*written);
    require(again && *again == *field);
    require(*sf::serialize(*again) == *written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    check(text, [](std::string_view t) { return sf::parse_item(t); });
    check(text, [](std::string_view t) { return sf::parse_list(t); });
    check(text, [](std::string_view t) { return sf::parse_dictionary(t); });
    return 0;
}
