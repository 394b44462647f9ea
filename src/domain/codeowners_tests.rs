//! The examples of GitHub's and GitLab's documentation, and what must never happen.

use proptest::prelude::*;

use super::*;

fn github(text: &str) -> Owners {
    Owners::parse(text, Dialect::GitHub)
}

fn gitlab(text: &str) -> Owners {
    Owners::parse(text, Dialect::GitLab)
}

/// The owners of a path in one line.
fn of(owners: &Owners, path: &str) -> String {
    let owners = owners.of(path);
    let names: Vec<&str> = owners.iter().map(Owner::as_str).collect();
    names.join(" ")
}

fn causes(owners: &Owners) -> Vec<(usize, Cause)> {
    let unreadable = owners.unreadable().iter();
    unreadable.map(|line| (line.line, line.cause)).collect()
}

#[test]
fn the_example_of_github() {
    let owners = github(
        "# This is a comment.\n\
         *       @global-owner1 @global-owner2\n\
         *.js    @js-owner #This is an inline comment.\n\
         *.go docs@example.com\n\
         *.txt @octo-org/octocats\n\
         /build/logs/ @doctocat\n\
         docs/* docs@example.com\n\
         apps/ @octocat\n\
         /docs/ @doctocat\n\
         /scripts/ @doctocat @octocat\n\
         **/logs @octocat\n\
         /apps/ @octocat\n\
         /apps/github\n\
         /apps/gitlab @doctocat\n",
    );
    assert_eq!(owners.unreadable(), []);
    for (path, expected) in [
        ("README", "@global-owner1 @global-owner2"),
        ("a/b/.hidden", "@global-owner1 @global-owner2"),
        ("a/b.js", "@js-owner"),
        ("main.go", "docs@example.com"),
        ("x/notes.txt", "@octo-org/octocats"),
        ("src/apps/x/y.js", "@octocat"),
        ("src/apps", "@global-owner1 @global-owner2"),
        ("docs/getting-started.md", "@doctocat"),
        ("src/docs/x", "@global-owner1 @global-owner2"),
        ("scripts/a/b", "@doctocat @octocat"),
        ("build/logs/x", "@octocat"),
        ("deeply/nested/logs/x", "@octocat"),
        ("logs", "@octocat"),
        ("apps/web/x", "@octocat"),
        ("apps/github", ""),
        ("apps/github/x/y", ""),
        ("apps/gitlab/x", "@doctocat"),
    ] {
        assert_eq!(of(&owners, path), expected, "{path}");
    }
}

#[test]
fn on_github_a_star_after_a_slash_does_not_reach_into_directories() {
    let owners = github("docs/* @a\n/x/*.md @b\n/* @root\n");
    for (path, expected) in [
        ("docs/getting-started.md", "@a"),
        ("docs/build-app/troubleshooting.md", ""),
        ("src/docs/x", ""),
        ("x/y.md", "@b"),
        ("x/y/z.md", ""),
        ("README", "@root"),
    ] {
        assert_eq!(of(&owners, path), expected, "{path}");
    }
}

#[test]
fn on_github_what_its_documentation_excepts_is_passed_over_and_said() {
    let owners = github(
        "* @all\n\
         !*.tf @a\n\
         \\#x @a\n\
         [ab].tf @a\n\
         *.tf nobody\n\
         / @a\n\
         x\\ y.tf @space\n\
         {a,b}.tf @braces\n",
    );
    assert_eq!(
        causes(&owners),
        [
            (2, Cause::Negation),
            (3, Cause::EscapedHash),
            (4, Cause::Range),
            (5, Cause::Owner),
            (6, Cause::Pattern),
        ]
    );
    assert_eq!(of(&owners, "a.tf"), "@all");
    assert_eq!(of(&owners, "d/x y.tf"), "@space");
    assert_eq!(of(&owners, "{a,b}.tf"), "@braces");
    assert_eq!(of(&owners, "X Y.tf"), "@all");
}

#[test]
fn the_examples_of_gitlab() {
    let owners = gitlab(
        "* @default-owner\n\
         README.md @doc-team @tech-lead\n\
         *.rb @ruby-owner\n\
         \\#file_with_pound.rb @owner-file-with-pound\n\
         LICENSE @legal janedoe@gitlab.com\n\
         COPYING @group @group/with-nested/subgroup\n\
         /docs/ @all-docs\n\
         /docs/* @root-docs\n\
         /docs/**/*.md @markdown-docs  # Match specific file types in any subdirectory\n\
         lib/ @lib-owner\n\
         path\\ with\\ spaces/ @space-owner\n\
         /config/ @@maintainer\n",
    );
    assert_eq!(owners.unreadable(), []);
    for (path, expected) in [
        ("x", "@default-owner"),
        ("a/b/README.md", "@doc-team @tech-lead"),
        ("a/x.rb", "@ruby-owner"),
        ("#file_with_pound.rb", "@owner-file-with-pound"),
        ("LICENSE", "@legal janedoe@gitlab.com"),
        ("COPYING", "@group @group/with-nested/subgroup"),
        ("docs/x", "@root-docs"),
        ("docs/a/x", "@all-docs"),
        ("docs/x.md", "@markdown-docs"),
        ("docs/a/b/x.md", "@markdown-docs"),
        ("a/lib/b/c", "@lib-owner"),
        ("path with spaces/x", "@space-owner"),
        ("config/a/b", "@@maintainer"),
        ("a/config/b", "@default-owner"),
    ] {
        assert_eq!(of(&owners, path), expected, "{path}");
    }
}

