// SPDX-License-Identifier: MIT
//
// Any lines as the fields of a request and a response, and any bytes as a stored head: the cache decides without a
// fault, never reuses what forbids it, and reads back what it wrote.

#include "weir/http/cache/cache_policy.hpp"
#include "weir/http/cache/cache_update.hpp"
#include "weir/http/cache/detail/reply.hpp"
#include "weir/http/cache/detail/stored_head.hpp"
#include "weir/http/transport.hpp"

#include "fuzz/support/resolved.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace http = weir::http;
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    if (const auto read = http::detail::stored_head_reader::read(bytes))
        weir_fuzz::require(http::detail::stored_head_writer::write(*read).size() == bytes.size());

    // Lines that begin with '>' belong to the request, the others to the response.
    http::headers asked, said;
    for (const std::string& line : weir_fuzz::lines_of(data, size)) {
        const bool of_request = line.starts_with('>');
        const std::string_view text = std::string_view{line}.substr(of_request ? 1 : 0);
        const auto colon = text.find(':');
        if (colon != std::string_view::npos)
            (of_request ? asked : said).add(text.substr(0, colon), weir::detail::trim(text.substr(colon + 1)));
    }
    const http::wall_time now{std::chrono::seconds{1'796'000'000}};
    const http::request what{.url = "http://a.org/", .headers = asked};
    if (!http::may_store(what, 200, said))
        return 0;
    const http::stored_response stored = http::make_stored(what, 200, said, "0123456789", now, now);
    weir_fuzz::require(http::selected_by(stored, asked));
    const auto found = http::evaluate(what, &stored, now + std::chrono::seconds{10});
    const http::cache_control control = http::parse_cache_control(said);
    if (found.action == http::cache_action::use || found.action == http::cache_action::use_then_validate) {
        weir_fuzz::require(found.age >= std::chrono::seconds{10});
        weir_fuzz::require(!control.no_cache && !(control.no_store && !control.must_understand));
        weir_fuzz::require(found.staleness.count() == 0 || !control.must_revalidate);
    }
    http::detail::collector to{what, 100};
    http::detail::reply(what, stored, found.age, "hit", false, to);
    weir_fuzz::require(to.out.body.size() <= stored.body.size());
    weir_fuzz::require(std::string_view{stored.body}.find(to.out.body) != std::string_view::npos);
    const auto back = http::detail::stored_head_reader::read(http::detail::stored_head_writer::write(stored));
    weir_fuzz::require(back && back->headers == stored.headers && back->selecting == stored.selecting);
    static_cast<void>(http::updated(stored, what, said, now, now));
    static_cast<void>(http::conditional(what, stored));
    return 0;
}
