//! The chapter on operating and the dashboard know each metric that the crates have, as Prometheus gets it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::{collections::BTreeSet, error::Error, time::Duration};

use ::metrics::with_local_recorder;
use common::three_nodes;
use metrics_exporter_prometheus::PrometheusHandle;
use promql_parser::{
    parser::{AggregateExpr, Expr, VectorSelector, parse},
    util::{ExprVisitor, walk_expr},
};
use redsync_redis_rs::{
    ErrorKind,
    metrics::{ALL, Kind, Metric},
};
use serde_json::Value;

const CHAPTER: &str = include_str!("../../src/operating.md");
const DASHBOARD: &str = include_str!("../../../grafana/redsync.json");

/// Labels that Prometheus adds.
const ADDED: [&str; 2] = ["job", "instance"];

// ANCHOR: install
/// Keeps figures for Prometheus, which the handle renders for `/metrics`.
fn keep_figures() -> Result<PrometheusHandle, Box<dyn Error>> {
    use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
    use redsync_redis_rs::metrics;

    let ours = Matcher::Prefix("redsync_".to_owned());
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(ours, &metrics::BUCKETS)?;
    let handle = builder.install_recorder()?;
    metrics::describe();
    Ok(handle)
}
// ANCHOR_END: install

#[tokio::test]
async fn prometheus_gets_every_metric_that_the_dashboard_shows() {
    let handle = keep_figures().expect("the first recorder");
    bring_about_every_figure().await;
    assert_shown(&handle.render());
}

#[test]
fn names_are_the_same_where_prometheus_wants_its_own() {
    use metrics_exporter_prometheus::PrometheusBuilder;

    let builder = PrometheusBuilder::new().with_recommended_naming(true);
    let builder = builder.set_buckets(&redsync_redis_rs::metrics::BUCKETS);
    let recorder = builder.expect("some buckets").build_recorder();
    let handle = recorder.handle();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    with_local_recorder(&recorder, || {
        redsync_redis_rs::metrics::describe();
        tokio.expect("a runtime").block_on(bring_about_every_figure());
    });
    assert_shown(&handle.render());
}

#[test]
fn the_dashboard_shows_every_metric_by_labels_that_it_has() {
    let mut shown = BTreeSet::new();
    for query in queries() {
        for selector in selectors(&query) {
            let metric = metric(&selector);
            shown.insert(metric.name);
            for label in labels(&query, &selector) {
                let is_known = metric.labels.contains(&label.as_str())
                    || ADDED.contains(&label.as_str())
                    || metric.kind == Kind::Seconds && label == "le";
                assert!(is_known, "{} has no label {label}", metric.name);
            }
        }
    }
    assert_eq!(shown, ALL.iter().map(|metric| metric.name).collect());
}

#[test]
fn the_chapter_has_a_row_for_every_metric_and_no_other() {
    let rows: Vec<_> =
        CHAPTER.lines().filter(|line| line.starts_with("| `redsync_")).collect();
    let tables: Vec<_> =
        rows.iter().filter(|row| row.matches('|').count() == 5).copied().collect();
    assert_eq!(tables.len(), ALL.len(), "{tables:#?}");
    for Metric { name, kind, labels, .. } in ALL {
        let row = tables.iter().find(|row| row.starts_with(&format!("| `{name}` |")));
        let cells: Vec<_> = row.expect(name).split('|').map(str::trim).collect();
        let units = [
            (Kind::Counter, "counter"),
            (Kind::Gauge, "gauge"),
            (Kind::Seconds, "histogram, seconds"),
        ];
        assert!(units.contains(&(kind, cells[2])), "{name}: {}", cells[2]);
        assert!(labels.iter().all(|label| cells[3].contains(&format!("`{label}`"))));
    }
}

/// Has a lock taken, refused and lost, on three nodes of which one is down.
async fn bring_about_every_figure() {
    let (redsync, nodes) = three_nodes();
    nodes[2].stop();
    let mutex = redsync.mutex("invoice:42").ttl(Duration::from_secs(60));
    let mutex = mutex.wait_for_all(true);
    let guard = mutex.lock().await.expect("two of three");
    let error = mutex.try_lock().await.expect_err("it is held");
    assert_eq!(error.kind(), ErrorKind::Taken);
    for node in &nodes[..2] {
        node.execute(&["DEL", "invoice:42"]).expect("up");
    }
    guard.extend().await.expect_err("it is gone");
}

/// Each selector of the dashboard finds a series in what Prometheus reads.
#[track_caller]
fn assert_shown(rendered: &str) {
    let names: BTreeSet<_> = rendered
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    for selector in queries().iter().flat_map(selectors) {
        let name = selector.name.expect("a name");
        assert!(names.contains(name.as_str()), "{name} is not among {names:?}");
    }
}

/// The queries of all panels, with an interval in the place of Grafana's.
fn queries() -> Vec<Expr> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets =
        panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let texts = targets.map(|target| target["expr"].as_str().expect("a query"));
    let queries: Vec<_> = texts
        .map(|text| parse(&text.replace("$__rate_interval", "5m")).expect(text))
        .collect();
    assert!(queries.len() >= ALL.len(), "only {} queries", queries.len());
    queries
}

fn metric(selector: &VectorSelector) -> Metric {
    let name = selector.name.as_deref().expect("a name");
    let is_it = |metric: &Metric| {
        let suffix = if metric.kind == Kind::Seconds { "_bucket" } else { "" };
        name == format!("{}{suffix}", metric.name)
    };
    ALL.into_iter().find(is_it).expect(name)
}

fn selectors(query: &Expr) -> Vec<VectorSelector> {
    let mut found = Found::default();
    let _: Result<bool, ()> = walk_expr(&mut found, query);
    found.selectors
}

/// The labels by which the selector chooses, and those by which the query groups.
fn labels(query: &Expr, selector: &VectorSelector) -> Vec<String> {
    let mut found = Found::default();
    let _: Result<bool, ()> = walk_expr(&mut found, query);
    let chosen = selector.matchers.matchers.iter().map(|matcher| matcher.name.clone());
    chosen.chain(found.groups).collect()
}

#[derive(Default)]
struct Found {
    selectors: Vec<VectorSelector>,
    groups: Vec<String>,
}

impl ExprVisitor for Found {
    type Error = ();

    fn pre_visit(&mut self, query: &Expr) -> Result<bool, ()> {
        if let Expr::VectorSelector(selector) = query {
            self.selectors.push(selector.clone());
        }
        if let Expr::MatrixSelector(selector) = query {
            self.selectors.push(selector.vs.clone());
        }
        if let Expr::Aggregate(AggregateExpr { modifier: Some(modifier), .. }) = query {
            self.groups.extend(modifier.labels().labels.iter().cloned());
        }
        Ok(true)
    }
}
