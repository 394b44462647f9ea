//! Where in a tree a block stands, and whose it is.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use mooring::discover::{owners, places};
use mooring::domain::codeowners::Cause;
use mooring::domain::ids::Address;
use proptest::prelude::*;

use crate::discover::tree;

/// Where one object stands: `file:first-last`, or nothing.
fn place(root: &Path, dir: &str, address: &str) -> String {
    let address = Address::new(address);
    places(root, dir, std::slice::from_ref(&address))
        .remove(&address)
        .map_or_else(String::new, |place| {
            format!("{}:{}-{}", place.file, place.first, place.last)
        })
}

#[test]
fn every_kind_of_address_leads_to_its_block() {
    let root = tree(&[(
        "live/main.tf",
        "resource \"aws_x\" \"y\" {\n}\ndata \"aws_x\" \"y\" {\n}\noutput \"y\" {\n}\n\
         check \"y\" {\n  data \"http\" \"up\" {\n  }\n}\nvariable \"y\" {\n}\n\
         ephemeral \"aws_x\" \"y\" {\n}\n",
    )]);
    for (address, lines) in [
        ("aws_x.y", "1-2"),
        ("aws_x.y[0]", "1-2"),
        ("aws_x.y[\"a.b[\\\"]\"]", "1-2"),
        ("data.aws_x.y", "3-4"),
        ("output.y", "5-6"),
        ("check.y", "7-10"),
        ("data.http.up", "8-9"),
        ("var.y", "11-12"),
        ("ephemeral.aws_x.y[1]", "13-14"),
    ] {
        let expected = format!("live/main.tf:{lines}");
        assert_eq!(place(root.path(), "live", address), expected, "{address}");
        assert_eq!(
            place(root.path(), "./live/", address),
            expected,
            "{address}"
        );
    }
    for nowhere in [
        "aws_x.z",
        "aws_z.y",
        "data.aws_x",
        "module",
        "module.m",
        "module.m.aws_x.y",
        "",
        ".",
        "[",
        "local.y",
        "a.b.c.d",
    ] {
        assert_eq!(place(root.path(), "live", nowhere), "", "{nowhere}");
    }
    assert_eq!(place(root.path(), "missing", "aws_x.y"), "");
    assert_eq!(place(&root.path().join("missing"), ".", "aws_x.y"), "");
}

#[test]
fn local_modules_are_followed_and_others_stand_where_they_are_called() {
    let root = tree(&[
        (
            "live/main.tf",
            "module \"net\" {\n  source = \"../modules/net\"\n}\n\
             module \"vpc\" {\n  source  = \"terraform-aws-modules/vpc/aws\"\n}\n\
             module \"gone\" {\n  source = \"./gone\"\n}\n\
             module \"out\" {\n  source = \"../../elsewhere\"\n}\n",
        ),
        (
            "modules/net/main.tf",
            "\nmodule \"sub\" {\n  source = \"./sub\"\n}\n\
             module \"far\" {\n  source = \"git::https://git.example/x\"\n}\n",
        ),
        (
            "modules/net/sub/main.tf.json",
            "{\n  \"resource\": {\n    \"aws_x\": {\n      \"y\": {\n      }\n    }\n  }\n}\n",
        ),
    ]);
    for (address, expected) in [
        (
            "module.net[\"a.module.b\"].module.sub[0].aws_x.y[\"k\"]",
            "modules/net/sub/main.tf.json:4-5",
        ),
        (
            "module.net.module.far.module.x.aws_x.y",
            "modules/net/main.tf:5-7",
        ),
        ("module.vpc.aws_vpc.this[0]", "live/main.tf:4-6"),
        ("module.vpc.module.x.output.y", "live/main.tf:4-6"),
        ("module.gone.aws_x.y", "live/main.tf:7-9"),
        ("module.out.aws_x.y", "live/main.tf:10-12"),
        ("module.net.aws_x.none", ""),
        ("module.net.module.none.aws_x.y", ""),
    ] {
        assert_eq!(place(root.path(), "live", address), expected, "{address}");
    }
}

#[test]
fn of_an_object_with_overrides_the_block_itself_counts_and_a_source_is_the_last_one() {
    let root = tree(&[
        (
            "a_override.tf",
            "\nresource \"x\" \"y\" {\n}\nresource \"x\" \"only\" {\n}\n",
        ),
        (
            "b.tf",
            "resource \"x\" \"y\" {\n}\nmodule \"m\" {\n  source = \"./old\"\n}\n",
        ),
        (
            "override.tf.json",
            "{\"module\": {\"m\": {\"source\": \"./new\"}}}",
        ),
        ("z_override.tf", "module \"m\" {\n  count = 1\n}\n"),
        ("old/main.tf", "resource \"x\" \"y\" {\n}\n"),
        ("new/main.tf", "\n\nresource \"x\" \"y\" {\n}\n"),
    ]);
    assert_eq!(place(root.path(), ".", "x.y"), "b.tf:1-2");
    assert_eq!(place(root.path(), ".", "x.only"), "");
    assert_eq!(place(root.path(), ".", "module.m.x.y"), "new/main.tf:3-4");
}

