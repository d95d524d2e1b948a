// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/time.hpp"
#include "weir/observe/observer.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::tools {

/// One line of the log that `json_lines` writes.
struct logged_event {
    event_type type{};
    std::int64_t at = 0;  ///< ns since 1970, rounded down to milliseconds
    std::string host{};   ///< "" for an event of no key
    std::string role{};
    duration waited{};  ///< of acquire, block, cancel, head_skip and shadow
    int status = 0;     ///< of response; 0 = unknown
};

/// What an event means for a program that counts requests.
enum class event_role : std::uint8_t {
    request,  ///< a request left: acquire, shadow
    answer,   ///< response
    refusal,  ///< a caller that got no permit: block, cancel
    free,     ///< a request left and counts for no limit: head_skip
    other,
};
[[nodiscard]] event_role role_of(event_type t) noexcept;

/// Reads one line. Nothing: it is no line of an event log, or of a kind that this program does not know. A kind that is
/// not known might be one more way to send a request, so it is never passed over.
[[nodiscard]] std::optional<logged_event> parse_event_line(std::string_view line);

/// A request as an event log has it.
struct logged_request {
    event_type type{};        ///< acquire, shadow, head_skip, block or cancel
    std::int64_t wished = 0;  ///< ns since 1970: when its caller asked
    duration waited{};        ///< until it was admitted, denied or cancelled
    std::string host{};
    std::string role{};
    std::optional<duration> took{};  ///< from the admission to the answer; absent = no answer in the log
    int status = 0;                  ///< of the answer
};

/// All requests of an event log.
struct logged_requests {
    std::vector<logged_request> all{};  ///< in the order of their wishes
    bool has_answers = false;           ///< the log is of level `all`
};

/// Puts events together. The log has no number of a request: an answer is of the longest open request of its host and
/// role.
class request_collector {
public:
    void take(logged_event e);
    /// In the order of the wishes. A request without an answer is given its key's median time.
    [[nodiscard]] logged_requests finish();

private:
    logged_requests out_;
    std::map<std::pair<std::string, std::string>, std::deque<std::size_t>> open_;
};

/// Reads an event log whose line `number` is `first` and whose rest is `in`. `number` follows.
///
/// **Errors.** A sentence about line `number`, which is none of an event log.
[[nodiscard]] std::optional<std::string> read_event_log(std::string_view first, std::istream& in, std::size_t& number,
                                                        logged_requests& out);

}  // namespace weir::tools
