// SPDX-License-Identifier: MIT
#pragma once

#include "catalogue.hpp"
#include "rates.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What the server would answer if nothing limited it: a pure function of request and catalogue.
namespace origin {

struct request {
    std::string method;
    std::string path;                                // decoded, without the query
    std::multimap<std::string, std::string> query;   // decoded
    std::function<std::string(const char*)> header;  // empty when absent
};

struct reply {
    int status = 200;
    std::string type;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers{};
};

/// Which limit a path falls under. `other` has none.
[[nodiscard]] inline std::string_view role_of(std::string_view path) {
    const auto under = [&](std::string_view root) {
        return path == root || (path.starts_with(root) && path[root.size()] == '/');
    };
    if (under("/works")) {
        return "metadata";
    }
    if (under("/landing") || under("/doi")) {
        return "landing";
    }
    return under("/pdf") ? "artifact" : "other";
}

namespace detail {

[[nodiscard]] inline reply not_found() { return {404, "text/plain", "Resource not found."}; }

[[nodiscard]] inline reply invalid(std::string_view parameter, std::string_view value, std::string_view message) {
    const nlohmann::ordered_json body{
        {"status", "failed"},
        {"message-type", "validation-failure"},
        {"message", nlohmann::ordered_json::array(
                        {{{"type", fmt::format("{}-not-valid", parameter)}, {"value", value}, {"message", message}}})}};
    return {400, "application/json", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

/// A cursor holds characters that must be escaped in a query, as real ones do.
[[nodiscard]] inline std::string make_cursor(std::size_t position) {
    generator check{position ^ 0x77656972u};
    return fmt::format("DnF1+{}/{:08x}==", position, check.next() >> 32u);
}

[[nodiscard]] inline std::optional<std::size_t> read_cursor(std::string_view text) {
    if (text == "*") {
        return 0;
    }
    const auto plus = text.find('+');
    const auto slash = text.find('/');
    if (plus == std::string_view::npos || slash == std::string_view::npos || slash < plus) {
        return std::nullopt;
    }
    const auto position = parse_count(text.substr(plus + 1, slash - plus - 1));
    if (!position || make_cursor(static_cast<std::size_t>(*position)) != text) {
        return std::nullopt;
    }
    return static_cast<std::size_t>(*position);
}

/// `2024`, `2024-05` or `2024-05-07` as 20240507; missing parts take the earliest or the latest value.
[[nodiscard]] inline std::optional<int> read_date(std::string_view text, bool latest) {
    std::array<std::int64_t, 3> part{0, latest ? 12 : 1, latest ? 31 : 1};
    static constexpr std::array<std::int64_t, 3> high{9999, 12, 31};
    for (std::size_t i = 0; i < part.size(); ++i) {
        const auto dash = text.find('-');
        const auto value = parse_count(text.substr(0, dash));
        if (!value || *value < 1 || *value > high[i]) {
            return std::nullopt;
        }
        part[i] = *value;
        if (dash == std::string_view::npos) {
            return static_cast<int>(part[0] * 10000 + part[1] * 100 + part[2]);
        }
        text.remove_prefix(dash + 1);
    }
    return std::nullopt;  // a fourth part
}

struct byte_range {
    std::size_t first;
    std::size_t count;  // 0: not satisfiable
};

/// Nothing when the field is to be ignored: absent, malformed, another unit, or several ranges.
[[nodiscard]] inline std::optional<byte_range> read_range(std::string_view field, std::size_t size) {
    constexpr std::string_view unit = "bytes=";
    if (!field.starts_with(unit)) {
        return std::nullopt;
    }
    field.remove_prefix(unit.size());
    const auto dash = field.find('-');
    if (dash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto first = parse_count(field.substr(0, dash));
    const auto last = parse_count(field.substr(dash + 1));
    if (dash == 0) {
        if (!last) {
            return std::nullopt;
        }
        const auto count = std::min(static_cast<std::size_t>(*last), size);
        return byte_range{size - count, count};
    }
    if (!first || (!last && dash + 1 != field.size()) || (last && *last < *first)) {
        return std::nullopt;
    }
    const auto from = static_cast<std::size_t>(*first);
    if (from >= size) {
        return byte_range{0, 0};
    }
    const auto to = last ? std::min(static_cast<std::size_t>(*last), size - 1) : size - 1;
    return byte_range{from, to - from + 1};
}

}  // namespace detail

/// The site: a REST API in the shape of Crossref's, landing pages and PDFs.
///
/// **Thread safety:** immutable.
class site {
public:
    site(const catalogue& documents, places where) : documents_{&documents}, where_{std::move(where)} {}

    [[nodiscard]] reply answer(const request& r) const {
        const std::string_view path = r.path;
        if (r.method != "GET" && r.method != "HEAD") {
            return {405, "text/plain", "Only GET and HEAD are answered.", {{"Allow", "GET, HEAD"}}};
        }
        if (path == "/works") {
            return list(r);
        }
        if (path.starts_with("/works/")) {
            return single(documents_->by_doi(path.substr(7)));
        }
        if (path.starts_with("/landing/")) {
            const document* d = documents_->by_id(path.substr(9));
            return d == nullptr ? detail::not_found()
                                : reply{200, "text/html; charset=utf-8", landing_page(*d, where_)};
        }
        if (path.starts_with("/doi/")) {
            const document* d = documents_->by_id(path.substr(5));
            return d == nullptr ? detail::not_found()
                                : reply{302, "text/plain", "Found.", {{"Location", where_.landing_url(*d)}}};
        }
        if (path.starts_with("/pdf/") && path.ends_with(".pdf")) {
            const document* d = documents_->by_id(path.substr(5, path.size() - 9));
            return d == nullptr ? detail::not_found() : pdf(*d, r);
        }
        return detail::not_found();
    }

private:
    [[nodiscard]] static std::optional<std::string> parameter(const request& r, const char* name) {
        const auto found = r.query.find(name);
        return found == r.query.end() ? std::nullopt : std::optional{found->second};
    }

    [[nodiscard]] nlohmann::ordered_json item(const document& d) const {
        return {{"DOI", d.doi},
                {"type", "journal-article"},
                {"title", nlohmann::ordered_json::array({d.title})},
                {"URL", where_.public_url(d)},
                {"link",
                 nlohmann::ordered_json::array({{{"URL", where_.pdf_url(d)}, {"content-type", "application/pdf"}}})},
                {"published",
                 {{"date-parts",
                   nlohmann::ordered_json::array({nlohmann::ordered_json::array({d.year, d.month, d.day})})}}}};
    }

    [[nodiscard]] reply single(const document* d) const {
        if (d == nullptr) {
            return detail::not_found();
        }
        const nlohmann::ordered_json body{{"status", "ok"}, {"message-type", "work"}, {"message", item(*d)}};
        return {200, "application/json", body.dump()};
    }

    [[nodiscard]] reply list(const request& r) const {
        int from = 0;
        int until = 99999999;
        const auto filter = parameter(r, "filter").value_or("");
        for (std::string_view filters = filter; !filters.empty();) {
            const auto comma = filters.find(',');
            const auto one = filters.substr(0, comma);
            filters = comma == std::string_view::npos ? std::string_view{} : filters.substr(comma + 1);
            const auto colon = one.find(':');
            const auto name = one.substr(0, colon);
            const bool latest = name == "until-pub-date";
            const auto date =
                colon == std::string_view::npos ? std::nullopt : detail::read_date(one.substr(colon + 1), latest);
            if ((name != "from-pub-date" && !latest) || !date) {
                return detail::invalid("filter", one, "known filters: from-pub-date:DATE, until-pub-date:DATE");
            }
            (latest ? until : from) = *date;
        }
        const auto rows_text = parameter(r, "rows").value_or("20");
        const auto rows = parse_count(rows_text);
        if (!rows || *rows > 1000) {
            return detail::invalid("rows", rows_text, "a whole number from 0 to 1000");
        }
        const auto cursor = parameter(r, "cursor");
        const auto offset_text = parameter(r, "offset").value_or("0");
        const auto offset = parse_count(offset_text);
        if (!offset) {
            return detail::invalid("offset", offset_text, "a whole number from 0");
        }
        const auto start = cursor ? detail::read_cursor(*cursor) : static_cast<std::size_t>(*offset);
        if (!start) {
            return detail::invalid("cursor", *cursor, "start with *, then send next-cursor back, escaped");
        }

        std::size_t total = 0;
        auto items = nlohmann::ordered_json::array();
        for (const document& d : documents_->documents()) {
            if (d.date() < from || d.date() > until) {
                continue;
            }
            if (total >= *start && std::cmp_less(items.size(), *rows)) {
                items.push_back(item(d));
            }
            ++total;
        }
        nlohmann::ordered_json message{{"total-results", total}, {"items-per-page", *rows}};
        message["query"] = {{"start-index", *start}, {"search-terms", parameter(r, "query").value_or("")}};
        if (cursor) {
            // At the end the position stays, so the cursor repeats itself with no items.
            message["next-cursor"] = detail::make_cursor(*start + items.size());
        }
        message["items"] = std::move(items);
        const nlohmann::ordered_json body{{"status", "ok"}, {"message-type", "work-list"}, {"message", message}};
        return {200, "application/json", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
    }

    [[nodiscard]] reply pdf(const document& d, const request& r) const {
        const std::string tag = d.etag();
        reply out{200, "application/pdf", {}, {{"Accept-Ranges", "bytes"}, {"ETag", tag}}};
        if (const auto known = r.header("If-None-Match"); known == "*" || known.find(tag) != std::string::npos) {
            out.status = 304;
            return out;
        }
        const auto field = r.header("Range");
        const auto condition = r.header("If-Range");
        const auto range = r.method == "GET" && (condition.empty() || condition == tag)
                               ? detail::read_range(field, d.pdf_size)
                               : std::nullopt;
        if (range && range->count == 0) {
            out.status = 416;
            out.headers.emplace_back("Content-Range", fmt::format("bytes */{}", d.pdf_size));
            return out;
        }
        out.body = pdf_bytes(d);
        if (range) {
            out.status = 206;
            out.headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", range->first,
                                                                  range->first + range->count - 1, d.pdf_size));
            out.body = out.body.substr(range->first, range->count);
        }
        return out;
    }

    const catalogue* documents_;
    places where_;
};

}  // namespace origin
