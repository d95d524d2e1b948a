// SPDX-License-Identifier: MIT
//
// The limiter and libcurl mean the same server: whatever text `parse_url` accepts, libcurl reads the URL that is sent
// to it in the same way, and the text itself too.
#include "weir/http/url.hpp"

#include "support/catch.hpp"

#include "support/seed.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace {

struct curl_parts {
    std::string scheme, host, port, path, query;
};

/// The parts of a URL as libcurl reads them.
std::optional<curl_parts> by_libcurl(const std::string& text) {
    struct cleanup {
        void operator()(CURLU* u) const noexcept { curl_url_cleanup(u); }
    };
    const std::unique_ptr<CURLU, cleanup> url{curl_url()};
    if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_PATH_AS_IS) != CURLUE_OK)
        return std::nullopt;
    const auto part = [&](CURLUPart which, unsigned flags = 0) {
        char* out = nullptr;
        std::string value;
        if (curl_url_get(url.get(), which, &out, flags) == CURLUE_OK && out != nullptr)
            value = out;
        curl_free(out);
        return value;
    };
    return curl_parts{part(CURLUPART_SCHEME), part(CURLUPART_HOST), part(CURLUPART_PORT, CURLU_DEFAULT_PORT),
                      part(CURLUPART_PATH), part(CURLUPART_QUERY)};
}

/// A budget's host with its port, whether or not that is the scheme's default.
std::string with_port(const weir::http::url& url) {
    const auto colon = url.host.rfind(':');
    const bool has_port = colon != std::string::npos && url.host.find(']', colon) == std::string::npos;
    return has_port ? url.host : fmt::format("{}:{}", url.host, url.scheme == "https" ? 443 : 80);
}

std::string lower_without_dot(std::string host) {
    for (char& c : host)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (host.ends_with('.'))
        host.pop_back();
    return host;
}

