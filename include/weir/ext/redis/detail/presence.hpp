// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/rerouting.hpp"
#include "weir/ext/redis/detail/slot_map.hpp"
#include "weir/ext/redis/detail/wire.hpp"
#include "weir/ext/redis/options.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/remote/holder_book.hpp"
#include "weir/storage/remote/own_presence.hpp"

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::redis::detail {

/// The bytes of a holder's record, as `presence.lua` gets them: number, time to live, time to keep, machine,
/// process, its start, the machine's name.
[[nodiscard]] inline std::string presence_argument(const remote::own_presence& of) {
    std::string out;
    const auto put = [&out](std::uint64_t value) {
        const auto bytes = bytes_of(value);
        out.append(bytes.data(), bytes.size());
    };
    put(of.id);
    put(std::bit_cast<std::uint64_t>(microseconds_up(of.ttl)));
    put(std::bit_cast<std::uint64_t>(microseconds_up(of.keep)));
    put(of.identity.machine);
    put(static_cast<std::uint64_t>(of.identity.pid));
    put(static_cast<std::uint64_t>(of.identity.start));
    return out.append(of.identity.host);
}

/// What `presence.lua` returns.
struct presence_reply {
    std::int64_t now = 0;    ///< by the server's clock, in microseconds
    std::int64_t alive = 0;  ///< holders that live, with the caller
    std::vector<remote::holder_record> holders;
};
/// Nothing if the bytes are not what the script returns.
[[nodiscard]] inline std::optional<presence_reply> presence_reply_of(std::string_view bytes) {
    constexpr std::size_t fixed = 2 + 8 * 8;
    const auto number = [](std::string_view from, std::size_t index) {
        return std::bit_cast<std::uint64_t>(double_at(from, index));
    };
    const auto time = [](std::string_view from, std::size_t index) {
        const double value = double_at(from, index);
        return value > -9e15 && value < 9e15 ? static_cast<std::int64_t>(value) : 0;
    };
    if (bytes.size() < 16)
        return std::nullopt;
    presence_reply out{time(bytes, 0), time(bytes, 1), {}};
    bytes.remove_prefix(16);
    while (bytes.size() >= fixed) {
        const auto size = static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) |
                          static_cast<std::size_t>(static_cast<unsigned char>(bytes[1])) << 8;
        if (size < fixed || size > bytes.size())
            return std::nullopt;
        const std::string_view r = bytes.substr(2, size - 2);
        out.holders.push_back({number(r, 0), number(r, 5), static_cast<std::int64_t>(number(r, 6)),
                               static_cast<std::int64_t>(number(r, 7)), time(r, 2), time(r, 1), time(r, 3),
                               std::string{r.substr(64)}});
        bytes.remove_prefix(size);
    }
    return bytes.empty() ? std::optional{std::move(out)} : std::nullopt;
}

/// The signs of life of one store object, as calls of the script.
///
/// **Thread safety.** All members may be called from any thread.
class presence : public remote::own_presence {
public:
    presence(const redis_options& o, std::uint64_t holder)
        : own_presence(holder, o.holder_ttl, o.entry_ttl, o.holder_host, o.injected_time),
          argument_(presence_argument(*this)) {
        const std::string key = o.prefix + ":holders";
        keys_ = "$1\r\n1\r\n";
        append_part(keys_, key);
        hash_slot_ = hash_slot(key);
    }

    /// The script's key, as a part of a call, and its argument.
    [[nodiscard]] const std::string& keys() const noexcept { return keys_; }
    void address(key_address& to) const {
        to.parts = keys_;
        to.hash_slot = hash_slot_;
    }
    [[nodiscard]] const std::string& argument() const noexcept { return argument_; }
    /// Reads the reply of a renewal.
    void hear(std::string_view bytes, instant now) noexcept {
        if (bytes.size() != 16)
            return book.failed(now);
        book.succeeded(static_cast<std::int64_t>(double_at(bytes, 1)));
    }

private:
    std::string argument_;
    std::string keys_;
    std::uint16_t hash_slot_ = 0;
};

}  // namespace weir::redis::detail
