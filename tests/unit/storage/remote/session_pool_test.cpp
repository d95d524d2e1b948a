// SPDX-License-Identifier: MIT
#include "weir/storage/remote/session_pool.hpp"

#include "support/catch.hpp"

#include "weir/testing/manual_clock.hpp"

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace remote = weir::remote;

/// What all sessions of a test share.
struct network {
    bool refuses = false;         ///< a new connection
    bool breaks_on_send = false;  ///< the next settlement that is sent
    std::size_t room = 100;       ///< settlements that one session sends without a reply
    int opened = 0;
    std::vector<std::string> sent;     ///< settlements, as they left
    std::vector<std::string> carried;  ///< those that went inside a verb
};

struct message {
    std::shared_ptr<remote::key_route> key;
    std::string text;

    [[nodiscard]] remote::key_route& route() const noexcept { return *key; }
};

/// A session without a socket.
class fake_session {
public:
    using settlement = message;

    explicit fake_session(network* net) : net_(*net) {}

    void open() {
        if (net_.refuses)
            throw weir::store_error{"fake: refused"};
        ++net_.opened;
        open_ = true;
        alive = true;
    }
    void close() { open_ = false; }
    [[nodiscard]] bool is_open() const { return open_; }
    [[nodiscard]] bool seems_alive() const { return alive; }
    void send(std::deque<message>& posted, const remote::key_route* called) {
        while (!posted.empty() && open_ && !is_full()) {
            message m = std::move(posted.front());
            posted.pop_front();
            if (&m.route() == called) {
                net_.carried.push_back(m.text);
                m.route().unanswered.fetch_sub(1);
                continue;
            }
            if (std::exchange(net_.breaks_on_send, false))
                open_ = false;
            else
                net_.sent.push_back(m.text);
            unanswered_.push_back(std::move(m));
        }
    }
    void catch_up() {}
    [[nodiscard]] bool is_full() const { return unanswered_.size() >= net_.room; }
    void finish() {
        for (const message& m : unanswered_)
            m.route().unanswered.fetch_sub(1);
        unanswered_.clear();
    }
    [[nodiscard]] bool owes() const { return !unanswered_.empty(); }
    [[nodiscard]] bool has_undone() const { return !open_ && owes(); }
    [[nodiscard]] std::deque<message> take_undone() { return std::exchange(unanswered_, {}); }

    bool alive = true;

private:
    network& net_;
    bool open_ = false;
    std::deque<message> unanswered_;
};

using pool_type = remote::session_pool<fake_session, weir::testing::manual_clock>;
using texts = std::vector<std::string>;

struct fixture {
    explicit fixture(std::size_t sessions = 2, weir::duration wait = 0ns)
        : pool({"fake", "nowhere", "raise pool", sessions, wait, 0ns, 1s, 10ms, 80ms}, clock, &net) {}

    [[nodiscard]] std::shared_ptr<remote::key_route> key() {
        auto out = std::make_shared<remote::key_route>();
        out->home = pool.next_home();
        return out;
    }
    [[nodiscard]] std::string trouble_of(const remote::key_route& key) {
        try {
            static_cast<void>(pool.borrow(key));
        } catch (const weir::store_error& e) {
            return e.what();
        }
        return {};
    }

    network net;
    weir::testing::manual_clock clock{weir::instant{1h}};
    pool_type pool;
};

}  // namespace

TEST_CASE("session pool: a verb takes its key's home, which is opened once") {
    fixture f;
    const auto a = f.key(), b = f.key();
    const fake_session* home = &*f.pool.borrow(*a);
    CHECK(&*f.pool.borrow(*a) == home);
    CHECK(&*f.pool.borrow(*b) != home);
    CHECK(f.net.opened == 2);
}

TEST_CASE("session pool: if the home is in use, another session is used, an open one rather than a new one") {
    fixture f{3};
    const auto a = f.key(), b = f.key();
    static_cast<void>(f.pool.borrow(*b));
    const auto mine = f.pool.borrow(*a);
    const auto other = f.pool.borrow(*a);
    CHECK(f.net.opened == 2);
    const auto third = f.pool.borrow(*b);
    CHECK(f.net.opened == 3);
    CHECK(f.trouble_of(*a).find("all 3 are in use; raise pool") != std::string::npos);
}

TEST_CASE("session pool: a key with settlements without a reply waits for its home, so that it comes after them") {
    fixture f;
    const auto a = f.key();
    static_cast<void>(f.pool.borrow(*a));
    f.pool.post({a, "1"});
    CHECK(f.net.sent == texts{"1"});
    CHECK(a->unanswered == 1);
    {
        const auto mine = f.pool.borrow(*a);
        CHECK_FALSE(f.trouble_of(*a).empty());
        mine->finish();
        CHECK(f.trouble_of(*a).empty());
    }
    CHECK(a->unanswered == 0);
}

