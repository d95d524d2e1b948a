// SPDX-License-Identifier: MIT
#include "downloader.hpp"

#include "posix_file.hpp"

#include "weir/core/key.hpp"
#include "weir/core/text.hpp"
#include "weir/http/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

namespace download {
namespace {

/// Works asked for at a time. Small enough that a cursor is used again before the API forgets it.
constexpr std::size_t rows_a_page = 50;

// How urgent a step is: what ends a document goes before what begins one.
constexpr int list_step = 0, landing_step = 1, pdf_step = 2;

/// The last part of a URL's path, without its extension; the extension apart.
std::pair<std::string, std::string> names_of(const std::string& url) {
    const auto parts = weir::http::parse_url(url);
    if (!parts)
        return {"file", ""};
    const auto slash = parts->path.find_last_not_of('/');
    const std::string path = parts->path.substr(0, slash == std::string::npos ? 0 : slash + 1);
    std::string name = path.substr(path.rfind('/') + 1);
    const auto dot = name.rfind('.');
    std::string extension = dot == std::string::npos || name.size() - dot > 6 ? "" : name.substr(dot + 1);
    if (!extension.empty())
        name.resize(dot);
    return {name.empty() ? "index" : name, extension};
}

}  // namespace

std::vector<listed_url> read_urls(const std::filesystem::path& path, const weir::configuration& config) {
    if (!std::filesystem::exists(path))
        throw usage_error{fmt::format("--urls {}: there is no such file", path.string())};
    const std::string text = read_text(path);
    std::vector<listed_url> out;
    std::string faults;
    std::size_t number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find('\n', begin), text.size());
        std::string line = text.substr(begin, end - begin);
        begin = end + 1;
        ++number;
        const auto fault = [&](std::string_view why) {
            faults += fmt::format("{}{}:{}: {}", faults.empty() ? "" : "\n", path.string(), number, why);
        };
        // A "#" begins a comment only where it cannot be a URL's fragment.
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (line[i] == '\r')
                line[i] = ' ';
            if (line[i] == '#' && (i == 0 || weir::detail::is_space(line[i - 1])))
                line.resize(i);
        }
        const std::string_view content = weir::detail::trim(line);
        if (content.empty())
            continue;
        const auto gap = std::min(content.find_first_of(" \t"), content.size());
        listed_url one{std::string{content.substr(0, gap)}, std::string{weir::detail::trim(content.substr(gap))}};
        if (one.role.empty())
            one.role = "artifact";
        if (const auto url = weir::http::parse_url(one.url, recorded<weir::curl::transport>::idna); !url)
            fault(url.error().message);
        else if (const auto policy = config.policy_for(url->host, one.role); !policy)
            fault(policy.error().message);
        else
            out.push_back(std::move(one));
    }
    if (!faults.empty())
        throw usage_error{faults};
    return out;
}

downloader::downloader(const options& wanted, client& through, manifest& known, reporter& report_to)
    : wanted_(wanted), through_(through), known_(known), reporter_(report_to),
      queue_([this](const auto& lane) { return through_.waiting(lane.host, lane.role); }) {}

void downloader::begin(const std::vector<listed_url>& urls) {
    if (!wanted_.topic.empty())
        push_page("*");
    std::size_t number = 0;
    for (const listed_url& one : urls) {
        if (!is_ours(number++))
            continue;
        const auto [name, extension] = names_of(one.url);
        push_file({one.url, one.role, path_for(one.url, one.role, name, extension)}, pdf_step);
    }
}

void downloader::work(const std::stop_token& stop) {
    queue_.work(stop, [&](const step& s) {
        try {
            s(stop);
        } catch (const std::exception& e) {
            fail("a step", e.what());
        }
    });
}

void downloader::push(int urgency, const std::string& url, const std::string& role, step s) {
    const auto parts = weir::http::parse_url(url);
    queue_.push({urgency, parts ? parts->host : std::string{}, role}, std::move(s));
}

void downloader::fail(const std::string& what, const std::string& why) {
    reporter_.count([&](tally& t) { t.failures.push_back({what, why}); }, log_level::error,
                    fmt::format("{}: {}", what, why));
}

void downloader::push_page(std::string cursor) {
    // In one lane with the records of the page before: the list is read no faster than it is used.
    push(list_step, wanted_.base_url, "metadata",
         [this, cursor = std::move(cursor)](const std::stop_token& stop) { take_page(cursor, stop); });
}

