// SPDX-License-Identifier: MIT
#include "simulate_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::tools {
namespace {

constexpr double plot_width = 900, panel_height = 130, plot_left = 70, plot_top = 50, panel_gap = 40;

/// One panel above the other, with one axis of time.
class plot {
public:
    plot(const simulation::outcome& o, std::string_view title) : o_(o), title_(title) {}

    [[nodiscard]] std::string text() {
        const double seconds = std::chrono::duration<double>(o_.part).count();
        double max_rate = 0.001, max_refused = 1;
        for (const auto& p : o_.series) {
            max_rate =
                std::max({max_rate, static_cast<double>(std::max(p.admitted, p.arrived)) / seconds, p.limit * 1.1});
            max_refused = std::max(max_refused, static_cast<double>(p.refused));
        }
        body_ += fmt::format("<text x=\"{}\" y=\"20\" font-size=\"15\">{}</text>\n", plot_left, title_);
        panel("requests a second", max_rate);
        line("#999999", "server's limit", 2, max_rate, [](const auto& p) { return p.limit; });
        line("#1f77b4", "admitted", 0, max_rate,
             [&](const auto& p) { return static_cast<double>(p.admitted) / seconds; });
        line("#2ca02c", "arrived", 1, max_rate,
             [&](const auto& p) { return static_cast<double>(p.arrived) / seconds; });
        panel(fmt::format("429s in {}", time_text(seconds)), max_refused);
        line("#d62728", "429s", 0, max_refused, [](const auto& p) { return static_cast<double>(p.refused); });
        panel("factor on the rates, and gates", 1);
        line("#9467bd", "factor", 0, 1, [](const auto& p) { return p.factor; });
        gates();
        axis();
        return fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" "
                           "font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
                           plot_left + plot_width + 30, y_ + panel_height + 50, body_);
    }

private:
    void panel(std::string_view title, double max) {
        y_ = panels_++ == 0 ? plot_top : y_ + panel_height + panel_gap;
        body_ += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", plot_left, y_ - 8, title);
        body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#999\"/>\n",
                             plot_left, y_, plot_width, panel_height);
        for (const double part : {0.0, 0.5, 1.0})
            body_ += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.4g}</text>\n", plot_left - 6,
                                 y_ + panel_height * (1 - part) + 4, max * part);
    }

    void line(std::string_view colour, std::string_view name, int place, double max,
              const std::function<double(const simulation::point&)>& of) {
        std::string points;
        for (std::size_t i = 0; i < o_.series.size(); ++i)
            points += fmt::format("{:.1f},{:.1f} ", x_of(i), y_ + panel_height * (1 - of(o_.series[i]) / max));
        body_ += fmt::format("<polyline fill=\"none\" stroke=\"{}\" points=\"{}\"/>\n", colour, points);
        body_ += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"{}\">{}</text>\n",
                             plot_left + plot_width - 75 * place, y_ - 8, colour, name);
    }

    void gates() {
        for (std::size_t i = 0; i < o_.series.size(); ++i)
            if (o_.series[i].is_held)
                body_ += fmt::format("<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\" stroke=\"#ff7f0e\"/>\n",
                                     x_of(i), y_ + panel_height - 12, y_ + panel_height);
    }

    /// `30 s`, `90 s`, `10 min`, `2 h`, `3 d`.
    static std::string time_text(double seconds) {
        for (const auto& [unit, name] : {std::pair{86400.0, "d"}, {3600.0, "h"}, {60.0, "min"}})
            if (seconds >= unit && std::fmod(seconds, unit) == 0)
                return fmt::format("{:g} {}", seconds / unit, name);
        return fmt::format("{:g} s", seconds);
    }
    void axis() {
        constexpr std::array<double, 24> steps{0.1,  0.2,   0.5,   1,     2,     5,      10,     15,
                                               30,   60,    120,   300,   600,   900,    1800,   3600,
                                               7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000};
        const double all = std::chrono::duration<double>(o_.part).count() * static_cast<double>(o_.series.size());
        double step = steps.back();
        for (const double s : steps)
            if (all / s <= 8) {
                step = s;
                break;
            }
        for (double t = 0; t <= all * 1.0001; t += step) {
            const double x = plot_left + plot_width * t / all;
            body_ += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", x,
                                 y_ + panel_height + 18, time_text(t));
        }
    }

    [[nodiscard]] double x_of(std::size_t i) const {
        return plot_left + plot_width * (static_cast<double>(i) + 0.5) / static_cast<double>(o_.series.size());
    }

    const simulation::outcome& o_;
    std::string_view title_;
    std::string body_;
    double y_ = plot_top;
    int panels_ = 0;
};

}  // namespace

std::string simulate_plot(const simulation::outcome& o, std::string_view title, bool is_page) {
    const std::string picture = plot{o, title}.text();
    if (!is_page)
        return picture;
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>weir simulate</title>\n{}</html>\n",
        picture);
}

}  // namespace weir::tools
