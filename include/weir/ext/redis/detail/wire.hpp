// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/script.hpp"

#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Everything that is sent and received, as values: commands, packed doubles, names of keys.

namespace weir::redis::detail {

inline constexpr double never = std::numeric_limits<double>::infinity();
inline constexpr double server_time = std::numeric_limits<double>::quiet_NaN();

/// The eight bytes of a number, least significant first.
[[nodiscard]] inline std::array<char, 8> bytes_of(std::uint64_t value) noexcept {
    std::array<char, 8> out;
    for (char& c : out) {
        c = static_cast<char>(value & 0xff);
        value >>= 8;
    }
    return out;
}
[[nodiscard]] inline double double_at(std::string_view bytes, std::size_t index) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;)
        value = value << 8 | static_cast<unsigned char>(bytes[index * 8 + i]);
    return std::bit_cast<double>(value);
}

/// A factor of the scripts as a multiplier.
[[nodiscard]] inline multiplier factor_of(double millionths) noexcept {
    return multiplier::of(millionths / static_cast<double>(multiplier::one));
}

/// Bytes of a script's reply. An admission returns three doubles and its credit; then two doubles if the caller does
/// not know the present head, and four if something stood in its way. A denial returns six doubles. An admission by
/// credit returns a whole number, or two doubles if it counts from its admission.
inline constexpr std::size_t brief_bytes = 3 * 8 + 1;
inline constexpr std::size_t whole_bytes = brief_bytes + 2 * 8;
inline constexpr std::size_t obstacle_bytes = 4 * 8;
inline constexpr std::size_t denied_bytes = 6 * 8;
inline constexpr std::size_t counted_bytes = 2 * 8;
/// The smallest stored head: its mark and its fields.
inline constexpr std::size_t stored_head_bytes = 125;

/// What an admission returns.
struct admitted {
    double t;
    double version;  ///< of the head; each admission raises it
    double lives;
    bool has_credit;  ///< whether the next admission under this plan may need no decision
    bool is_whole;    ///< whether the two members below are present
    double born;
    double factor;
    std::string_view obstacle;  ///< what stood in the way, or empty
};
/// An admission by credit at `t`.
[[nodiscard]] inline admitted credited(double t, double version, double lives) noexcept {
    return {t, version, lives, true, false, 0, 0, {}};
}
/// `lives` is what the caller knows of the head; an admission by credit finds the same.
[[nodiscard]] inline std::optional<admitted> admitted_of(std::string_view bytes, double lives) noexcept {
    if (bytes.size() == counted_bytes)
        return credited(double_at(bytes, 0), double_at(bytes, 1), lives);
    for (const std::size_t size : {brief_bytes, whole_bytes}) {
        if (bytes.size() != size && bytes.size() != size + obstacle_bytes)
            continue;
        const bool is_whole = size == whole_bytes;
        const std::string_view more = bytes.substr(brief_bytes);
        return admitted{double_at(bytes, 0),
                        double_at(bytes, 1),
                        double_at(bytes, 2),
                        bytes[brief_bytes - 1] != 0,
                        is_whole,
                        is_whole ? double_at(more, 0) : 0,
                        is_whole ? double_at(more, 1) : 0,
                        bytes.substr(size)};
    }
    return std::nullopt;
}

/// The numeric arguments of a script.
///
/// **Complexity.** No heap up to 16 windows.
class argument_list {
public:
    explicit argument_list(std::size_t size) {
        if (size > few_.size())
            many_.reserve(size);
    }
    void add(double value) {
        if (many_.capacity() > 0)
            many_.push_back(value);
        else
            few_.at(count_++) = value;
    }
    void set(std::size_t index, double value) { (many_.capacity() > 0 ? many_[index] : few_.at(index)) = value; }
    [[nodiscard]] std::span<const double> all() const noexcept {
        return many_.capacity() > 0 ? std::span<const double>{many_} : std::span{few_}.first(count_);
    }

private:
    std::array<double, 9 + 2 * 16> few_;
    std::size_t count_ = 0;
    std::vector<double> many_;
};

/// Appends the size of a part of a command.
inline void append_size(std::string& out, std::size_t size) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size).ptr;
    (out += '$').append(digits.data(), end).append("\r\n");
}
/// Appends `text` as one part of a command.
inline void append_part(std::string& out, std::string_view text) {
    append_size(out, text.size());
    out.append(text).append("\r\n");
}

/// A whole command of texts.
[[nodiscard]] inline std::string command(std::span<const std::string_view> parts) {
    std::string out = fmt::format("*{}\r\n", parts.size());
    for (const std::string_view part : parts)
        append_part(out, part);
    return out;
}

/// The offset in `key_parts` of the number of keys.
inline constexpr std::size_t keys_count = 4;

/// Appends a note, as the scripts read it. Repeating a note that names an entry changes nothing.
inline void append_note(std::string& out, std::uint64_t id, double at, note_kind how) {
    const auto name = bytes_of(id);
    const auto time = bytes_of(std::bit_cast<std::uint64_t>(at));
    out.append(name.data(), name.size()).append(time.data(), time.size());
    out += static_cast<char>(how);
}
/// Appends `APPEND head note`, which adds the note to its key's head. `start` is made by `note_start`.
inline void append_noting(std::string& out, std::string_view start, std::uint64_t id, double at, note_kind how) {
    out.append(start);
    append_note(out, id, at, how);
    out.append("\r\n");
}

