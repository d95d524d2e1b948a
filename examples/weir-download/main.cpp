// SPDX-License-Identifier: MIT
#include "client.hpp"
#include "downloader.hpp"
#include "interrupts.hpp"
#include "manifest.hpp"
#include "options.hpp"
#include "posix_file.hpp"
#include "report.hpp"
#include "stores.hpp"
#include "traffic.hpp"
#include "version_line.hpp"

#include "weir/config/cli/command_line.hpp"
#include "weir/config/cli/completion.hpp"
#include "weir/config/resolve.hpp"
#include "weir/config/value.hpp"
#include "weir/ext/yaml/configure.hpp"
#include "weir/ext/yaml/sources.hpp"
#include "weir/registry/open_store.hpp"
#include "weir/storage/store_error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

namespace {

using namespace download;
using weir::tools::built_in;

/// Where the configuration came from, and what it comes to: the lines people look for when a limit is not what they
/// thought.
void say_start(const weir::resolution& made, const weir::yaml::sources& from, reporter& report_to) {
    const weir::configuration& config = *made;
    for (const weir::fault& note : made.notes())
        report_to.say(log_level::info, "note: " + note.text());
    for (const std::string& name : from.presets)
        report_to.say(log_level::debug, "Loaded rate preset " + name);
    for (const std::string& file : from.files)
        report_to.say(log_level::debug, "Loaded rate config from " + file);
    if (from.presets.empty() && from.files.empty())
        report_to.say(log_level::debug, "Loaded rate config from built-in defaults, environment and flags alone");
    const std::int64_t ceiling = config.global_max_inflight();
    report_to.say(log_level::debug,
                  fmt::format("Rate limiter initialized: backend {}, global_max_inflight {}, roles {}",
                              config.backend().kind, ceiling == 0 ? "none" : fmt::format("{}", ceiling),
                              fmt::join(config.roles(), ", ")));
    if (config.disabled())
        report_to.say(log_level::warning, "rate limiting is off (disabled): no request is held back by a limit");
    if (config.shadow())
        report_to.say(log_level::warning, "rate limits are only watched (shadow): no request is held back by a limit");
}

/// `fresh` if its store is the one in use, for that is chosen at start; else the fault at its place.
weir::resolution same_store(weir::resolution fresh, const weir::backend_options& in_use) {
    if (!fresh || fresh->backend() == in_use)
        return fresh;
    const bool other_kind = fresh->backend().kind != in_use.kind;
    const std::string leaf = other_kind ? "backend.kind" : "backend.dsn";
    weir::fault fault{fresh.place_of(leaf), leaf,
                      other_kind ? fmt::format("the store in use is {}; another takes a restart", in_use.kind)
                                 : "the store in use is at another place; this one takes a restart"};
    return {std::nullopt, {std::move(fault)}};
}

/// Reads the files again, and puts what they say in force if it can be.
void reload(const weir::yaml::sources& from, const std::vector<listed_url>& urls, client& through,
            reporter& report_to) {
    weir::resolution fresh = same_store(weir::yaml::load(from), through.configuration().backend());
    std::vector<weir::fault> faults;
    for (const listed_url& one : urls)
        if (fresh && std::ranges::find(fresh->roles(), one.role) == fresh->roles().end())
            faults.push_back(
                {weir::source_location{"roles"}, one.role, "it is gone, and --urls has " + one.url + " in it"});
    if (!faults.empty())
        fresh = weir::resolution{std::nullopt, std::move(faults)};
    if (const auto done = through.reload(fresh); !done) {
        report_to.say(log_level::error, "SIGHUP: not reloaded, the old limits stay:");
        for (const std::string_view fault : weir::detail::split(done.error().message, "\n"))
            report_to.say(log_level::error, fault);
        return;
    }
    report_to.say(log_level::warning, "SIGHUP: reloaded, the new limits are in force");
    say_start(fresh, from, report_to);
}

/// Runs the workers; true when they were interrupted.
template <class Reload>
bool run(downloader& work, std::size_t workers, interrupts& signals, reporter& report_to, const Reload& on_reload) {
    std::stop_source stop;
    bool interrupted = false;
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < workers; ++i)
            threads.emplace_back([&] { work.work(stop.get_token()); });
        while (!interrupted && !work.done()) {
            report_to.draw();
            switch (signals.wait(std::chrono::milliseconds{100})) {
            case asked::none:
                break;
            case asked::reload:
                on_reload();
                break;
            case asked::stop:
                interrupted = true;
                report_to.say(log_level::warning,
                              "interrupted: what is under way is kept; once more ends the program at once");
                stop.request_stop();
            }
        }
    }
    report_to.finish();
    return interrupted;
}

