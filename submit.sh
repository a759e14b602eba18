#!/usr/bin/env bash
# The one command of synlake: sets up .venv on first use, then calls spark-submit.
# Runs with bash 3.2 (macOS): no associative arrays, no empty array expanded under `set -u`.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: ./submit.sh [--master URL] [--conf FILE] [--dry-run] COMMAND [options]

  --master URL   where Spark runs: local[*] (the default), spark://host:7077, yarn, k8s://https://host:6443
  --conf FILE    a file of Spark properties; wins over conf/spark-defaults.conf
  --dry-run      print the spark-submit command and run nothing
  test [ARGS]    is a command too: runs the tests with pytest, in local mode

  JAVA_HOME, PYTHON          the Java (17 or 21) and Python (3.10 to 3.13) to use
  SYNLAKE_WORDNET            the dict folder of a WordNet 3.0 that is here already
  SYNLAKE_EXECUTOR_PYTHON    Python on a cluster's nodes, same minor version as here (python3)

HELP
}

main() {
  root=$(folder_of_this_script)
  venv=$root/.venv
  share=$venv/share/synlake
  no_conf=$share/no-conf java_options=""
  scratch="" lock="" step_pid=""
  parse "$@"
  prepare
  if [ -n "$dry_run" ]; then
    print_command
    return
  fi
  # shellcheck source=tools/set_up.sh
  . "$root/tools/set_up.sh"
  trap 'clean_up $?' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  set_up
  case $kind in
    help) run_help ;;
    test) run_tests ;;
    python) run_duckdb ;;
    spark) run_spark ;;
  esac
}

