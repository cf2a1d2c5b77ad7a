//! Reports and comparisons of small files of lines: two programs, several runs of each, one figure worse in the second file.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn lab(args: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab")).args(args).output().expect("the laboratory starts")
}

fn compare(before: &str, after: &str) -> (bool, String, String) {
    let output = lab(&[Path::new("compare"), &data(before), &data(after)]);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn what_is_worse_by_more_than_the_spread_fails() {
    let (is_well, table, why) = compare("before.jsonl", "after.jsonl");
    assert!(!is_well);
    assert_eq!(
        why.trim(),
        "worse: latency_graph (gc-core, local): p50, us; latency_graph (gc-core, local): p99, us; \
        latency_graph (gc-core, local): p99.9, us"
    );
    // What became worse is marked, what did not is there too.
    assert_eq!(table.matches("**worse**").count(), 3, "{table}");
    assert!(table.contains("| latency_graph | 1000 | go <1.27> | p50, us |"), "{table}");
    let (is_well, _, _) = compare("after.jsonl", "before.jsonl");
    assert!(is_well, "better is no failure");
    assert!(compare("before.jsonl", "before.jsonl").0);
}

#[test]
fn files_that_cannot_be_compared_fail() {
    let (is_well, _, why) = compare("before.jsonl", "none.jsonl");
    assert!(!is_well && why.contains("none.jsonl"), "{why}");
}

/// A page from the small file; gone with the value.
struct Page(PathBuf);

impl Page {
    fn new(name: &str) -> Page {
        let page = std::env::temp_dir().join(format!("lab-report-{}-{name}.html", std::process::id()));
        let output = lab(&[Path::new("report"), &data("before.jsonl"), Path::new("-o"), &page]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Page(page)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // A page that is gone already is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}

const SECTIONS: [&str; 8] = ["table", "beside", "percentiles", "pauses", "time", "mmu", "heap", "growth"];

#[test]
fn the_page_has_every_section_and_needs_nothing_else() {
    let page = Page::new("sections");
    let text = std::fs::read_to_string(&page.0).expect("the page was written");
    for section in SECTIONS {
        assert!(text.contains(&format!("<section id=\"{section}\">")), "{section}");
    }
    // One drawing of each kind of latency, one over time of both latency and heap, three figures beside other programs'
    // (time per operation is for what has no latencies), and of growth three: no line says what its marking took.
    assert_eq!(text.matches("<svg").count(), 3 + 2 + 3 + 3);
    assert!(text.contains("</i>marking</span>"), "the cycle is marked");
    assert_eq!(text.matches("<svg").count(), text.matches("</svg>").count());
    assert!(text.contains("go &lt;1.27&gt;") && !text.contains("go <1.27>"), "names are text");
    assert!(text.contains("prefers-color-scheme:dark") && text.contains("name=\"viewport\""));
    assert!(text.contains(": n^1.0"), "what grows with the objects has its exponent");
    for loaded in ["<script", "<link", "src=", "@import", "url("] {
        assert!(!text.contains(loaded), "{loaded}");
    }
}

#[test]
fn a_browser_shows_the_page() {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let page = Page::new("browser");
    let url = format!("file://{}", page.0.display());
    let dump = |browser: &&str| {
        Command::new(browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom", &url])
            .output()
            .ok()
    };
    let Some(output) = browsers.iter().find_map(dump) else {
        eprintln!("skipped: no Chromium here");
        return;
    };
    let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{log}");
    assert!(!log.contains("CONSOLE"), "{log}");
    for section in SECTIONS {
        assert!(dom.contains(&format!("<section id=\"{section}\">")), "{section}: {dom}");
    }
}
