// SPDX-License-Identifier: MIT
#pragma once

#include "catalogue.hpp"
#include "client.hpp"
#include "fetch.hpp"
#include "manifest.hpp"
#include "options.hpp"
#include "report.hpp"
#include "work_queue.hpp"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

namespace download {

/// One line of a list of URLs.
struct listed_url {
    std::string url;
    std::string role;
};

/// Reads a list of URLs and checks each.
///
/// **Errors:** throws `usage_error`, which has one line for each fault: a URL that is none, a role that no
/// configuration declares.
[[nodiscard]] std::vector<listed_url> read_urls(const std::filesystem::path& path, const weir::configuration& config);

/// What is to be done, from the question to the API down to the last PDF, and who does what next.
///
/// **Thread safety:** `work` from any number of threads; the rest before or after them.
class downloader {
public:
    downloader(const options& wanted, client& through, manifest& known, reporter& report_to);

    /// Puts the first page of the topic, and the listed URLs, into the queue.
    void begin(const std::vector<listed_url>& urls);
    /// Works until all is done or stop is requested: what a worker's thread runs.
    void work(const std::stop_token& stop);
    [[nodiscard]] bool done() const { return queue_.done(); }

private:
    using step = std::function<void(const std::stop_token&)>;

    /// Whether the work or URL of this number, from 0, is in this process's part.
    [[nodiscard]] bool is_ours(std::size_t number) const { return number % wanted_.parts == wanted_.part - 1; }
    void push(int urgency, const std::string& url, const std::string& role, step s);
    void push_page(std::string cursor);
    void push_file(wish w, int urgency, std::function<void(bool there)> then = {});

    void take_page(const std::string& cursor, const std::stop_token& stop);
    void take_document(const document& d);
    void take_pdf(const document& d, const wish& landing, bool there);
    void fail(const std::string& what, const std::string& why);

    const options& wanted_;
    client& through_;
    manifest& known_;
    reporter& reporter_;
    work_queue<step> queue_;
    std::atomic<std::size_t> seen_{0};
    std::mutex mutex_;
    std::set<std::string> paths_;
};

}  // namespace download
