//! A Slack and a mail server that can be down, and what they were told, by the clock of the week.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::Value;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

/// Something that was delivered.
#[derive(Debug, Clone)]
pub(super) struct Delivered {
    pub(super) at: Timestamp,
    /// `slack`, or the mail's recipient.
    pub(super) to: String,
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    /// Names a mail: the same in each copy of it.
    pub(super) id: Option<String>,
    /// The conversation it belongs to.
    pub(super) thread: Option<String>,
}

#[derive(Debug)]
pub(super) struct Receivers {
    pub(super) slack: MockServer,
    pub(super) smtp_port: u16,
    pub(super) slack_is_down: Arc<AtomicBool>,
    pub(super) smtp_is_down: Arc<AtomicBool>,
    pub(super) log: Arc<Mutex<Vec<Delivered>>>,
    /// The clock of the week.
    pub(super) now: Arc<Mutex<Timestamp>>,
}

impl Receivers {
    pub(super) async fn start(now: Timestamp) -> Self {
        let (now, log) = (Arc::new(Mutex::new(now)), Arc::default());
        let slack_is_down = Arc::new(AtomicBool::new(false));
        let smtp_is_down = Arc::new(AtomicBool::new(false));
        let slack = MockServer::start().await;
        let answer = slack_answer(slack_is_down.clone(), Arc::clone(&log), now.clone());
        Mock::given(any()).respond_with(answer).mount(&slack).await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let smtp_port = listener.local_addr().unwrap().port();
        let (down, mails, clock) = (smtp_is_down.clone(), log.clone(), now.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (down, mails, clock) = (down.clone(), mails.clone(), clock.clone());
                std::thread::spawn(move || smtp(stream, &down, &mails, &clock));
            }
        });
        Self {
            slack,
            smtp_port,
            slack_is_down,
            smtp_is_down,
            log,
            now,
        }
    }
}

fn slack_answer(
    down: Arc<AtomicBool>,
    log: Arc<Mutex<Vec<Delivered>>>,
    now: Arc<Mutex<Timestamp>>,
) -> impl Fn(&Request) -> ResponseTemplate {
    move |request| {
        if down.load(Ordering::SeqCst) {
            return ResponseTemplate::new(503);
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let mut texts = Vec::new();
        texts_of(&body, &mut texts);
        let mut lines = texts
            .iter()
            .flat_map(|text| text.lines())
            .map(str::to_owned);
        let title = lines.next().unwrap_or_default();
        log.lock().unwrap().push(Delivered {
            at: *now.lock().unwrap(),
            to: "slack".to_owned(),
            title,
            lines: lines.collect(),
            id: None,
            thread: None,
        });
        ResponseTemplate::new(200).set_body_string("ok")
    }
}

fn texts_of(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get("text") {
                texts.push(text.clone());
            }
            map.values().for_each(|value| texts_of(value, texts));
        }
        Value::Array(values) => values.iter().for_each(|value| texts_of(value, texts)),
        _ => {}
    }
}

/// One session of a mail server. Whoever asks it anything while it is down is sent away.
fn smtp(stream: TcpStream, down: &AtomicBool, log: &Mutex<Vec<Delivered>>, now: &Mutex<Timestamp>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    let (mut line, mut to, mut data) = (String::new(), String::new(), None::<String>);
    let mut say = move |text: &str| stream.write_all(format!("{text}\r\n").as_bytes()).is_ok();
    let greeting = if down.load(Ordering::SeqCst) {
        "421 down for maintenance"
    } else {
        "220 mail"
    };
    if !say(greeting) || greeting.starts_with("421") {
        return;
    }
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        if let Some(text) = &mut data {
            if line == ".\r\n" {
                let mail = delivered(&to, text, *now.lock().unwrap());
                log.lock().unwrap().push(mail);
                data = None;
                say("250 taken");
            } else {
                text.push_str(line.strip_prefix('.').unwrap_or(&line));
            }
            line.clear();
            continue;
        }
        let command = line.trim_end().to_uppercase();
        if down.load(Ordering::SeqCst) {
            say("421 down for maintenance");
            return;
        }
        if command.starts_with("RCPT TO:<") {
            to = line.trim_end()[9..]
                .split('>')
                .next()
                .unwrap_or_default()
                .to_owned();
        }
        let answer = match command.split(' ').next().unwrap_or_default() {
            "DATA" => {
                data = Some(String::new());
                "354 go on"
            }
            "QUIT" => {
                say("221 bye");
                return;
            }
            _ => "250 ok",
        };
        if !say(answer) {
            return;
        }
        line.clear();
    }
}

fn delivered(to: &str, mail: &str, at: Timestamp) -> Delivered {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let head = head.replace("\r\n ", " ");
    let header = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
    };
    let part = body
        .split("\r\n--")
        .find(|part| part.contains("text/plain"))
        .unwrap();
    let (head_of_part, text) = part.split_once("\r\n\r\n").unwrap();
    let text = if head_of_part.contains("quoted-printable") {
        unquoted(text)
    } else {
        text.to_owned()
    };
    // The first lines of a mail answer what has to be known at once.
    let glance = text
        .split("\r\n\r\n")
        .take(2)
        .collect::<Vec<_>>()
        .join("\n");
    let lines = glance.lines().map(str::trim_end);
    Delivered {
        at,
        to: to.to_owned(),
        title: header("X-Mooring-Title")
            .or_else(|| header("Subject"))
            .unwrap(),
        lines: lines.map(str::to_owned).collect(),
        id: header("Message-ID"),
        thread: header("In-Reply-To"),
    }
}

fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'=').then(|| after.get(..2)).flatten();
        let code =
            code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap()
}
