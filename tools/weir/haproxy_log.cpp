// SPDX-License-Identifier: MIT
#include "log_format.hpp"
#include "log_time.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// SYSLOG ADDRESS:PORT [DATE.ms] FRONTEND BACKEND/SERVER TR/Tw/Tc/Tr/Ta STATUS BYTES CC CS TERM 1/1/1/1/0 0/0 {CAPTURED}
// "REQUEST"

namespace weir::tools {
namespace {

/// Whether these are so many whole numbers with slashes between them; each may have a sign.
bool is_slashed(std::string_view text, std::size_t count) {
    front_reader numbers{text};
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0)
            numbers.literal("/");
        if (!numbers.optional("-"))
            static_cast<void>(numbers.optional("+"));
        numbers.number();
    }
    return numbers.at_end();
}

/// Cuts the text up to the next space off its front.
std::string_view next_word(std::string_view& text) {
    const auto end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return word;
}

/// Cuts the captured headers off the front; returns the first one's value, or "".
std::string_view cut_captured(std::string_view& rest) {
    std::string_view first;
    for (int groups = 0; rest.starts_with('{'); ++groups) {  // of the request, of the answer
        const auto end = rest.find("} ");                    // inside a value HAProxy writes "|" and "}" as #7C and #7D
        if (groups == 0)
            first = rest.substr(1, rest.find_first_of("|}") - 1);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
    }
    return first;
}

std::optional<log_entry> read_request(std::string_view rest, std::int64_t at) {
    const std::string_view frontend = next_word(rest);
    if (frontend.ends_with(':') && frontend.find('/') != std::string_view::npos)
        return log_entry{};  // such as "https/1: SSL handshake failure": no request came
    std::array<std::string_view, 9> words;
    for (auto& word : words)
        word = next_word(rest);
    const auto& [server, timers, status, bytes, request_cookie, response_cookie, termination, connections, queues] =
        words;
    if (frontend.empty() || server.find('/') == std::string_view::npos || !is_slashed(timers, 5) ||
        !is_slashed(status, 1) || status.size() > 3 || !is_slashed(bytes, 1) || termination.size() != 4 ||
        !is_slashed(connections, 5) || !is_slashed(queues, 2))
        return {};
    log_entry out{.what = log_entry::kind::request, .at = at};
    front_reader code{status};
    out.status = code.optional("-") ? 0 : static_cast<int>(code.number());  // -1: no answer
    out.host = cut_captured(rest);
    if (rest.starts_with(R"("<BADREQ>")"))
        return log_entry{};  // a connection that brought no request, or none that can be read
    if (out.host.empty())
        out.host = frontend.substr(0, frontend.size() - (frontend.ends_with('~') ? 1 : 0));  // "~": over TLS
    return out;
}

/// Whether it is what the process says of itself, as in "haproxy[7]: Proxy http started." Only known beginnings are,
/// for a line of a log-format of one's own may tell of a request.
bool is_about_itself(std::string_view line) {
    static constexpr std::array<std::string_view, 10> beginnings{
        "Proxy ",   "Stopping ",     "Pausing ",  "Server ",    "Backup Server ",
        "backend ", "Health check ", "[NOTICE] ", "[WARNING] ", "[ALERT] "};
    const auto name = line.find("haproxy[");
    const auto colon = line.find("]: ", name);
    if (name == std::string_view::npos || colon == std::string_view::npos)
        return false;
    const std::string_view said = line.substr(colon + 3);
    return std::ranges::any_of(beginnings, [said](std::string_view b) { return said.starts_with(b); });
}

std::optional<log_entry> read_haproxy(std::string_view line) {
    bool dated = false;
    for (auto open = line.find(" ["); open != std::string_view::npos; open = line.find(" [", open + 1)) {
        const auto address = line.substr(0, open);
        front_reader date{line.substr(open + 2)};
        auto at = date.log_date();
        date.literal(".");
        at += date.digits(3) * one_millisecond;
        date.literal("] ");
        if (!date.good())
            continue;
        dated = true;
        if (address.substr(address.rfind(' ') + 1).find(':') != std::string_view::npos)
            if (auto out = read_request(date.rest(), at))
                return out;
    }
    return !dated && is_about_itself(line) ? std::optional{log_entry{}} : std::nullopt;
}

}  // namespace

log_format haproxy_log_format() {
    return {.family = "haproxy",
            .text = "a line of \"option httplog\"",
            .read = read_haproxy,
            .blur = one_millisecond - 1,
            .access_log = true};
}

}  // namespace weir::tools
