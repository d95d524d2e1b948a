// SPDX-License-Identifier: MIT
#include "log_format.hpp"
#include "log_time.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// What clients write of their requests. There is no standard, so that many names of the same thing are known.

namespace weir::tools {
namespace {

enum class client_field : std::uint8_t { time, status, took, host, role, none };

struct field_name {
    std::string_view name;
    client_field is;
    double unit = 0;  ///< ns; 0 = told by the size of the number
};

constexpr std::array client_fields{
    field_name{"time", client_field::time},
    field_name{"t", client_field::time},
    field_name{"ts", client_field::time},
    field_name{"timestamp", client_field::time},
    field_name{"@timestamp", client_field::time},
    field_name{"date", client_field::time},
    field_name{"sent", client_field::time},
    field_name{"sent_at", client_field::time},
    field_name{"start", client_field::time},
    field_name{"started", client_field::time},
    field_name{"time_s", client_field::time, 1e9},
    field_name{"time_ms", client_field::time, 1e6},
    field_name{"timestamp_ms", client_field::time, 1e6},
    field_name{"t_ms", client_field::time, 1e6},
    field_name{"time_ns", client_field::time, 1},
    field_name{"t_ns", client_field::time, 1},
    field_name{"status", client_field::status},
    field_name{"status_code", client_field::status},
    field_name{"code", client_field::status},
    field_name{"http_status", client_field::status},
    field_name{"latency", client_field::took, 1e9},
    field_name{"latency_s", client_field::took, 1e9},
    field_name{"latency_ms", client_field::took, 1e6},
    field_name{"duration", client_field::took, 1e9},
    field_name{"duration_s", client_field::took, 1e9},
    field_name{"duration_ms", client_field::took, 1e6},
    field_name{"elapsed", client_field::took, 1e9},
    field_name{"elapsed_ms", client_field::took, 1e6},
    field_name{"response_time", client_field::took, 1e9},
    field_name{"response_time_ms", client_field::took, 1e6},
    field_name{"took_ms", client_field::took, 1e6},
    field_name{"host", client_field::host},
    field_name{"server", client_field::host},
    field_name{"role", client_field::role},
};

field_name field_called(std::string_view name) {
    for (const field_name& f : client_fields)
        if (f.name == name)
            return f;
    return {name, client_field::none};
}

/// A number of seconds since any zero; since 1970 also in ms, us or ns, which is seen by its size.
std::optional<std::int64_t> number_time(double number, double unit) {
    if (!(number >= 0))
        return {};
    if (unit == 0)
        unit = number < 1e11 ? 1e9 : number < 1e14 ? 1e6 : number < 1e17 ? 1e3 : 1;
    const double ns = number * unit;
    return ns < 4e18 ? std::optional{static_cast<std::int64_t>(std::llround(ns))} : std::nullopt;
}

/// `1764408449.123`, exactly: as a double it would lose what is behind the microseconds.
std::optional<std::int64_t> seconds_text(std::string_view text) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    std::int64_t whole = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + dot, whole);
    if (failure != std::errc{} || end != text.data() + dot || whole < 0 || whole > 4'000'000'000)
        return {};
    std::int64_t part = 0, unit = one_second;
    for (const char c : text.substr(std::min(dot + 1, text.size()))) {
        if (c < '0' || c > '9')
            return {};
        unit /= 10;
        part += (c - '0') * unit;
    }
    return whole * one_second + part;
}

/// A number, or `2026-11-28T09:07:29.123Z`, with a space for the T and any zone.
std::optional<std::int64_t> text_time(std::string_view text, double unit) {
    double number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure == std::errc{} && end == text.data() + text.size()) {
        if (unit == 0 && number < 1e11)
            if (const auto exact = seconds_text(text))
                return exact;
        return number_time(number, unit);
    }
    std::string date{text};
    if (date.size() > 10 && date[10] == ' ')
        date[10] = 'T';
    front_reader read{date};
    std::int64_t at = read.iso_date();
    if (read.optional(".")) {
        std::string_view rest = read.rest();
        std::size_t digits = 0;
        std::int64_t unit_ns = one_second;
        for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9'; ++digits) {
            unit_ns /= 10;
            at += (rest[digits] - '0') * unit_ns;
        }
        static_cast<void>(read.digits(digits));
    }
    if (!read.optional("Z") && !read.rest().empty())
        at -= read.zone(read.rest().find(':') == std::string_view::npos ? "" : ":");
    return read.at_end() ? std::optional{at} : std::nullopt;
}