int download_all(const options& wanted, const weir::yaml::configured& made) {
    const weir::configuration& config = *made;
    const auto urls = wanted.urls.empty() ? std::vector<listed_url>{} : read_urls(wanted.urls, config);
    interrupts signals;
    reporter report_to{wanted.level, !wanted.dry_run};
    say_start(made, made.from, report_to);

    posix_file lock;
    if (!wanted.dry_run) {
        std::filesystem::create_directories(wanted.out);
        lock = posix_file{wanted.out / ".lock", O_RDWR | O_CREAT};
        if (!lock.lock())
            throw file_error{
                fmt::format("{}: another weir-download is writing there; wait for it, or choose another --out",
                            wanted.out.string())};
    }
    manifest known{wanted.out / "manifest.jsonl", wanted.dry_run};

    std::unique_ptr<std::FILE, int (*)(std::FILE*)> log{nullptr, &std::fclose};
    std::optional<weir::json_lines> events;
    if (!wanted.log.empty()) {
        log.reset(std::fopen(wanted.log.c_str(), "ae"));
        if (!log)
            fail_on("open", wanted.log);
        const bool all = wanted.level == log_level::debug;
        events.emplace(log.get(), weir::json_lines::options{
                                      all ? weir::json_lines::level::all : weir::json_lines::level::decisions, {}});
    }

    traffic record;
    client through{config,    weir::open_store(config.backend(), built_in()).value(),
                   record,    std::move(events),
                   report_to, wanted.max_attempts};
    downloader work{wanted, through, known, report_to};
    work.begin(urls);
    const bool interrupted =
        run(work, wanted.workers, signals, report_to, [&] { reload(made.from, urls, through, report_to); });
    try {
        through.flush();
    } catch (const weir::store_error& e) {
        report_to.say(log_level::warning, e.what());
    }
    const tally total = report_to.total();
    fmt::print("{}{}", table(record, through.configuration()),
               summary(total, report_to.elapsed(), interrupted, wanted.dry_run));
    if (interrupted)
        return 130;
    return total.failures.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const auto config = weir::yaml::configure(argc, argv,
                                              {.prefix = "DOCSTOKG_RLIMIT",
                                               .environ = environ,
                                               .idna = recorded<weir::curl::transport>::idna,
                                               .terminal = isatty(STDOUT_FILENO) == 1});
    if (!config.explanation.empty()) {
        std::fputs(config.explanation.c_str(), stdout);
        return 0;
    }
    try {
        // Both speak before anything is done: a slip in one must not hide another.
        std::string faults = weir::with_store(config, built_in()).fault_text();
        options wanted;
        try {
            wanted = parse_options(std::span<const char* const>{argv + 1, static_cast<std::size_t>(argc - 1)});
        } catch (const usage_error& fault) {
            faults += fault.what();
        }
        if (wanted.help) {
            fmt::print("{}{}", help_text(), weir::command_line_help());
            return 0;
        }
        if (wanted.version) {
            fmt::print("{}", weir::tools::version_line("weir-download", built_in()));
            return 0;
        }
        if (!wanted.completion.empty()) {
            fmt::print("{}", weir::completion(wanted.completion, completed()).value());
            return 0;
        }
        if (!faults.empty())
            throw usage_error{faults.substr(0, faults.find_last_not_of('\n') + 1)};
        return download_all(wanted, config);
    } catch (const usage_error& fault) {
        fmt::print(stderr, "weir-download: {}\nTry weir-download --help.\n", fault.what());
        return 2;
    } catch (const std::exception& fault) {
        fmt::print(stderr, "weir-download: {}\n", fault.what());
        return 1;
    }
}
