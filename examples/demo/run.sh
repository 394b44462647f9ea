#!/usr/bin/env bash
# Mooring at work, on this machine and without a cloud: five stacks, drift made by hand, one repair
# that policy allows, and messages about the rest. Ends by itself and leaves nothing behind
# (KEEP=1 keeps its directory). Exit code 0 means that all of it was seen to happen.
#
# Needs Rust, Python 3, Git and Terraform 1.10 or newer; the network once, for packages.
# MOORING_BIN names a ready binary and saves the build.
set -euo pipefail

demo=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$demo/../.." && pwd)
lab=${MOORING_LAB:-$root/target/lab}
stacks=(storage queue secrets app table)

say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }
note() { printf '    %s\n' "$*"; }
fail() {
  printf '\nrun.sh: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  remedy: %s\n' "$2" >&2
  exit 1
}
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n==> %s\n' "$*"; }

need() { command -v "$1" >/dev/null || fail "$1 is missing" "$2"; }
need terraform "install Terraform 1.10 or newer: https://developer.hashicorp.com/terraform/install"
need git "apt-get install git"
need python3 "apt-get install python3 python3-venv"
[ -n "${MOORING_BIN:-}" ] || need cargo "install Rust: https://rustup.rs"

# Nothing of your own AWS or Terraform settings plays a part, least of all your credentials.
unset "${!AWS_@}" "${!TF_@}"

run=$(mktemp -d "${TMPDIR:-/tmp}/mooring-demo.XXXXXX")
lab_pid='' daemon_pid=''
stop() {
  [ -n "$1" ] && kill "$1" 2>/dev/null || return 0
  for _ in $(seq 150); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null || true
}
clean_up() {
  status=$?
  trap - EXIT INT TERM
  if [ "$status" -ne 0 ] && [ -s "$run/mooring.log" ]; then
    printf '\nThe end of the daemon'\''s log:\n' >&2
    tail -n 25 "$run/mooring.log" >&2
  fi
  stop "$daemon_pid"
  stop "$lab_pid"
  if [ "${KEEP:-}" = 1 ]; then
    echo "Kept: $run" >&2
  else
    rm -rf "$run"
  fi
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

lab() { "$lab/venv/bin/python" "$root/tests/lab/lab.py" "$@"; }
by_hand() { lab aws "$run" "$@"; }
mail_with() { lab read "$run" mail "$@" >/dev/null; }
post_with() { lab read "$run" posts "$@" >/dev/null; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    for part in lab daemon; do
      local pid_of=${part}_pid
      [ -z "${!pid_of}" ] || kill -0 "${!pid_of}" 2>/dev/null || fail "the $part has died"
    done
    [ "$SECONDS" -lt "$deadline" ] || fail "waited in vain: $what"
    sleep 0.5
  done
  note "seen: $what"
}

say "Preparing the test lab (an AWS emulator, Git, mail and chat servers, all on this machine)"
"$root/tests/lab/setup.sh" "$lab"
lab=$(cd "$lab" && pwd)
if [ -z "${MOORING_BIN:-}" ]; then
  say "Building Mooring"
  (cd "$root" && cargo build --quiet)
  MOORING_BIN=${CARGO_TARGET_DIR:-$root/target}/debug/mooring
fi
lab up --dir "$run" --lab "$lab" >"$run/lab.log" 2>&1 &
lab_pid=$!
wait_for 90 "the lab is up" test -s "$run/lab.json"
lab_environment=$(lab env "$run")
eval "$lab_environment"
field() { "$lab/venv/bin/python" -c '
import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2].split("."):
    value = value[key]
print(value)' "$run/lab.json" "$1"; }

mkdir -m 700 "$run/secrets"
secret() { (umask 077 && printf '%s' "$2" >"$run/secrets/$1"); }
random() { head -c 18 /dev/urandom | base64 | tr '+/' 'ab'; }
database_password=$(random) rotated_password=$(random)
secret api-token "$(random)"
secret database-password "$database_password"
secret aws-secret-key test
secret slack-url "$(field webhook)/slack/oncall"

say "A Git repository with five Terraform stacks, and the infrastructure it describes"
export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_INPUT=0
export GIT_SSL_CAINFO GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=$run/askpass
GIT_SSL_CAINFO=$(field ca)
git_url=$(lab repository "$run" infra)
cat >"$GIT_ASKPASS" <<ASK
#!/bin/sh
case \$1 in Username*) echo $(field git_user) ;; *) cat "$(field git_token_file)" ;; esac
ASK
chmod 700 "$GIT_ASKPASS"
cp -R "$demo/estate" "$run/work"
git_here() { git -C "$run/work" -c user.name=Ada -c user.email=ada@example.com -c commit.gpgsign=false "$@"; }
git_here init --quiet --initial-branch=main
git_here add --all
git_here commit --quiet --message "Five stacks"
git_here push --quiet "$git_url" main
by_hand create-bucket demo-state
apply() {
  cd "$run/work/live/$1"
  if ! { terraform init -no-color && timeout 300 terraform apply -auto-approve -no-color; } >"$run/apply-$1.log" 2>&1; then
    tail -n 20 "$run/apply-$1.log" >&2
    return 1
  fi
  printf '    applied: live/%s\n' "$1"
}
export -f apply
export run
TF_VAR_database_password=$database_password \
  xargs -I STACK -P 2 bash -c "apply STACK" < <(printf '%s\n' "${stacks[@]}") \
  || fail "terraform could not apply the stacks"

