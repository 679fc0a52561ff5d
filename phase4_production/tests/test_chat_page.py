"""The chat page in a real browser: Debian's Chromium, headless."""

import re
import shutil

import pytest

from phase4_production.tests.served import server, write_model

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
QUIET += ["--no-first-run", "--disable-component-update", "--disable-quic"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def url(folder):
    with server(folder) as (url, _):
        yield url


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def with_long_answers(page):
    """Let the tiny model go on; it would end an answer by chance, and maybe at once."""
    page.route(
        "**/v1/chat/completions",
        lambda route: route.continue_(
            post_data=route.request.post_data.replace("{", '{"ignore_eos": true, ', 1)
        ),
    )


@pytest.fixture
def page(browser, url):
    context = browser.new_context()
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    with_long_answers(page)
    page.goto(url)
    expect(page.locator("#model")).to_have_text("tiny")
    yield page
    assert page.complaints == []
    context.close()


def ask(page, question="Hello"):
    page.fill("#question", question)
    page.press("#question", "Enter")


def answer(page):
    return page.locator(".turn.assistant > div").last


def test_an_answer_streams_in_with_its_figures(page):
    ask(page)
    expect(page.locator(".turn.user > div")).to_have_text("Hello")
    expect(page.locator(".figures").last).to_have_text(
        re.compile(r"first token after \d+ ms( · [\d.]+ tokens/s)? · \d+ tokens")
    )
    expect(page.locator("#send")).to_be_visible()
    assert answer(page).inner_text()
    expect(page.locator("#log")).to_have_attribute("aria-busy", "false")


def test_stop_keeps_what_there_is(page):
    ask(page)
    expect(page.locator("#stop")).to_be_visible()
    page.press("body", "Escape")
    expect(page.locator("#send")).to_be_visible()


def test_tokens_are_coloured_on_demand(page):
    ask(page)
    expect(page.locator("#send")).to_be_visible()
    token = answer(page).locator(".token").first
    assert re.search(r"%\n", token.get_attribute("title"))
    plain = "rgba(0, 0, 0, 0)"
    background = "getComputedStyle(document.querySelector('#log .token')).backgroundColor"
    assert page.evaluate(background) == plain
    page.click("summary")
    page.check("#colours")
    assert page.evaluate(background) != plain
    expect(page.locator("#legend")).to_be_visible()


def test_the_conversation_survives_a_reload_and_ends_on_request(page):
    ask(page, "Grüße 🌍")
    expect(page.locator("#send")).to_be_visible()
    said = answer(page).inner_text()
    page.click("summary")
    page.fill("#system", "Be kind.")
    page.reload()
    assert page.locator(".turn.user > div").inner_text() == "Grüße 🌍"
    assert answer(page).inner_text() == said
    assert page.input_value("#system") == "Be kind."
    page.click("#new")
    page.reload()
    expect(page.locator("#model")).to_have_text("tiny")
    assert page.locator(".turn").count() == 0


def test_what_goes_wrong_is_said(page):
    page.click("summary")
    page.fill("#max-tokens", "60")
    ask(page, "x" * 20)
    expect(page.locator("#error")).to_contain_text("lower max_tokens")
    expect(page.locator("#question")).to_have_value("x" * 20)
    assert page.locator(".turn").count() == 0, "it can be asked again"
    page.complaints = [c for c in page.complaints if "400 (Bad Request)" not in c]


def test_everything_can_be_reached_and_named(page):
    """By keyboard, in the order of reading, and each control has a name for a screen reader."""
    page.click("summary")
    reached = []
    page.focus(".skip")
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    wanted = ["new", "SUMMARY", "system", "temperature", "max-tokens", "colours", "key", "log"]
    order = [reached.index(name) for name in [*wanted, "question", "send"]]
    assert order == sorted(order)
    unnamed = page.evaluate(
        """[...document.querySelectorAll("button, input, textarea")].filter(
             (e) => !(e.labels?.length || e.textContent.trim() || e.ariaLabel)).map((e) => e.id)"""
    )
    assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_schemes(browser, url, scheme):
    """Contrast of at least 4.5, WCAG 2.2, 1.4.3, of text and what it stands on."""
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    with_long_answers(page)
    page.goto(url)
    expect(page.locator("#model")).to_have_text("tiny")
    ask(page)
    expect(page.locator(".figures").last).to_contain_text("tokens")
    pairs = page.evaluate(
        """[["body", "body"], [".figures", "body"], [".user > div", ".user > div"],
            ["#send", "#send"], ["#kind", "body"]].map((pair) => pair.map((s, i) =>
              getComputedStyle(document.querySelector(s))[i ? "backgroundColor" : "color"]))"""
    )
    for ink, paper in pairs:
        assert contrast(ink, paper) >= 4.5, (scheme, ink, paper)
    context.close()


def contrast(*colours):
    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)


def luminance(colour):
    channels = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear))
