//! What is wrong with a page is found, and a page that is right is not complained of.
#![allow(clippy::unwrap_used, reason = "tests state what they expect")]

use std::fs;

use redsync_browser::check;

/// A page with a search that finds a word, as the pages of a book have it.
const RIGHT: &str = "<!doctype html><title>Right</title><link rel=icon href=data:,><h1 id=here>Right</h1>
    <p><a href=#here>here</a> <a href=index.html>again</a> <a href=https://example.org/away>away</a></p>
    <svg class=picture viewBox='0 0 200 100' width=200 role=img aria-label=one><text x=10 y=50>fits</text></svg>
    <ul id=searchresults></ul><script>
    if (location.search) { document.getElementById('searchresults').innerHTML = '<li>found'; }</script>";

#[tokio::test]
async fn nothing_is_wrong_with_a_right_page() {
    assert_eq!(complaints(&[("index.html", RIGHT)]).await, Vec::<String>::new());
}

#[tokio::test]
async fn each_fault_is_found() {
    let cases = [
        ("<script>nonsense()</script>", "a script has failed"),
        ("<script>console.error('no')</script>", "on the console"),
        ("<img src=missing.png>", "missing.png"),
        ("<script src=missing.js></script>", "missing.js"),
        ("<pre><code class=language-rust>let</code></pre>", "without colours"),
        ("<a href=missing.html>x</a>", "a dead link to"),
        ("<a href=#missing>x</a>", "#missing"),
        ("<div style='width: 3000px'>x</div>", "wider than the screen"),
        (
            "<svg class=picture viewBox='0 0 200 100' width=200><text x=150 y=50>far too long for it</text></svg>",
            "runs out",
        ),
        (
            "<svg class=picture viewBox='0 0 200 100' width=200><text x=9 y=50>one</text><text x=12 y=52>two</text></svg>",
            "stand on each other",
        ),
    ];
    // All in one site, since it is the browser that takes time.
    let pages: Vec<_> =
        cases.iter().enumerate().map(|(at, (fault, _))| (format!("{at}.html"), page(fault))).collect();
    let mut site: Vec<_> = pages.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    site.push(("index.html", RIGHT));
    let told = complaints(&site).await;
    for (at, (fault, expected)) in cases.iter().enumerate() {
        let page = format!("{at}.html");
        let is_found = told.iter().any(|line| line.starts_with(&page) && line.contains(expected));
        assert!(is_found, "{fault}: {told:#?}");
    }
    assert!(!told.iter().any(|line| line.starts_with("index.html")), "{told:#?}");
}

#[tokio::test]
async fn a_search_that_finds_nothing_is_found() {
    let without = RIGHT.replace("if (location.search)", "if (false)");
    let told = complaints(&[("index.html", &without)]).await;
    assert!(
        !told.is_empty() && told.iter().all(|line| line.contains("the search finds nothing")),
        "{told:#?}"
    );
}

#[tokio::test]
async fn a_book_without_pages_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    assert!(check(directory.path(), None).await.unwrap_err().to_string().contains("no page"));
}

fn page(fault: &str) -> String {
    format!("<!doctype html><title>Fault</title><link rel=icon href=data:,>{fault}")
}

async fn complaints(pages: &[(&str, &str)]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in pages {
        fs::write(directory.path().join(name), text).unwrap();
    }
    check(directory.path(), None).await.unwrap().complaints
}
