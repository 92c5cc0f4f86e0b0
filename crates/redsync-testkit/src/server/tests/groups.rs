//! Tests of clusters and sentinels.

use super::*;

const KEY: &str = "{report}:7";

#[test]
fn a_cluster_fails_over_with_what_its_master_had_and_can_lose_the_rest() {
    let cluster = Cluster::start(3, 1).unwrap();
    assert_eq!(cluster.urls().len(), 6);
    let old = cluster.owner(KEY).unwrap();
    assert_eq!(old.command(&["SET", KEY, "kept"]).unwrap(), ok());
    cluster.cut_off(KEY).unwrap();
    assert_eq!(old.command(&["SET", KEY, "lost"]).unwrap(), ok());
    let new = cluster.fail_over_without(KEY).unwrap();
    assert_ne!(new.port(), old.port());
    assert_eq!(new.command(&["GET", KEY]).unwrap().text(), Some("kept"));
    assert_eq!(cluster.owner(KEY).unwrap().port(), new.port());
    assert_eq!(new.command(&["SET", KEY, "value"]).unwrap(), ok());
    assert!(cluster.fail_over(KEY).is_err(), "no replica is left");
}

#[test]
fn sentinels_fail_over_with_what_the_master_had_and_can_lose_the_rest() {
    let sentinels = Sentinels::start().unwrap();
    let old = sentinels.master().unwrap();
    assert_eq!(old.command(&["SET", KEY, "kept"]).unwrap(), ok());
    sentinels.cut_off().unwrap();
    assert_eq!(old.command(&["SET", KEY, "lost"]).unwrap(), ok());
    let new = sentinels.fail_over_without().unwrap();
    assert_ne!(new.port(), old.port());
    assert_eq!(new.command(&["GET", KEY]).unwrap().text(), Some("kept"));
    assert_eq!(sentinels.master().unwrap().port(), new.port());
    assert_eq!(new.command(&["SET", KEY, "value"]).unwrap(), ok());
}