folder_of_this_script() { # through symbolic links; `readlink -f` is missing on older macOS
  local path=${BASH_SOURCE[0]} link
  while [ -L "$path" ]; do
    link=$(readlink "$path")
    case $link in
      /*) path=$link ;;
      *) path=$(dirname "$path")/$link ;;
    esac
  done
  cd "$(dirname "$path")" >/dev/null && pwd -P
}

say() { printf '%s\n' "$*" >&2; }

fail() { # CODE MESSAGE [LINE…]; the codes are those of core/errors.py
  local code=$1
  printf 'submit.sh: error: %s\n' "$2" >&2
  shift 2
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit "$code"
}

# --- the command line -------------------------------------------------------------------------------

parse() { # sets master, conf, dry_run, kind and the array arguments, which begins with the command
  master='local[*]' conf="" dry_run=""
  while [ $# -gt 0 ]; do
    case $1 in
      --master | --conf)
        [ $# -ge 2 ] || fail 2 "$1 needs a value" "next: ./submit.sh --help"
        if [ "$1" = --master ]; then master=$2; else conf=$2; fi
        shift
        ;;
      --master=*) master=${1#*=} ;;
      --conf=*) conf=${1#*=} ;;
      --dry-run) dry_run=yes ;;
      -h | --help | --version) break ;;
      -*) fail 2 "unknown option before the command: $1" "next: ./submit.sh --help" ;;
      *) break ;;
    esac
    shift
  done
  kind=$(kind_of "$@")
  [ $# -gt 0 ] || set -- --help
  arguments=("$@")
  check_master
  [ -z "$conf" ] || conf=$(absolute_file "$conf")
}

check_master() {
  case $master in
    local | local\[*\] | local-cluster\[*\]) where=local ;;
    spark://*) where=standalone ;;
    yarn) where=yarn ;;
    k8s://*) where=kubernetes ;;
    *) fail 2 "--master $master: wanted local[N], spark://host:port, yarn or k8s://https://host:port" ;;
  esac
}

absolute_file() {
  if ! { [ -f "$1" ] && [ -r "$1" ]; }; then
    fail 2 "--conf $1: no such file, or it cannot be read" \
      "wanted a file of Spark properties, one 'spark.some.key value' a line"
  fi
  printf '%s/%s\n' "$(cd "$(dirname "$1")" >/dev/null && pwd)" "$(basename "$1")"
}

kind_of() { # ARGUMENTS: what runs them: help or python (no JVM), test or spark
  local argument
  case ${1:-} in
    "" | -*) echo help && return ;;
    test) echo test && return ;;
  esac
  for argument in "$@"; do
    case $argument in
      -h | --help) echo help && return ;;
    esac
  done
  case "$1 $*" in
    sql*" --engine duckdb"* | sql*" --engine=duckdb"*) echo python ;;
    *) echo spark ;;
  esac
}

# --- the command that does the work --------------------------------------------------------------------

prepare() { # sets the arrays variables (NAME=VALUE) and words (the command)
  local conf_dir
  conf_dir=$(conf_folder)
  # A SPARK_HOME from elsewhere would bring another version.
  variables=("SPARK_HOME=$share/spark" "SPARK_CONF_DIR=$conf_dir" "PYSPARK_DRIVER_PYTHON=$venv/bin/python")
  if [ "$where" = local ]; then
    # Executors are this machine. Loopback only: works without a network, and nobody else can connect.
    variables+=("PYSPARK_PYTHON=$venv/bin/python" "SPARK_LOCAL_IP=${SPARK_LOCAL_IP:-127.0.0.1}")
  else
    variables+=("PYSPARK_PYTHON=${SYNLAKE_EXECUTOR_PYTHON:-python3}")
  fi
  case $kind in
    help | python) words=("$venv/bin/python" -m synlake.jobs) ;;
    test) words=("$venv/bin/python" -m pytest) ;;
    spark) prepare_spark_submit ;;
  esac
  [ "$kind" != test ] || unset 'arguments[0]'
  # An empty array counts as unset in bash 3.2.
  words+=(${arguments[@]+"${arguments[@]}"})
}

prepare_spark_submit() {
  words=("$share/spark/bin/spark-submit" --master "$master" --name synlake --jars "$share/jars/*.jar")
  [ "$conf_dir" != "$no_conf" ] || name_settings
  # Spark reads only one properties file unless told to read its defaults as well.
  [ -z "$conf" ] || words+=(--properties-file "$conf" --load-spark-defaults)
  # In local mode nothing is shipped: .venv imports the code from the folders here.
  [ "$where" = local ] || ship
  words+=("$root/jobs/__main__.py")
}

conf_folder() { # ours, unless the user's own was made for Delta: without its settings no table can be read
  if grep -qs DeltaSparkSessionExtension "${SPARK_CONF_DIR:-}/spark-defaults.conf"; then
    printf '%s\n' "$SPARK_CONF_DIR"
  elif [ "$kind,$where,$conf" = spark,local, ]; then
    printf '%s\n' "$no_conf"
  else
    printf '%s\n' "$root/conf"
  fi
}

# Spark puts its settings folder on Java's class path, and Java archives no classes where a folder there has files
# (see archive_classes). So the folder is an empty one, and what is in ours is named.
name_settings() {
  words+=(--properties-file "$root/conf/spark-defaults.conf")
  java_options="${SPARK_SUBMIT_OPTS:+$SPARK_SUBMIT_OPTS }$(quoted "-Dlog4j2.configurationFile=$root/conf/log4j2.properties")"
  variables+=("SPARK_SUBMIT_OPTS=$java_options")
}

# What executors elsewhere need, so that a job fetches nothing from the network:
#   synlake.zip         our code; on the Python path of the driver and of executors by --py-files
#   environment.tar.gz  the Python packages of .venv; Spark unpacks it into a folder of that name in the
#                       working folder of each executor (PATH#NAME would choose another, but Spark takes
#                       the # for part of the name where PATH has a space)
# The same for standalone, YARN and Kubernetes in client mode: the driver, or YARN's cache, serves both.
# A node brings Spark 4.2 and a Python of the same minor version and platform as the driver's. A virtual
# environment would not do: its interpreter is a link to the driver machine's.
ship() {
  words+=(--py-files "$root/build/synlake.zip")
  words+=(--archives "$root/build/environment.tar.gz")
  words+=(--conf spark.executorEnv.PYTHONPATH=environment.tar.gz)
  if [ "$where" = kubernetes ]; then
    words+=(--deploy-mode client) # the driver is here; executors are pods of an image that FILE names
    grep -qsE '^[[:space:]]*spark\.kubernetes\.(executor\.)?container\.image' "$conf" || no_image
  fi
}

no_image() {
  local message="Kubernetes needs the image of its executors: Spark 4.2 with Python as on this machine"
  local next="next: --conf FILE, with a line 'spark.kubernetes.container.image registry/image:tag' in FILE"
  [ -n "$dry_run" ] || fail 2 "$message" "$next"
  say "submit.sh: note: $message"
  say "  $next"
}

print_command() {
  local word line=env
  for word in "${variables[@]}" "${words[@]}"; do
    line="$line $(quoted "$word")"
  done
  printf '%s\n' "$line"
  [ "$where" = local ] || say "note: this was not run; what it ships, in $root/build, is packed when the command itself is"
}

quoted() { # for a shell to read; printf %q differs between versions of bash
  local apostrophe="'" escaped="'\\''"
  case $1 in
    *[!A-Za-z0-9_./:=,@%+-]* | "") printf "'%s'" "${1//$apostrophe/$escaped}" ;;
    *) printf '%s' "$1" ;;
  esac
}

# --- running ----------------------------------------------------------------------------------------

run_help() {
  [ "${arguments[0]}" != --help ] || usage
  "${words[@]}"
}

run_duckdb() {
  set_up_extra duckdb "first query through DuckDB): duckdb and delta-rs"
  "${words[@]}"
}

run_tests() {
  set_up_extra test "first test): pytest and its kind"
  export "${variables[@]}"
  cd "$root"
  "${words[@]}"
}

# spark-submit gives a Python driver no stdin, and merges its stdout with its stderr and the JVM's words.
# So all of that goes to stderr, and data takes pipes of its own: $SYNLAKE_STDOUT and $SYNLAKE_STDIN.
run_spark() {
  find_java
  [ "$where" = local ] || "$venv/bin/python" "$root/tools/pack.py" code environment
  export "${variables[@]}"
  [ -z "$java_options" ] || use_archived_classes
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/synlake.XXXXXX")
  open_stdin
  mkfifo "$scratch/stdout"
  cat "$scratch/stdout" &
  reader=$!
  # The write end only: when the reader leaves (| head), the driver is told by a broken pipe.
  exec 9>"$scratch/stdout" 7>&2
  export SYNLAKE_STDOUT=$scratch/stdout
  [ ! -t 2 ] || export SYNLAKE_STDERR_IS_TTY=1
  local code=0
  trap interrupted INT
  # The driver's words arrive on spark-submit's stdout. Its stderr is the JVM's own, and loses the line
  # that Java prints at every start about a module which Spark asks for.
  "${words[@]}" 2>&1 >&7 7>&- 9>&- | grep -v --line-buffered 'Using incubator modules' >&7 || code=${PIPESTATUS[0]}
  [ "$code" != 130 ] || interrupted
  exec 9>&-
  wait "$reader" || true # the last bytes; it fails where our own reader left early
  return "$code"
}

interrupted() { # the driver cannot say it: its words go through the JVM, which Ctrl-C ends as well
  printf '\nsynlake: interrupted; run the same command again, nothing is half-written\n' >&2
  exit 130
}

open_stdin() { # SYNLAKE_STDIN: the terminal, or a relay that reads nothing unless the driver opens it
  if [ -t 0 ]; then
    export SYNLAKE_STDIN=/dev/tty
  elif { exec 8<&0; } 2>/dev/null; then
    mkfifo "$scratch/stdin"
    cat <&8 2>/dev/null >"$scratch/stdin" & # waits in opening until the driver opens the other end; clean_up ends it
    stdin_relay=$!
    disown "$stdin_relay" # so that the shell does not report its end
    exec 8<&-
    export SYNLAKE_STDIN=$scratch/stdin
  fi
}

clean_up() { # at every exit, with the exit code; what was started is ended, what is temporary removed
  trap '' INT TERM HUP
  exec 9>&- || true
  [ -z "${stdin_relay:-}" ] || kill "$stdin_relay" 2>/dev/null || true
  [ -z "$step_pid" ] || kill "$step_pid" 2>/dev/null || true
  # Renamed first, since a relay that starts late would make a file of its own in a folder half removed.
  [ -z "$scratch" ] || { mv "$scratch" "$scratch.done" && rm -rf "$scratch.done"; } || true
  [ -z "$lock" ] || rm -rf "$lock"
  exit "$1"
}

main "$@"
