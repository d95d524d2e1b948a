// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tools {

/// What one line of a log tells of one request.
struct log_entry {
    enum class kind : std::uint8_t {
        request,  ///< a request, with its time
        answer,   ///< the status of a request that has a line of its own
        neither,  ///< a line that the log is known to have beside those
    };
    kind what = kind::neither;
    std::int64_t at = 0;  ///< ns since the clock's zero; the earliest instant that the stamp may stand for
    std::string host{};   ///< "" where the line has none
    std::string role{};   ///< "" where the line has none
    int status = 0;       ///< 0 where the line has none
    std::optional<std::int64_t> took{};  ///< ns from the request to its answer, where a client's log has it
};

/// How the lines of a log are read.
struct log_format {
    enum class stamp : std::uint8_t {
        arrival,    ///< when the request was there
        answered,   ///< when its answer was finished
        admission,  ///< when the limiter let it go
        sent,       ///< when a client sent it
    };
    std::string_view family{};                                              ///< what `--format` calls it
    std::string text{};                                                     ///< how a line looks, for who gave another
    std::function<std::optional<log_entry>(std::string_view line)> read{};  ///< nothing: no line of this format
    std::int64_t blur = 0;  ///< ns; the truth may lie as much after the stamp, and no more
    stamp stamped = stamp::arrival;
    bool own_clock = false;   ///< stamps of two files cannot be compared
    bool access_log = false;  ///< hosts are as clients wrote them, and roles are not in it
};

inline constexpr std::int64_t one_millisecond = 1'000'000;
inline constexpr std::int64_t one_second = 1'000 * one_millisecond;

/// Why a command cannot do what it was asked for.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// weir's event log and weir-origin's arrival log.
[[nodiscard]] std::vector<log_format> json_log_formats();
/// What clients of any kind write: an object a line, or columns below a line of names, with a time, a status and, if
/// they have it, how long the answer took.
[[nodiscard]] std::vector<log_format> client_log_formats();
/// `option httplog`, with or without what syslog puts before it.
[[nodiscard]] log_format haproxy_log_format();
/// Text as in nginx's directive `log_format`, without quotes around it.
///
/// **Errors.** Throws `usage_error` where lines of that format could not be read.
[[nodiscard]] log_format nginx_log_format(std::string_view directive);
/// The formats of nginx that are known by themselves.
[[nodiscard]] std::vector<log_format> nginx_log_formats();

}  // namespace weir::tools
