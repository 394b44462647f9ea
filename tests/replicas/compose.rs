//! What `docker/compose.replicas.yaml` says, for those who make the same of it without compose.

use std::path::Path;

use serde_json::Value;

/// What compose does by itself, and a test in its own way; and what belongs to images that the tests have
/// others for.
const OTHERWISE: [&str; 8] = [
    "image",
    "build",
    "restart",
    "depends_on",
    "expose",
    "stop_grace_period",
    "entrypoint",
    "healthcheck",
];

pub(super) struct Compose {
    text: &'static str,
    services: Value,
}

impl Compose {
    pub(super) fn read() -> Self {
        let text = include_str!("../../docker/compose.replicas.yaml");
        let mut file: Value = serde_saphyr::from_str(text).unwrap();
        Self {
            text,
            services: file["services"].take(),
        }
    }

    /// What its first comment wants in `mooring.yaml`.
    pub(super) fn settings(&self) -> String {
        let lines = self.text.lines().map(|line| line.strip_prefix("#   "));
        let settings = lines.skip_while(Option::is_none).map_while(|line| line);
        settings.map(|line| format!("{line}\n")).collect()
    }

    /// What it wants in the file that says where the database is.
    pub(super) fn database_url(&self, password: &str) -> String {
        let mut quoted = self.text.split('`');
        let url = quoted.find(|text| text.starts_with("postgres://")).unwrap();
        url.replace("PASSWORD", password)
    }

    /// A variable in the environment of a service.
    pub(super) fn variable(&self, service: &str, name: &str) -> &str {
        let environment = &self.services[service]["environment"];
        environment[name].as_str().unwrap()
    }

    /// What `docker run` has to be told for a service; `beside` is the directory that the file would be
    /// in, and `home` where a volume without a name is.
    pub(super) fn options(&self, service: &str, beside: &Path, home: &Path) -> Vec<String> {
        let mut options = Vec::new();
        for (key, value) in self.services[service].as_object().unwrap() {
            let mut add = |name: &str, value: &str| options.push(format!("--{name}={value}"));
            match key.as_str() {
                "read_only" => add("read-only", &value.to_string()),
                "cap_drop" => each(value, |value| add("cap-drop", value.as_str().unwrap())),
                "security_opt" => each(value, |value| add("security-opt", value.as_str().unwrap())),
                "environment" => {
                    for (name, value) in value.as_object().unwrap() {
                        add("env", &format!("{name}={}", value.as_str().unwrap()));
                    }
                }
                "volumes" => each(value, |value| add("volume", &volume(value, beside, home))),
                other => assert!(OTHERWISE.contains(&other), "no test knows {other}: {value}"),
            }
        }
        options
    }
}

fn each(values: &Value, say: impl FnMut(&Value)) {
    values.as_array().unwrap().iter().for_each(say);
}

fn volume(value: &Value, beside: &Path, home: &Path) -> String {
    let Some(text) = value.as_str() else {
        assert_eq!(value["type"], "volume");
        return format!("{}:{}", home.display(), value["target"].as_str().unwrap());
    };
    match text.strip_prefix("./") {
        Some(file) => beside.join(file).to_str().unwrap().to_owned(),
        // What has a name there goes with its container here.
        None => text.split_once(':').unwrap().1.to_owned(),
    }
}

#[test]
fn a_replica_is_run_as_restricted_as_the_compose_file_says() {
    let compose = Compose::read();
    let options = compose.options("mooring", Path::new("/beside"), Path::new("/home"));
    for option in [
        "--read-only=true",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges:true",
        "--env=AWS_ACCESS_KEY_ID=mooring",
        "--volume=/home:/var/lib/mooring",
        "--volume=/beside/mooring.yaml:/etc/mooring/mooring.yaml:ro",
        "--volume=/beside/secrets:/run/secrets:ro",
    ] {
        assert!(options.iter().any(|told| told == option), "{options:?}");
    }
    let settings = compose.settings();
    let names: Vec<&str> = settings
        .lines()
        .filter_map(|line| line.split(':').next())
        .collect();
    let expected = [
        "api",
        "store",
        "installation_key_file",
        "snapshots",
        "artifacts",
        "smtp",
    ];
    assert_eq!(names, expected);
    let url = compose.database_url("abc");
    assert_eq!(url, "postgres://mooring:abc@db/mooring?sslmode=disable");
}
