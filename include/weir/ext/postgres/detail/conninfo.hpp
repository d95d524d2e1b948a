// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/closest_match.hpp"
#include "weir/storage/remote/dsn.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::postgres::detail {

/// The names of our own parameters.
inline constexpr std::array<std::string_view, 14> our_parameters{"weir_schema",
                                                                 "weir_pool",
                                                                 "weir_pool_wait_ms",
                                                                 "weir_connect_timeout_ms",
                                                                 "weir_command_timeout_ms",
                                                                 "weir_reconnect_first_ms",
                                                                 "weir_reconnect_max_ms",
                                                                 "weir_entry_ttl_s",
                                                                 "weir_holder_ttl_ms",
                                                                 "weir_holder_host",
                                                                 "weir_on_lost_history",
                                                                 "weir_synchronous_commit",
                                                                 "weir_unlogged",
                                                                 "weir_migrate"};

struct conninfo_free {
    void operator()(PQconninfoOption* all) const noexcept { PQconninfoFree(all); }
};
using conninfo = std::unique_ptr<PQconninfoOption, conninfo_free>;

/// The fault of a parameter name that does not exist, with the name that was probably meant; empty if it exists.
[[nodiscard]] inline std::string fault_of_name(std::string_view name) {
    std::vector<std::string> names{"ssl"};  // in a URI, for compatibility with JDBC
    const conninfo all{PQconndefaults()};
    for (const PQconninfoOption* o = all.get(); o != nullptr && o->keyword != nullptr; ++o)
        names.emplace_back(o->keyword);
    names.insert(names.end(), our_parameters.begin(), our_parameters.end());
    if (std::ranges::find(names, name) != names.end())
        return {};
    // A name that is far from all of them may be part of a password, so it is not repeated.
    const std::string near = closest_match(name, names);
    if (near.empty())
        return fmt::format("it has an unknown parameter; ours are {}, all others are libpq's (in a value, & and blanks "
                           "must be encoded or quoted)",
                           fmt::join(our_parameters, ", "));
    return fmt::format("{} is no parameter; did you mean {}?", name, near);
}

/// The fault of a connection text. libpq's own message may repeat the text, so it is not used.
[[nodiscard]] inline std::string fault_of_conninfo(const std::string& text) {
    if (text.find('\0') != std::string::npos)
        return "the connection text has a zero byte; take it out";
    char* why = nullptr;
    const conninfo parsed{PQconninfoParse(text.c_str(), &why)};
    PQfreemem(why);
    return parsed != nullptr ? std::string{}
                             : "libpq cannot read it; write postgresql://user:password@host:5432/database, with every "
                               "character of a part that is no letter, digit, - . _ or ~ as %XX, or host=... user=... "
                               "dbname=...";
}

/// The server of a connection text, for messages: host, port and database.
[[nodiscard]] inline std::string server_of(const std::string& text) {
    std::string host;
    std::string port;
    std::string database;
    const conninfo parsed{PQconninfoParse(text.c_str(), nullptr)};
    for (const PQconninfoOption* o = parsed.get(); o != nullptr && o->keyword != nullptr; ++o) {
        const std::string_view name{o->keyword};
        if (o->val == nullptr)
            continue;
        if (name == "host" || (name == "hostaddr" && host.empty()))
            host = o->val;
        else if (name == "port")
            port = o->val;
        else if (name == "dbname")
            database = o->val;
    }
    return fmt::format("{}{}{}{}{}", host.empty() ? "the default server" : host, port.empty() ? "" : ":", port,
                       database.empty() ? "" : ", database ", database);
}

/// Passes our parameters of a URI's query to `set`, and writes the URI without them to `rest`. Returns the fault, or
/// nothing.
template <class Set>
[[nodiscard]] std::string split_uri(std::string_view text, std::string& rest, Set&& set) {
    // A ? in the user's part does not begin a query.
    const std::size_t begin = text.find("://") + 3;
    const std::size_t part = text.find_first_of("@/", begin);
    const std::size_t query = text.find('?', part != std::string_view::npos && text[part] == '@' ? part : begin);
    rest = text.substr(0, query);
    char joint = '?';
    for (std::size_t at = query; at != std::string_view::npos;) {
        const std::size_t end = text.find('&', at + 1);
        const std::string_view pair = text.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
        at = end;
        if (pair.empty())
            continue;
        const std::size_t equals = pair.find('=');
        const auto name = remote::percent_decoded(pair.substr(0, equals));
        const auto value = remote::percent_decoded(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
        if (!name || !value)
            return "a % is not followed by two hexadecimal digits; write %25 for a percent sign";
        if (std::string fault = fault_of_name(*name); !fault.empty())
            return fault;
        if (equals == std::string_view::npos)
            return fmt::format("{} has no value; write {}=...", *name, *name);
        if (name->starts_with("weir_")) {
            if (std::string fault = set(*name, *value); !fault.empty())
                return fault;
        } else {
            rest += joint;
            rest += pair;
            joint = '&';
        }
    }
    return {};
}

/// Reads libpq's `name = 'value'` list from the left.
class keyword_reader {
public:
    explicit keyword_reader(std::string_view text) : text_(text) { skip_blanks(); }

    [[nodiscard]] bool is_done() const noexcept { return at_ == text_.size(); }
    [[nodiscard]] std::size_t at() const noexcept { return at_; }

    [[nodiscard]] std::string name() {
        const std::size_t begin = at_;
        while (!is_done() && text_[at_] != '=' && !is_blank(text_[at_]))
            ++at_;
        return std::string{text_.substr(begin, at_ - begin)};
    }
    /// Whether there was an equals sign.
    [[nodiscard]] bool equals() {
        skip_blanks();
        if (is_done() || text_[at_] != '=')
            return false;
        ++at_;
        skip_blanks();
        return true;
    }
    /// Nothing if a quote has no end.
    [[nodiscard]] std::optional<std::string> value() {
        const bool quoted = !is_done() && text_[at_] == '\'';
        at_ += quoted ? 1 : 0;
        std::string out;
        for (; !is_done(); ++at_) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
                out += text_[++at_];
            } else if (quoted ? text_[at_] == '\'' : is_blank(text_[at_])) {
                at_ += quoted ? 1 : 0;
                return out;
            } else {
                out += text_[at_];
            }
        }
        return quoted ? std::nullopt : std::optional{out};
    }
    void skip_blanks() noexcept {
        while (!is_done() && is_blank(text_[at_]))
            ++at_;
    }

private:
    [[nodiscard]] static bool is_blank(char c) noexcept {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

/// The same for libpq's `name = 'value'` list.
template <class Set>
[[nodiscard]] std::string split_keywords(std::string_view text, std::string& rest, Set&& set) {
    rest.clear();
    for (keyword_reader reader{text}; !reader.is_done(); reader.skip_blanks()) {
        const std::size_t begin = reader.at();
        const std::string name = reader.name();
        if (std::string fault = fault_of_name(name); !fault.empty())
            return fault;
        if (!reader.equals())
            return fmt::format("{} has no value; write {}=...", name, name);
        const std::optional<std::string> value = reader.value();
        if (!value)
            return fmt::format("the quoted value of {} has no end", name);
        if (name.starts_with("weir_")) {
            if (std::string fault = set(name, *value); !fault.empty())
                return fault;
        } else {
            rest += rest.empty() ? "" : " ";
            rest.append(text.substr(begin, reader.at() - begin));
        }
    }
    return {};
}

}  // namespace weir::postgres::detail