#[test]
fn a_link_counts_for_what_it_leads_to_and_never_leads_out() {
    let outside = tree(&[("x.tf", "resource \"x\" \"out\" {\n}\n")]);
    let root = tree(&[
        (
            "live/main.tf",
            "module \"m\" {\n  source = \"./out\"\n}\nmodule \"l\" {\n  source = \"./link\"\n}\n",
        ),
        ("shared/common.tf", "\nresource \"x\" \"y\" {\n}\n"),
    ]);
    let live = root.path().join("live");
    symlink("../shared/common.tf", live.join("common.tf")).unwrap();
    symlink("../shared", live.join("link")).unwrap();
    symlink(outside.path(), live.join("out")).unwrap();
    symlink(outside.path().join("x.tf"), live.join("x.tf")).unwrap();
    symlink(outside.path(), root.path().join("dir")).unwrap();
    symlink("loop.tf", live.join("loop.tf")).unwrap();
    assert_eq!(place(root.path(), "live", "x.y"), "shared/common.tf:2-3");
    assert_eq!(
        place(root.path(), "live", "module.l.x.y"),
        "shared/common.tf:2-3"
    );
    assert_eq!(place(root.path(), "live", "x.out"), "");
    assert_eq!(
        place(root.path(), "live", "module.m.x.out"),
        "live/main.tf:1-3"
    );
    assert_eq!(place(root.path(), "dir", "x.out"), "");
    assert_eq!(place(root.path(), "..", "x.y"), "");
}

#[test]
fn a_file_that_cannot_be_read_hides_no_other() {
    let root = tree(&[
        ("broken.tf", "resource \"x\" \"lost\" {"),
        ("broken.tf.json", "{"),
        ("deep.tf", &format!("x = {}", "[".repeat(100_000))),
        ("mark.tf", "\u{feff}resource \"x\" \"mark\" {\n}\n"),
        (
            "good.tf",
            "resource \"x\" \"y\" {}\r\n\r\nresource \"x\" \"z\" {\r\n}\r\n",
        ),
    ]);
    fs::write(root.path().join("bytes.tf"), b"resource \"x\" \"\xff\" {}").unwrap();
    fs::create_dir(root.path().join("dir.tf")).unwrap();
    assert_eq!(place(root.path(), ".", "x.lost"), "");
    assert_eq!(place(root.path(), ".", "x.mark"), "mark.tf:1-2");
    assert_eq!(place(root.path(), ".", "x.y"), "good.tf:1-1");
    assert_eq!(place(root.path(), ".", "x.z"), "good.tf:3-4");
}

#[test]
fn the_owners_are_read_where_the_services_look() {
    let root = tree(&[
        (".gitlab/CODEOWNERS", "/live/ @gitlab\n"),
        ("live/main.tf", ""),
    ]);
    let found = |expected: (&str, &str)| {
        let found = owners(root.path()).unwrap();
        let owners = found.owners.of("live/main.tf");
        let names: Vec<String> = owners.iter().map(ToString::to_string).collect();
        assert_eq!((found.file, names.join(" ").as_str()), expected);
        found.owners.unreadable().to_vec()
    };
    found((".gitlab/CODEOWNERS", "@gitlab"));
    for (file, text, owner) in [
        (
            "docs/CODEOWNERS",
            "* @all\n[Live] @docs\nlive/\n",
            "@all @docs",
        ),
        ("CODEOWNERS", "* @root\n", "@root"),
        (".github/CODEOWNERS", "* @github\n[Live] @docs\n", "@github"),
    ] {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        let unreadable = found((file, owner));
        let expected = file.starts_with(".github").then_some((2, Cause::Range));
        let lines: Vec<_> = unreadable
            .iter()
            .map(|line| (line.line, line.cause))
            .collect();
        assert_eq!(lines, Vec::from_iter(expected));
    }
}

#[test]
fn owners_outside_the_tree_do_not_count() {
    let outside = tree(&[("CODEOWNERS", "* @outside\n")]);
    let root = tree(&[("docs/CODEOWNERS", "* @inside\n")]);
    let link = root.path().join("CODEOWNERS");
    symlink(outside.path().join("CODEOWNERS"), link).unwrap();
    assert_eq!(owners(root.path()).unwrap().file, "docs/CODEOWNERS");
    assert!(owners(&root.path().join("docs")).is_some());
    assert!(owners(&root.path().join("missing")).is_none());
}

proptest! {
    #[test]
    fn any_address_is_taken(address in "(module|data|x|\\.|\\[|\\]|\"|\\\\|0){0,20}") {
        let root = tree(&[("main.tf", "resource \"x\" \"x\" {}\n")]);
        let found = place(root.path(), ".", &address);
        prop_assert!(found.is_empty() || found == "main.tf:1-1");
    }
}