#[test]
fn on_gitlab_sections_add_up_and_the_last_pattern_of_each_decides() {
    let owners = gitlab(
        "* @admin\n\n\
         [README Owners]\n\
         README.md @user1 @user2\n\
         internal/README.md @user4\n\n\
         [README other owners]\n\
         README.md @user3\n",
    );
    assert_eq!(of(&owners, "README.md"), "@admin @user1 @user2 @user3");
    assert_eq!(of(&owners, "internal/README.md"), "@admin @user4 @user3");
    assert_eq!(of(&owners, "x/internal/README.md"), "@admin @user4 @user3");
    assert_eq!(of(&owners, "x"), "@admin");
}

#[test]
fn on_gitlab_a_section_has_default_owners_and_may_be_optional_or_come_twice() {
    let owners = gitlab(
        "[Documentation][2] @docs-team\n\
         docs/\n\
         README.md\n\
         ^[Database] @database-team @agarcia\n\
         model/db/\n\
         config/db/database-setup.md @docs-team\n\
         [DOCUMENTATION]\n\
         README.md @late\n\
         other.md\n",
    );
    assert_eq!(owners.unreadable(), []);
    for (path, expected) in [
        ("docs/x", "@docs-team"),
        ("README.md", "@late"),
        ("model/db/x", "@database-team @agarcia"),
        ("config/db/database-setup.md", "@docs-team"),
        ("other.md", ""),
    ] {
        assert_eq!(of(&owners, path), expected, "{path}");
    }
}

#[test]
fn on_gitlab_what_a_section_excludes_stays_excluded_in_it() {
    let owners = gitlab(
        "* @username\n\
         !pom.xml\n\
         [Ruby]\n\
         *.rb @ruby-team\n\
         !/config/**/*.rb   # @not-an-owner\n\
         /config/routes.rb @ops\n",
    );
    assert_eq!(of(&owners, "a/pom.xml"), "");
    assert_eq!(of(&owners, "config/routes.rb"), "@username");
    assert_eq!(of(&owners, "app/x.rb"), "@username @ruby-team");
}

#[test]
fn on_gitlab_a_name_is_not_a_directory_and_a_heading_that_is_none_is_said() {
    let owners = gitlab("/docs @a\n/all/** @b\n[ @c\n/[ab].tf @d\n");
    assert_eq!(causes(&owners), [(3, Cause::Pattern)]);
    for (path, expected) in [
        ("docs", "@a"),
        ("docs/x", ""),
        ("all/x", "@b"),
        ("all/x/y", ""),
        ("b.tf", "@d"),
    ] {
        assert_eq!(of(&owners, path), expected, "{path}");
    }
}

#[test]
fn sections_tell_whose_file_it_is() {
    assert_eq!(Dialect::of("* @a\n^[Docs][1] @b\n"), Dialect::GitLab);
    assert_eq!(Dialect::of("# [Docs]\n* @a\n[ab].tf @x\n"), Dialect::GitHub);
}

#[test]
fn only_what_can_be_an_owner_is_one() {
    for good in ["@a", "@org/team-x", "@a/b/c", "@@owner", "a.b+c@x.example"] {
        assert!(Owner::parse(good).is_some(), "{good}");
    }
    for bad in [
        "",
        "@",
        "@@",
        "a",
        "@a@b",
        "a@",
        "@a\u{202e}",
        "@<b>",
        "@a,",
    ] {
        assert!(Owner::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn a_pattern_that_is_too_long_is_passed_over() {
    let long = "x".repeat(LONGEST_PATTERN + 1);
    let owners = github(&format!("* @a\n{long} @b\n"));
    assert_eq!(causes(&owners), [(2, Cause::TooMuch)]);
    assert_eq!(of(&owners, "x"), "@a");
}

proptest! {
    #[test]
    fn no_file_and_no_path_breaks_it(
        text in "([\\[\\]!^#*?/\\\\{}a-b @\n.]|[^a]){0,80}",
        path in "[\\[a-b/. *\\\\é]{0,20}",
    ) {
        for dialect in [Dialect::GitHub, Dialect::GitLab, Dialect::of(&text)] {
            let owners = Owners::parse(&text, dialect);
            let found = owners.of(&path);
            prop_assert!(found.iter().all(|owner| Owner::parse(owner.as_str()).is_some()));
            let lines = text.lines().count();
            prop_assert!(owners.unreadable().iter().all(|line| (1..=lines).contains(&line.line)));
        }
    }

    #[test]
    fn the_last_pattern_wins_on_github(names in proptest::collection::vec("[a-c]", 1..8), path in "[a-c]") {
        let lines = names.iter().zip(0..);
        let text: String = lines.map(|(name, n)| format!("/{name} @o{n}\n")).collect();
        let last = names.iter().rposition(|name| *name == path);
        let expected = last.map(|n| format!("@o{n}")).unwrap_or_default();
        prop_assert_eq!(of(&github(&text), &path), expected);
    }
}