/// A line as its fields come.
struct client_line {
    log_entry entry{.what = log_entry::kind::request};
    bool has_time = false, has_status = false;

    /// False: the value is not of its kind.
    bool set(const field_name& field, std::string_view text) {
        switch (field.is) {
        case client_field::time: {
            const auto at = text_time(text, field.unit);
            entry.at = at.value_or(0);
            has_time = at.has_value();
            return has_time;
        }
        case client_field::status: {
            const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), entry.status);
            has_status = failure == std::errc{} && end == text.data() + text.size();
            if (text.empty() || text == "-" || text == "null") {
                entry.status = 0;
                has_status = true;
            }
            return has_status;
        }
        case client_field::took: {
            double number = 0;
            const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
            if (failure != std::errc{} || end != text.data() + text.size() || !(number >= 0) || number > 1e9)
                return text.empty() || text == "-";
            entry.took = static_cast<std::int64_t>(std::llround(number * field.unit));
            return true;
        }
        case client_field::host:
            entry.host = text;
            return true;
        case client_field::role:
            entry.role = text;
            return true;
        case client_field::none:
            return true;
        }
        return true;
    }
    [[nodiscard]] std::optional<log_entry> finish() {
        return has_time && has_status ? std::optional{std::move(entry)} : std::nullopt;
    }
};

std::optional<log_entry> read_client_json(std::string_view line) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object())
        return {};
    client_line out;
    for (const auto& [name, value] : json.items()) {
        const field_name field = field_called(name);
        if (field.is == client_field::none || value.is_null())
            continue;
        if (!value.is_string() && !value.is_number())
            return {};
        if (!out.set(field, value.is_string() ? value.get<std::string>() : value.dump()))
            return {};
    }
    if (json.contains("status") && json["status"].is_null())
        out.has_status = true;
    return out.finish();
}

std::vector<std::string> csv_cells(std::string_view line) {
    std::vector<std::string> out(1);
    bool is_quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (c == '"') {
            if (is_quoted && i + 1 < line.size() && line[i + 1] == '"')
                out.back() += line[++i];
            else
                is_quoted = !is_quoted;
        } else if (!is_quoted && (c == ',' || c == ';' || c == '\t')) {
            out.emplace_back();
        } else {
            out.back() += c;
        }
    }
    return out;
}

/// The first line names the columns; without it they are time, status and latency in seconds.
class csv_reader {
public:
    std::optional<log_entry> operator()(std::string_view line) {
        const std::vector<std::string> cells = csv_cells(line);
        if (cells.size() < 2)
            return {};
        if (std::vector<field_name> names = names_in(cells); !names.empty()) {
            columns_ = std::move(names);
            return log_entry{};
        }
        static const std::vector<field_name> plain{field_called("time"), field_called("status"),
                                                   field_called("latency")};
        const std::vector<field_name>& columns = columns_.empty() ? plain : columns_;
        if (columns_.empty() && cells.size() > plain.size())
            return {};
        client_line out;
        for (std::size_t i = 0; i < std::min(cells.size(), columns.size()); ++i)
            if (!out.set(columns[i], cells[i]))
                return {};
        return out.finish();
    }

private:
    static std::vector<field_name> names_in(const std::vector<std::string>& cells) {
        std::vector<field_name> out;
        bool has_time = false, has_status = false;
        for (const std::string& cell : cells) {
            out.push_back({"", field_called(cell).is, field_called(cell).unit});
            has_time = has_time || out.back().is == client_field::time;
            has_status = has_status || out.back().is == client_field::status;
        }
        return has_time && has_status ? out : std::vector<field_name>{};
    }

    std::vector<field_name> columns_;
};

}  // namespace

std::vector<log_format> client_log_formats() {
    return {
        {.family = "json",
         .text = R"(a JSON object with a time (seconds, or a date), a status and perhaps latency_ms, host and role)",
         .read = read_client_json,
         .stamped = log_format::stamp::sent,
         .access_log = true},
        {.family = "csv",
         .text = "columns time, status and perhaps latency_ms, host and role, below a line that names them",
         .read = csv_reader{},
         .stamped = log_format::stamp::sent,
         .access_log = true}};
}

}  // namespace weir::tools