/// `then` is told whether the file is there; it is not called when the run is being stopped.
void downloader::push_file(wish w, int urgency, std::function<void(bool)> then) {
    {
        const std::lock_guard guard{mutex_};
        if (!paths_.insert(w.path).second)
            return;  // listed twice: two workers must not write one file
    }
    reporter_.count([](tally& t) { ++t.wanted; });
    push(urgency, w.url, w.role, [this, w = std::move(w), then = std::move(then)](const std::stop_token& stop) {
        bool there = false;
        const std::string name = fmt::format("{} {}", w.role, weir::http::printable_url(w.url));
        if (is_complete(w, wanted_.out, known_)) {
            if (!wanted_.dry_run)
                remove_leftovers(w, wanted_.out);
            reporter_.count([](tally& t) { ++t.skipped; }, log_level::debug, "complete: " + name);
            there = true;
        } else if (wanted_.dry_run) {
            reporter_.count([](tally& t) { ++t.planned; });
            fmt::print("would fetch: {}\n", name);
        } else {
            const outcome end = fetch_file(w, wanted_.out, through_, known_, stop);
            if (end.state == outcome::kind::stopped)
                return;
            there = end.state == outcome::kind::done;
            if (there) {
                const auto entry = known_.find(w.path);
                const std::uint64_t bytes = entry ? entry->bytes : 0;
                reporter_.count(
                    [bytes](tally& t) {
                        ++t.fetched;
                        t.bytes += bytes;
                    },
                    log_level::info, fmt::format("fetched: {} ({})", name, size_text(bytes)));
            } else {
                fail(name, end.why);
            }
        }
        if (then)
            then(there);
    });
}

void downloader::take_page(const std::string& cursor, const std::stop_token& stop) {
    const std::size_t seen = seen_;
    const auto max = static_cast<std::size_t>(wanted_.max);
    const std::size_t wanted = max == 0 ? rows_a_page : std::min(rows_a_page, max - seen);
    const std::string url =
        page_url(wanted_.base_url, {wanted_.topic, wanted_.year_start, wanted_.year_end}, wanted, cursor);
    const std::string name = fmt::format("the list of works at {}/works, from number {}", wanted_.base_url, seen + 1);
    std::string body;
    const outcome end = through_.get(url, "metadata", stop, body);
    if (end.state == outcome::kind::stopped)
        return;
    if (end.state == outcome::kind::failed)
        return fail(name, end.why);
    page got;
    try {
        got = read_page(wanted_.base_url, body);
    } catch (const std::exception& e) {
        return fail(name, e.what());
    }
    if (got.nameless > 0)
        reporter_.say(log_level::warning,
                      fmt::format("{}: {} works have no DOI; they are left out", name, got.nameless));
    seen_ = seen + got.documents.size() + got.nameless;
    std::size_t number = seen;
    for (const document& d : got.documents)
        if (is_ours(number++))
            take_document(d);
    const bool at_end =
        got.documents.empty() || got.next_cursor.empty() || seen_ >= got.total || (max > 0 && seen_ >= max);
    if (!at_end)
        push_page(std::move(got.next_cursor));
}

void downloader::take_document(const document& d) {
    push_file({d.record_url, "metadata", path_for(d.record_url, "metadata", d.doi, "json")}, list_step);
    const wish landing{d.landing_url, "landing", path_for(d.landing_url, "landing", d.doi, "html")};
    push_file(landing, landing_step, [this, d, landing](bool there) { take_pdf(d, landing, there); });
}

void downloader::take_pdf(const document& d, const wish& landing, bool there) {
    std::string url = d.pdf_url;
    if (there) {
        const auto entry = known_.find(landing.path);
        const std::string link =
            find_pdf_link(read_text(wanted_.out / landing.path), entry ? entry->final_url : landing.url);
        if (!link.empty())
            url = link;
    }
    if (url.empty()) {
        reporter_.count([](tally& t) { ++t.wanted; });
        return fail("artifact of " + d.doi, "neither its landing page nor the API links a PDF");
    }
    push_file({url, "artifact", path_for(url, "artifact", d.doi, "pdf")}, pdf_step);
}

}  // namespace download