say "Mooring starts and takes a first look"
listen=127.0.0.1:$("$lab/venv/bin/python" -c '
import socket
with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1])')
sed -e "s|@RUN@|$run|g" -e "s|@CA@|$(field ca)|g" -e "s|@LISTEN@|$listen|g" \
  -e "s|@GIT_URL@|$git_url|g" -e "s|@GIT_USER@|$(field git_user)|g" \
  -e "s|@GIT_TOKEN_FILE@|$(field git_token_file)|g" -e "s|@SMTP_HOST@|$(field smtp.host)|g" \
  -e "s|@SMTP_PORT@|$(field smtp.port)|g" -e "s|@SMTP_USER@|$(field smtp.username)|g" \
  -e "s|@SMTP_PASSWORD_FILE@|$(field smtp.password_file)|g" -e "s|@AWS@|$(field aws)|g" \
  -e "s|@TERRAFORMRC@|$lab/terraformrc|g" "$demo/mooring.yaml.in" >"$run/mooring.yaml"
# The daemon gets nothing of ours but what its configuration names.
env -u GIT_ASKPASS -u GIT_SSL_CAINFO -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY \
  -u AWS_ENDPOINT_URL_S3 -u TF_VAR_endpoint -u TF_CLI_CONFIG_FILE \
  "$MOORING_BIN" serve --config "$run/mooring.yaml" </dev/null >"$run/mooring.log" 2>&1 &
daemon_pid=$!
export MOORING_SERVER=http://$listen MOORING_TOKEN_FILE=$run/secrets/api-token
mooring() { "$MOORING_BIN" "$@"; }
wait_for 180 "a mail that sums up the first look" mail_with "first look"

say "Somebody works by hand"
by_hand retag-bucket demo-uploads Environment hacked
note "storage: the bucket's tag Environment is now 'hacked'"
by_hand open-port demo-bastion 22
note "storage: port 22 of the bastion is open to the world"
by_hand delete-queue demo-jobs
note "queue: the queue is gone"
by_hand rotate-secret /demo/database/password "$rotated_password"
note "secrets: the database password is another one"
sed -i.orig 's/log_retention_days = 7/log_retention_days = 14/' "$run/work/live/app/main.tf"
rm "$run/work/live/app/main.tf.orig"
git_here commit --quiet --all --message "Keep the service's logs for two weeks"
git_here push --quiet "$git_url" main
note "app: a commit keeps logs for 14 days instead of 7; nobody has applied it"

say "Mooring looks again"
for stack in "${stacks[@]}"; do
  mooring plan "infra/live/$stack" >>"$run/cli.log" 2>&1 || true
done
bucket_is_repaired() { by_hand bucket-tags demo-uploads | grep -q '"Environment": "prod"'; }
app_is_pending() { mooring stacks | grep 'live/app' | grep -q pending; }
wait_for 180 "the bucket's tag is 'prod' again" bucket_is_repaired
wait_for 120 "a mail about the repair" mail_with repaired aws_s3_bucket.uploads
wait_for 120 "a mail about the open port" mail_with aws_security_group.bastion
wait_for 120 "a mail about the deleted queue" mail_with aws_sqs_queue.jobs
wait_for 120 "a mail about the password" mail_with aws_ssm_parameter.database_password
wait_for 60 "chat posts about all three" eval \
  'post_with aws_security_group.bastion && post_with aws_sqs_queue.jobs && post_with aws_ssm_parameter.database_password'
wait_for 120 "the commit is shown as pending, not as drift" app_is_pending

say "And what it left alone"
[ "$(by_hand queue-exists demo-jobs)" = false ] || fail "the queue was made again without a person's yes"
note "the deleted queue: making it again is for a person to decide"
[ "$(by_hand port-open demo-bastion 22)" = true ] || fail "port 22 was closed, by whom?"
note "the open port: an apply would not close it, so a person has to"
[ "$(by_hand get-secret /demo/database/password)" = "$rotated_password" ] \
  || fail "the password was set back without a person's yes"
note "the password: no rule calls setting it back safe"
if grep -rqaF -e "$rotated_password" -e "$database_password" \
  "$run/mail" "$run/posts" "$run/mooring.log" "$run/data" "$run/cli.log"; then
  fail "a password leaked into a message, the log or the data directory"
fi
note "the passwords are in no message, no log and no database"

say "The mails about the stack storage"
lab read "$run" mail live/storage | sed 's/^/    /'
say "A chat post"
lab read "$run" posts aws_sqs_queue.jobs | sed 's/^/    /'
say "mooring stacks"
mooring stacks

say "That was all of it. Now in a directory of your own:"
note "$MOORING_BIN check            # plans every stack below, changes nothing"
note "$MOORING_BIN config example   # a commented configuration for the daemon"