std::string random_url(weir_test::dice& random) {
    static constexpr std::array<std::string_view, 75> pieces{"http://",
                                                             "https://",
                                                             "HTTP://",
                                                             "hTTps:",
                                                             "//",
                                                             "/",
                                                             "\\",
                                                             "?",
                                                             "#",
                                                             "@",
                                                             ":",
                                                             ".",
                                                             "..",
                                                             "%",
                                                             "%41",
                                                             "%2e",
                                                             "%2F",
                                                             "%00",
                                                             "example.org",
                                                             "EXAMPLE.org",
                                                             "a",
                                                             "b-c",
                                                             "_x",
                                                             "xn--bcher-kva",
                                                             "b\xc3\xbc"
                                                             "cher",
                                                             "0",
                                                             "1",
                                                             "127",
                                                             "255",
                                                             "256",
                                                             "0x7f",
                                                             "0X1",
                                                             "017",
                                                             "08",
                                                             "0x",
                                                             "2130706433",
                                                             "4294967296",
                                                             "127.0.0.1",
                                                             "1.2.3.4",
                                                             "01.2.3.4",
                                                             "1.2.3.4.",
                                                             "127.1",
                                                             "0x7f.1",
                                                             "1.2.3.4.5",
                                                             "[",
                                                             "]",
                                                             "[::1]",
                                                             "[::]",
                                                             "[0:0:0:0:0:0:0:1]",
                                                             "[::ffff:127.0.0.1]",
                                                             "[2001:DB8::1]",
                                                             "[::1%25lo]",
                                                             "[::1::1]",
                                                             "[fe80::1]",
                                                             "::",
                                                             ":80",
                                                             ":443",
                                                             ":080",
                                                             ":0",
                                                             ":65535",
                                                             ":65536",
                                                             ":8080",
                                                             ":00443",
                                                             ":+80",
                                                             ": 80",
                                                             "user",
                                                             "p:w@",
                                                             " ",
                                                             "\t",
                                                             "\n",
                                                             "\x7f",
                                                             "\xff",
                                                             ";",
                                                             "!",
                                                             "*"};
    std::string out;
    switch (random.from(0, 9)) {
    case 0:
        break;  // anything
    case 1:
        out = "https://";
        break;
    default:
        out = "http://";
        break;
    }
    if (random.from(0, 2) == 0) {  // an address in some spelling
        for (std::int64_t n = random.from(1, 5); n > 0; --n) {
            const std::int64_t value = random.from(0, 3) == 0 ? random.from(0, 5'000'000'000) : random.from(0, 300);
            switch (random.from(0, 3)) {
            case 0:
                out += fmt::format("0x{:x}", value);
                break;
            case 1:
                out += fmt::format("0{:o}", value);
                break;
            default:
                out += fmt::format("{}", value);
                break;
            }
            if (n > 1 || random.from(0, 20) == 0)
                out += '.';
        }
    }
    for (std::int64_t n = random.from(0, 7); n > 0; --n)
        out += pieces[static_cast<std::size_t>(random.from(0, static_cast<std::int64_t>(pieces.size()) - 1))];
    if (random.from(0, 3) == 0)
        out += static_cast<char>(random.from(0, 255));
    return out;
}

/// What of an accepted text libcurl sees in another way; empty if nothing.
std::string difference(const std::string& text, const weir::http::url& ours) {
    const auto sent = by_libcurl(ours.str());
    if (!sent)
        return "libcurl refuses what is sent to it";
    if (sent->scheme != ours.scheme || fmt::format("{}:{}", sent->host, sent->port) != with_port(ours))
        return fmt::format("what is sent means {} at {}:{}", sent->scheme, sent->host, sent->port);
    if (sent->path != ours.path || (ours.query.size() > 1 && "?" + sent->query != ours.query))
        return fmt::format("what is sent has the path {} and the query {}", sent->path, sent->query);
    // libcurl takes some texts for names that have no meaning as such: an address with a dot at its end and, in some
    // versions, a number that begins with "0X".
    const auto original = by_libcurl(weir::detail::lower(text));
    if (original && fmt::format("{}:{}", lower_without_dot(original->host), original->port) != with_port(ours) &&
        !original->host.ends_with('.'))
        return fmt::format("the text means {}:{}", original->host, original->port);
    return {};
}

}  // namespace

TEST_CASE("random texts mean the same server to the limiter and to libcurl") {
    weir_test::dice random{weir_test::seed_for("URLs")};
    const int cases = weir_test::cases_or(400'000);
    int accepted = 0, both = 0;
    for (int i = 0; i < cases; ++i) {
        const std::string text = random_url(random);
        const auto ours = weir::http::parse_url(text);
        if (!ours)
            continue;
        ++accepted;
        both += by_libcurl(text) ? 1 : 0;
        if (const auto wrong = difference(text, *ours); !wrong.empty()) {
            FAIL(weir::http::printable_url(text) << " is " << ours->str() << ", but " << wrong);
            return;
        }
    }
    INFO(accepted << " of " << cases << " are URLs, " << both << " to libcurl too");
    CHECK(accepted > cases / 20);
    CHECK(both > accepted / 2);
}

TEST_CASE("every spelling of an address is one server to the limiter and to libcurl") {
    for (const char* host : {"127.0.0.1", "127.1", "2130706433", "0x7f.1", "0x7F000001", "0177.0.0.01"}) {
        CAPTURE(host);
        CHECK(weir::http::parse_url(fmt::format("http://{}/", host))->host == "127.0.0.1");
        CHECK(by_libcurl(fmt::format("http://{}/", host))->host == "127.0.0.1");
    }
    for (const char* host : {"[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]"}) {
        CAPTURE(host);
        CHECK(weir::http::parse_url(fmt::format("http://{}/", host))->host == "[::1]");
        CHECK(by_libcurl(fmt::format("http://{}/", host))->host == "[::1]");
    }
}