TEST_CASE("session pool: a verb that waits is woken when its session is given back") {
    fixture f{1, 1h};
    const auto a = f.key();
    std::jthread other;
    {
        const auto mine = f.pool.borrow(*a);
        other = std::jthread{[&] { static_cast<void>(f.pool.borrow(*a)); }};
    }
    other.join();
    CHECK(f.net.opened == 1);
}

TEST_CASE("session pool: a settlement is sent at once, or by the thread that has its session") {
    fixture f;
    const auto a = f.key();
    f.pool.post({a, "before it is open"});
    CHECK(f.net.sent.empty());
    {
        const auto mine = f.pool.borrow(*a);
        CHECK(f.net.sent == texts{"before it is open"});
        f.pool.post({a, "while it is in use"});
        CHECK(f.net.sent.size() == 1);
    }
    CHECK(f.net.sent.size() == 2);
    f.pool.post({a, "while it is free"});
    CHECK(f.net.sent.size() == 3);
    f.pool.post({a, "with the next"}, pool_type::departure::with_next);
    CHECK(f.net.sent.size() == 3);
    f.pool.post({a, "the next"});
    CHECK(f.net.sent ==
          texts{"before it is open", "while it is in use", "while it is free", "with the next", "the next"});
}

TEST_CASE("session pool: a verb that carries settlements takes those of its own key") {
    fixture f{1};
    const auto a = f.key(), b = f.key();
    static_cast<void>(f.pool.borrow(*a));
    f.pool.post({a, "a"}, pool_type::departure::with_next);
    f.pool.post({b, "b"}, pool_type::departure::with_next);
    static_cast<void>(f.pool.borrow(*a, true));
    CHECK(f.net.carried == texts{"a"});
    CHECK(f.net.sent == texts{"b"});
}

TEST_CASE("session pool: what waits for the next verb on its key is sent after 5 ms, by a verb on any key or by tend") {
    fixture f{2};
    const auto a = f.key(), b = f.key();
    static_cast<void>(f.pool.borrow(*a));
    static_cast<void>(f.pool.borrow(*b));
    CHECK(f.pool.tend(true) == weir::far_future);
    f.pool.post({a, "1"}, pool_type::departure::with_next);
    CHECK(f.pool.holds());
    const weir::instant due = f.clock.now() + remote::max_hold;
    CHECK(f.pool.tend(false) == due);
    f.clock.advance(remote::max_hold - 1ns);
    static_cast<void>(f.pool.borrow(*b, true));
    CHECK(f.net.sent.empty());
    f.clock.advance(1ns);
    static_cast<void>(f.pool.borrow(*b, true));
    CHECK(f.net.sent == texts{"1"});
    CHECK_FALSE(f.pool.holds());

    f.pool.post({a, "2"}, pool_type::departure::with_next);
    f.clock.advance(remote::max_hold);
    CHECK(f.pool.tend(false) == weir::far_future);
    CHECK(f.net.sent == texts{"1", "2"});

    f.pool.post({a, "3"}, pool_type::departure::with_next);
    CHECK(f.pool.tend(true) == weir::far_future);
    CHECK(f.net.sent == texts{"1", "2", "3"});
}

TEST_CASE("session pool: what waits for the next verb is not sent when another verb gives the session back") {
    fixture f{1};
    const auto a = f.key();
    {
        const auto lease = f.pool.borrow(*a);
        f.pool.post({a, "1"}, pool_type::departure::with_next);
    }
    CHECK(f.net.sent.empty());
    static_cast<void>(f.pool.borrow(*a, true));
    CHECK(f.net.carried == texts{"1"});
    {
        const auto lease = f.pool.borrow(*a);
        f.pool.post({a, "2"}, pool_type::departure::with_next);
        f.pool.post({a, "3"});
    }
    CHECK(f.net.sent == texts{"2", "3"});
}

TEST_CASE("session pool: settlements for which a session has no room stay in order") {
    fixture f{1};
    const auto a = f.key();
    static_cast<void>(f.pool.borrow(*a));
    f.net.room = 2;
    for (const char* text : {"1", "2", "3", "4", "5"})
        f.pool.post({a, text});
    CHECK(f.net.sent == texts{"1", "2"});
    f.pool.flush();
    CHECK(f.net.sent == texts{"1", "2", "3", "4", "5"});
    CHECK(a->unanswered == 0);
}

