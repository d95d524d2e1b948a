// SPDX-License-Identifier: MIT
#include "simulate_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>

namespace weir::tools {
namespace {

constexpr double plot_width = 900, panel_height = 130, plot_left = 70, plot_top = 30, panel_gap = 40;

/// One panel above the other, with one axis of time.
class plot {
public:
    explicit plot(const simulation::outcome& o) : o_(o) {}

    [[nodiscard]] std::string text() {
        const double seconds = std::chrono::duration<double>(o_.part).count();
        double max_rate = 0.001, max_refused = 1;
        for (const auto& p : o_.series) {
            max_rate = std::max(max_rate, static_cast<double>(std::max(p.admitted, p.arrived)) / seconds);
            max_refused = std::max(max_refused, static_cast<double>(p.refused));
        }
        panel("requests a second", max_rate);
        line("#1f77b4", "admitted", 0, max_rate,
             [&](const auto& p) { return static_cast<double>(p.admitted) / seconds; });
        line("#2ca02c", "arrived", 1, max_rate,
             [&](const auto& p) { return static_cast<double>(p.arrived) / seconds; });
        panel(fmt::format("429s in {:.1f} s", seconds), max_refused);
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
                             plot_left + plot_width - 70 * place, y_ - 8, colour, name);
    }

    void gates() {
        for (std::size_t i = 0; i < o_.series.size(); ++i)
            if (o_.series[i].is_held)
                body_ += fmt::format("<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\" stroke=\"#ff7f0e\"/>\n",
                                     x_of(i), y_ + panel_height - 12, y_ + panel_height);
    }

    void axis() {
        const double all = std::chrono::duration<double>(o_.part).count() * static_cast<double>(o_.series.size());
        for (int i = 0; i <= 6; ++i)
            body_ += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.4g} s</text>\n",
                                 plot_left + plot_width * i / 6, y_ + panel_height + 18, all * i / 6);
    }

    [[nodiscard]] double x_of(std::size_t i) const {
        return plot_left + plot_width * (static_cast<double>(i) + 0.5) / static_cast<double>(o_.series.size());
    }

    const simulation::outcome& o_;
    std::string body_;
    double y_ = plot_top;
    int panels_ = 0;
};

}  // namespace

std::string simulate_plot(const simulation::outcome& o, bool is_page) {
    const std::string picture = plot{o}.text();
    if (!is_page)
        return picture;
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>weir simulate</title>\n{}</html>\n",
        picture);
}

}  // namespace weir::tools