/// Appends `EVALSHA sha keys arguments [notes]`. `keys` is made by `key_parts` or `all_key_parts`; `tail` is the end of
/// the arguments.
inline void append_call(std::string& out, std::string_view sha, std::string_view keys, std::span<const double> args,
                        std::string_view tail, std::string_view notes) {
    const std::size_t parts = 4 + static_cast<std::size_t>(keys[keys_count] - '0') + (notes.empty() ? 0 : 1);
    out += '*';
    out += static_cast<char>('0' + parts);
    out.append("\r\n$7\r\nEVALSHA\r\n");
    append_part(out, sha);
    out.append(keys);
    append_size(out, args.size() * 8 + tail.size());
    for (const double value : args) {
        const auto bytes = bytes_of(std::bit_cast<std::uint64_t>(value));
        out.append(bytes.data(), bytes.size());
    }
    out.append(tail).append("\r\n");
    if (!notes.empty())
        append_part(out, notes);
}

/// Appends one name for use inside a key: letters, digits, dots and dashes unchanged, every other byte as %XX. So two
/// different pairs of names never give the same text, and no name can end the hash tag.
inline void append_escaped(std::string& out, std::string_view name) {
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                           c == '-' || c == '_' || c == ':';
        if (plain)
            out += c;
        else
            fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
}

/// The names of a key's head, its list and its tuner record: `prefix:1:{host|role}`, and the same with `:s` and with
/// `:t`. The 1 is the version of their content. Only the text in the braces decides the Cluster slot, so all three are
/// in one slot.
struct key_names {
    std::string head;
    std::string list;
    std::string tuner;
};
[[nodiscard]] inline key_names names_of(std::string_view prefix, std::string_view host, std::string_view role) {
    key_names out;
    out.head.append(prefix).append(":1:{");
    append_escaped(out.head, host);
    out.head += '|';
    append_escaped(out.head, role);
    out.head += '}';
    out.list = out.head + ":s";
    out.tuner = out.head + ":t";
    return out;
}
/// The part of a call with the names of head and list.
[[nodiscard]] inline std::string key_parts(const key_names& names) {
    std::string out = "$1\r\n2\r\n";
    append_part(out, names.head);
    append_part(out, names.list);
    return out;
}
/// The same with the third key; `tuner` is its part. It is made again for the few calls that need it.
[[nodiscard]] inline std::string all_key_parts(std::string_view two, std::string_view tuner) {
    std::string out{two};
    out[keys_count] = '3';
    return out.append(tuner);
}

/// The part of a note before the note itself.
[[nodiscard]] inline std::string note_start(const key_names& names) {
    std::string out = "*3\r\n$6\r\nAPPEND\r\n";
    append_part(out, names.head);
    return out + "$17\r\n";
}

// ---- time: the store's own unit is the microsecond, or under injected time the nanosecond since an origin

/// Nanoseconds as microseconds, rounded up: periods, gates and times to live must not end early.
[[nodiscard]] constexpr double microseconds_up(duration span) noexcept {
    const std::int64_t whole = span.count() / 1000;
    return static_cast<double>(whole + (span.count() % 1000 > 0 ? 1 : 0));
}
/// Microseconds as a span of the local timeline, limited to the longest span.
[[nodiscard]] constexpr duration span_of(double microseconds) noexcept {
    constexpr double max = 4.6e15;
    if (!(microseconds < max))
        return far_future - instant{};
    if (microseconds < -max)
        return long_ago - instant{};
    return duration{static_cast<std::int64_t>(microseconds) * 1000};
}

/// The id of an entry without anything but its stamp: the stamp, marked, and raised so that it is not negative.
inline constexpr std::uint64_t stamp_mark = std::uint64_t{1} << 63;
inline constexpr std::int64_t stamp_raised = std::int64_t{1} << 60;
[[nodiscard]] constexpr bool is_stamp(std::uint64_t id) noexcept { return (id & stamp_mark) != 0; }
[[nodiscard]] constexpr std::uint64_t id_of_stamp(double at) noexcept {
    return stamp_mark | static_cast<std::uint64_t>(static_cast<std::int64_t>(at) + stamp_raised);
}
[[nodiscard]] constexpr double stamp_of(std::uint64_t id) noexcept {
    return static_cast<double>(static_cast<std::int64_t>(id & ~stamp_mark) - stamp_raised);
}

/// The first word of an error reply, if it is plain. The rest may repeat what was sent, so it is not used.
[[nodiscard]] inline std::string_view error_word(std::string_view reply) noexcept {
    std::size_t size = 0;
    while (size < reply.size() && size < 20 && reply[size] >= 'A' && reply[size] <= 'Z')
        ++size;
    return size == 0 || (size < reply.size() && reply[size] != ' ') ? "ERR" : reply.substr(0, size);
}

}  // namespace weir::redis::detail