TEST_CASE("session pool: settlements whose connection broke go first on the next one") {
    fixture f{1};
    const auto a = f.key();
    static_cast<void>(f.pool.borrow(*a));
    f.pool.post({a, "1"});
    f.net.breaks_on_send = true;
    f.pool.post({a, "2"});
    f.pool.post({a, "3"});
    CHECK(f.net.sent == texts{"1"});
    CHECK(a->unanswered == 3);
    f.pool.flush();
    CHECK(f.net.sent == texts{"1", "1", "2", "3"});
    CHECK(f.net.opened == 2);
    CHECK(a->unanswered == 0);
}

TEST_CASE("session pool: a connection that breaks under settlements is replaced before the verb") {
    fixture f{1};
    const auto a = f.key();
    f.pool.post({a, "1"});
    f.net.breaks_on_send = true;
    const auto mine = f.pool.borrow(*a);
    CHECK(mine->is_open());
    CHECK(f.net.opened == 2);
    CHECK(f.net.sent == texts{"1"});
}

TEST_CASE("session pool: a session that the server closed while it was idle is replaced") {
    fixture f{1};
    const auto a = f.key();
    f.pool.borrow(*a)->alive = false;
    static_cast<void>(f.pool.borrow(*a));
    CHECK(f.net.opened == 2);
}

TEST_CASE("session pool: after a refusal nothing is tried until the pause is over, and the reason is named") {
    fixture f{1};
    const auto a = f.key();
    f.net.refuses = true;
    CHECK(f.trouble_of(*a) == "fake: refused");
    f.net.refuses = false;
    const std::string said = f.trouble_of(*a);
    CHECK(said.starts_with("fake: nowhere could not be used; the next attempt is in"));
    CHECK(said.ends_with("fake: refused"));
    CHECK(f.net.opened == 0);
    f.clock.advance(10ms);
    CHECK(f.trouble_of(*a).empty());
    CHECK(f.net.opened == 1);
}

TEST_CASE("session pool: no session free is an error of its own, because the server may work") {
    fixture f{1};
    const auto a = f.key();
    const auto mine = f.pool.borrow(*a);
    CHECK_THROWS_AS(f.pool.borrow(*a), weir::store_busy);
}

TEST_CASE("session pool: if a server refuses a further connection, the open ones are used") {
    fixture f{3, 1h};
    const auto a = f.key(), b = f.key(), c = f.key();
    static_cast<void>(f.pool.borrow(*a));
    f.net.refuses = true;
    f.pool.post({b, "b, before it has a session"});
    CHECK(f.net.sent.empty());
    static_cast<void>(f.pool.borrow(*b));
    static_cast<void>(f.pool.borrow(*c));
    CHECK(f.net.opened == 1);
    CHECK(f.net.sent == texts{"b, before it has a session"});
    f.pool.post({b, "b"});
    CHECK(f.net.sent.size() == 2);
    std::jthread other;
    {
        const auto mine = f.pool.borrow(*a);
        other = std::jthread{[&] { static_cast<void>(f.pool.borrow(*c)); }};
        std::this_thread::sleep_for(10ms);
    }
    other.join();
    // If the open session breaks too, the refusal remains.
    f.pool.borrow(*a)->alive = false;
    CHECK_FALSE(f.trouble_of(*a).empty());
}

TEST_CASE("session pool: the settlements for an unreachable server are bounded, and the oldest is dropped") {
    fixture f{1};
    const auto a = f.key();
    for (int i = 0; i < 16'400; ++i)
        f.pool.post({a, std::to_string(i)});
    CHECK(a->unanswered == 16'384);
    f.net.room = 20'000;
    f.pool.flush();
    CHECK(f.net.sent.size() == 16'384);
    CHECK(f.net.sent.front() == "16");
    CHECK(f.net.sent.back() == "16399");
}

TEST_CASE("session pool: flush tries every session, and reports a failure") {
    fixture f;
    const auto a = f.key(), b = f.key();
    CHECK_NOTHROW(f.pool.flush());
    CHECK(f.net.opened == 0);
    static_cast<void>(f.pool.borrow(*b));
    f.pool.post({a, "a"});
    f.pool.post({b, "b"});
    f.net.refuses = true;
    CHECK_THROWS_AS(f.pool.flush(), weir::store_error);
    CHECK(f.net.sent == texts{"b"});
    CHECK(b->unanswered == 0);
    CHECK(a->unanswered == 1);
    f.net.refuses = false;
    f.clock.advance(1s);
    f.pool.flush();
    CHECK(f.net.sent == texts{"b", "a"});
}

TEST_CASE("session pool: flush does not wait for ever for a session that stays in use") {
    fixture f{1};
    const auto a = f.key();
    const auto mine = f.pool.borrow(*a);
    f.pool.post({a, "1"});
    CHECK_THROWS_AS(f.pool.flush(), weir::store_error);
}
